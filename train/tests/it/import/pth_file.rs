//! Writes files of `torch.save`, good and bad.

use models::tensors::Tensors;
use ndarray::ArrayD;

/// A zip file of stored entries.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with_method(entries, 0)
}

/// A zip file that says that its entries are packed with this method.
pub(crate) fn zip_with_method(entries: &[(&str, &[u8])], method: u16) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let (at, size) = (file.len() as u32, data.len() as u32);
        let mut common = vec![10, 0, 0, 0];
        common.extend(method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc32fast::hash(data).to_le_bytes());
        common.extend([size.to_le_bytes(), size.to_le_bytes()].concat());
        common.extend((name.len() as u16).to_le_bytes());
        file.extend([b"PK\x03\x04", common.as_slice(), &[0; 2], name.as_bytes(), data].concat());
        let rest = [&[0; 12], at.to_le_bytes().as_slice(), name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x0a\x00", common.as_slice(), &rest].concat());
        // Between the name's length and the offset: extra, comment, disk and attributes.
        assert_eq!(rest.len(), 16 + name.len());
    }
    let (at, count) = (file.len() as u32, (entries.len() as u16).to_le_bytes());
    file.extend(&directory);
    file.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count].concat());
    file.extend([(directory.len() as u32).to_le_bytes(), at.to_le_bytes()].concat());
    file.extend([0; 2]);
    file
}

/// A file whose description is this pickle, with one storage of 24 bytes named `0`.
pub(crate) fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", pickle), ("a/data/0", &[0; 24])])
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn long(number: i64) -> Vec<u8> {
    [b"\x8a\x08".as_slice(), &number.to_le_bytes()].concat()
}

fn tuple(numbers: &[i64]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|&n| long(n));
    std::iter::once(b'(').chain(numbers).chain([b't']).collect()
}

/// How a tensor lies in its storage.
#[derive(Clone)]
pub(crate) struct View<'a> {
    pub(crate) storage: &'a str,
    pub(crate) elements: i64,
    pub(crate) offset: i64,
    pub(crate) shape: &'a [i64],
    pub(crate) strides: &'a [i64],
}

/// The instructions that leave a tensor on the stack.
pub(crate) fn tensor(view: &View<'_>) -> Vec<u8> {
    tensor_in(view, b"")
}

/// The same as before PyTorch 1.6, where a storage says of which other one it is a part: of none.
pub(crate) fn legacy_tensor(view: &View<'_>) -> Vec<u8> {
    tensor_in(view, b"N")
}

fn tensor_in(view: &View<'_>, part: &[u8]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".as_slice(),
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text(view.storage),
        &text("cpu"),
        &long(view.elements),
        part,
        b"tQ",
        &long(view.offset),
        &tuple(view.shape),
        &tuple(view.strides),
        b"\x89ccollections\nOrderedDict\n)RtR",
    ]
    .concat()
}

/// A pickle of a dict with one tensor, `w`.
pub(crate) fn one_tensor(view: &View<'_>) -> Vec<u8> {
    [b"\x80\x02}".as_slice(), &text("w"), &tensor(view), b"s."].concat()
}

/// A file from before PyTorch 1.6: what was saved, and the keys and bytes of storages of 32-bit
/// floats.
pub(crate) fn legacy(saved: &[u8], storages: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec();
    file.extend([b"\x80\x02}".as_slice(), &text("little_endian"), b"\x88s."].concat());
    file.extend(saved);
    let keys: Vec<u8> = storages.iter().flat_map(|(key, _)| text(key)).collect();
    file.extend([b"\x80\x02](".as_slice(), &keys, b"e."].concat());
    for (_, data) in storages {
        file.extend((data.len() as u64 / 4).to_le_bytes());
        file.extend(data);
    }
    file
}

/// A file of a `state_dict`, as a network with channels-last weights saves it.
pub(crate) fn state_dict(tensors: &Tensors) -> Vec<u8> {
    let (pickle, storages) = described(tensors, tensor);
    let mut entries = vec![("a/data.pkl".to_owned(), pickle)];
    entries.extend(storages.into_iter().map(|(key, data)| (format!("a/data/{key}"), data)));
    let entries: Vec<(&str, &[u8])> =
        entries.iter().map(|(name, data)| (name.as_str(), data.as_slice())).collect();
    zip(&entries)
}

/// The same from before PyTorch 1.6.
pub(crate) fn legacy_state_dict(tensors: &Tensors) -> Vec<u8> {
    let (pickle, storages) = described(tensors, legacy_tensor);
    legacy(&pickle, &storages)
}

/// The pickle of a `state_dict`, and its storages with their keys.
fn described(
    tensors: &Tensors,
    tensor: fn(&View<'_>) -> Vec<u8>,
) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let mut pickle = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    let mut storages = Vec::new();
    for (index, (name, array)) in tensors.iter().enumerate() {
        let (strides, stored) = channels_last(array);
        let shape: Vec<i64> = array.shape().iter().map(|&size| size as i64).collect();
        let storage = index.to_string();
        pickle.extend(text(name));
        let elements = array.len() as i64;
        let (shape, strides) = (shape.as_slice(), strides.as_slice());
        pickle.extend(tensor(&View { storage: &storage, elements, offset: 0, shape, strides }));
        storages.push((storage, stored));
    }
    pickle.extend(b"u.");
    (pickle, storages)
}

/// Strides and bytes of a tensor; the second dimension of four is the fastest.
fn channels_last(array: &ArrayD<f32>) -> (Vec<i64>, Vec<u8>) {
    let stored = match array.ndim() {
        4 => array.view().permuted_axes(vec![0, 2, 3, 1]),
        _ => array.view(),
    };
    let strides = match *array.shape() {
        [_, c, h, w] => vec![c * h * w, 1, w * c, c],
        [_, inputs] => vec![inputs, 1],
        _ => vec![1; array.ndim()],
    };
    let strides = strides.into_iter().map(|stride| stride as i64).collect();
    (strides, stored.iter().flat_map(|value| value.to_le_bytes()).collect())
}
