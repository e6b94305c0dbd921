//! Words that this project no longer uses, each with the word to write.

/// How a retired word is recognized.
#[derive(Clone, Copy, Debug)]
pub(in crate::rules) enum Old {
    /// A word of prose or part of a name, in any case: `picture` is found in `PictureDecoder`,
    /// `max_pictures` and "Pictures". A plural `s` is included.
    Word(&'static str),
    /// The same for every word that begins so: `colour` is found in "colourful".
    Stem(&'static str),
    /// A verb in British spelling, without its ending: `normal` is found in "normalised".
    Ise(&'static str),
    /// Several words in a row, in any case; `#` stands for a number, `k` or `n`.
    Phrase(&'static str),
    /// A whole name, as written, wherever it stands.
    Name(&'static str),
    /// A whole name, as written, in code and in keys of configurations but not in prose.
    Code(&'static str),
    /// Characters as written.
    Exactly(&'static str),
}

/// A retired word and its replacement.
pub(in crate::rules) struct Retired {
    pub(in crate::rules) old: Old,
    pub(in crate::rules) new: &'static str,
    /// The entry of `docs/glossary.md` that explains the replacement, if it is a term.
    pub(in crate::rules) term: Option<&'static str>,
}

const fn plain(old: Old, new: &'static str) -> Retired {
    Retired { old, new, term: None }
}

const fn term(old: Old, new: &'static str, term: &'static str) -> Retired {
    Retired { old, new, term: Some(term) }
}

use Old::{Code, Exactly, Ise, Name, Phrase, Stem, Word};

/// All retired words.
pub(in crate::rules) const RETIRED: &[Retired] = &[
    // Images and examples.
    term(Word("picture"), "image; `example` for an enrolled image", "example"),
    term(Code("looks"), "views (test-time augmentation)", "test-time augmentation"),
    term(Code("mirror"), "hflip", "test-time augmentation"),
    term(Code("zoom"), "center_zoom", "test-time augmentation"),
    // Prototypes and names.
    term(Name("Worth"), "NamePrior", "name prior"),
    term(Exactly("--worth"), "--name-prior", "name prior"),
    term(Code("worth"), "name_prior", "name prior"),
    term(Phrase("is worth"), "the name prior of", "name prior"),
    term(Phrase("name s worth"), "name prior", "name prior"),
    term(Phrase("names are worth"), "name prior", "name prior"),
    term(Word("lift"), "name bias", "name bias"),
    term(Word("lifted"), "with the name bias added", "name bias"),
    term(Code("Space"), "EmbeddingFrame", "embedding frame"),
    plain(Name("REACH"), "RADIUS_SCALE"),
    term(Word("company"), "group; `MAX_TRUST_GROUP`", "name trust"),
    plain(Code("Known"), "ClassKnowledge"),
    term(Name("KnownAs"), "SemanticDescriptor", "semantic descriptor"),
    term(Code("Chosen"), "EpisodeData", "episode"),
    term(Name("KernelCompleter"), "NameRegressor", "name regressor"),
    term(Phrase("kernel completer"), "name regressor", "name regressor"),
    term(Name("LearnedCompleter"), "ProtoComNetCompleter", "ProtoComNet"),
    term(Phrase("knowledge prototype"), "semantic prototype", "semantic prototype"),
    term(Phrase("knowledge prototypes"), "semantic prototypes", "semantic prototype"),
    // Evaluation.
    term(Word("foreign"), "distractor; `--distractors`", "distractor"),
    term(Code("Mixed"), "generalized zero-shot (seen and unseen)", "generalized zero-shot"),
    term(Exactly("Names::Right"), "LabelNoise::None", "label noise"),
    term(Exactly("Names::Wrong"), "LabelNoise::Wrong", "label noise"),
    // Training.
    term(Exactly("[early]"), "[progressive_resizing]", "progressive resizing"),
    term(Exactly("[finish]"), "[swa] and [precise_bn]", "stochastic weight averaging"),
    term(Stem("remeasur"), "precise_bn", "precise batch normalization"),
    term(Word("teacher"), "class source; `--class-source`", "class source"),
    term(Word("imagined"), "synthetic", "synthetic class"),
    term(Word("lesson"), "completion task", "completion task"),
    // Device and service.
    plain(Code("Surroundings"), "Environment"),
    plain(Code("surroundings"), "environment"),
    term(Word("station"), "recognizer (edge); engine thread (web-api)", "recognizer"),
    plain(Code("Worker"), "OwnerThread"),
    plain(Word("intake"), "decode queue"),
    plain(Word("patience"), "write timeout"),
    plain(Code("How"), "ClassifyOptions"),
    plain(Code("Expected"), "Precondition"),
    term(Word("said"), "override; `SenseOverride`", "sense override"),
    term(Code("Definition"), "ClassOverrides", "sense override"),
    term(Name("read_as"), "default_sense", "default sense"),
    term(Word("likeliest"), "default sense", "default sense"),
    term(Code("Part"), "Attribute", "attribute"),
    plain(Code("Near"), "Neighbor"),
    plain(Name("stale_revision"), "precondition_failed"),
    plain(Name("revision_is_stale"), "precondition_failed"),
    // Export.
    plain(Code("Names"), "KnowledgeFiles (export); LabelNoise (few-shot)"),
    plain(Code("Draft"), "BundleDraft"),
    term(Word("proof"), "self-test; golden; `VerificationReport`", "golden file"),
    term(Word("prove"), "verify", "self-test"),
    term(Word("proved"), "verified", "self-test"),
    term(Word("proven"), "verified", "self-test"),
    term(Word("proving"), "verifying", "self-test"),
    plain(Word("twin"), "differentiable counterpart"),
    // Prose.
    term(Phrase("beside #"), "at # shots", "shot"),
    term(Phrase("pictures beside"), "shots", "shot"),
    plain(Word("alone"), "only"),
    plain(Word("aloud"), "reported as"),
    plain(Word("tells"), "gives; states; is"),
    plain(Word("believes"), "uses; takes"),
    plain(Word("believed"), "used; weighted"),
    plain(Word("somebody"), "another request; another user"),
    plain(Phrase("which says"), "that contains; that states"),
    plain(Phrase("so many"), "the number itself"),
    plain(Phrase("too much at once"), "too many requests"),
    plain(Phrase("as far as"), "if; up to"),
    plain(Phrase("known by its name"), "from its name only"),
    plain(Phrase("known by their names"), "from their names only"),
    plain(Phrase("says nothing"), "has no entry; is empty"),
    // American spelling.
    plain(Stem("behaviour"), "behavior"),
    plain(Word("catalogue"), "catalog"),
    plain(Stem("centre"), "center"),
    plain(Stem("colour"), "color"),
    plain(Stem("favour"), "favor"),
    plain(Ise("general"), "generalize"),
    plain(Word("grey"), "gray"),
    plain(Ise("initial"), "initialize"),
    plain(Word("labelled"), "labeled"),
    plain(Word("labelling"), "labeling"),
    plain(Word("licence"), "license"),
    plain(Ise("maxim"), "maximize"),
    plain(Ise("minim"), "minimize"),
    plain(Stem("modell"), "modeled; modeling"),
    plain(Stem("neighbour"), "neighbor"),
    plain(Ise("normal"), "normalize"),
    plain(Ise("optim"), "optimize"),
    plain(Ise("organ"), "organize"),
    plain(Ise("quant"), "quantize"),
    plain(Ise("real"), "realize"),
    plain(Ise("recogn"), "recognize"),
    plain(Ise("serial"), "serialize"),
    plain(Ise("summar"), "summarize"),
    plain(Stem("travell"), "travel"),
    plain(Word("unlabelled"), "unlabeled"),
];
