//! Classes whose prototypes are computed together, at most 256.

use std::ptr;
use std::sync::Arc;

use few_shot::class_prototypes::ClassPrototypes;
use few_shot::decision::gallery::PrototypeBlock;
use few_shot::decision::sampling::smallest;
use few_shot::name_bias::NameBias;
use few_shot::name_trust::groups::{MAX_TRUST_GROUP, TrustGroup};
use few_shot::name_trust::{FormerComparison, NameComparison};
use ndarray::{Array1, Array2};

use super::member::{Family, Member};
use crate::gallery::ClassId;
use crate::lexicon::NameKnowledge;

/// A block at one revision; the next revision shares it if none of its classes has changed.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) family: Family,
    /// Which classes of the family are here.
    pub(super) group: TrustGroup,
    /// In the order of labels, `m`.
    pub(super) members: Vec<Arc<Member>>,
    /// Of each member, `[m]`: side by side they are searched quickly.
    pub(super) hashes: Vec<u64>,
    /// `None` for classes that have none.
    pub(super) prototypes: Option<Arc<PrototypeBlock<f32>>>,
    /// The share of the name in each prototype, `[m]`.
    pub(super) name_shares: Vec<f32>,
    /// The names of the members against the images of each other.
    comparison: Option<NameComparison>,
    /// The number of images of all members.
    pub(super) images: usize,
    /// The number of members with images.
    pub(super) with_images: usize,
    /// Of at most 256 examples, those with the smallest hashes, ascending: the hash, the row of the
    /// member and the position of the example.
    pub(super) sample: Vec<(u64, (u32, u32))>,
}

/// The block of a class before a change, and its row there.
pub(super) type Former<'a> = Option<(&'a Block, usize)>;

impl Block {
    /// What was computed of classes that stay the same is taken from where they were, `former`
    /// `[m]`.
    pub(super) fn new(
        (family, group): (Family, TrustGroup),
        members: Vec<Arc<Member>>,
        former: &[Former<'_>],
        names: Option<&NameKnowledge>,
    ) -> Self {
        let mut comparison = None;
        let computed = match (family, names) {
            (Family::Unrecognizable, _) => None,
            // Classes are compared in smaller groups where more of them than that have one hash.
            (Family::Compared, Some(names)) if members.len() <= MAX_TRUST_GROUP => {
                let (prototypes, compared) = compared(&members, former, names);
                comparison = Some(compared);
                Some(prototypes)
            }
            (Family::Compared | Family::Independent, _) => Some(prototypes(&members, names)),
        };
        let name_shares = computed.as_ref().map(|computed| computed.name_shares().to_vec());
        let prototypes = computed.map(|computed| {
            let counts = computed.image_counts().to_vec();
            let mut prototypes = PrototypeBlock::new(computed.into_rows(), counts);
            for (row, former) in former.iter().enumerate() {
                if let Some((before, at)) = former
                    && let Some(before) = &before.prototypes
                {
                    prototypes.take_over(row, before, *at);
                }
            }
            Arc::new(prototypes)
        });
        let examples = members.iter().zip(0..).flat_map(|(member, row)| {
            member.sample.iter().map(move |&(hash, position)| (hash, (row, position)))
        });
        let mut sample = smallest(examples.collect());
        sample.sort_unstable();
        Self {
            family,
            group,
            hashes: members.iter().map(|member| member.hash).collect(),
            prototypes,
            name_shares: name_shares.unwrap_or_default(),
            comparison,
            images: members.iter().map(|member| member.images).sum(),
            with_images: members.iter().filter(|member| member.images > 0).count(),
            sample,
            members,
        }
    }

    /// The row of a class.
    pub(super) fn row_of(&self, hash: u64, id: ClassId) -> Option<u32> {
        let rows = (0..).zip(&self.hashes).filter(|(_, other)| **other == hash);
        let mut rows = rows.map(|(row, _)| row);
        rows.find(|&row: &u32| self.members[row as usize].class.id == id)
    }
}

/// One prototype for each member, in order, of images and a name, and how these compare.
fn compared(
    members: &[Arc<Member>],
    former: &[Former<'_>],
    names: &NameKnowledge,
) -> (ClassPrototypes, NameComparison) {
    let center = names.frame().center();
    let means = rows(members.iter().map(|member| member.mean.as_ref()), center);
    let semantic = rows(members.iter().map(|member| member.semantic.as_deref()), center);
    let images = members.iter().map(|member| member.images).collect();
    let mut before = former.iter().flatten().map(|(block, _)| *block);
    let before = before.find_map(|block| Some((block, block.comparison.as_ref()?)));
    let semantic_at = rows_at(members, former, before, Member::has_semantic_of);
    let means_at = rows_at(members, former, before, Member::has_mean_of);
    let before = before.map(|(_, comparison)| FormerComparison {
        comparison,
        semantic_at: &semantic_at,
        means_at: &means_at,
    });
    ClassPrototypes::of_trust_group(means, images, semantic, names.frame(), before)
}

/// The row of each member in the block `before`, if what is compared is the same.
fn rows_at(
    members: &[Arc<Member>],
    former: &[Former<'_>],
    before: Option<(&Block, &NameComparison)>,
    is_same: impl Fn(&Member, &Member) -> bool,
) -> Vec<Option<usize>> {
    let each = members.iter().zip(former);
    let rows = each.map(|(member, former)| {
        let (block, row) = (*former)?;
        let other = &block.members[row];
        let is_known = Arc::ptr_eq(member, other) || is_same(member, other);
        (ptr::eq(block, before?.0) && is_known).then_some(row)
    });
    rows.collect()
}

/// One prototype for each member, in order.
fn prototypes(members: &[Arc<Member>], names: Option<&NameKnowledge>) -> ClassPrototypes {
    let images = members.iter().map(|member| member.images).collect();
    let means = members.iter().map(|member| member.mean.as_ref());
    let Some(names) = names else {
        let size = means.clone().flatten().map(Array1::len).next().unwrap_or(0);
        return ClassPrototypes::of_means(rows(means, &Array1::zeros(size)), images);
    };
    let center = names.frame().center();
    let means = rows(means, &Array1::zeros(center.len()));
    let semantic = rows(members.iter().map(|member| member.semantic.as_deref()), center);
    // The bias depends on the images of all blocks.
    let no_bias = NameBias::default();
    ClassPrototypes::trusted(means, images, semantic.view(), names.frame(), &no_bias)
}

/// Rows, each of the length of `missing`, which stands for those that are not there.
fn rows<'a>(
    rows: impl ExactSizeIterator<Item = Option<&'a Array1<f32>>>,
    missing: &Array1<f32>,
) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows.len(), missing.len()));
    for (mut to, row) in matrix.rows_mut().into_iter().zip(rows) {
        to.assign(row.unwrap_or(missing));
    }
    matrix
}
