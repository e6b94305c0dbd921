//! Trust groups: which classes' names are compared with each other's images.
//!
//! A gallery of up to [`MAX_TRUST_GROUP`] classes is one group. In a larger one, the classes whose
//! keys begin with the same bits are a group, with as few bits as make it small enough. So the
//! groups depend on the set of keys only, neither on labels nor on the order of changes: two
//! devices with the same gallery have the same groups. One more class changes its own group, which
//! is split in two once it is too large; one class less changes its own group, which is joined with
//! its neighbor once both fit into one. All other groups stay as they are.
//!
//! Keys are [hashes](crate::decision::sampling::hash), so the classes of a group are as good as
//! drawn at random: neighbors in a sorted gallery are often alike.
//!
//! # Examples
//! ```
//! use few_shot::name_trust::groups::trust_groups;
//!
//! let keys: Vec<u64> = (0..400).map(|key| key << 55).collect();
//! let groups = trust_groups(&keys);
//! assert_eq!(groups.iter().map(|group| group.members.len()).collect::<Vec<_>>(), [256, 144]);
//! assert!(groups[1].has(keys[256]) && !groups[1].has(keys[255]));
//! ```

use std::ops::Range;

/// The most classes whose names are compared with each other's images.
pub const MAX_TRUST_GROUP: usize = 256;

/// The number of bits of a key.
const KEY_BITS: u32 = u64::BITS;

/// The classes whose keys begin with the same bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustGroup {
    /// The bits, followed by zeros.
    first: u64,
    /// The number of bits; 0 for a gallery of one group.
    bits: u32,
    /// Positions in the sorted keys of the gallery.
    pub members: Range<usize>,
}

impl TrustGroup {
    /// Whether a class with this key is in the group.
    pub fn has(&self, key: u64) -> bool {
        // All keys begin with no bits, and a shift by 64 overflows.
        self.bits == 0 || (key ^ self.first) >> (KEY_BITS - self.bits) == 0
    }

    /// Whether both groups have the keys that begin with the same bits.
    pub fn is_of_same_keys(&self, other: &Self) -> bool {
        (self.first, self.bits) == (other.first, other.bits)
    }
}

/// The groups of a gallery with these `keys`, which are sorted. Each has a class or more, and at
/// most [`MAX_TRUST_GROUP`] unless more of its keys are equal.
pub fn trust_groups(keys: &[u64]) -> Vec<TrustGroup> {
    let mut groups = Vec::new();
    let all = TrustGroup { first: 0, bits: 0, members: 0..keys.len() };
    split(keys, all, &mut groups);
    groups
}

/// Adds the groups of the members of `group`.
fn split(keys: &[u64], group: TrustGroup, groups: &mut Vec<TrustGroup>) {
    let TrustGroup { first, bits, ref members } = group;
    if members.is_empty() {
        return;
    }
    if members.len() <= MAX_TRUST_GROUP || bits == KEY_BITS {
        groups.push(group);
        return;
    }
    let second = first | (1 << (KEY_BITS - 1 - bits));
    let lower = keys[members.clone()].partition_point(|&key| key < second);
    let middle = members.start + lower;
    let end = members.end;
    let halves = [(first, members.start..middle), (second, middle..end)];
    for (first, members) in halves {
        split(keys, TrustGroup { first, bits: bits + 1, members }, groups);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::sampling::hash;

    /// The sets of keys of the groups.
    fn sets(keys: &[u64]) -> Vec<Vec<u64>> {
        let groups = trust_groups(keys).into_iter();
        groups.map(|group| keys[group.members].to_vec()).collect()
    }

    #[test]
    fn groups_have_every_key_once_and_are_small() {
        for n in [0, 1, 256, 257, 5000] {
            let mut keys: Vec<u64> = (0..n).map(hash).collect();
            keys.sort_unstable();
            let sets = sets(&keys);
            assert_eq!(sets.concat(), keys);
            assert!(sets.iter().all(|set| !set.is_empty() && set.len() <= MAX_TRUST_GROUP));
            assert_eq!(sets.len() <= 1, n <= 256, "{n}");
        }
    }

    #[test]
    fn one_more_key_changes_only_its_own_group() {
        let mut keys: Vec<u64> = (0..2000).map(hash).collect();
        keys.sort_unstable();
        for key in (2000..2100).map(hash) {
            let before = sets(&keys);
            keys.insert(keys.partition_point(|&other| other < key), key);
            let after = sets(&keys);
            let changed = before.iter().filter(|set| !after.contains(set)).count();
            assert_eq!(changed, 1, "its own, which may be split");
        }
    }

    #[test]
    fn equal_keys_are_one_group() {
        assert_eq!(sets(&[7; 300]), [vec![7; 300]]);
    }
}
