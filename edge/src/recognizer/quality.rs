//! What may be wrong with images that are to be enrolled, by themselves and compared with others.

use std::collections::HashSet;
use std::sync::Arc;

use super::Recognizer;
use super::error::RecognizerError;
use super::peers::{Peers, Similarities};
use crate::embedder::Embedded;
use crate::gallery::{ClassId, Example, Gallery, Label, Place};
use crate::quality::Finding;

/// An image that a set does not have yet: its position among those of the call, and the image.
type New<'a> = (usize, &'a Embedded);

impl Recognizer {
    /// What may be wrong with each of these images, as it is reported when they are enrolled in
    /// this class, which may be new. Nothing for an image that the class has.
    ///
    /// # Errors
    /// [`RecognizerError::Label`]; [`RecognizerError::Gallery`] for an unknown id, or for a gallery
    /// of another space than the bundle.
    pub fn quality(
        &mut self,
        id_or_label: &str,
        images: &[Embedded],
    ) -> Result<Vec<Vec<Finding>>, RecognizerError> {
        self.check_space()?;
        let label = self.label(id_or_label)?;
        self.quality_in(&label, images)
    }

    /// Refuses images with a finding, as they would be reported if they were enrolled in this
    /// class. Images that the class has are not refused, so a strict call can be repeated.
    ///
    /// # Errors
    /// [`RecognizerError::RejectedByQuality`] for the first such image; those of
    /// [`Recognizer::quality`].
    pub fn check_quality(
        &mut self,
        id_or_label: &str,
        images: &[Embedded],
    ) -> Result<(), RecognizerError> {
        refuse(self.quality(id_or_label, images)?)
    }

    /// The same for the background set.
    ///
    /// # Errors
    /// [`RecognizerError::RejectedByQuality`] for the first image with a finding;
    /// [`RecognizerError::Gallery`] if the gallery is of another space than the bundle.
    pub fn check_background_quality(&self, images: &[Embedded]) -> Result<(), RecognizerError> {
        self.check_space()?;
        refuse(self.background_quality(images))
    }

    /// What may be wrong with each of these images, as it is reported when they are enrolled in the
    /// background set. How they compare with others is no part of it: other things are unlike each
    /// other.
    #[must_use]
    pub fn background_quality(&self, images: &[Embedded]) -> Vec<Vec<Finding>> {
        let examples = self.gallery.background();
        let new = new_images(&self.gallery, Some(Place::Background), images);
        let mut found = by_themselves(&new, images.len());
        if let Some(peers) = peers(examples, &new) {
            add_near_duplicates(&peers, &new, &mut found);
        }
        found
    }

    /// The findings of each image that is to be enrolled in the class `label`, which may be new.
    pub(super) fn quality_in(
        &mut self,
        label: &Label,
        images: &[Embedded],
    ) -> Result<Vec<Vec<Finding>>, RecognizerError> {
        let class = self.gallery.class(label.as_str()).ok().cloned();
        let id = class.as_ref().map(|class| class.id);
        let examples = class.as_ref().map_or(&[][..], |class| &class.examples[..]);
        let new = new_images(&self.gallery, id.map(Place::Class), images);
        let mut found = by_themselves(&new, images.len());
        for (at, image) in &new {
            let mut classes = self.gallery.classes_with_image(image.key());
            let other = classes.find(|other| Some(other.id) != id);
            let finding =
                other.map(|other| Finding::in_other_class(other.label.as_str(), image.key()));
            found[*at].extend(finding);
        }
        let Some(peers) = peers(examples, &new) else { return Ok(found) };
        add_near_duplicates(&peers, &new, &mut found);
        if let Some(similarities) = peers.similarities() {
            self.add_misplaced(&similarities, id, &new, &mut found)?;
        }
        Ok(found)
    }

    fn add_misplaced(
        &mut self,
        similarities: &Similarities,
        class: Option<ClassId>,
        new: &[New<'_>],
        found: &mut [Vec<Finding>],
    ) -> Result<(), RecognizerError> {
        let doubtful: Vec<usize> =
            (0..new.len()).filter(|&nth| similarities.is_doubtful(nth)).collect();
        if doubtful.is_empty() {
            // The prototypes of the gallery need not be computed.
            return Ok(());
        }
        let rows: Vec<&[f32]> = doubtful.iter().map(|&nth| &new[nth].1.embedding[..]).collect();
        let rivals = self.current()?.classifier().rivals(&rows, class);
        for (&nth, rival) in doubtful.iter().zip(&rivals) {
            found[new[nth].0].extend(similarities.finding(nth, rival.as_ref()));
        }
        Ok(())
    }
}

fn refuse(found: Vec<Vec<Finding>>) -> Result<(), RecognizerError> {
    for (image, findings) in found.into_iter().enumerate() {
        if let Some(finding) = findings.into_iter().next() {
            return Err(RecognizerError::RejectedByQuality { image, finding });
        }
    }
    Ok(())
}

/// The images that the place does not have, each once. Nothing is reported of others: they are not
/// enrolled a second time. A class that is yet to be made has no place.
fn new_images<'a>(gallery: &Gallery, place: Option<Place>, images: &'a [Embedded]) -> Vec<New<'a>> {
    let mut in_call = HashSet::new();
    let each = images.iter().enumerate();
    let new = each.filter(|(_, image)| {
        let is_there = place.is_some_and(|place| gallery.has_image(place, image.key()));
        !is_there && in_call.insert(image.key())
    });
    new.collect()
}

fn by_themselves(new: &[New<'_>], n_images: usize) -> Vec<Vec<Finding>> {
    let mut found = vec![Vec::new(); n_images];
    for (at, image) in new {
        found[*at].clone_from(&image.quality);
    }
    found
}

fn peers<'a>(examples: &'a [Arc<Example>], new: &[New<'a>]) -> Option<Peers<'a>> {
    let new: Vec<&Embedded> = new.iter().map(|(_, image)| *image).collect();
    Peers::new(examples, &new)
}

fn add_near_duplicates(peers: &Peers<'_>, new: &[New<'_>], found: &mut [Vec<Finding>]) {
    for (nth, (at, _)) in new.iter().enumerate() {
        found[*at].extend(peers.near_duplicate(nth));
    }
}
