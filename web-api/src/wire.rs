//! The JSON types of the API. They are separate from the domain types, which do not serialize.

mod archive;
mod background;
mod calibration;
mod class;
mod classify;
mod doctor;
mod engine;
mod enroll;
mod example;
mod few;
mod gallery;
mod history;
mod image;
mod inference;
mod lexicon;
mod merge_patch;
mod parameters;
mod problem;
mod reembed;
mod search;
mod service;
mod service_doctor;
mod upload;

pub use archive::{GalleryFile, Imported};
pub use background::{
    BackgroundExample, BackgroundExamples, EnrolledBackground, RemovedBackground,
};
pub use calibration::{Calibration, Evidence, StatedThreshold};
pub use class::{
    Attribute, Class, ClassDefinition, ClassMerge, ClassPatch, Classes, Meaning, OneClass,
};
pub use classify::{
    AttributeWeight, Candidate, Classified, ClassifiedImage, Decision, Explanation, Neighbor,
    Shares, Unknown,
};
pub use doctor::{
    Confusion, Doctor, DoctorAdvice, DoctorClass, DoctorEvidence, DoctorTotals, DoctorVerdict,
    InTwoClasses, NearDuplicate, Suspect,
};
pub use engine::{EngineCandidate, EngineCandidateState, EngineStage, ReadyCandidate, ReadyEngine};
pub use enroll::{Enrolled, EnrolledExample, QualityFinding};
pub use example::{ChangedExamples, Example, ExampleBatch, ExampleMove, Examples, OneExample};
pub use gallery::{
    DeletedGalleries, DeletedGallery, Galleries, Gallery, GalleryEntry, GalleryPatch, KeepImages,
};
pub use history::{
    History, HistoryEntry, MAX_DEVICES, PurgeRequest, Purged, RedoRequest, UndoRequest, Undone,
    last_change,
};
pub use image::{Embedded, EmbeddedImage, Model, Timing, Warning};
pub use inference::{
    AnyInferenceError, BinaryTensors, InferAnswer, InferInput, InferInputParameters, InferOutput,
    InferOutputParameters, InferParameters, InferRequest, InferRequestedOutput,
    InferRequestedOutputParameters, InferenceDatatype, InferenceError, InferenceHeaderLength,
    InferenceLive, InferenceModel, InferenceModelPath, InferenceModelReady, InferenceReady,
    InferenceServer, InferenceTensor, InferenceVersionPath,
};
pub use lexicon::{Sense, Senses};
pub use parameters::{
    ClassPath, ExamplePath, GalleryPath, GalleryPreconditions, IdempotencyKey, IfMatch,
    IfNoneMatch, NotModified, Preconditions,
};
pub use problem::{AnyProblem, Problem};
pub use reembed::{Reembed, ReembedComparison, ReembedForgotten, ReembedRequest, ReembedState};
pub use search::{Searched, SearchedImage, SimilarExample};
pub use service::{Bundle, Engine, Health, Limits, Rejection, Version};
pub use service_doctor::{AccessState, ServiceBoard, ServiceDoctor, ServiceLimits, StoreState};
pub use upload::{ImageForm, ImageList, KeptImage, RawImage};
