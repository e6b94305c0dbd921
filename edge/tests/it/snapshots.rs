//! A classifier that has followed every change of a gallery is the one computed from the gallery.

use std::sync::Arc;

use edge::classifier::Classifier;
use edge::gallery::{Class, ClassOverrides, Example, Gallery, NewExample};
use edge::lexicon::NameKnowledge;
use few_shot::decision::DecisionModel;
use few_shot::decision::gallery::Question;
use few_shot::decision::sampling::hash;
use models::bundle::{Bundle, BundleLimits};

use crate::decision_bytes::decision_bytes;
use crate::fixtures::{folder, label};

const NOUNS: [&str; 5] = ["cup", "zebra", "mouse", "animal", "gadget"];

/// More than a group of classes whose names are compared.
const CLASSES: u64 = 600;
const CHANGES: u64 = 300;

struct Walk {
    gallery: Gallery,
    names: NameKnowledge,
    drawn: u64,
}

impl Walk {
    fn draw(&mut self, limit: u64) -> u64 {
        self.drawn += 1;
        hash(self.drawn) % limit
    }

    /// An image near what one of the nouns looks like.
    fn image(&mut self) -> NewExample {
        let noun = NOUNS[self.draw(4) as usize];
        let mut embedding = self.names.semantic(&[self.names.read(noun)]).row(0).to_vec();
        for value in &mut embedding {
            self.drawn += 1;
            *value += 0.3 * ((hash(self.drawn) >> 40) as f32 / (1 << 24) as f32);
        }
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&self.drawn.to_le_bytes());
        NewExample { sha256, crop: None, embedding, precision: "fp32".to_owned(), image: None }
    }

    fn class(&mut self) -> String {
        let number = self.draw(CLASSES);
        format!("{number} {}", NOUNS[(number % 5) as usize])
    }

    fn change(&mut self) {
        let class = self.class();
        match self.draw(10) {
            0..=4 => {
                let image = self.image();
                self.gallery.enroll(&label(&class), vec![image], true).map(drop).unwrap();
            }
            5 => {
                let overrides = ClassOverrides::default();
                self.gallery.define(&label(&class), overrides).map(drop).unwrap();
            }
            6 => {
                let to = self.class();
                // Some have no such class, or the label is taken.
                let _ = self.gallery.rename(&class, &label(&to));
            }
            7 => {
                let image = self.image();
                self.gallery.enroll_background(vec![image]).map(drop).unwrap();
            }
            8 => {
                let first = self.gallery.background().first().map(|example| example.id.to_string());
                if let Some(id) = first {
                    self.gallery.remove_background(&id).map(drop).unwrap();
                }
            }
            _ => {
                let _ = self.gallery.delete(&class);
            }
        }
    }
}

#[test]
fn a_classifier_that_followed_every_change_is_that_of_the_gallery() {
    let bundle = folder().join("knowing/knowing-bundle");
    let bundle = Bundle::open(&bundle, &BundleLimits::default()).unwrap();
    let names = NameKnowledge::open(&bundle).unwrap().unwrap();
    let size = names.frame().center().len();
    let (_, model) = DecisionModel::parse(&decision_bytes(size, "space")).unwrap();
    let model = Arc::new(model);
    let mut walk = Walk { gallery: Gallery::in_memory(), names, drawn: 0 };
    for number in 0..CLASSES {
        let class = format!("{number} {}", NOUNS[(number % 5) as usize]);
        let images = (0..number % 3).map(|_| walk.image()).collect();
        walk.gallery.enroll(&label(&class), images, true).unwrap();
    }
    let mut followed: Option<Classifier> = None;
    for change in 0..CHANGES {
        walk.change();
        let classifier = |previous: Option<&Classifier>| {
            let (gallery, names) = (&walk.gallery, Some(&walk.names));
            Classifier::after(previous, gallery.iter(), names).with_decision(
                &model,
                gallery.background(),
                previous,
            )
        };
        let after = classifier(followed.as_ref());
        if change % 20 == 0 {
            let anew = classifier(None);
            assert_eq!(after.leave_one_out(), anew.leave_one_out(), "change {change}");
            for _ in 0..3 {
                let query = walk.image().embedding;
                let expected = anew.classify(&query, 9, Question::default());
                let found = after.classify(&query, 9, Question::default());
                assert_eq!(found, expected, "change {change}");
                let together = [query.clone(), walk.image().embedding];
                let expected = anew.classify_together(&together, 9, Question::default());
                let found = after.classify_together(&together, 9, Question::default());
                assert_eq!(found, expected, "change {change}");
            }
        }
        followed = Some(after);
    }
}

/// The same example with another embedding.
fn embedded_again(example: &Arc<Example>) -> Arc<Example> {
    let mut embedding = example.embedding.clone();
    embedding.rotate_left(1);
    Arc::new(Example { embedding, ..Example::clone(example) })
}

#[test]
fn an_example_that_was_embedded_again_is_measured_again() {
    let (_, model) = DecisionModel::parse(&decision_bytes(3, "space")).unwrap();
    let model = Arc::new(model);
    let mut gallery = Gallery::in_memory();
    let values: [[f32; 3]; 4] =
        [[1.0, 0.1, 0.3], [0.2, 1.0, 0.1], [0.9, 0.4, 0.2], [0.3, 0.2, 1.0]];
    let mut images: Vec<NewExample> = Vec::new();
    for (number, embedding) in (0..).zip(values) {
        let embedding = embedding.to_vec();
        let precision = "fp32".to_owned();
        images.push(NewExample {
            sha256: [number; 32],
            crop: None,
            embedding,
            precision,
            image: None,
        });
    }
    let background = images.split_off(3);
    for (image, name) in images.into_iter().zip(["cup", "key", "mug"]) {
        gallery.enroll(&label(name), vec![image], true).unwrap();
    }
    gallery.enroll_background(background).unwrap();
    let before = Classifier::new(gallery.iter(), None);
    let before = before.with_decision(&model, gallery.background(), None);

    let classes = gallery.iter().map(|class| {
        let examples = class.examples.iter().map(embedded_again).collect();
        Arc::new(Class { examples, ..Class::clone(class) })
    });
    let classes: Vec<Arc<Class>> = classes.collect();
    let background: Vec<Arc<Example>> = gallery.background().iter().map(embedded_again).collect();
    let [after, anew] = [Some(&before), None].map(|previous| {
        let classifier = Classifier::after(previous, &classes, None);
        classifier.with_decision(&model, &background, previous)
    });
    let ask = [0.5, 0.7, 0.6];
    let [before, after, anew] =
        [before, after, anew].map(|one| one.classify(&ask, 3, Question::default()));
    assert_eq!(after, anew);
    assert_ne!(after, before);
}
