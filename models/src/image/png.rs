//! The header of a PNG file (ISO/IEC 15948).

/// Width and height in pixels, which have a fixed place.
///
/// # Errors
/// What is wrong with the header.
pub(super) fn size(bytes: &[u8]) -> Result<(u32, u32), &'static str> {
    let header = bytes.get(12..24).ok_or("the file ends before the image does")?;
    let (chunks, _) = header.as_chunks::<4>();
    match chunks {
        [kind, width, height] if kind == b"IHDR" => {
            let size = (u32::from_be_bytes(*width), u32::from_be_bytes(*height));
            if size.0 == 0 || size.1 == 0 { Err("it holds no image") } else { Ok(size) }
        }
        _ => Err("it does not begin with its header"),
    }
}
