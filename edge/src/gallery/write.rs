//! The calls that change a gallery: each plans changes, which touches nothing, and then makes them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Gallery;
use super::change::{MOST_EXAMPLES, NewlyEnrolled, Place, Sha256, What};
use super::class::{
    BackgroundEnrolled, Class, ClassOverrides, Enrolled, Example, ImageKey, NewExample, Outcome,
};
use super::commit::Data;
use super::error::GalleryError;
use super::id::{ClassId, ExampleId};
use super::label::Label;
use super::lookup::shortened;
use super::settings::GallerySettings;

impl Gallery {
    /// Adds images to the class `label`, all or none. A class that does not exist is created if
    /// `create`. An image that the class has already is reported as a duplicate. A call that adds
    /// nothing leaves the revision as it is, so retries are safe.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`] without `create`; [`GalleryError::Embedding`];
    /// [`GalleryError::OtherSpace`]; [`GalleryError::LimitReached`];
    /// [`GalleryError::StoreLimitReached`]; [`GalleryError::StoreFull`].
    pub fn enroll(
        &mut self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrolled, GalleryError> {
        self.begin()?;
        self.check_own_space()?;
        let existing = self.find(label);
        if existing.is_none() && !create {
            return Err(GalleryError::UnknownClass(shortened(label.as_str())));
        }
        self.check_embeddings(examples.iter().map(|example| example.embedding.as_slice()))?;
        let mut changes = Vec::new();
        let class = self.found_or_created(existing, label, &mut changes);
        let outcomes = self.plan_enroll(Place::Class(class), examples, changes)?;
        let class = Arc::clone(self.facts.class(class));
        Ok(Enrolled { class, outcomes, revision: self.revision })
    }

    /// Adds images to the background set, all or none. An image that it has already is reported as
    /// a duplicate; a class may have the same image. A call that adds nothing leaves the revision
    /// as it is.
    ///
    /// # Errors
    /// [`GalleryError::Embedding`]; [`GalleryError::OtherSpace`]; [`GalleryError::LimitReached`];
    /// [`GalleryError::StoreLimitReached`]; [`GalleryError::StoreFull`].
    pub fn enroll_background(
        &mut self,
        examples: Vec<NewExample>,
    ) -> Result<BackgroundEnrolled, GalleryError> {
        self.begin()?;
        self.check_own_space()?;
        self.check_embeddings(examples.iter().map(|example| example.embedding.as_slice()))?;
        let outcomes = self.plan_enroll(Place::Background, examples, Vec::new())?;
        let examples = self.background().len();
        Ok(BackgroundEnrolled { outcomes, examples, revision: self.revision })
    }

    /// Replaces the overrides of the class `label`, which is created without images if it does not
    /// exist. Returns the class, and whether it is new.
    ///
    /// # Errors
    /// [`GalleryError::LimitReached`]; [`GalleryError::StoreLimitReached`];
    /// [`GalleryError::StoreFull`].
    pub fn define(
        &mut self,
        label: &Label,
        overrides: ClassOverrides,
    ) -> Result<(Arc<Class>, bool), GalleryError> {
        self.begin()?;
        let existing = self.find(label);
        let mut changes = Vec::new();
        let class = self.found_or_created(existing, label, &mut changes);
        let before = existing.map(|id| self.facts.class(id).overrides.clone());
        if before.unwrap_or_default() != overrides {
            changes.push(What::Define { class, overrides });
        }
        self.write(changes, Data::default())?;
        Ok((Arc::clone(self.facts.class(class)), existing.is_none()))
    }

    /// Gives a class another label and returns it.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`]; [`GalleryError::LabelTaken`] if another class has the label.
    pub fn rename(&mut self, id_or_label: &str, label: &Label) -> Result<Arc<Class>, GalleryError> {
        self.begin()?;
        let class = self.class_id(id_or_label)?;
        let change = self.renaming(class, label)?;
        self.write(change.into_iter().collect(), Data::default())?;
        Ok(Arc::clone(self.facts.class(class)))
    }

    /// Gives a class these overrides, and another label if there is one, as one change, and returns
    /// it.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`]; [`GalleryError::LabelTaken`] if another class has the label.
    pub fn change_class(
        &mut self,
        id_or_label: &str,
        label: Option<&Label>,
        overrides: ClassOverrides,
    ) -> Result<Arc<Class>, GalleryError> {
        self.begin()?;
        let class = self.class_id(id_or_label)?;
        let mut changes = Vec::new();
        if let Some(label) = label {
            changes.extend(self.renaming(class, label)?);
        }
        if self.facts.class(class).overrides != overrides {
            changes.push(What::Define { class, overrides });
        }
        self.write(changes, Data::default())?;
        Ok(Arc::clone(self.facts.class(class)))
    }

    /// The change that gives a class this label; `None` if it has it.
    fn renaming(&self, class: ClassId, label: &Label) -> Result<Option<What>, GalleryError> {
        if self.find(label).is_some_and(|owner| owner != class) {
            return Err(GalleryError::LabelTaken(label.clone()));
        }
        // A repeated call has what it wants already; another spelling is a change.
        let differs = self.facts.class(class).label != *label;
        Ok(differs.then(|| What::Rename { class, label: label.clone() }))
    }

    /// Deletes a class with its examples and returns what it was. It can be undone.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`].
    pub fn delete(&mut self, id_or_label: &str) -> Result<Arc<Class>, GalleryError> {
        self.begin()?;
        let class = self.class_id(id_or_label)?;
        let deleted = Arc::clone(self.facts.class(class));
        self.write(vec![What::DeleteClass { class }], Data::default())?;
        Ok(deleted)
    }

    /// Moves all examples of a class into another one and returns that. The id of the first class
    /// is another name of it from then on.
    ///
    /// # Errors
    /// [`GalleryError::UnknownClass`]; [`GalleryError::SameClass`].
    pub fn merge_classes(&mut self, from: &str, into: &str) -> Result<Arc<Class>, GalleryError> {
        self.begin()?;
        let from = self.class_id(from)?;
        let into = self.class_id(into)?;
        if from == into {
            return Err(GalleryError::SameClass(self.facts.class(from).label.clone()));
        }
        self.write(vec![What::Merge { from, into }], Data::default())?;
        Ok(Arc::clone(self.facts.class(into)))
    }

    /// Removes an example from the background set and returns it. It can be undone.
    ///
    /// # Errors
    /// [`GalleryError::UnknownExample`], also for an example of a class.
    pub fn remove_background(&mut self, id: &str) -> Result<Arc<Example>, GalleryError> {
        match self.example(id)? {
            (Place::Background, _) => {}
            (Place::Class(_), _) => return Err(GalleryError::UnknownExample(shortened(id))),
        }
        let removed = self.remove_examples(&[id.to_owned()])?;
        Ok(removed.into_iter().next().expect("invariant: one id names one example"))
    }

    /// Removes examples of classes or of the background set, all or none, and returns them. It can
    /// be undone.
    ///
    /// # Errors
    /// [`GalleryError::UnknownExample`]; [`GalleryError::AmbiguousId`].
    pub fn remove_examples(&mut self, ids: &[String]) -> Result<Vec<Arc<Example>>, GalleryError> {
        self.begin()?;
        let found = self.named_examples(ids)?;
        let removed = found.iter().map(|(_, example)| Arc::clone(example)).collect();
        // With those that are the same image: they would take its place.
        let with_same = found.iter().flat_map(|(_, example)| {
            std::iter::once(example.id).chain(self.state.same_as(example.id))
        });
        let changes = in_parts(with_same, |examples| What::Remove { examples });
        self.write(changes, Data::default())?;
        Ok(removed)
    }

    /// Moves examples to a class, or to the background set with `None`, all or none. One whose
    /// image is there already becomes one with that. Returns how many were elsewhere.
    ///
    /// # Errors
    /// [`GalleryError::UnknownExample`]; [`GalleryError::UnknownClass`];
    /// [`GalleryError::AmbiguousId`].
    pub fn move_examples(
        &mut self,
        ids: &[String],
        to: Option<&str>,
    ) -> Result<usize, GalleryError> {
        self.begin()?;
        let to = match to {
            Some(class) => Place::Class(self.class_id(class)?),
            None => Place::Background,
        };
        let found = self.named_examples(ids)?;
        let elsewhere: Vec<ExampleId> =
            found.iter().filter(|(place, _)| *place != to).map(|(_, example)| example.id).collect();
        let moved = elsewhere.len();
        let changes = in_parts(elsewhere, |examples| What::Move { examples, to });
        self.write(changes, Data::default())?;
        Ok(moved)
    }

    /// Replaces the settings and returns them. Those that hold already leave the revision as it is.
    ///
    /// # Errors
    /// [`GalleryError::Setting`] if one is out of range; [`GalleryError::StoreFull`].
    pub fn set_settings(
        &mut self,
        settings: GallerySettings,
    ) -> Result<GallerySettings, GalleryError> {
        self.begin()?;
        settings.check()?;
        let changed = settings.changed_from(self.settings());
        let change = (!changed.is_empty()).then_some(What::Settings(changed));
        self.write(change.into_iter().collect(), Data::default())?;
        Ok(settings)
    }

    /// Makes a deleted class live again, without what was in it.
    pub(super) fn revive(&mut self, class: ClassId) -> Result<(), GalleryError> {
        self.begin()?;
        let to = Place::Class(class);
        let change = What::Enroll { to, precision: String::new(), examples: Vec::new() };
        self.write(vec![change], Data::default())
    }

    /// The class, or the change that makes it.
    fn found_or_created(
        &mut self,
        existing: Option<ClassId>,
        label: &Label,
        changes: &mut Vec<What>,
    ) -> ClassId {
        existing.unwrap_or_else(|| {
            let class = ClassId(self.clock.uuid());
            changes.push(What::CreateClass { class, label: label.clone() });
            class
        })
    }

    /// Adds what is new in a place, after these `changes`.
    fn plan_enroll(
        &mut self,
        to: Place,
        examples: Vec<NewExample>,
        mut changes: Vec<What>,
    ) -> Result<Vec<Outcome>, GalleryError> {
        let mut images = HashMap::new();
        let mut new: Vec<Arc<Example>> = Vec::new();
        let mut outcomes = Vec::new();
        // The same image may be in one call twice.
        let mut in_call: HashMap<ImageKey, ExampleId> = HashMap::new();
        for NewExample { sha256, crop, embedding, precision, image } in examples {
            let key = ImageKey { sha256, crop };
            let enrolled = self.state.with_image(to, key);
            if let Some(example_id) = enrolled.or_else(|| in_call.get(&key).copied()) {
                outcomes.push(Outcome { example_id, duplicate: true });
                continue;
            }
            let id = ExampleId(self.clock.uuid());
            in_call.insert(key, id);
            images.extend(image.map(|image| (id, image)));
            outcomes.push(Outcome { example_id: id, duplicate: false });
            new.push(Arc::new(Example { id, sha256, crop, embedding, precision }));
        }
        changes.extend(enrolling(to, &new));
        let examples = new.into_iter().map(|example| (example.id, example)).collect();
        self.write(changes, Data { examples, images, ..Data::default() })?;
        Ok(outcomes)
    }

    /// Embeddings of one gallery have one length and only finite values.
    pub(super) fn check_embeddings<'a>(
        &self,
        mut embeddings: impl Iterator<Item = &'a [f32]> + Clone,
    ) -> Result<(), GalleryError> {
        let first = embeddings.clone().next().map(<[f32]>::len);
        let Some(length) = self.embedding_length.or(first) else { return Ok(()) };
        let wrong = embeddings.find_map(|embedding| defect(embedding, length));
        wrong.map_or(Ok(()), |got| {
            // The first embedding of a gallery sets the length, but an empty one is wrong itself.
            let expected = format!("{} finite values", length.max(1));
            Err(GalleryError::Embedding { expected, got })
        })
    }

    /// Each of these examples once, with its place.
    fn named_examples(&self, ids: &[String]) -> Result<Vec<(Place, Arc<Example>)>, GalleryError> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for id in ids {
            let (place, example) = self.example(id)?;
            if seen.insert(example.id) {
                found.push((place, Arc::clone(example)));
            }
        }
        Ok(found)
    }
}

/// The changes that enroll these examples.
pub(super) fn enrolling(to: Place, new: &[Arc<Example>]) -> Vec<What> {
    let of_one_precision = new.chunk_by(|one, next| one.precision == next.precision);
    let parts = of_one_precision.flat_map(|some| some.chunks(MOST_EXAMPLES));
    let changes = parts.map(|part| What::Enroll {
        to,
        precision: part[0].precision.clone(),
        examples: part.iter().map(|example| newly_enrolled(example)).collect(),
    });
    changes.collect()
}

fn newly_enrolled(example: &Example) -> NewlyEnrolled {
    let Example { id, sha256, crop, .. } = *example;
    NewlyEnrolled { id, sha256: Sha256(sha256), crop }
}

/// Changes of at most 16 examples each.
pub(super) fn in_parts(
    ids: impl IntoIterator<Item = ExampleId>,
    change: impl Fn(Vec<ExampleId>) -> What,
) -> Vec<What> {
    let ids: Vec<ExampleId> = ids.into_iter().collect();
    ids.chunks(MOST_EXAMPLES).map(|part| change(part.to_vec())).collect()
}

/// What is wrong with an embedding that should have `length` finite values.
pub(super) fn defect(embedding: &[f32], length: usize) -> Option<String> {
    if embedding.len() != length || embedding.is_empty() {
        return Some(format!("{} values", embedding.len()));
    }
    let bad = embedding.iter().find(|value| !value.is_finite());
    bad.map(|bad| format!("a value that is {bad}"))
}
