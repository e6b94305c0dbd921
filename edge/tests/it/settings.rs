//! The settings of a gallery, in memory and in a store.

use edge::gallery::{GalleryError, GallerySettings, KeepImages};

use crate::conformance::{Subject, on_each};
use crate::fixtures::{examples, label};

fn settings(gallery: &mut Subject) -> GallerySettings {
    gallery.with(|gallery| *gallery.settings())
}

#[test]
fn a_new_gallery_has_the_defaults() {
    on_each(|gallery| {
        let defaults = GallerySettings {
            rate: 0.05,
            threshold: None,
            expected_unknown_share: 0.5,
            keep_images: KeepImages::Thumb,
            retention_days: 30,
        };
        assert_eq!(settings(gallery), defaults);
        let set = gallery.with(|gallery| gallery.set_settings(defaults)).unwrap();
        assert_eq!((set, gallery.revision()), (defaults, 0), "nothing new, no new revision");
    });
}

#[test]
fn settings_are_kept_until_they_are_replaced() {
    on_each(|gallery| {
        gallery.enroll(&label("mug"), examples(0..2), true).unwrap();
        let given = [
            GallerySettings { rate: 0.01, ..GallerySettings::default() },
            GallerySettings { threshold: Some(-0.125), ..GallerySettings::default() },
            GallerySettings {
                rate: 0.1,
                threshold: Some(0.3),
                expected_unknown_share: 0.9,
                keep_images: KeepImages::Off,
                retention_days: 0,
            },
            GallerySettings::default(),
        ];
        for (given, revision) in given.into_iter().zip(2..) {
            for _ in 0..2 {
                let set = gallery.with(|gallery| gallery.set_settings(given)).unwrap();
                assert_eq!((set, settings(gallery)), (given, given));
                assert_eq!(gallery.revision(), revision, "it grows with a change only");
            }
        }
        gallery.delete("mug").unwrap();
        assert_eq!(settings(gallery), GallerySettings::default());
    });
}

#[test]
fn settings_that_are_out_of_range_change_nothing() {
    on_each(|gallery| {
        let defaults = GallerySettings::default();
        let wrong = [
            (GallerySettings { rate: 0.0, ..defaults }, "rate"),
            (GallerySettings { rate: 0.1, threshold: Some(f64::NAN), ..defaults }, "threshold"),
            (
                GallerySettings { rate: 0.1, expected_unknown_share: 1.0, ..defaults },
                "expected_unknown_share",
            ),
        ];
        for (wrong, field) in wrong {
            let refused = gallery.with(|gallery| gallery.set_settings(wrong)).unwrap_err();
            assert!(
                matches!(&refused, GalleryError::Setting(error) if error.field == field),
                "{refused}"
            );
            assert_eq!((settings(gallery), gallery.revision()), (defaults, 0));
        }
    });
}
