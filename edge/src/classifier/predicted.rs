//! The semantic prototypes of the classes of a gallery, kept over its changes.
//!
//! To predict one takes half a millisecond. With a thousand classes, predicting all of them anew
//! would make the first answer after each change slow.

use std::collections::BTreeMap;

use models::knowledge::wordnet::SynsetId;
use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::lexicon::{Meaning, NameKnowledge};

/// What is predicted from the names of classes.
#[derive(Debug, Clone)]
pub(super) struct Predicted {
    /// A row with the prediction for each sense, and for no sense.
    positions: BTreeMap<Option<SynsetId>, usize>,
    /// Raw, `[classes, size]`.
    rows: Array2<f32>,
}

impl Predicted {
    /// For classes with these meanings; what the `previous` one has is not computed again.
    pub(super) fn new(
        names: &NameKnowledge,
        meanings: &[Option<Meaning>],
        previous: Option<&Self>,
    ) -> Self {
        let mut known = previous.map(|one| one.positions.clone()).unwrap_or_default();
        let size = names.frame().center().len();
        let before = previous.map_or(ArrayView2::from_shape((0, size), &[]), |one| Ok(one.rows()));
        let before = before.expect("invariant: no rows have no values");
        let mut new = Vec::new();
        for meaning in meanings {
            known.entry(sense(meaning)).or_insert_with(|| {
                new.push(*meaning);
                before.nrows() + new.len() - 1
            });
        }
        let computed = names.semantic(&new);
        let all = concatenate(Axis(0), &[before, computed.view()])
            .expect("invariant: a bundle predicts embeddings of one length");
        let positions: Vec<usize> = meanings.iter().map(|meaning| known[&sense(meaning)]).collect();
        Self {
            positions: meanings.iter().map(sense).zip(0..).collect(),
            rows: all.select(Axis(0), &positions),
        }
    }

    /// One for each class, in order.
    pub(super) fn rows(&self) -> ArrayView2<'_, f32> {
        self.rows.view()
    }
}

fn sense(meaning: &Option<Meaning>) -> Option<SynsetId> {
    meaning.map(|meaning| meaning.synset)
}
