//! The rules of the workspace, held by tests that read manifests, sources and documents.

mod cycles;
mod disk;
mod faults;
mod glossary;
mod home_assistant;
mod imports;
mod layers;
mod links;
mod modules;
mod retired_words;
mod shown_example;
mod unit;
mod uses;
mod workflows;
