//! The sample of a gallery that its decision is measured with.

use few_shot::decision::sampling::smallest;

use super::Classifier;
use super::measured::Sample;
use crate::gallery::Class;

impl Classifier {
    /// A sample of classes and one of their examples; `classes` are those of the gallery.
    pub(super) fn sample<'a>(&self, classes: &[&'a Class]) -> Sample<'a> {
        let mut examples = Vec::new();
        let mut owners = Vec::new();
        for (class, position) in self.sampled_examples() {
            let class_of_gallery = classes[self.positions[class] as usize];
            examples.push(&class_of_gallery.examples[position as usize]);
            owners.push(class);
        }
        Sample { classes: self.sampled_classes(), examples, owners }
    }

    fn sampled_classes(&self) -> Vec<usize> {
        let places = self.prototypes.places().iter().enumerate();
        let hashed = places.map(|(class, place)| {
            let hashes = &self.layout.block(*place).hashes;
            (hashes[place.row as usize], class)
        });
        let sampled = smallest(hashed.collect()).into_iter();
        let mut sampled: Vec<usize> = sampled.map(|(_, class)| class).collect();
        sampled.sort_unstable();
        sampled
    }

    /// The positions of the class of each example, and of the example in it, ascending.
    fn sampled_examples(&self) -> Vec<(usize, u32)> {
        let owners = self.prototypes.classes_of_blocks();
        let blocks = self.layout.blocks.iter().take(self.prototypes.blocks().len()).enumerate();
        let hashed = blocks.flat_map(|(at, block)| {
            let owners = &owners[self.prototypes.start(at)..];
            let sample = block.sample.iter();
            sample.map(move |&(hash, (row, example))| (hash, (owners[row as usize], example)))
        });
        let sampled = smallest(hashed.collect()).into_iter();
        let mut sampled: Vec<(usize, u32)> = sampled.map(|(_, at)| at).collect();
        sampled.sort_unstable();
        sampled
    }
}
