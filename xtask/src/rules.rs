//! The rules of the workspace, held by tests that read manifests, sources and documents.

mod cycles;
mod disk;
mod imports;
mod layers;
mod modules;
mod uses;
