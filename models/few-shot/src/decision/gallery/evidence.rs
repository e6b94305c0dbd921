//! The enrolled images of a gallery as unknown images to their other classes.

use std::sync::Arc;

use ndarray::{Array2, NdFloat};

use super::measured::Measured;
use super::{Examples, GalleryDecision, Scored, Seen};
use crate::decision::calibration::{Calibration, Evidence};
use crate::decision::images::Images;
use crate::decision::limits::Winner;
use crate::metric::products;

impl<F: NdFloat> GalleryDecision<F> {
    /// Takes offset and limits from the enrolled images.
    pub(super) fn calibrate(&mut self, evidence: &Evidence) {
        self.calibration = evidence.calibration();
        if let Some(Calibration { offset, .. }) = self.calibration {
            let limits = &self.model.table.limits;
            let row = limits.row(Winner::WithImages(self.prototypes.len()));
            self.limits = evidence.raised(row, offset, limits.table_classes);
        }
    }

    /// Each example is an unknown image to the sampled classes without its own. What was `measured`
    /// of both is completed; `previous` is from before a change, with the position that each of the
    /// images had there.
    pub(super) fn evidence(
        &self,
        examples: Examples<'_, F>,
        sampled: &[usize],
        measured: &mut Measured<F>,
        previous: Option<(&Measured<F>, &[Option<usize>])>,
    ) -> Evidence {
        if sampled.len() < 2 {
            return Evidence::default();
        }
        let winners = self.winners(examples, sampled, &measured.similarities);
        let views = winners.iter().map(|(winner, _)| self.prototypes.view(*winner, &self.model));
        measured.compare(examples.images, views.map(Arc::clone), previous);
        let each = winners.into_iter().zip(&measured.appearances);
        let scored = each.map(|((winner, cosine), appearance)| {
            let (novelty, overlap) = appearance.parts();
            Scored { winner, cosine, novelty, overlap, score: self.score(cosine, novelty, overlap) }
        });
        let with_images =
            scored.zip(examples.classes).filter(|(scored, _)| self.image_counts[scored.winner] > 0);
        Evidence::of(with_images.map(|(scored, &class)| {
            // Positions ascend.
            let others = sampled.len() - usize::from(sampled.binary_search(&class).is_ok());
            (class, self.above(&scored, others))
        }))
    }

    /// The scores of examples against those of the sampled classes that are not their own, of which
    /// there is one at least.
    pub(crate) fn scored_as_unknown(
        &self,
        examples: Examples<'_, F>,
        sampled: &[usize],
    ) -> Vec<Scored<F>> {
        let prototypes = self.prototypes.units(sampled);
        let similarities = products(examples.images.unit.view(), prototypes.view());
        self.scored_against_others(examples, sampled, &similarities)
    }

    fn scored_against_others(
        &self,
        examples: Examples<'_, F>,
        sampled: &[usize],
        similarities: &Array2<F>,
    ) -> Vec<Scored<F>> {
        let winners = self.winners(examples, sampled, similarities).into_iter().enumerate();
        let scored = winners.map(|(row, (winner, cosine))| {
            self.scored_against(winner, cosine, examples.images, row)
        });
        scored.collect()
    }

    /// For each example the class with the greatest rank of the sampled ones that are not its own,
    /// and the cosine to its prototype; the cosines to all of them are `similarities` `[e, m]`.
    fn winners(
        &self,
        examples: Examples<'_, F>,
        sampled: &[usize],
        similarities: &Array2<F>,
    ) -> Vec<(usize, F)> {
        let rows = similarities.rows().into_iter().zip(examples.classes);
        let winners = rows.map(|(similarities, &own)| {
            let others = sampled.iter().zip(similarities).filter(|(class, _)| **class != own);
            let mut best = (own, F::neg_infinity(), F::zero());
            for (&class, &similarity) in others {
                let rank = (similarity + self.name_bias[class]).min(F::one());
                if rank > best.1 {
                    best = (class, rank, similarity);
                }
            }
            (best.0, best.2)
        });
        winners.collect()
    }

    /// The score of each image, and its similarities to all classes with name bias, `[n]`.
    pub(crate) fn scored_and_biased(&self, images: &Images<F>) -> Vec<(Scored<F>, Vec<F>)> {
        let similarities = self.similarities(images);
        let rows = similarities.rows().into_iter().enumerate();
        let scored = rows.map(|(row, similarities)| {
            let seen = Seen { images, row, similarities };
            (self.scored(&seen, self.ranks(similarities)), self.biased(similarities).collect())
        });
        scored.collect()
    }
}
