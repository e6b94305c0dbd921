//! `handful keys`: makes, lists and revokes the keys of the service.
//!
//! The store is not opened, so that the command works while the service has it.

use std::fmt;
use std::path::Path;

use access::Role;
use access::keys::{Key, Keys};
use clap::{Args, Subcommand};
use edge::device::Device;
use models::disk::private;
use models::fault::AnyFault;
use serde::Serialize;
use terminal::note;

use crate::text::{Align, show, table};

const EXAMPLES: &str = "\
Examples:
  handful keys add phone --role admin
  handful keys add camera --role enroll --gallery \"line 2\"   only for this gallery
  handful keys add dashboard --role read --json              for scripts
  handful keys list
  handful keys revoke camera

Roles: read classifies and reads, enroll changes classes and examples too, admin may do everything.
A key is for all galleries, unless --gallery or HANDFUL_GALLERY is set when it is added; both take
the name or the id of a gallery. It is stored as a hash and shown once. The commands work while
handful-server runs, which takes notice by itself. While no key was ever made, a service that is
reached only from this machine is open; the first key closes it to everyone without a key.";

/// Make, list and revoke the keys of the service
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key, which is shown once; with --gallery only for that gallery
    Add {
        /// Name of the key: who has it. The history shows it with each change
        name: String,

        /// What its holder may do: read, enroll or admin
        #[arg(long)]
        role: Role,
    },
    /// List the keys with their roles and galleries
    List,
    /// Take a key back; its holder is refused at once
    Revoke {
        /// Name of the key
        name: String,
    },
}

pub(crate) fn run(
    options: &Options,
    gallery: Option<&str>,
    device: &Device,
) -> Result<(), AnyFault> {
    let store = device.store_dir()?;
    let was_exposed = Keys::is_exposed(&store);
    match &options.action {
        Action::Add { name, role } => add(name, *role, gallery, &store, options.json)?,
        Action::List => show(&List::of(Keys::read(&store)?), options.json)?,
        Action::Revoke { name } => revoke(name, &store, options.json)?,
    }
    if was_exposed {
        warn_of_others(&store);
    }
    if private::may_all_replace(&store) {
        let store = store.display();
        note!(
            "warning: every user of this machine may replace the files of {store}, and so the \
             keys; forbid it with: chmod o-w \"{store}\""
        );
    }
    Ok(())
}

/// Other users had rights to the file; a change has taken them away.
fn warn_of_others(store: &Path) {
    let path = Keys::path(store);
    let path = path.display();
    match Keys::is_exposed(store) {
        true => note!(
            "warning: other users of this machine may read or write {path}; forbid it with: chmod \
             600 \"{path}\""
        ),
        false => note!(
            "warning: other users of this machine could read or write {path} until now; check the \
             list of keys"
        ),
    }
}

fn add(
    name: &str,
    role: Role,
    gallery: Option<&str>,
    store: &Path,
    json: bool,
) -> Result<(), AnyFault> {
    let secret = Keys::add(store, name, role, gallery)?;
    let answer = Added {
        name: name.to_owned(),
        role,
        gallery: gallery.map(str::to_owned),
        key: secret.to_string(),
    };
    show(&answer, json)
}

fn revoke(name: &str, store: &Path, json: bool) -> Result<(), AnyFault> {
    let revoked = Keys::revoke(store, name)?;
    let left = Keys::read(store)?.map_or(0, |keys| keys.list().len());
    show(&Revoked { key: KeyAnswer::of(&revoked), left }, json)
}

#[derive(Debug, Serialize)]
struct Added {
    name: String,
    role: Role,
    /// Null if the key is for all galleries.
    gallery: Option<String>,
    key: String,
}

#[derive(Debug, Serialize)]
struct KeyAnswer {
    name: String,
    role: Role,
    /// Null if the key is for all galleries.
    gallery: Option<String>,
    created_at: String,
}

#[derive(Debug, Serialize)]
struct List {
    /// Whether no key was ever made, so that a service on loopback refuses no one.
    open: bool,
    keys: Vec<KeyAnswer>,
}

#[derive(Debug, Serialize)]
struct Revoked {
    #[serde(flatten)]
    key: KeyAnswer,
    /// How many keys there are still.
    left: usize,
}

impl KeyAnswer {
    fn of(key: &Key) -> Self {
        Self {
            name: key.name.clone(),
            role: key.role,
            gallery: key.gallery.clone(),
            created_at: key.created_at.clone(),
        }
    }

    /// The cells of [`COLUMNS`].
    fn row(&self) -> Vec<String> {
        // Minutes are enough for people; the form of the time was checked.
        let created = self.created_at.get(..16).unwrap_or(&self.created_at).replace('T', " ");
        vec![self.name.clone(), self.role.to_string(), shown(self.gallery.as_deref()), created]
    }
}

impl List {
    fn of(keys: Option<Keys>) -> Self {
        let open = keys.is_none();
        let keys = keys.iter().flat_map(Keys::list).map(KeyAnswer::of).collect();
        Self { open, keys }
    }
}

fn shown(gallery: Option<&str>) -> String {
    gallery.unwrap_or("(all)").to_owned()
}

const COLUMNS: [(&str, Align); 4] = [
    ("name", Align::Left),
    ("role", Align::Left),
    ("gallery", Align::Left),
    ("created (UTC)", Align::Left),
];

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, gallery, key } = self;
        let gallery = match gallery {
            Some(gallery) => format!("the gallery `{gallery}`"),
            None => "all galleries".to_owned(),
        };
        // First and on a line of its own, for `head -1`.
        writeln!(f, "{key}")?;
        writeln!(f, "this is the key `{name}` (role {role}, {gallery}); it is not shown again")?;
        writeln!(
            f,
            "use it with: curl -H \"Authorization: Bearer KEY\" http://127.0.0.1:8080/v1/galleries"
        )
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.open {
            return writeln!(
                f,
                "no key was ever made: a service that only this machine reaches is open; make a \
                 key with `handful keys add NAME --role admin`"
            );
        }
        if self.keys.is_empty() {
            return writeln!(f, "{CLOSED}");
        }
        let rows: Vec<_> = self.keys.iter().map(KeyAnswer::row).collect();
        f.write_str(&table(&COLUMNS, &rows))
    }
}

const CLOSED: &str = "\
there is no key any more: the service refuses everyone until one is added with `handful keys add`
without the file keys.json in the store, a service that only this machine reaches would be open";

impl fmt::Display for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "revoked the key `{}`; its holder is refused from now on", self.key.name)?;
        match self.left {
            0 => writeln!(f, "{CLOSED}"),
            _ => Ok(()),
        }
    }
}
