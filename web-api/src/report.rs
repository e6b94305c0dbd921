//! The start-up report: bundle, engine, name knowledge and store.

use std::fmt;
use std::path::PathBuf;

use edge::recognizer::{Availability, GallerySummary};

use crate::wire;

/// Where the parts of the recognizer were found.
#[derive(Debug)]
pub struct Places {
    /// The bundle's folder.
    pub bundle: PathBuf,
    /// The store's folder.
    pub store: PathBuf,
    /// ONNX Runtime's library, if one was found.
    pub onnxruntime: Option<PathBuf>,
}

/// What the service prints of its recognizer before it serves.
pub struct Report<'a> {
    /// Where the parts were found.
    pub places: &'a Places,
    /// The response of `GET /version`.
    pub version: &'a wire::Version,
    /// Whether the bundle has name knowledge.
    pub names: &'a Availability,
    /// Whether attributes have weights in explanations.
    pub attribute_weights: &'a Availability,
    /// The gallery.
    pub gallery: GallerySummary,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire::Version { bundle, .. } = self.version;
        let GallerySummary { classes, examples, .. } = self.gallery;
        writeln!(f, "  bundle  {} ({})", bundle.name, self.places.bundle.display())?;
        self.write_engine(f)?;
        self.write_names(f)?;
        let store = self.places.store.display();
        writeln!(f, "  store   {store} ({classes} classes, {examples} examples)")
    }
}

impl Report<'_> {
    fn write_engine(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire::Engine { provider, precision, rejected, .. } = &self.version.engine;
        write!(f, "  engine  {provider} in {precision}, passed the bundle's self-test")?;
        match &self.places.onnxruntime {
            // tract is part of the program and loads no library.
            Some(library) if provider.starts_with("onnxruntime") => {
                writeln!(f, "; library {}", library.display())?;
            }
            _ => writeln!(f)?,
        }
        for wire::Rejection { provider, reason } in rejected {
            writeln!(f, "          rejected {provider}: {reason}")?;
        }
        Ok(())
    }

    fn write_names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names {
            Availability::Failed(reason) => writeln!(f, "  names   off: {reason}")?,
            Availability::Ready => {
                writeln!(f, "  names   on: a class can be created from its name only")?;
            }
            _ => writeln!(f, "  names   off (this bundle has no name knowledge)")?,
        }
        if let Availability::Failed(reason) = self.attribute_weights {
            writeln!(f, "          attribute weights off: {reason}")?;
        }
        Ok(())
    }
}
