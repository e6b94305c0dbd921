//! How much some coded bytes can hold at most.
//!
//! A file that claims many pixels and ends at once is refused by this, before its pixels are made.
//! Every bound is that of the code itself, so no whole file is refused.

/// Decoded bytes for one of deflate (RFC 1951): a match of 258 bytes takes at least two bits.
pub(super) const DEFLATE: u64 = 258 * 8 / 2;

/// Decoded bytes for one of PackBits: two bytes repeat one up to 128 times.
pub(super) const PACK_BITS: u64 = 128 / 2;

/// Whether `coded` bytes of LZW can hold `decoded` values. A code of 12 bits stands for less than
/// 4096 of them, and a shorter code for fewer.
pub(super) fn lzw_holds(coded: u64, decoded: u64) -> bool {
    coded * 8 * 4096 >= decoded * 12
}
