//! The engine in use, which can be replaced while requests run.
//!
//! [`Slot`] owns the engine, on one thread. A request takes an [`EngineLease`] with its first image
//! and stays on one engine to its end. Between two requests the slot takes in an engine that is
//! ready. One that fails later gives its place back to the one before.
//!
//! Which engine comes next, and whether it is right and faster, is found in the background: see
//! [`Tuning`]. [`EngineWatch`] shows the states of all engines.
//!
//! # Examples
//! ```
//! use edge::embedder::Embedder;
//! use edge::engine::{EngineChoice, EngineOptions};
//! use edge::slot::{Builder, Tuning};
//! use models::bundle::{Bundle, BundleLimits};
//!
//! let bundle = Bundle::open("tests/fixtures/tiny-bundle".as_ref(), &BundleLimits::default())?;
//! // A program that passes `build-engine` on to `slot::build_as_child` can build for itself.
//! let tuning = Tuning::new(Builder::of("handful".into()), None);
//! let options = EngineOptions::default();
//! let embedder = Embedder::open_tuned(&bundle, EngineChoice::Auto, &options, &tuning)?;
//! assert_eq!(embedder.watch().states().serving.kind.provider, embedder.provider());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrival;
mod child;
mod in_use;
mod remembered;
mod same_bundle;
mod starter;
mod tuner;
mod tuning;
mod watch;

pub use child::{Builder, Job, Limits, RefusedBuild, SUBCOMMAND, build_as_child};
pub use in_use::{EngineLease, Running, Slot};
pub use remembered::remember_built;
pub use same_bundle::SameBundle;
pub use starter::{Starter, StartsEngines};
pub use tuning::Tuning;
pub use watch::EngineWatch;

pub(crate) use tuner::tune;
pub(crate) use tuning::TuningFacts;
