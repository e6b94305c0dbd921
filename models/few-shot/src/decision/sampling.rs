//! The sample that a large gallery is measured with.
//!
//! # Examples
//! ```
//! use few_shot::decision::sampling::sample;
//!
//! assert_eq!(sample([7, 8, 9]), [0, 1, 2]);
//! assert_eq!(sample(0..10_000).len(), 256);
//! ```

/// The most classes, and the most examples, that a gallery is measured with. What is measured are
/// means, and a change must not cost more the larger the gallery is.
pub const SIZE: usize = 256;

/// The positions, ascending, of at most 256 of these keys: those with the smallest hashes. One more
/// key changes at most one of them, so nearly all that was computed stays of use.
pub fn sample(keys: impl IntoIterator<Item = u64>) -> Vec<usize> {
    let keys = keys.into_iter().enumerate();
    let hashed = smallest(keys.map(|(position, key)| (hash(key), position)).collect());
    let mut positions: Vec<usize> = hashed.into_iter().map(|(_, position)| position).collect();
    positions.sort_unstable();
    positions
}

/// At most 256 of these hashes, the smallest, in no particular order. The smallest of a union are
/// among the smallest of its parts, so a large gallery is sampled part by part.
pub fn smallest<T: Ord>(mut hashed: Vec<(u64, T)>) -> Vec<(u64, T)> {
    if hashed.len() > SIZE {
        hashed.select_nth_unstable(SIZE - 1);
        hashed.truncate(SIZE);
    }
    hashed
}

/// What samples and [trust groups](crate::name_trust::groups) order keys by, as if drawn at random
/// but always the same. It is the finalizer of SplitMix64 (Steele, Lea and Flood 2014), which is a
/// bijection: different keys have different hashes.
pub fn hash(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_key_changes_at_most_one_position() {
        let before = sample(0..5000);
        for more in 5001..5100 {
            let after = sample(0..more);
            assert_eq!(after.len(), SIZE);
            let new = after.iter().filter(|position| !before.contains(position)).count();
            assert!(new as u64 <= more - 5000, "{new} of {more}");
        }
    }
}
