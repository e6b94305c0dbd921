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
    /// The same in the order of folded labels. They lie side by side, because a classifier walks
    /// over all of them after each change.
    in_order: Vec<Arc<Class>>,
    background: Vec<Arc<Example>>,
}

impl Facts {
    /// The facts of a state. An example without an embedding is left out: another device has
    /// purged it.
    pub(super) fn new(state: &State, examples: &Examples) -> Self {
        let live = state.labels().values();
        let in_order: Vec<Arc<Class>> =
            live.filter_map(|id| live_class(*id, state, examples)).collect();
        let classes = in_order.iter().map(|class| (class.id, Arc::clone(class))).collect();
        Self { classes, in_order, background: members(Place::Background, state, examples) }
    }

    /// All classes, in the order of folded labels.
    pub(super) fn classes(&self) -> &[Arc<Class>] {
        &self.in_order
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
            let was = before.as_deref().and_then(place);
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
        let Place::Class(id) = place else {
            self.background = members(place, state, known);
            return;
        };
        if let Some(former) = self.classes.remove(&id) {
            let at = self.position(&former);
            self.in_order.remove(at);
        }
        if let Some(class) = live_class(id, state, known) {
            let at = self.position(&class);
            self.in_order.insert(at, Arc::clone(&class));
            self.classes.insert(id, class);
        }
    }

    /// The position of a class in the order of labels, whether it is there or not.
    fn position(&self, class: &Class) -> usize {
        let label = class.label.folded();
        // While a change is followed, a class may have a label that another one is about to lose.
        self.in_order.partition_point(|other| {
            other.label.folded().cmp(&label).then(other.id.cmp(&class.id)).is_lt()
        })
    }
}

/// The examples of a place, of those that are known.
fn members(place: Place, state: &State, known: &Examples) -> Vec<Arc<Example>> {
    let members = state.members(place).into_iter();
    members.filter_map(|id| known.get(&id)).map(Arc::clone).collect()
}

/// A class with its examples; `None` unless it is live.
fn live_class(id: ClassId, state: &State, known: &Examples) -> Option<Arc<Class>> {
    let class = state.classes().get(&id).filter(|one| one.status == ClassStatus::Live)?;
    let label = class.label.clone();
    let overrides = class.overrides.clone();
    let examples = members(Place::Class(id), state, known);
    Some(Arc::new(Class { id, label, overrides, examples }))
}

/// The places whose entries differ.
fn touched(delta: &Delta, state: &State) -> BTreeSet<Place> {
    let mut places: BTreeSet<Place> = delta.classes.keys().copied().map(Place::Class).collect();
    for (id, before) in &delta.examples {
        places.extend(before.as_deref().and_then(place));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Gallery, Label};

    fn label(text: &str) -> Label {
        Label::parse(text).unwrap()
    }

    fn labels(gallery: &Gallery) -> Vec<&str> {
        gallery.iter().map(|class| class.label.as_str()).collect()
    }

    #[test]
    fn classes_stay_in_the_order_of_labels_without_regard_to_case() {
        let mut gallery = Gallery::in_memory();
        for text in ["mug", "Key", "cup", "Zebra", "apple"] {
            gallery.enroll(&label(text), Vec::new(), true).unwrap();
        }
        assert_eq!(labels(&gallery), ["apple", "cup", "Key", "mug", "Zebra"]);
        gallery.rename("mug", &label("Axe")).unwrap();
        assert_eq!(labels(&gallery), ["apple", "Axe", "cup", "Key", "Zebra"]);
        gallery.rename("Key", &label("KEY")).unwrap();
        gallery.delete("cup").unwrap();
        assert_eq!(labels(&gallery), ["apple", "Axe", "KEY", "Zebra"]);
        gallery.rename("apple", &label("zoo")).unwrap();
        gallery.rename("Zebra", &label("apple")).unwrap();
        assert_eq!(labels(&gallery), ["apple", "Axe", "KEY", "zoo"]);
    }

    #[test]
    fn labels_that_trade_places_in_one_change_leave_each_class_once() {
        let mut gallery = Gallery::in_memory();
        let [key, mug] = ["key", "mug"]
            .map(|text| gallery.enroll(&label(text), Vec::new(), true).unwrap().class.id);
        let before = gallery.state.clone();
        gallery.rename("key", &label("other")).unwrap();
        gallery.rename("mug", &label("key")).unwrap();
        gallery.rename("other", &label("mug")).unwrap();
        let mut facts = gallery.facts.clone();
        let mut state = gallery.state.clone();
        state.replace(before);
        let delta = state.take_delta();
        assert_eq!(delta.classes.len(), 2, "both at once");
        facts.update(&delta, &state, super::Examples::new());
        let ids: Vec<_> = facts.classes().iter().map(|class| class.id).collect();
        assert_eq!(ids, [key, mug]);
        assert_eq!(facts.class(key).label, label("key"));
    }
}
