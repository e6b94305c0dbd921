//! Images that two classes have: the same one, or nearly the same.

use std::collections::{BTreeMap, HashMap};

use few_shot::metric;

use super::Classifier;
use super::checked::{At, CheckedClass, Shared};
use super::margins::positions;
use super::member::stacked;
use crate::gallery::{Example, ImageKey};
use crate::similarity::{NEAR_DUPLICATE, cosine};

/// The most examples that are compared with those of a class at once.
const BATCH: usize = 256;

/// Pairs of examples, each in the order of labels, with their cosines.
type Pairs = BTreeMap<(At, At), f32>;

impl Classifier {
    /// The images that two classes have, the most similar ones first. The same image is found in
    /// all classes. Nearly the same one is found if one of both examples was checked and the class
    /// of the other one is its rival: the most similar example of the rival counts, of 256 at most.
    ///
    /// Of `n` checked examples and `c` classes these are at most 256 · n comparisons. Since n is at
    /// most 256 · c and n · c at most 20 million ([`Classifier::checked`]), they are fewer than 20
    /// million, too.
    pub(crate) fn shared(&self, checked: &[CheckedClass]) -> Vec<Shared> {
        let mut pairs = self.same_images();
        for (rival, examples) in by_rival(checked) {
            for examples in examples.chunks(BATCH) {
                self.add_nearly_the_same(rival, examples, &mut pairs);
            }
        }
        let each = pairs.into_iter();
        let each = each.map(|((first, second), similarity)| Shared { first, second, similarity });
        let mut shared: Vec<Shared> = each.collect();
        // Equal ones stay in the order of labels.
        shared.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
        shared
    }

    /// The example at a position.
    pub(crate) fn example_at(&self, (class, example): At) -> &Example {
        &self.class_at(class).examples[example]
    }

    fn embedding_at(&self, at: At) -> &[f32] {
        &self.example_at(at).embedding
    }

    /// Each image with that of the first class that has it.
    fn same_images(&self) -> Pairs {
        let mut pairs = Pairs::new();
        let mut seen: HashMap<ImageKey, At> = HashMap::new();
        for class in 0..self.classes() {
            for (position, example) in self.class_at(class).examples.iter().enumerate() {
                let at = (class, position);
                let key = ImageKey { sha256: example.sha256, crop: example.crop };
                let first = *seen.entry(key).or_insert(at);
                if first.0 != class {
                    let other = self.example_at(first);
                    pairs.insert((first, at), cosine(&other.embedding, &example.embedding));
                }
            }
        }
        pairs
    }

    /// Compares some examples with those of the class that is the rival of each.
    fn add_nearly_the_same(&self, rival: usize, examples: &[At], pairs: &mut Pairs) {
        let of_rival = positions(self.member(rival));
        if of_rival.is_empty() {
            // The class is known from its name only.
            return;
        }
        let queries: Vec<&[f32]> = examples.iter().map(|at| self.embedding_at(*at)).collect();
        let others = of_rival.iter().map(|other| self.embedding_at((rival, *other)));
        let others: Vec<&[f32]> = others.collect();
        let size = self.prototypes.size();
        let similarities =
            metric::cosine(stacked(&queries, size).view(), stacked(&others, size).view());
        for (at, row) in examples.iter().zip(similarities.rows()) {
            let all = of_rival.iter().zip(row);
            let best = all.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)));
            let Some((other, similarity)) = best else { continue };
            if *similarity >= NEAR_DUPLICATE {
                let other = (rival, *other);
                pairs.entry((other.min(*at), other.max(*at))).or_insert(*similarity);
            }
        }
    }
}

/// The checked examples of each rival.
fn by_rival(checked: &[CheckedClass]) -> BTreeMap<usize, Vec<At>> {
    let mut examples: BTreeMap<usize, Vec<At>> = BTreeMap::new();
    for class in checked {
        for (example, rival) in &class.rivals {
            examples.entry(*rival).or_default().push((class.at, *example));
        }
    }
    examples
}
