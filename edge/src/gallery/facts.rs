//! What readers of a gallery see: its live classes and its background set, with embeddings.
//!
//! Facts follow from the [`State`] and the embeddings. A write makes only the entries anew that it
//! changes; an entry that stays is the same `Arc`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::change::Place;
use super::class::{Class, Example};
use super::id::{ClassId, ExampleId};
use super::state::{ClassStatus, Delta, ExampleState, ExampleStatus, State};

/// Examples by id.
pub(super) type Examples = HashMap<ExampleId, Arc<Example>>;

#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    classes: BTreeMap<ClassId, Arc<Class>>,
    background: Vec<Arc<Example>>,
}

impl Facts {
    /// The facts of a state. An example without an embedding is left out: another device has
    /// purged it.
    pub(super) fn new(state: &State, examples: &Examples) -> Self {
        let mut facts = Self::default();
        for id in state.labels().values() {
            facts.make(Place::Class(*id), state, examples);
        }
        facts.make(Place::Background, state, examples);
        facts
    }

    /// A class that is live in the state that these facts follow.
    pub(super) fn class(&self, id: ClassId) -> &Arc<Class> {
        &self.classes[&id]
    }

    /// The same for readers: after a panic in a commit, the state may be ahead of the facts.
    pub(super) fn get(&self, id: ClassId) -> Option<&Arc<Class>> {
        self.classes.get(&id)
    }

    pub(super) fn background(&self) -> &[Arc<Example>] {
        &self.background
    }

    /// An example of a class or of the background set.
    pub(super) fn example(&self, place: Place, id: ExampleId) -> Option<&Arc<Example>> {
        let all = self.examples(place);
        all.binary_search_by_key(&id, |example| example.id).ok().map(|at| &all[at])
    }

    fn examples(&self, place: Place) -> &[Arc<Example>] {
        match place {
            Place::Background => &self.background,
            Place::Class(id) => self.classes.get(&id).map_or(&[], |class| &class.examples),
        }
    }

    /// The examples that count in `state` and are not in these facts.
    pub(super) fn missing<'a>(
        &self,
        delta: &Delta,
        state: &'a State,
    ) -> Vec<(ExampleId, &'a ExampleState)> {
        let changed = delta.examples.iter().filter_map(|(id, before)| {
            let example = state.examples().get(id)?;
            let was = before.as_ref().and_then(place);
            let is_here = was.is_some_and(|place| self.example(place, *id).is_some());
            (place(example).is_some() && !is_here).then_some((*id, example))
        });
        changed.collect()
    }

    /// Follows a change of the state; `new` are the examples that were missing.
    pub(super) fn update(&mut self, delta: &Delta, state: &State, new: Examples) {
        let places = touched(delta, state);
        let mut known = new;
        for place in &places {
            let examples = self.examples(*place).iter();
            known.extend(examples.map(|example| (example.id, Arc::clone(example))));
        }
        for place in places {
            self.make(place, state, &known);
        }
    }

    fn make(&mut self, place: Place, state: &State, known: &Examples) {
        let members = state.members(place).into_iter();
        let examples = members.filter_map(|id| known.get(&id)).map(Arc::clone).collect();
        let Place::Class(id) = place else {
            self.background = examples;
            return;
        };
        let Some(class) = state.classes().get(&id).filter(|one| one.status == ClassStatus::Live)
        else {
            self.classes.remove(&id);
            return;
        };
        let label = class.label.clone();
        let overrides = class.overrides.clone();
        self.classes.insert(id, Arc::new(Class { id, label, overrides, examples }));
    }
}

/// The places whose entries differ.
fn touched(delta: &Delta, state: &State) -> BTreeSet<Place> {
    let mut places: BTreeSet<Place> = delta.classes.keys().copied().map(Place::Class).collect();
    for (id, before) in &delta.examples {
        places.extend(before.as_ref().and_then(place));
        places.extend(state.place_of(*id));
    }
    places
}

fn place(example: &ExampleState) -> Option<Place> {
    match example.status {
        ExampleStatus::In(place) => Some(place),
        ExampleStatus::SameAs(_) | ExampleStatus::Dropped => None,
    }
}
