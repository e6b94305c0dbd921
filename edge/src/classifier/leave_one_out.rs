//! How a classifier would answer for its own examples if they were not enrolled.

use few_shot::decision::gallery::{GalleryDecision, Question};
use few_shot::decision::images::Images;
use few_shot::decision::sampling::sample;
use few_shot::prototype;
use ndarray::{Array1, ArrayView1, Axis};

use super::{Classifier, LeftOut, stacked};
use crate::gallery::Class;

impl Classifier {
    /// The answers for a sample of the examples, each as if it were not enrolled; `classes` are
    /// those that the classifier was made from. Examples that are the only one of their class are
    /// left aside. Empty without a decision. The share of the name in a prototype is that of the
    /// whole class.
    #[must_use]
    pub fn leave_one_out<'a>(&self, classes: impl IntoIterator<Item = &'a Class>) -> Vec<LeftOut> {
        let Some(mut decision) = self.decision().cloned() else { return Vec::new() };
        let members = self.members(classes);
        let examples = members.iter().filter(|(_, class)| class.examples.len() > 1);
        let examples: Vec<(usize, &Class, usize)> = examples
            .flat_map(|&(at, class)| (0..class.examples.len()).map(move |one| (at, class, one)))
            .collect();
        let ids = examples.iter().map(|&(_, class, one)| class.examples[one].id.number());
        let sampled = sample(ids).into_iter().map(|position| examples[position]);
        sampled.map(|(at, class, one)| self.left_out(&mut decision, at, class, one)).collect()
    }

    /// Leaves out example number `one` of the class at the position `at`.
    fn left_out(
        &self,
        decision: &mut GalleryDecision<f32>,
        at: usize,
        class: &Class,
        one: usize,
    ) -> LeftOut {
        let whole = self.prototypes.rows().row(at).to_owned();
        let shots = class.examples.len();
        let name_share = self.prototypes.name_shares()[at];
        let without = &whole + &(change_of_mean(class, one) * (1.0 - name_share));
        decision.replace(at, without.view(), shots - 1);
        let example = ArrayView1::from(&class.examples[one].embedding).insert_axis(Axis(0));
        let image = Images::new(decision.model(), example);
        let answer = decision.decide(&image, Question::default()).swap_remove(0);
        decision.replace(at, whole.view(), shots);
        LeftOut {
            is_right: answer.scored.winner == at && !answer.is_negative,
            false_accept_rate: answer.false_accept_rate,
        }
    }
}

/// The mean of the class without an example, less its mean, `[s]`.
fn change_of_mean(class: &Class, one: usize) -> Array1<f32> {
    let rows: Vec<&[f32]> = class.examples.iter().map(|example| &example.embedding[..]).collect();
    let mean = prototype::mean(stacked(&rows, rows[one].len()).view());
    (&mean - &ArrayView1::from(rows[one])) / (rows.len() - 1) as f32
}
