//! What `handful engines list` and `clear` print.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use edge::engine::cache::{About, CacheError, EngineCache, Listed, MadeFor};
use models::utc;
use serde::Serialize;

use super::place::Used;
use crate::text::{Align, table};

/// The digits of a key that people see and type.
const SHOWN_DIGITS: usize = 12;

/// All engines of the cache.
#[derive(Debug, Serialize)]
pub(super) struct List {
    folder: String,
    max_bytes: u64,
    bytes: u64,
    /// The bundle whose engines are used here; `None` if there is none.
    bundle: Option<String>,
    /// Why there is no bundle.
    no_bundle: Option<String>,
    engines: Vec<Row>,
}

/// One engine.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    key: String,
    bundle: Option<String>,
    provider: Option<String>,
    precision: Option<String>,
    bytes: u64,
    /// When it was used last.
    used: String,
    build_ms: Option<u64>,
    image_ms: Option<f64>,
    /// Whether the bundle uses it on this machine; `None` without a bundle.
    in_use: Option<bool>,
    /// What it was built for, if the bundle does not use it.
    built_for: Option<String>,
    /// Why it cannot be used: damaged, or of another version of this program.
    reason: Option<String>,
}

/// The engines that were removed.
#[derive(Debug, Serialize)]
pub(super) struct Cleared {
    folder: String,
    bytes: u64,
    removed: Vec<Row>,
}

impl List {
    pub(super) fn of(cache: &EngineCache, used: Result<Used, String>) -> Result<Self, CacheError> {
        let made_for = used.as_ref().ok().map(|used| &used.made_for[..]);
        let engines: Vec<Row> = cache.list()?.iter().map(|one| Row::of(one, made_for)).collect();
        Ok(Self {
            bundle: used.as_ref().ok().map(|used| used.bundle.clone()),
            no_bundle: used.err(),
            folder: cache.root().display().to_string(),
            max_bytes: cache.max_bytes(),
            bytes: engines.iter().map(|engine| engine.bytes).sum(),
            engines,
        })
    }
}

impl Row {
    fn of(listed: &Listed, used: Option<&[MadeFor]>) -> Self {
        let about = listed.about.as_ref();
        let text = |of: fn(&About) -> &String| about.ok().map(|about| of(about).clone());
        Self {
            key: listed.key.to_string(),
            bundle: text(|about| &about.bundle),
            provider: text(|about| &about.made_for.provider),
            precision: text(|about| &about.made_for.precision),
            bytes: listed.bytes,
            used: time(listed.used),
            build_ms: about.ok().map(|about| about.build_ms),
            image_ms: about.ok().and_then(|about| Some(about.image_ms?.get())),
            in_use: used.map(|used| used.iter().any(|one| one.key() == listed.key)),
            built_for: about.ok().zip(used).and_then(|(about, used)| built_for(about, used)),
            reason: about.err().cloned(),
        }
    }

    /// The cells of [`COLUMNS`].
    fn cells(&self) -> Vec<String> {
        let seconds = self.build_ms.map(|ms| format!("{:.0}", ms as f64 / 1e3));
        let state = match (&self.reason, self.in_use) {
            (Some(reason), _) => format!("refused: {reason}"),
            (None, None) => String::new(),
            (None, Some(true)) => "used here".to_owned(),
            (None, Some(false)) => match &self.built_for {
                Some(built_for) => format!("not used here: built for {built_for}"),
                None => "not used here".to_owned(),
            },
        };
        vec![
            self.key.chars().take(SHOWN_DIGITS).collect(),
            self.bundle.clone().unwrap_or_default(),
            self.provider.clone().unwrap_or_default(),
            self.precision.clone().unwrap_or_default(),
            format!("{:.1}", self.bytes as f64 / 1e6),
            seconds.unwrap_or_default(),
            self.image_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(),
            self.used.split('T').next().unwrap_or_default().to_owned(),
            state,
        ]
    }
}

/// What an engine was built for, other than those that are used; `None` if it is one of them.
fn built_for(about: &About, used: &[MadeFor]) -> Option<String> {
    // That of the same file says more than that of another one.
    let nearest = used.iter().max_by_key(|one| {
        (one.precision == about.made_for.precision, one.model == about.made_for.model)
    });
    about.made_for.difference(nearest?)
}

const COLUMNS: [(&str, Align); 9] = [
    ("key", Align::Left),
    ("bundle", Align::Left),
    ("engine", Align::Left),
    ("precision", Align::Left),
    ("MB", Align::Right),
    ("build s", Align::Right),
    ("image ms", Align::Right),
    ("last used", Align::Left),
    ("state", Align::Left),
];

fn time(at: SystemTime) -> String {
    let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    utc::rfc3339(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, max_bytes, bytes, bundle, no_bundle, engines } = self;
        if engines.is_empty() {
            return writeln!(f, "no engine is built in {folder}");
        }
        let rows: Vec<_> = engines.iter().map(Row::cells).collect();
        write!(f, "{}", table(&COLUMNS, &rows))?;
        let mb = *bytes as f64 / 1e6;
        let most = *max_bytes as f64 / 1e6;
        writeln!(
            f,
            "{mb:.1} MB of at most {most:.0} MB in {folder}; beyond that, those that were not used \
             for the longest time are removed"
        )?;
        match (bundle, no_bundle) {
            (Some(bundle), _) => writeln!(
                f,
                "used here: by the bundle {bundle} with these settings on this machine, if \
                 TensorRT is faster than the other engines"
            ),
            (None, Some(reason)) => writeln!(f, "which of them are used is not known: {reason}"),
            (None, None) => Ok(()),
        }
    }
}

impl Cleared {
    pub(super) fn of(cache: &EngineCache, removed: &[Listed]) -> Self {
        Self {
            folder: cache.root().display().to_string(),
            bytes: removed.iter().map(|one| one.bytes).sum(),
            removed: removed.iter().map(|one| Row::of(one, None)).collect(),
        }
    }
}

impl fmt::Display for Cleared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, bytes, removed } = self;
        let mb = *bytes as f64 / 1e6;
        match removed.len() {
            0 => writeln!(f, "nothing to remove in {folder}"),
            1 => writeln!(f, "1 engine removed from {folder}: {mb:.1} MB"),
            n => writeln!(f, "{n} engines removed from {folder}: {mb:.1} MB"),
        }
    }
}
