//! How a classifier would answer for its own examples if they were not enrolled.

use few_shot::decision::gallery::{GalleryDecision, Question};
use few_shot::decision::images::Images;
use few_shot::decision::sampling::sample;
use ndarray::{Array1, Array2, ArrayView1};

use super::member::stacked;
use super::{Classifier, LeftOut};
use crate::gallery::Class;

/// An example to leave out: the position of its class among those that can be recognized, its
/// class, and its position in the class.
type Held<'a> = (usize, &'a Class, usize);

impl Classifier {
    /// The answers for a sample of the examples, each as if it were not enrolled. Examples that are
    /// the only one of their class are left aside. Empty without a decision. The share of the name
    /// in a prototype is that of the whole class.
    #[must_use]
    pub fn leave_one_out(&self) -> Vec<LeftOut> {
        let Some(decision) = self.decision() else { return Vec::new() };
        let members = (0..self.classes()).map(|at| (at, &*self.member(at).class));
        let examples = members.filter(|(_, class)| class.examples.len() > 1);
        let examples: Vec<Held<'_>> = examples
            .flat_map(|(at, class)| (0..class.examples.len()).map(move |one| (at, class, one)))
            .collect();
        let ids = examples.iter().map(|&(_, class, one)| class.examples[one].id.number());
        let sampled: Vec<Held<'_>> =
            sample(ids).into_iter().map(|position| examples[position]).collect();
        let embeddings: Vec<&[f32]> =
            sampled.iter().map(|&(_, class, one)| &class.examples[one].embedding[..]).collect();
        let images =
            Images::new(decision.model(), stacked(&embeddings, self.prototypes.size()).view());
        // The products of all with all prototypes at once take a tenth of the time of one by one.
        let similarities = decision.similarities(&images);
        let each = sampled.into_iter().enumerate();
        each.map(|(row, held)| self.left_out(decision, held, &images, &similarities, row)).collect()
    }

    /// The raw prototype `[s]` of a class as if these of its examples were not enrolled; at least
    /// one other has to be there. The share of the name is that of the whole class.
    pub(super) fn prototype_without(&self, at: usize, left_out: &[usize]) -> Array1<f32> {
        let place = self.prototypes.places()[at];
        let member = self.layout.member(place);
        let mean = member.mean.as_ref().expect("invariant: a class with examples has a mean");
        let name_share = self.layout.block(place).name_shares[place.row as usize];
        let whole = &self.prototypes.blocks()[place.block as usize].rows();
        let whole = whole.row(place.row as usize);
        &whole + &(change_of_mean(&member.class, mean, left_out) * (1.0 - name_share))
    }

    /// Leaves out the image at `row` of `images`, which has these similarities.
    fn left_out(
        &self,
        decision: &GalleryDecision<f32>,
        (at, class, one): Held<'_>,
        images: &Images<f32>,
        similarities: &Array2<f32>,
        row: usize,
    ) -> LeftOut {
        let without = self.prototype_without(at, &[one]);
        let decision = decision.with_replaced(at, without.view(), class.examples.len() - 1);
        let image = images.select(&[row]);
        let similarities = similarities.select(ndarray::Axis(0), &[row]);
        let answers = decision.decide_replaced(&image, similarities.view(), Question::default());
        let answer = &answers[0];
        LeftOut {
            is_right: answer.scored.winner == at && !answer.is_negative,
            false_accept_rate: answer.false_accept_rate,
        }
    }
}

/// The mean `[s]` of a class without some of its examples, less its `mean`.
fn change_of_mean(class: &Class, mean: &Array1<f32>, left_out: &[usize]) -> Array1<f32> {
    let mut change = mean * left_out.len() as f32;
    for &one in left_out {
        change -= &ArrayView1::from(&class.examples[one].embedding);
    }
    change / (class.examples.len() - left_out.len()) as f32
}
