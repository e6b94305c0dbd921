//! Built engines on the disk, so that TensorRT builds one for a network and a machine only once.
//!
//! Each engine has a folder of its own, named by its [`Key`]: a hash of all that it was built for.
//! A folder appears whole or not at all: its files are written into a hidden folder beside it,
//! which is renamed at the end. Its `manifest.json` has the size and the SHA-256 of each file, so
//! that a cut file, or one of another version, is not given to an engine; such a folder is removed.
//! Several processes may share the cache: each locks it while it removes or replaces an engine.
//!
//! All engines together have a largest size. Beyond it, those are removed that were not used for
//! the longest time, but never the newest one.
//!
//! # Examples
//! ```
//! use edge::engine::cache::{About, EngineCache, Found, Machine, MadeFor};
//! use edge::engine::{CONTEXT_FILE, GpuOptions, Model, Provider, built_options};
//! use models::bundle::Precision;
//! use models::hex;
//!
//! let folder = tempfile::tempdir()?;
//! let cache = EngineCache::new(folder.path().join("engines"));
//! let model = Model { onnx: b"onnx", inputs: &[], max_batch: 8, precision: Precision::Fp16 };
//! let options = built_options(&model, Provider::TensorRt, &GpuOptions::default());
//! let sha256 = hex::sha256(model.onnx);
//! let machine = Machine::default();
//! let made_for = MadeFor::new(&sha256, model.precision, Provider::TensorRt, &machine, options);
//! assert!(matches!(cache.open(&made_for.key()), Found::Absent));
//!
//! let new = cache.begin(&made_for.key())?;
//! std::fs::write(new.folder().join(CONTEXT_FILE), "the engine")?;
//! let about = About { made_for, bundle: "tiny".to_owned(), build_ms: 9_000, image_ms: None };
//! let stored = new.finish(about)?;
//! assert!(stored.entry.folder.join(CONTEXT_FILE).is_file());
//! assert_eq!(cache.list()?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod folder;
mod key;
mod leftovers;
mod new_entry;

pub use entry::{About, Milliseconds};
pub use folder::{CacheError, Clear, DEFAULT_MAX_BYTES, EngineCache, Entry, Found, Listed, Stored};
pub use key::{Key, Machine, MadeFor};
pub use new_entry::NewEntry;

#[cfg(test)]
mod tests;
