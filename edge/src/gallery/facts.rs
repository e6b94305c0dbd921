//! The facts of a gallery and the rules for changing them, without any storage.
//!
//! A write has two steps: a `plan_…` function returns what would change and touches nothing, then
//! [`Facts::apply`] changes it. A journal makes the plan durable between the two, so memory is
//! never ahead of the disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use super::change::{Change, ChangeKind, Plan};
use super::class::{Class, ClassOverrides, Example, NewExample, Outcome};
use super::error::GalleryError;
use super::id::{ClassId, ExampleId};
use super::label::Label;
use super::settings::GallerySettings;

/// Everything enrolled, and the settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    revision: u64,
    classes: BTreeMap<ClassId, Class>,
    /// The folded label of each class. Sorted, since lists of classes are in that order; with the
    /// ids, since a store of an earlier version may have labels that fold to the same.
    labels: BTreeSet<(String, ClassId)>,
    /// In the order of enrollment.
    background: Vec<Example>,
    settings: GallerySettings,
}

impl Facts {
    /// Rebuilds the facts that a store holds.
    ///
    /// # Errors
    /// What is wrong with them, in a few words.
    pub(super) fn restore(
        revision: u64,
        classes: impl IntoIterator<Item = Class>,
        background: Vec<Example>,
        settings: GallerySettings,
    ) -> Result<Self, String> {
        settings.check().map_err(|error| error.to_string())?;
        let mut facts = Self { revision, background, settings, ..Self::default() };
        for class in classes {
            facts.labels.insert((class.label.folded(), class.id));
            facts.classes.insert(class.id, class);
        }
        facts.check_examples()?;
        Ok(facts)
    }

    /// Checks the restored examples of all classes and of the background set together.
    fn check_examples(&self) -> Result<(), String> {
        // A record that lost whole values at its end still decodes; only the length shows it.
        let lengths: BTreeSet<usize> = self.examples().map(|e| e.embedding.len()).collect();
        if lengths.len() > 1 {
            return Err("its embeddings have different lengths".to_owned());
        }
        // A later enrollment would give the same id to another example.
        let newer = self.examples().find(|example| example.id.revision > self.revision);
        newer.map_or(Ok(()), |example| {
            Err(format!("example {} is newer than revision {}", example.id, self.revision))
        })
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn background(&self) -> &[Example] {
        &self.background
    }

    pub(super) fn settings(&self) -> &GallerySettings {
        &self.settings
    }

    /// Every class, sorted by label.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Class> {
        self.labels.iter().map(|(_, id)| self.by_id(*id))
    }

    /// The classes that follow this label in the same order; no class needs to have it.
    pub(super) fn iter_after(&self, label: &str) -> impl Iterator<Item = &Class> {
        let last = (models::label::folded(label), ClassId(u64::MAX));
        let after = self.labels.range((Bound::Excluded(last), Bound::Unbounded));
        after.map(|(_, id)| self.by_id(*id))
    }

    pub(super) fn class(&self, id_or_label: &str) -> Result<&Class, GalleryError> {
        // No label has the form of an id, so the order of the two does not matter.
        let by_id = id_or_label.parse().ok().and_then(|id: ClassId| self.classes.get(&id));
        by_id.or_else(|| self.by_label(id_or_label)).ok_or_else(|| unknown(id_or_label))
    }

    fn by_label(&self, text: &str) -> Option<&Class> {
        let label = Label::parse(text).ok()?;
        self.find(&label).map(|id| self.by_id(id))
    }

    /// The class with this label, in any spelling that folds to the same.
    fn find(&self, label: &Label) -> Option<ClassId> {
        let folded = label.folded();
        let after = self.labels.range((folded.clone(), ClassId(0))..);
        let same: Vec<ClassId> =
            after.take_while(|(other, _)| *other == folded).map(|(_, id)| *id).collect();
        // Of several, the one that is spelled like this.
        let exact = same.iter().copied().find(|id| self.by_id(*id).label == *label);
        exact.or(same.first().copied())
    }

    /// The class of a plan or of a label of these facts.
    pub(super) fn by_id(&self, id: ClassId) -> &Class {
        &self.classes[&id]
    }

    pub(super) fn has_class(&self, id: ClassId) -> bool {
        self.classes.contains_key(&id)
    }

    pub(super) fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Number of examples of the classes and of the background set.
    pub(super) fn n_examples(&self) -> usize {
        let of_classes: usize = self.classes.values().map(|class| class.examples.len()).sum();
        of_classes + self.background.len()
    }

    /// Every example of the classes and of the background set.
    fn examples(&self) -> impl Iterator<Item = &Example> {
        self.classes.values().flat_map(|class| &class.examples).chain(&self.background)
    }

    pub(super) fn plan_enroll(
        &self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Plan<(ClassId, Vec<Outcome>)>, GalleryError> {
        let existing = self.find(label);
        if existing.is_none() && !create {
            return Err(unknown(label.as_str()));
        }
        self.check_embeddings(&examples)?;
        let class = existing.unwrap_or(self.next_id());
        let enrolled = existing.map_or(&[][..], |id| &self.by_id(id).examples);
        let (outcomes, examples) = self.without_duplicates(enrolled, examples);
        // A repeated call finds only duplicates: it changes nothing and keeps the revision.
        let is_new = existing.is_none() || !examples.is_empty();
        let kind = ChangeKind::Enroll { class, label: self.spelling(existing, label), examples };
        Ok(Plan { change: is_new.then(|| self.next(kind)), answer: (class, outcomes) })
    }

    /// Changes nothing if the background set has all these images already.
    pub(super) fn plan_enroll_background(
        &self,
        examples: Vec<NewExample>,
    ) -> Result<Plan<Vec<Outcome>>, GalleryError> {
        self.check_embeddings(&examples)?;
        let (outcomes, examples) = self.without_duplicates(&self.background, examples);
        let is_new = !examples.is_empty();
        let change = is_new.then(|| self.next(ChangeKind::EnrollBackground(examples)));
        Ok(Plan { change, answer: outcomes })
    }

    pub(super) fn plan_remove_background(
        &self,
        id: ExampleId,
    ) -> Result<Plan<Example>, GalleryError> {
        let found = self.background.iter().find(|example| example.id == id);
        let example = found.ok_or(GalleryError::UnknownExample(id))?.clone();
        Ok(Plan { change: Some(self.next(ChangeKind::RemoveBackground(id))), answer: example })
    }

    /// Separates new examples from duplicates, both of those `enrolled` and within the call.
    fn without_duplicates(
        &self,
        enrolled: &[Example],
        examples: Vec<NewExample>,
    ) -> (Vec<Outcome>, Vec<Example>) {
        let mut ids: HashMap<_, _> = enrolled.iter().map(|e| (e.sha256, e.id)).collect();
        let mut outcomes = Vec::new();
        let mut new = Vec::new();
        for NewExample { sha256, embedding, precision } in examples {
            if let Some(&example_id) = ids.get(&sha256) {
                outcomes.push(Outcome { example_id, duplicate: true });
                continue;
            }
            let index = u32::try_from(new.len()).expect("invariant: a call fits in memory");
            let id = ExampleId { revision: self.revision + 1, index };
            // The same image may be in one call twice.
            ids.insert(sha256, id);
            outcomes.push(Outcome { example_id: id, duplicate: false });
            new.push(Example { id, sha256, embedding, precision });
        }
        (outcomes, new)
    }

    /// Embeddings of one gallery have one length and only finite values.
    fn check_embeddings(&self, examples: &[NewExample]) -> Result<(), GalleryError> {
        let enrolled = self.examples().map(|example| example.embedding.len()).next();
        let first = examples.first().map(|example| example.embedding.len());
        let Some(length) = enrolled.or(first) else { return Ok(()) };
        let wrong = examples.iter().find_map(|example| defect(&example.embedding, length));
        wrong.map_or(Ok(()), |got| {
            // The first embedding of a gallery sets the length, but an empty one is wrong itself.
            let expected = format!("{} finite values", length.max(1));
            Err(GalleryError::Embedding { expected, got })
        })
    }

    /// Changes nothing if the class has these overrides already; answers whether the class is new.
    pub(super) fn plan_define(
        &self,
        label: &Label,
        overrides: ClassOverrides,
    ) -> Plan<(ClassId, bool)> {
        let existing = self.find(label);
        let class = existing.unwrap_or(self.next_id());
        let differs = existing.is_none_or(|id| self.by_id(id).overrides != overrides);
        let kind = ChangeKind::Define { class, label: self.spelling(existing, label), overrides };
        Plan { change: differs.then(|| self.next(kind)), answer: (class, existing.is_none()) }
    }

    /// Changes nothing if the class has that label already.
    pub(super) fn plan_rename(
        &self,
        id_or_label: &str,
        label: &Label,
    ) -> Result<Plan<ClassId>, GalleryError> {
        let class = self.class(id_or_label)?;
        if self.find(label).is_some_and(|owner| owner != class.id) {
            return Err(GalleryError::LabelTaken(label.clone()));
        }
        // A repeated call has what it wants already; another spelling is a change.
        let differs = class.label != *label;
        let kind = ChangeKind::Rename { class: class.id, label: label.clone() };
        Ok(Plan { change: differs.then(|| self.next(kind)), answer: class.id })
    }

    pub(super) fn plan_delete(&self, id_or_label: &str) -> Result<Plan<ClassId>, GalleryError> {
        let class = self.class(id_or_label)?.id;
        Ok(Plan { change: Some(self.next(ChangeKind::Delete { class })), answer: class })
    }

    /// Changes nothing if the gallery has these settings already.
    pub(super) fn plan_settings(
        &self,
        settings: GallerySettings,
    ) -> Result<Plan<GallerySettings>, GalleryError> {
        settings.check()?;
        let differs = settings != self.settings;
        let change = differs.then(|| self.next(ChangeKind::Settings(settings)));
        Ok(Plan { change, answer: settings })
    }

    /// A label as its class spells it: the first spelling stays.
    fn spelling(&self, existing: Option<ClassId>, label: &Label) -> Label {
        existing.map_or(label, |id| &self.by_id(id).label).clone()
    }

    /// The id of a class that the next change creates.
    fn next_id(&self) -> ClassId {
        // Revisions only grow, so no id is used again after its class is deleted.
        ClassId(self.revision + 1)
    }

    fn next(&self, kind: ChangeKind) -> Change {
        Change { revision: self.revision + 1, kind }
    }

    /// Applies a change that was planned on exactly these facts.
    pub(super) fn apply(&mut self, change: Change) {
        self.revision = change.revision;
        match change.kind {
            ChangeKind::Enroll { class, label, examples } => {
                self.entry(class, label).examples.extend(examples);
            }
            ChangeKind::Define { class, label, overrides } => {
                self.entry(class, label).overrides = overrides;
            }
            ChangeKind::Rename { class: id, label } => {
                // The former label is free again for another class.
                let class = self.classes.get_mut(&id).expect("invariant: the plan found it");
                self.labels.remove(&(class.label.folded(), id));
                self.labels.insert((label.folded(), id));
                class.label = label;
            }
            ChangeKind::Delete { class } => {
                let class = self.classes.remove(&class).expect("invariant: the plan found it");
                self.labels.remove(&(class.label.folded(), class.id));
            }
            ChangeKind::EnrollBackground(examples) => self.background.extend(examples),
            ChangeKind::RemoveBackground(id) => self.background.retain(|e| e.id != id),
            ChangeKind::Settings(settings) => self.settings = settings,
        }
    }

    /// The class, created if it does not exist.
    fn entry(&mut self, id: ClassId, label: Label) -> &mut Class {
        let labels = &mut self.labels;
        self.classes.entry(id).or_insert_with(|| {
            labels.insert((label.folded(), id));
            Class::new(id, label)
        })
    }
}

/// What is wrong with an embedding that should have `length` finite values.
fn defect(embedding: &[f32], length: usize) -> Option<String> {
    if embedding.len() != length || embedding.is_empty() {
        return Some(format!("{} values", embedding.len()));
    }
    let bad = embedding.iter().find(|value| !value.is_finite());
    bad.map(|bad| format!("a value that is {bad}"))
}

fn unknown(class: &str) -> GalleryError {
    // A hostile name may be long; the answer need not be.
    GalleryError::UnknownClass(class.chars().take(128).collect())
}
