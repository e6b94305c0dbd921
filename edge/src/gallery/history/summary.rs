//! What a call did, in a line for people.

use std::collections::HashMap;

use crate::gallery::change::{Change, Place, What};
use crate::gallery::id::{ClassId, ExampleId, GroupId};

/// The verb of an undo.
const UNDID: &str = "undid:";

/// The verb of an undo of an undo.
const REDID: &str = "redid:";

/// Follows a history from the oldest call on and describes each call.
#[derive(Default)]
pub(super) struct Summaries {
    labels: HashMap<ClassId, String>,
    places: HashMap<ExampleId, Place>,
    of_groups: HashMap<GroupId, Vec<Phrase>>,
}

/// A phrase of a line: `enrolled 3 images in "mug"`.
#[derive(PartialEq)]
struct Phrase {
    verb: &'static str,
    images: usize,
    object: String,
}

impl Summaries {
    /// Describes the next call. One that is undone moves and renames nothing for the later ones.
    pub(super) fn of(&mut self, group: GroupId, changes: &[&Change], counts: bool) -> String {
        let mut phrases: Vec<Phrase> = Vec::new();
        for change in changes {
            let phrase = self.phrase(&change.what);
            if counts || matches!(change.what, What::CreateClass { .. } | What::Enroll { .. }) {
                self.follow(&change.what);
            }
            // A large call has many changes of one kind.
            let same = phrases
                .iter_mut()
                .find(|one| one.verb == phrase.verb && one.object == phrase.object);
            match same {
                Some(same) => same.images += phrase.images,
                None => phrases.push(phrase),
            }
        }
        if phrases.iter().any(|phrase| phrase.verb == "enrolled") {
            phrases.retain(|phrase| phrase.verb != "created");
        }
        let summary = joined(&phrases);
        self.of_groups.insert(group, phrases);
        summary
    }

    fn phrase(&self, what: &What) -> Phrase {
        match what {
            What::CreateClass { label, .. } => Phrase::of("created", format!("\"{label}\"")),
            What::Enroll { to, examples, .. } => Phrase {
                images: examples.len(),
                ..Phrase::of("enrolled", format!("in {}", self.name(*to)))
            },
            What::Remove { examples } => {
                let place = examples.first().and_then(|id| self.places.get(id));
                let from = place.map(|place| format!("from {}", self.name(*place)));
                Phrase { images: examples.len(), ..Phrase::of("removed", from.unwrap_or_default()) }
            }
            What::Move { examples, to } => Phrase {
                images: examples.len(),
                ..Phrase::of("moved", format!("to {}", self.name(*to)))
            },
            What::Rename { class, label } => {
                Phrase::of("renamed", format!("{} to \"{label}\"", self.class(*class)))
            }
            What::Define { class, .. } => Phrase::of("defined", self.class(*class)),
            What::DeleteClass { class } => Phrase::of("deleted", self.class(*class)),
            What::Merge { from, into } => {
                Phrase::of("merged", format!("{} into {}", self.class(*from), self.class(*into)))
            }
            What::Settings(settings) => {
                let names: Vec<&str> = settings.iter().map(|setting| setting.name()).collect();
                Phrase::of("set", names.join(", "))
            }
            What::Undo { group } => self.undo(*group),
            What::Purge { examples } => {
                Phrase { images: examples.len(), ..Phrase::of("purged", String::new()) }
            }
            What::PurgeGallery { gallery } => Phrase::of("purged", self.class(ClassId(gallery.0))),
            What::Reembed { to, .. } => {
                Phrase::of("re-embedded", format!("with another model (space {:.12}…)", to.id))
            }
        }
    }

    /// The undo of this call; that of an undo names what is done again, and not the undo.
    fn undo(&self, group: GroupId) -> Phrase {
        let Some(undone) = self.of_groups.get(&group) else {
            return Phrase::of(UNDID, group.short());
        };
        let objects: Vec<&str> = undone.iter().map(|phrase| phrase.object.as_str()).collect();
        if undone.iter().all(|phrase| phrase.verb == UNDID) {
            Phrase::of(REDID, listed(&objects))
        } else if undone.iter().all(|phrase| phrase.verb == REDID) {
            Phrase::of(UNDID, listed(&objects))
        } else {
            Phrase::of(UNDID, joined(undone))
        }
    }

    fn name(&self, place: Place) -> String {
        match place {
            Place::Class(class) => self.class(class),
            Place::Background => "the background set".to_owned(),
        }
    }

    fn class(&self, class: ClassId) -> String {
        self.labels.get(&class).map_or_else(|| class.short(), |label| format!("\"{label}\""))
    }

    fn follow(&mut self, what: &What) {
        match what {
            What::CreateClass { class, label } | What::Rename { class, label } => {
                self.labels.insert(*class, label.to_string());
            }
            What::Enroll { to, examples, .. } => {
                self.places.extend(examples.iter().map(|example| (example.id, *to)));
            }
            What::Move { examples, to } => {
                self.places.extend(examples.iter().map(|id| (*id, *to)));
            }
            _ => {}
        }
    }
}

fn joined(phrases: &[Phrase]) -> String {
    let texts: Vec<String> = phrases.iter().map(Phrase::text).collect();
    listed(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The first of several texts, and how many others there are: a call may undo thousands.
fn listed(texts: &[&str]) -> String {
    const MOST: usize = 8;
    let first = texts[..texts.len().min(MOST)].join(", ");
    match texts.len().saturating_sub(MOST) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

impl Phrase {
    fn of(verb: &'static str, object: String) -> Self {
        Self { verb, images: 0, object }
    }

    fn text(&self) -> String {
        let images = match self.images {
            0 => String::new(),
            1 => " 1 image".to_owned(),
            n => format!(" {n} images"),
        };
        let object =
            if self.object.is_empty() { String::new() } else { format!(" {}", self.object) };
        format!("{}{images}{object}", self.verb)
    }
}
