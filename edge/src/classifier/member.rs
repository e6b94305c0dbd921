//! What is computed of one class by itself, once for each of its states.

use std::sync::Arc;

use few_shot::decision::sampling::{hash, smallest};
use few_shot::prototype;
use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;

use crate::gallery::Class;
use crate::lexicon::{Meaning, NameKnowledge};

/// The most classes whose names are predicted at once: the memory that this takes grows with their
/// number.
const MAX_AT_ONCE: usize = 128;

/// What the prototype of a class depends on. Classes of two families are never in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    /// Classes with images and a name: how much each name counts depends on the others of its
    /// [trust group](few_shot::name_trust::groups), which is the block.
    Compared,
    /// Classes of which images or the name are missing: they are what is there.
    Independent,
    /// Classes with neither: they have no prototype.
    Unrecognizable,
}

impl Family {
    pub(super) const ALL: [Self; 3] = [Self::Compared, Self::Independent, Self::Unrecognizable];
}

/// A class of the gallery in one of its states.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) class: Arc<Class>,
    /// What samples and groups order classes by.
    pub(super) hash: u64,
    /// The number of examples.
    pub(super) images: usize,
    pub(super) meaning: Option<Meaning>,
    /// Raw, `[s]`; `None` without examples.
    pub(super) mean: Option<Array1<f32>>,
    /// Raw, `[s]`; `None` without a meaning.
    pub(super) semantic: Option<Arc<Array1<f32>>>,
    /// Whether the semantic prototype differs from that of a name that means nothing.
    has_direction: bool,
    /// Of at most 256 examples, those with the smallest hashes: the hash and the position.
    pub(super) sample: Vec<(u64, u32)>,
}

/// A class to be computed, and what was computed of its former state.
pub(super) type Changed<'a> = (&'a Arc<Class>, Option<Arc<Member>>);

impl Member {
    /// Those of `classes`, in order. What is predicted from a name stays as long as the name means
    /// the same.
    pub(super) fn of(classes: &[Changed<'_>], names: Option<&NameKnowledge>) -> Vec<Self> {
        let meanings = of_each(classes, |(class, before)| match before {
            // To read a label takes longer than everything else here.
            Some(before) if before.has_name_of(class) => before.meaning,
            _ => names.and_then(|names| names.meaning(class)),
        });
        let semantic = predicted(classes, &meanings, names);
        let each = classes.iter().zip(meanings).zip(semantic);
        let each: Vec<_> = each.map(|(((class, _), meaning), one)| (class, meaning, one)).collect();
        of_each(&each, |(class, meaning, semantic)| {
            Self::new(class, *meaning, semantic.clone(), names)
        })
    }

    fn new(
        class: &Arc<Class>,
        meaning: Option<Meaning>,
        semantic: Option<Arc<Array1<f32>>>,
        names: Option<&NameKnowledge>,
    ) -> Self {
        let center = names.map(|names| names.frame().center());
        let examples = class.examples.iter().map(|example| example.id).zip(0..);
        let hashed = examples.map(|(id, position)| (hash(id.number()), position));
        Self {
            class: Arc::clone(class),
            hash: hash(class.id.number()),
            images: class.examples.len(),
            meaning,
            mean: mean(class),
            has_direction: semantic.as_deref().is_some_and(|semantic| Some(semantic) != center),
            semantic,
            sample: smallest(hashed.collect()),
        }
    }

    /// Whether the meaning is still that of the class.
    pub(super) fn has_name_of(&self, class: &Class) -> bool {
        self.class.label == class.label && self.class.overrides.sense == class.overrides.sense
    }

    /// Whether what is predicted from the name is that of another state of a class.
    pub(super) fn has_semantic_of(&self, other: &Self) -> bool {
        let both = self.semantic.as_ref().zip(other.semantic.as_ref());
        both.is_some_and(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Whether the images are those of another state of a class.
    pub(super) fn has_mean_of(&self, other: &Self) -> bool {
        let [own, others] = [self, other].map(|member| &member.class.examples);
        own.len() == others.len() && own.iter().zip(others).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// With which classes its prototype is computed.
    pub(super) fn family(&self) -> Family {
        match (self.images > 0, self.has_direction, self.meaning) {
            (true, true, _) => Family::Compared,
            (true, false, _) | (false, _, Some(_)) => Family::Independent,
            (false, _, None) => Family::Unrecognizable,
        }
    }
}

/// What is computed of each, in order. Of many, as after opening, on all cores.
fn of_each<T: Sync, R: Send>(all: &[T], compute: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
    if all.len() <= MAX_AT_ONCE {
        return all.iter().map(compute).collect();
    }
    all.par_iter().map(compute).collect()
}

/// The semantic prototype of each class; `None` without a meaning. Classes whose names have the
/// same sense, as `mug 1` and `mug 2`, share one.
fn predicted(
    classes: &[Changed<'_>],
    meanings: &[Option<Meaning>],
    names: Option<&NameKnowledge>,
) -> Vec<Option<Arc<Array1<f32>>>> {
    let known = classes.iter().zip(meanings).map(|((_, before), meaning)| {
        let before = before.as_ref()?;
        let is_same = before.meaning.map(|one| one.synset) == meaning.map(|one| one.synset);
        before.semantic.clone().filter(|_| is_same)
    });
    let mut semantic: Vec<Option<Arc<Array1<f32>>>> = known.collect();
    let Some(names) = names else { return semantic };
    let new = meanings.iter().zip(&semantic).filter(|(_, known)| known.is_none());
    let mut new: Vec<Meaning> = new.filter_map(|(meaning, _)| *meaning).collect();
    if new.is_empty() {
        // To predict nothing takes half of the time that a name takes.
        return semantic;
    }
    new.sort_unstable_by_key(|meaning| meaning.synset);
    new.dedup_by_key(|meaning| meaning.synset);
    let computed: Vec<Arc<Array1<f32>>> = if new.len() <= MAX_AT_ONCE {
        rows_of(names, &new)
    } else {
        new.par_chunks(MAX_AT_ONCE).flat_map_iter(|new| rows_of(names, new)).collect()
    };
    for (semantic, meaning) in semantic.iter_mut().zip(meanings).filter(|(one, _)| one.is_none()) {
        let Some(Meaning { synset, .. }) = meaning else { continue };
        let found = new.binary_search_by_key(synset, |one| one.synset).ok();
        *semantic = found.map(|at| Arc::clone(&computed[at]));
    }
    semantic
}

/// The semantic prototype of each of these meanings.
fn rows_of(names: &NameKnowledge, meanings: &[Meaning]) -> Vec<Arc<Array1<f32>>> {
    let meanings: Vec<Option<Meaning>> = meanings.iter().copied().map(Some).collect();
    let rows = names.semantic(&meanings);
    rows.axis_iter(Axis(0)).map(|row| Arc::new(row.to_owned())).collect()
}

/// The mean prototype, raw `[s]` (equation 1 of Snell et al. 2017); `None` without examples.
fn mean(class: &Class) -> Option<Array1<f32>> {
    let examples: Vec<&[f32]> =
        class.examples.iter().map(|example| example.embedding.as_slice()).collect();
    let size = examples.first()?.len();
    Some(prototype::mean(stacked(&examples, size).view()))
}

/// Rows of one length as a matrix, `[rows, columns]`.
pub(super) fn stacked(rows: &[&[f32]], columns: usize) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), columns), rows.concat())
        .expect("invariant: a gallery holds embeddings of one length")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;
    use std::path::Path;

    use models::bundle::{Bundle, BundleLimits};

    use super::*;
    use crate::gallery::{ClassOverrides, Gallery, Label};

    fn knowledge() -> NameKnowledge {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let folder = fixtures.join("knowing/knowing-bundle");
        let bundle = Bundle::open(&folder, &BundleLimits::default()).unwrap();
        NameKnowledge::open(&bundle).unwrap().unwrap()
    }

    #[test]
    fn classes_of_one_sense_share_what_is_predicted_from_their_names() {
        let names = knowledge();
        let mut gallery = Gallery::in_memory();
        // More than are computed on one thread.
        for number in 0..MAX_AT_ONCE + 10 {
            let name = ["zebra", "cup", "gadget"][number % 3];
            let label = Label::parse(&format!("my {name} #{number}")).unwrap();
            gallery.define(&label, ClassOverrides::default()).unwrap();
        }
        let classes: Vec<Changed<'_>> = gallery.iter().map(|class| (class, None)).collect();
        let members = Member::of(&classes, Some(&names));
        for (member, class) in members.iter().zip(gallery.iter()) {
            let single = Member::of(&[(class, None)], Some(&names)).remove(0);
            assert!(Arc::ptr_eq(&member.class, class), "in order");
            assert_eq!(member.meaning, single.meaning, "{}", class.label);
            assert_eq!(member.semantic, single.semantic, "{}", class.label);
            assert_eq!(member.semantic.is_none(), class.label.as_str().contains("gadget"));
        }
        let semantic = members.iter().filter_map(|member| member.semantic.as_ref());
        let distinct: HashSet<_> = semantic.map(Arc::as_ptr).collect();
        assert_eq!(distinct.len(), 2);
    }
}
