//! The rules of the workspace, held by tests that read manifests, sources and documents.

mod disk;
mod imports;
