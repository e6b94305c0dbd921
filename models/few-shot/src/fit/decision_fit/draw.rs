//! Galleries that are drawn from base classes.

use ndarray::ArrayView2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::evaluation::episode::draw;
use models::random::below;

/// Numbers of classes of a gallery.
const CLASSES: [usize; 7] = [1, 2, 3, 5, 10, 20, 40];

/// Numbers of images of each class of a gallery; a gallery of names has none.
const SHOTS: [usize; 4] = [1, 2, 5, 10];

/// Galleries that are drawn of each kind.
const GALLERIES: u64 = 100;

/// The most unknown classes, and the most images of each.
const UNKNOWN: usize = 10;
const UNKNOWN_IMAGES: usize = 8;

/// Known images of a gallery, divided among its classes, and the fewest of a class.
const KNOWN_IMAGES: usize = 75;
const FEWEST_KNOWN: usize = 3;

/// Galleries of similar names, the classes of each, as many unknown ones, and the images of each.
const SIMILAR_GALLERIES: u64 = 300;
const SIMILAR: usize = 7;
const SIMILAR_IMAGES: usize = 15;

/// The fewest images of a class that is drawn: one to enroll, and known images.
pub(super) const FEWEST_IMAGES: usize = 1 + FEWEST_KNOWN;

/// The fewest classes of a data set: a gallery of 10, and two unknown classes.
pub(super) const FEWEST_CLASSES: usize = 12;

/// Where the prototypes of a gallery come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prototypes {
    /// The means of images.
    Mean,
    /// Images and names.
    Trusted,
    /// Names only.
    NameOnly,
    /// Names only, of a class and the classes whose names are most like it.
    SimilarNames,
}

/// What the galleries of one draw have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) classes: usize,
    /// Images of each class.
    pub(super) shots: usize,
    pub(super) prototypes: Prototypes,
}

/// A gallery and the images that it is asked about. Images are positions within their class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gallery {
    pub(super) classes: Vec<usize>,
    /// The enrolled images of each class.
    pub(super) examples: Vec<Vec<usize>>,
    /// Other images of each class.
    pub(super) known: Vec<Vec<usize>>,
    /// Other classes, and images of each.
    pub(super) unknown: Vec<(usize, Vec<usize>)>,
}

/// What galleries are drawn from.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    /// The number of images of each class.
    pub(super) sizes: &'a [usize],
    /// For each class, all classes by the likeness of their names, itself first; `None` without
    /// names.
    pub(super) neighbors: Option<Vec<Vec<usize>>>,
    pub(super) seed: u64,
}

impl Kind {
    /// Whether its classes have images.
    pub(super) fn has_images(self) -> bool {
        self.shots > 0
    }
}

/// For each class, all classes by the cosine of their directions `[classes, s]` to its own.
pub(super) fn neighbors(directions: ArrayView2<'_, f32>) -> Vec<Vec<usize>> {
    let cosines = directions.dot(&directions.t());
    let by_likeness = |(class, row): (usize, ndarray::ArrayView1<'_, f32>)| {
        let mut others: Vec<usize> = (0..row.len()).filter(|&other| other != class).collect();
        others.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        others.insert(0, class);
        others
    };
    cosines.rows().into_iter().enumerate().map(by_likeness).collect()
}

impl Source<'_> {
    /// All kinds of galleries that can be drawn.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let classes = self.sizes.iter().filter(|&&size| size >= FEWEST_IMAGES).count();
        let has_names = self.neighbors.is_some();
        let mut kinds = Vec::new();
        // Two classes at least are unknown.
        for n in CLASSES.into_iter().filter(|n| n + 2 <= classes) {
            for shots in SHOTS {
                kinds.push(Kind { classes: n, shots, prototypes: Prototypes::Mean });
                if has_names {
                    kinds.push(Kind { classes: n, shots, prototypes: Prototypes::Trusted });
                }
            }
            if has_names {
                kinds.push(Kind { classes: n, shots: 0, prototypes: Prototypes::NameOnly });
            }
        }
        if has_names && classes >= 2 * SIMILAR {
            let prototypes = Prototypes::SimilarNames;
            kinds.push(Kind { classes: SIMILAR, shots: 0, prototypes });
        }
        kinds
    }

    /// The galleries of a kind; none if too few classes have enough images.
    pub(super) fn galleries(&self, kind: Kind) -> Vec<Gallery> {
        match kind.prototypes {
            Prototypes::SimilarNames => {
                (0..SIMILAR_GALLERIES).filter_map(|index| self.similar(kind, index)).collect()
            }
            _ => (0..GALLERIES).filter_map(|index| self.gallery(kind, index)).collect(),
        }
    }

    fn gallery(&self, kind: Kind, index: u64) -> Option<Gallery> {
        let mut generator = self.generator(kind, index);
        let usable = self.usable(kind.shots + FEWEST_KNOWN);
        let unknown = UNKNOWN.min(usable.len().checked_sub(kind.classes)?);
        if unknown == 0 {
            return None;
        }
        let classes = draw(usable.len(), kind.classes + unknown, &mut generator);
        let classes = classes.into_iter().map(|position| usable[position]).collect();
        let known = FEWEST_KNOWN.max(KNOWN_IMAGES / kind.classes);
        Some(self.filled(kind, classes, [known, UNKNOWN_IMAGES], &mut generator))
    }

    fn similar(&self, kind: Kind, index: u64) -> Option<Gallery> {
        let mut generator = self.generator(kind, index);
        let usable = self.usable(FEWEST_IMAGES);
        let center = usable[below(&mut generator, usable.len())];
        let similar =
            self.neighbors.as_ref()?[center].iter().filter(|class| usable.contains(class));
        let similar: Vec<usize> = similar.copied().take(2 * kind.classes).collect();
        let classes = draw(similar.len(), similar.len(), &mut generator);
        let classes = classes.into_iter().map(|position| similar[position]).collect();
        Some(self.filled(kind, classes, [SIMILAR_IMAGES; 2], &mut generator))
    }

    /// Draws images: of the first classes known ones, of the others unknown ones.
    fn filled(
        &self,
        kind: Kind,
        mut classes: Vec<usize>,
        [known, unknown]: [usize; 2],
        generator: &mut ChaCha8Rng,
    ) -> Gallery {
        let others = classes.split_off(kind.classes);
        let mut gallery =
            Gallery { classes, examples: Vec::new(), known: Vec::new(), unknown: Vec::new() };
        for &class in &gallery.classes {
            let size = self.sizes[class];
            let mut images = draw(size, size.min(kind.shots + known), generator);
            gallery.known.push(images.split_off(kind.shots));
            gallery.examples.push(images);
        }
        for class in others {
            let size = self.sizes[class];
            gallery.unknown.push((class, draw(size, size.min(unknown), generator)));
        }
        gallery
    }

    /// The classes of at least this number of images.
    fn usable(&self, images: usize) -> Vec<usize> {
        (0..self.sizes.len()).filter(|&class| self.sizes[class] >= images).collect()
    }

    /// A stream for each gallery of each kind: what is drawn does not depend on other kinds.
    fn generator(&self, kind: Kind, index: u64) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        let parts = [kind.classes as u64, kind.shots as u64, kind.prototypes as u64, index];
        generator.set_stream(parts.into_iter().fold(0, |stream, part| stream << 16 | part));
        generator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    const KIND: Kind = Kind { classes: 5, shots: 2, prototypes: Prototypes::Mean };

    fn source(sizes: &[usize]) -> Source<'_> {
        Source { sizes, neighbors: None, seed: 7 }
    }

    #[test]
    fn no_image_has_two_uses_and_unknown_classes_are_others() {
        for gallery in source(&[20; 12]).galleries(KIND) {
            assert_eq!((gallery.classes.len(), gallery.unknown.len()), (5, 7));
            for (examples, known) in gallery.examples.iter().zip(&gallery.known) {
                assert_eq!((examples.len(), known.len()), (2, 15));
                assert!(examples.iter().all(|image| !known.contains(image)));
            }
            for (class, images) in &gallery.unknown {
                assert!(!gallery.classes.contains(class) && images.len() == UNKNOWN_IMAGES);
            }
        }
    }

    #[test]
    fn small_classes_are_not_drawn_and_every_gallery_is_another() {
        let mut sizes = vec![20; 12];
        sizes[3] = 4;
        let drawn = source(&sizes).galleries(KIND);
        assert!(drawn.iter().all(|gallery| !gallery.classes.contains(&3)));
        assert_ne!(drawn[0], drawn[1]);
        assert_eq!(drawn, source(&sizes).galleries(KIND));
        assert_ne!(drawn, Source { seed: 8, ..source(&sizes) }.galleries(KIND));
        assert!(source(&sizes).galleries(Kind { classes: 20, ..KIND }).is_empty());
    }

    #[test]
    fn kinds_need_two_unknown_classes_and_names() {
        let largest = |kinds: Vec<Kind>| kinds.iter().map(|kind| kind.classes).max();
        assert_eq!(source(&[20; 12]).kinds().len(), 5 * 4);
        assert_eq!(largest(source(&[20; 12]).kinds()), Some(10));
        assert_eq!(largest(source(&[20; 42]).kinds()), Some(40));
        let neighbors = Some(vec![(0..42).collect(); 42]);
        let named = Source { neighbors, ..source(&[20; 42]) }.kinds();
        assert_eq!(named.len(), 7 * 9 + 1);
    }

    #[test]
    fn similar_classes_are_neighbors_of_one_class() {
        let directions = ndarray::Array2::from_shape_fn((20, 2), |(class, value)| {
            let angle = class as f32 / 20.0;
            if value == 0 { angle.cos() } else { angle.sin() }
        });
        let neighbors = neighbors(directions.view());
        assert_eq!((&neighbors[0][..3], neighbors[9][0]), ([0, 1, 2].as_slice(), 9));
        let kind = Kind { classes: SIMILAR, shots: 0, prototypes: Prototypes::SimilarNames };
        let named = Source { neighbors: Some(neighbors), ..source(&[20; 20]) };
        for gallery in named.galleries(kind) {
            let mut classes = gallery.classes.clone();
            classes.extend(gallery.unknown.iter().map(|(class, _)| *class));
            classes.sort_unstable();
            // Neighbors on an arc are next to each other.
            let spread = classes[13] - classes[0];
            assert!(classes.len() == 14 && spread == 13, "{classes:?}");
        }
        let zero = array![[0.0, 0.0], [1.0, 0.0]];
        assert_eq!(super::neighbors(zero.view()), [[0, 1], [1, 0]], "a class without a name");
    }
}
