//! The facts of a gallery and the rules for changing them, without any storage.
//!
//! A write has two steps: a `plan_…` says what would change, touching nothing; [`Facts::apply`]
//! changes it. A store puts the plan on the disk between the two, so memory never runs ahead of the
//! disk and both galleries follow the same rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Class, ClassId, Definition, Enrolled, Example, ExampleId, GalleryError, Label, NewExample,
    Outcome,
};

/// Everything enrolled.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Facts {
    revision: u64,
    classes: BTreeMap<ClassId, Class>,
    labels: BTreeMap<Label, ClassId>,
}

/// One write, decided and not yet done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// The revision after it.
    pub(super) revision: u64,
    pub(super) what: What,
}

/// What a write changes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// The class (made if it does not exist) gets these examples, in this order.
    Enroll {
        class: ClassId,
        label: Label,
        examples: Vec<Example>,
    },
    /// The class (made if it does not exist) is what is said.
    Define {
        class: ClassId,
        label: Label,
        said: Definition,
    },
    Rename {
        class: ClassId,
        label: Label,
    },
    Delete {
        class: ClassId,
    },
}

/// An enrollment that is decided: its outcomes, and a change if there is anything new.
pub(super) struct Enrollment {
    pub(super) class: ClassId,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) change: Option<Change>,
}

impl Facts {
    /// Rebuilds the facts that a store holds.
    ///
    /// # Errors
    /// What is wrong with them, in a few words.
    pub(super) fn restore(
        revision: u64,
        classes: impl IntoIterator<Item = Class>,
    ) -> Result<Self, String> {
        let mut facts = Self { revision, ..Self::default() };
        for class in classes {
            if facts.labels.insert(class.label.clone(), class.id).is_some() {
                return Err(format!("two classes are called `{}`", class.label));
            }
            facts.classes.insert(class.id, class);
        }
        let embeddings = || facts.classes.values().flat_map(|c| &c.examples).map(|e| &e.embedding);
        if embeddings().map(Vec::len).collect::<BTreeSet<_>>().len() > 1 {
            return Err("its embeddings have different lengths".to_owned());
        }
        Ok(facts)
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Every class, sorted by label.
    pub(super) fn classes(&self) -> Vec<Class> {
        self.labels.values().map(|id| self.by_id(*id).clone()).collect()
    }

    pub(super) fn class(&self, id_or_label: &str) -> Result<&Class, GalleryError> {
        let by_id = id_or_label.parse().ok().and_then(|id: ClassId| self.classes.get(&id));
        let by_label = || Some(self.by_id(*self.labels.get(&Label::parse(id_or_label).ok()?)?));
        by_id.or_else(by_label).ok_or_else(|| unknown(id_or_label))
    }

    fn by_id(&self, id: ClassId) -> &Class {
        &self.classes[&id]
    }

    pub(super) fn plan_enroll(
        &self,
        label: &Label,
        examples: Vec<NewExample>,
        create: bool,
    ) -> Result<Enrollment, GalleryError> {
        let existing = self.labels.get(label).copied();
        if existing.is_none() && !create {
            return Err(unknown(label.as_str()));
        }
        self.check_embeddings(&examples)?;
        let revision = self.revision + 1;
        let class = existing.unwrap_or(ClassId(revision));
        let (outcomes, examples) = self.sort_out(existing, revision, examples);
        let is_new = existing.is_none() || !examples.is_empty();
        let what = What::Enroll { class, label: label.clone(), examples };
        let change = is_new.then_some(Change { revision, what });
        Ok(Enrollment { class, outcomes, change })
    }

    /// Tells duplicates, of what the class has and within the call, from new examples.
    fn sort_out(
        &self,
        class: Option<ClassId>,
        revision: u64,
        examples: Vec<NewExample>,
    ) -> (Vec<Outcome>, Vec<Example>) {
        let known = class.map_or(&[][..], |id| &self.by_id(id).examples);
        let mut ids: HashMap<_, _> = known.iter().map(|e| (e.sha256, e.id)).collect();
        let (mut outcomes, mut fresh) = (Vec::new(), Vec::new());
        for NewExample { sha256, embedding, precision } in examples {
            if let Some(&example_id) = ids.get(&sha256) {
                outcomes.push(Outcome { example_id, duplicate: true });
                continue;
            }
            let index = u32::try_from(fresh.len()).expect("invariant: a call fits in memory");
            let id = ExampleId { revision, index };
            ids.insert(sha256, id);
            outcomes.push(Outcome { example_id: id, duplicate: false });
            fresh.push(Example { id, sha256, embedding, precision });
        }
        (outcomes, fresh)
    }

    /// Embeddings of one gallery have one length and only finite values.
    fn check_embeddings(&self, examples: &[NewExample]) -> Result<(), GalleryError> {
        let known = self.classes.values().flat_map(|class| &class.examples);
        let lengths = known.map(|e| e.embedding.len());
        let Some(expected) = lengths.chain(examples.iter().map(|e| e.embedding.len())).next()
        else {
            return Ok(());
        };
        let refused = |got: String| {
            let expected = format!("{} finite values", expected.max(1));
            Err(GalleryError::Embedding { expected, got })
        };
        for NewExample { embedding, .. } in examples {
            if embedding.len() != expected || embedding.is_empty() {
                return refused(format!("{} values", embedding.len()));
            }
            if let Some(bad) = embedding.iter().find(|v| !v.is_finite()) {
                return refused(format!("a value that is {bad}"));
            }
        }
        Ok(())
    }

    /// The class, whether it is new, and a change if it is or something else is said now.
    pub(super) fn plan_define(
        &self,
        label: &Label,
        said: Definition,
    ) -> (ClassId, bool, Option<Change>) {
        let existing = self.labels.get(label).copied();
        let class = existing.unwrap_or(ClassId(self.revision + 1));
        let differs = existing.is_none_or(|id| self.by_id(id).said != said);
        let what = || What::Define { class, label: label.clone(), said };
        (class, existing.is_none(), differs.then(|| self.next(what())))
    }

    /// `None` if the class has that label already.
    pub(super) fn plan_rename(
        &self,
        id_or_label: &str,
        label: &Label,
    ) -> Result<(ClassId, Option<Change>), GalleryError> {
        let class = self.class(id_or_label)?.id;
        match self.labels.get(label) {
            Some(&owner) if owner == class => Ok((class, None)),
            Some(_) => Err(GalleryError::LabelTaken(label.clone())),
            None => Ok((class, Some(self.next(What::Rename { class, label: label.clone() })))),
        }
    }

    pub(super) fn plan_delete(&self, id_or_label: &str) -> Result<(ClassId, Change), GalleryError> {
        let class = self.class(id_or_label)?.id;
        Ok((class, self.next(What::Delete { class })))
    }

    fn next(&self, what: What) -> Change {
        Change { revision: self.revision + 1, what }
    }

    /// Does what a plan of these very facts decided.
    pub(super) fn apply(&mut self, change: Change) {
        self.revision = change.revision;
        match change.what {
            What::Enroll { class: id, label, examples } => {
                self.labels.insert(label.clone(), id);
                let said = Definition::default();
                let new = || Class { id, label, said, examples: Vec::new() };
                self.classes.entry(id).or_insert_with(new).examples.extend(examples);
            }
            What::Define { class: id, label, said } => {
                self.labels.insert(label.clone(), id);
                let new = || Class { id, label, said: Definition::default(), examples: Vec::new() };
                self.classes.entry(id).or_insert_with(new).said = said;
            }
            What::Rename { class: id, label } => {
                let class = self.classes.get_mut(&id).expect("invariant: the plan found it");
                self.labels.remove(&class.label);
                self.labels.insert(label.clone(), id);
                class.label = label;
            }
            What::Delete { class } => {
                let class = self.classes.remove(&class).expect("invariant: the plan found it");
                self.labels.remove(&class.label);
            }
        }
    }

    /// The answer to an enrollment that has been applied.
    pub(super) fn enrolled(&self, class: ClassId, outcomes: Vec<Outcome>) -> Enrolled {
        Enrolled { class: self.by_id(class).clone(), outcomes, revision: self.revision }
    }

    pub(super) fn copy_of(&self, class: ClassId) -> Class {
        self.by_id(class).clone()
    }
}

fn unknown(class: &str) -> GalleryError {
    // A hostile name may be long; the answer need not be.
    GalleryError::UnknownClass(class.chars().take(128).collect())
}
