//! What may be wrong with the images that are enrolled: warnings, or with `--strict` errors.

use std::collections::HashMap;

use edge::Recognizer;
use edge::gallery::{ImageKey, Label};
use edge::quality::Finding;
use models::fault::{AnyFault, Blame};
use serde::Serialize;
use terminal::note;

use super::prepared::{ImageFile, Images, Target};
use crate::commands::FileError;
use crate::text::one_line;

/// Something that may be wrong with an image.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ImageFinding {
    file: String,
    /// Null in the background set.
    class: Option<String>,
    code: &'static str,
    detail: String,
}

/// The findings of the images of these files.
pub(super) fn listed(
    class: Option<&Label>,
    files: &[ImageFile],
    quality: &[Vec<Finding>],
) -> Vec<ImageFinding> {
    let each = files.iter().zip(quality).flat_map(|(file, found)| {
        found.iter().map(move |finding| ImageFinding {
            file: file.name.clone(),
            class: class.map(Label::to_string),
            code: finding.code.as_str(),
            detail: finding.detail.clone(),
        })
    });
    each.collect()
}

/// Prints warnings, a line for each.
pub(super) fn print(found: &[ImageFinding]) {
    for ImageFinding { file, code, detail, .. } in found {
        note!("warning: {}", one_line(&format!("{file}: {detail} ({code})")));
    }
}

/// The images with a finding, which `--strict` refuses before anything is written.
pub(super) fn rejected(
    embedded: &Images,
    recognizer: &mut Recognizer,
) -> Result<Vec<FileError>, AnyFault> {
    let mut errors = Vec::new();
    // The gallery does not have the images of the classes before yet.
    let mut seen: HashMap<ImageKey, &Target> = HashMap::new();
    for (target, prepared) in embedded {
        let quality = match target {
            Target::Class(label) => recognizer.quality(label.as_str(), &prepared.images)?,
            Target::Background => recognizer.background_quality(&prepared.images),
        };
        let files = prepared.images.iter().zip(&prepared.files);
        for ((image, file), found) in files.zip(quality) {
            let first = *seen.entry(image.key()).or_insert(target);
            let other = in_other_class(target, first, image.key());
            let finding = found.into_iter().next().or(other);
            errors.extend(finding.map(|finding| FileError {
                file: file.name.clone(),
                error: finding.to_string(),
                blame: Blame::Input,
            }));
        }
    }
    Ok(errors)
}

/// The finding of an image of `target` that was in `first` before.
fn in_other_class(target: &Target, first: &Target, image: ImageKey) -> Option<Finding> {
    match (target, first) {
        (Target::Class(class), Target::Class(other)) if class != other => {
            Some(Finding::in_other_class(other.as_str(), image))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use edge::quality::Code;

    use super::*;

    #[test]
    fn a_file_in_two_classes_of_one_call_is_found() {
        let [mug, key] =
            ["mug", "key"].map(|label| Target::Class(Label::parse(label).expect("a label")));
        let image = ImageKey { sha256: [1; 32], crop: None };
        let found = in_other_class(&key, &mug, image).expect("a finding");
        assert_eq!(found.code, Code::InOtherClass);
        assert!(found.detail.contains("\"mug\""), "{found}");
        assert_eq!(in_other_class(&mug, &mug, image), None);
        assert_eq!(in_other_class(&mug, &Target::Background, image), None);
    }
}
