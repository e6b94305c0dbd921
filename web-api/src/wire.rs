//! What travels as JSON. These types are the contract with clients and with nobody else: the
//! domain below never serializes itself to them.

mod class;
mod classify;
mod enroll;
mod gallery;
mod image;
mod lexicon;
mod problem;
mod service;
mod upload;

pub use class::{Class, ClassDefinition, ClassPatch, Classes, Meaning, OneClass, Part};
pub use classify::{
    Attribute, Candidate, Classified, ClassifiedImage, Decision, Explanation, Near, Shares,
};
pub use enroll::{Enrolled, EnrolledExample};
pub use gallery::{Galleries, Gallery};
pub use image::{Embedded, EmbeddedImage, Model, Timing, Warning};
pub use lexicon::{Sense, Senses};
pub use problem::{AnyProblem, Problem};
pub use service::{Bundle, Engine, Health, Limits, Rejection, Version};
pub use upload::{ImageForm, RawImage};
