//! The sample of a gallery that its decision is measured with.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use few_shot::decision::sampling::{SIZE as SAMPLE, smallest};

use super::Classifier;
use super::block::Block;
use super::measured::Sample;
use super::member::Family;

impl Classifier {
    /// A sample of classes and one of their examples.
    pub(super) fn sample(&self) -> Sample<'_> {
        let mut examples = Vec::new();
        let mut owners = Vec::new();
        for (class, position) in self.sampled_examples() {
            examples.push(&self.member(class).class.examples[position as usize]);
            owners.push(class);
        }
        Sample { classes: self.sampled_classes(), examples, owners }
    }

    fn sampled_classes(&self) -> Vec<usize> {
        let classes = self.prototypes.classes_of_blocks();
        let mut hashed = Vec::new();
        for family in Family::ALL {
            // The blocks of a family are in the order of their hashes, so the smallest are in the
            // first ones.
            let mut count = 0;
            for (at, block) in self.blocks_with_prototypes().filter(|(_, it)| it.family == family) {
                let classes = &classes[self.prototypes.start(at)..];
                hashed.extend(block.hashes.iter().copied().zip(classes.iter().copied()));
                count += block.hashes.len();
                if count >= SAMPLE {
                    break;
                }
            }
        }
        let sampled = smallest(hashed).into_iter();
        let mut sampled: Vec<usize> = sampled.map(|(_, class)| class).collect();
        sampled.sort_unstable();
        sampled
    }

    /// The positions of the class of each example, and of the example in it, ascending.
    fn sampled_examples(&self) -> Vec<(usize, u32)> {
        let classes = self.prototypes.classes_of_blocks();
        let blocks = self.blocks_with_prototypes();
        let mut next: BinaryHeap<_> = blocks
            .filter_map(|(at, block)| block.sample.first().map(|(hash, _)| Reverse((*hash, at, 0))))
            .collect();
        let mut sampled = Vec::new();
        while sampled.len() < SAMPLE
            && let Some(Reverse((_, at, position))) = next.pop()
        {
            let sample = &self.layout.blocks[at].sample;
            let (_, (row, example)) = sample[position];
            sampled.push((classes[self.prototypes.start(at) + row as usize], example));
            let following = sample.get(position + 1);
            next.extend(following.map(|(hash, _)| Reverse((*hash, at, position + 1))));
        }
        sampled.sort_unstable();
        sampled
    }

    fn blocks_with_prototypes(&self) -> impl Iterator<Item = (usize, &Block)> {
        let blocks = self.layout.blocks.iter().map(|block| &**block).enumerate();
        blocks.take(self.prototypes.blocks().len())
    }
}
