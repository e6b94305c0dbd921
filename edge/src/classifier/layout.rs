//! Where the classes of a gallery are, in blocks that revisions share.
//!
//! A change of one class computes its block anew, which has at most 256 classes, and shares all
//! others. What is done for each class of the gallery is to compare where it lies in memory, which
//! shows whether it has changed, and to note its place.

use std::sync::Arc;

use few_shot::decision::gallery::{Place, PrototypeBlock};
use few_shot::decision::sampling::hash;
use few_shot::name_trust::groups::{TrustGroup, trust_groups};

use super::block::{Block, Former};
use super::member::{Changed, Family, Member};
use crate::gallery::{Class, ClassId};
use crate::lexicon::NameKnowledge;

/// All classes of a gallery.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    /// By family, and in each family by group. Those without prototypes are the last.
    pub(super) blocks: Vec<Arc<Block>>,
    /// All classes, in the order of labels.
    order: Vec<Located>,
    /// For each block the position of each of its members in that order.
    positions: Vec<Vec<u32>>,
    /// For each family the hashes of its classes, ascending.
    hashes: [Arc<Vec<u64>>; Family::ALL.len()],
}

/// A class of a gallery.
#[derive(Debug, Clone, Copy)]
struct Located {
    /// Where it lies in memory: as long as its member holds it, no other class lies there.
    address: usize,
    place: Place,
}

/// What is different from the gallery before.
#[derive(Default)]
struct Difference<'a> {
    /// For each class in the order of labels: where it is, if it is unchanged.
    classes: Vec<Option<Place>>,
    /// New classes and those in another state.
    changed: Vec<Changed<'a>>,
    /// Where the former state of each of those was.
    former: Vec<Option<Place>>,
    /// Where deleted classes were.
    deleted: Vec<Place>,
}

/// A class on its way to a block that is computed anew.
#[derive(Clone)]
struct Moving {
    /// In the order of labels.
    position: u32,
    member: Arc<Member>,
    former: Option<Place>,
}

/// The position of a class that is not kept.
const NONE: u32 = u32::MAX;

impl Layout {
    /// That of `classes`, which are in the order of labels; `self` is from before a change. `None`
    /// if nothing has changed.
    pub(super) fn after(
        &self,
        classes: &[&Arc<Class>],
        names: Option<&NameKnowledge>,
    ) -> Option<Self> {
        let difference = self.difference(classes);
        if difference.changed.is_empty() && difference.deleted.is_empty() {
            return None;
        }
        let moving = difference.moving(names);
        let kept = self.positions_after(&difference);
        let left = self.families_of(difference.left());
        let entered = moving.iter().map(|moving| (moving.member.family(), moving.member.hash));
        let entered: Vec<(Family, u64)> = entered.collect();
        let place = Place { block: NONE, row: NONE };
        let order = classes.iter().map(|class| Located { address: address(class), place });
        let mut after = Self { order: order.collect(), ..Self::default() };
        for family in Family::ALL {
            let hashes = self.hashes_after(family, &left, &entered);
            for group in trust_groups(&hashes) {
                let is_touched =
                    left.iter().chain(&entered).any(|&(of, hash)| of == family && group.has(hash));
                match self.block_of(family, &group).filter(|_| !is_touched) {
                    Some(at) => after.push(Arc::clone(&self.blocks[at]), kept[at].clone()),
                    None => {
                        let members = self.members_of(family, &group, &kept, &moving);
                        let positions = members.iter().map(|member| member.position).collect();
                        after.push(
                            Arc::new(self.block_anew(family, group, members, names)),
                            positions,
                        );
                    }
                }
            }
            after.hashes[family as usize] = hashes;
        }
        Some(after)
    }

    /// The places of the classes that can be recognized, in the order of labels.
    pub(super) fn recognizable(&self) -> Arc<[Place]> {
        let all = self.order.iter().map(|located| located.place);
        all.filter(|place| self.block(*place).prototypes.is_some()).collect()
    }

    /// The blocks of prototypes, in order.
    pub(super) fn prototypes(&self) -> Vec<Arc<PrototypeBlock<f32>>> {
        self.blocks.iter().filter_map(|block| block.prototypes.clone()).collect()
    }

    /// The places of all classes, in the order of labels.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.order.iter().map(|located| located.place)
    }

    /// The block of a class.
    pub(super) fn block(&self, place: Place) -> &Block {
        &self.blocks[place.block as usize]
    }

    /// What was computed of a class by itself.
    pub(super) fn member(&self, place: Place) -> &Arc<Member> {
        &self.block(place).members[place.row as usize]
    }

    /// The place of the class with this id.
    pub(super) fn find(&self, id: ClassId) -> Option<Place> {
        let hash = hash(id.number());
        let mut blocks = self.blocks.iter().zip(0..).filter(|(block, _)| block.group.has(hash));
        blocks.find_map(|(block, at)| Some(Place { block: at, row: block.row_of(hash, id)? }))
    }

    fn difference<'a>(&self, classes: &[&'a Arc<Class>]) -> Difference<'a> {
        let mut difference = Difference::default();
        let mut is_found = vec![false; self.order.len()];
        // Most classes follow the one that they followed before.
        let mut next = 0;
        for &class in classes {
            let expected = self.order.get(next).filter(|located| located.address == address(class));
            let same = expected.map(|located| located.place);
            let found = same.or_else(|| self.find(class.id));
            if let Some(place) = found {
                let position = self.positions[place.block as usize][place.row as usize] as usize;
                is_found[position] = true;
                next = position + 1;
            }
            let unchanged = found
                .filter(|place| same.is_some() || Arc::ptr_eq(&self.member(*place).class, class));
            match unchanged {
                Some(place) => difference.classes.push(Some(place)),
                None => {
                    difference.classes.push(None);
                    let before = found.map(|place| Arc::clone(self.member(place)));
                    difference.changed.push((class, before));
                    difference.former.push(found);
                }
            }
        }
        let all = self.order.iter().zip(is_found);
        let deleted = all.filter(|(_, found)| !found).map(|(located, _)| located.place);
        difference.deleted = deleted.collect();
        difference
    }

    /// For each block the position of each of its members after a change; [`NONE`] of those that
    /// are not kept.
    fn positions_after(&self, difference: &Difference<'_>) -> Vec<Vec<u32>> {
        let none = self.blocks.iter().map(|block| vec![NONE; block.members.len()]);
        let mut positions: Vec<Vec<u32>> = none.collect();
        for (class, position) in difference.classes.iter().zip(0..) {
            if let Some(place) = class {
                positions[place.block as usize][place.row as usize] = position;
            }
        }
        positions
    }

    /// The families and hashes of the members at these places.
    fn families_of(&self, places: impl Iterator<Item = Place>) -> Vec<(Family, u64)> {
        let of = places.map(|place| (self.block(place).family, self.member(place).hash));
        of.collect()
    }

    /// The hashes of a family after some classes have left it and others have entered it.
    fn hashes_after(
        &self,
        family: Family,
        left: &[(Family, u64)],
        entered: &[(Family, u64)],
    ) -> Arc<Vec<u64>> {
        let before = &self.hashes[family as usize];
        let [left, entered] = [left, entered].map(|all| {
            let of_family = all.iter().filter(|(other, _)| *other == family);
            let mut hashes: Vec<u64> = of_family.map(|(_, hash)| *hash).collect();
            hashes.sort_unstable();
            hashes
        });
        if left == entered {
            return Arc::clone(before);
        }
        let mut left = left.into_iter().peekable();
        let kept = before.iter().copied().filter(|hash| left.next_if_eq(hash).is_none());
        let mut after: Vec<u64> = kept.collect();
        after.extend(entered);
        // Two ascending runs, which this sort merges.
        after.sort();
        Arc::new(after)
    }

    /// The position of the block with the classes of this group.
    fn block_of(&self, family: Family, group: &TrustGroup) -> Option<usize> {
        let mut blocks = self.blocks.iter();
        blocks.position(|block| block.family == family && block.group.is_of_same_keys(group))
    }

    /// The classes of a group after a change, in the order of labels.
    fn members_of(
        &self,
        family: Family,
        group: &TrustGroup,
        kept: &[Vec<u32>],
        moving: &[Moving],
    ) -> Vec<Moving> {
        let entered = moving.iter().filter(|moving| moving.member.family() == family);
        let entered = entered.filter(|moving| group.has(moving.member.hash));
        let mut members: Vec<Moving> = entered.cloned().collect();
        let blocks = self.blocks.iter().zip(kept).zip(0..);
        for ((block, positions), at) in blocks.filter(|((block, _), _)| block.family == family) {
            for ((row, &hash), &position) in (0..).zip(&block.hashes).zip(positions) {
                if position != NONE && group.has(hash) {
                    let member = Arc::clone(&block.members[row as usize]);
                    let former = Some(Place { block: at, row });
                    members.push(Moving { position, member, former });
                }
            }
        }
        members.sort_unstable_by_key(|member| member.position);
        members
    }

    fn block_anew(
        &self,
        family: Family,
        group: TrustGroup,
        members: Vec<Moving>,
        names: Option<&NameKnowledge>,
    ) -> Block {
        let former = members.iter().map(|member| {
            let place = member.former?;
            Some((self.block(place), place.row as usize))
        });
        let former: Vec<Former<'_>> = former.collect();
        let members = members.into_iter().map(|member| member.member).collect();
        Block::new((family, group), members, &former, names)
    }

    /// Adds a block whose members are at these positions in the order of labels.
    fn push(&mut self, block: Arc<Block>, positions: Vec<u32>) {
        let at = u32::try_from(self.blocks.len()).expect("invariant: a gallery fits in memory");
        for (&position, row) in positions.iter().zip(0..) {
            self.order[position as usize].place = Place { block: at, row };
        }
        self.blocks.push(block);
        self.positions.push(positions);
    }
}

/// Where a class lies in memory.
fn address(class: &Arc<Class>) -> usize {
    Arc::as_ptr(class).addr()
}

impl Difference<'_> {
    /// Computes the changed classes.
    fn moving(&self, names: Option<&NameKnowledge>) -> Vec<Moving> {
        let computed = Member::of(&self.changed, names);
        let computed = computed.into_iter().map(Arc::new).zip(&self.former);
        // Changed classes are in the order of labels too.
        let positions = self.classes.iter().zip(0..).filter(|(class, _)| class.is_none());
        let moving = positions.zip(computed);
        moving
            .map(|((_, position), (member, &former))| Moving { position, member, former })
            .collect()
    }

    /// Where classes were that are changed or deleted.
    fn left(&self) -> impl Iterator<Item = Place> {
        self.former.iter().flatten().chain(&self.deleted).copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gallery::{Gallery, Label, NewExample};

    fn enroll(gallery: &mut Gallery, label: &str, number: u16) {
        let value = f32::from(number);
        let mut sha256 = [0; 32];
        sha256[..2].copy_from_slice(&number.to_le_bytes());
        let embedding = vec![value, 1.0];
        let precision = "fp32".to_owned();
        let example = NewExample { sha256, crop: None, embedding, precision, image: None };
        gallery.enroll(&Label::parse(label).unwrap(), vec![example], true).unwrap();
    }

    fn after(layout: &Layout, gallery: &Gallery) -> Option<Layout> {
        let classes: Vec<&Arc<Class>> = gallery.iter().collect();
        let after = layout.after(&classes, None)?;
        // Every class is where it is looked for.
        for (class, Located { place, .. }) in classes.iter().zip(&after.order) {
            assert!(Arc::ptr_eq(&after.member(*place).class, class));
            assert_eq!(after.find(class.id), Some(*place));
        }
        Some(after)
    }

    /// The blocks of a layout that another does not share.
    fn own(layout: &Layout, other: &Layout) -> usize {
        let all = layout.blocks.iter();
        all.filter(|block| !other.blocks.iter().any(|one| Arc::ptr_eq(one, block))).count()
    }

    #[test]
    fn a_change_of_a_class_computes_its_block_and_shares_the_others() {
        let mut gallery = Gallery::in_memory();
        for number in 0..1500 {
            enroll(&mut gallery, &format!("class {number}"), number);
        }
        let first = after(&Layout::default(), &gallery).unwrap();
        assert!((6..=12).contains(&first.blocks.len()), "{}", first.blocks.len());
        assert!(first.blocks.iter().all(|block| block.members.len() <= 256));
        assert!(after(&first, &gallery).is_none(), "nothing has changed");

        enroll(&mut gallery, "class 700", 1);
        let second = after(&first, &gallery).unwrap();
        assert_eq!((own(&second, &first), own(&first, &second)), (1, 1));

        gallery.rename("class 3", &Label::parse("zebra").unwrap()).unwrap();
        let third = after(&second, &gallery).unwrap();
        assert_eq!((own(&third, &second), own(&second, &third)), (1, 1));

        gallery.delete("class 9").unwrap();
        enroll(&mut gallery, "aardvark", 5);
        let fourth = after(&third, &gallery).unwrap();
        assert!(own(&fourth, &third) <= 3 && own(&third, &fourth) <= 3);

        // A class without images and name has no prototype.
        gallery.enroll(&Label::parse("empty").unwrap(), Vec::new(), true).unwrap();
        let fifth = after(&fourth, &gallery).unwrap();
        assert_eq!(fifth.prototypes().len() + 1, fifth.blocks.len());
        assert_eq!((fifth.recognizable().len(), fifth.order.len()), (1500, 1501));
    }
}
