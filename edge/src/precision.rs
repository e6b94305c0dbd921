//! In which arithmetic a bundle's backbone runs on which engine.

use std::fmt;
use std::str::FromStr;

use models::bundle::{Bundle, Precision, SelfTest, Variant};
use serde::{Deserialize, Serialize};

use crate::engine::{Provider, Rejection};

/// Which arithmetic the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PrecisionChoice {
    /// What the bundle has for the engine, and else fp32.
    #[default]
    Auto,
    /// 8-bit integers, of whichever kind the bundle has.
    Int8,
    /// This one or none.
    Only(Precision),
}

impl PrecisionChoice {
    fn takes(self, precision: Precision) -> bool {
        match self {
            Self::Auto => true,
            Self::Int8 => precision.is_integer(),
            Self::Only(only) => precision == only,
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Int8 => f.pad("int8"),
            Self::Only(precision) => f.pad(&precision.to_string()),
        }
    }
}

/// A word that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown precision `{0}`: expected auto, fp32, fp16, int8, int8-u8 or int8-s8")]
pub struct UnknownPrecision(pub String);

impl FromStr for PrecisionChoice {
    type Err = UnknownPrecision;

    fn from_str(word: &str) -> Result<Self, UnknownPrecision> {
        let named = Precision::ALL.into_iter().find(|precision| precision.to_string() == word);
        match (word, named) {
            ("auto", _) => Ok(Self::Auto),
            ("int8", _) => Ok(Self::Int8),
            (_, Some(precision)) => Ok(Self::Only(precision)),
            _ => Err(UnknownPrecision(word.to_owned())),
        }
    }
}

impl TryFrom<String> for PrecisionChoice {
    type Error = UnknownPrecision;

    fn try_from(word: String) -> Result<Self, UnknownPrecision> {
        word.parse()
    }
}

impl From<PrecisionChoice> for String {
    fn from(choice: PrecisionChoice) -> Self {
        choice.to_string()
    }
}

/// One file of a backbone that an engine may run.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its arithmetic.
    pub precision: Precision,
    /// The ONNX file.
    pub onnx: &'a [u8],
    /// What the engine has to compute to be used.
    pub self_test: &'a SelfTest,
}

/// Why an engine should not be asked to run a precision, though it can.
#[must_use]
pub fn reluctance(provider: Provider, precision: Precision) -> Option<&'static str> {
    match (provider, precision) {
        // A minute for an image of ResNet-12 at 32x32, measured on x86: each value is widened and narrowed by itself.
        (Provider::Tract, Precision::Fp16) => {
            Some("tract takes hundreds of times as long in fp16 as in fp32; use --precision fp32")
        }
        _ => None,
    }
}

/// The files of a backbone that an engine may run, best first; at least one. Left to choose, it is what the bundle has for
/// this engine, and then fp32; a precision that the user asks for may be of another engine.
///
/// # Errors
/// [`Rejection`] when the bundle has no file of this choice, or none that the engine should run.
pub fn candidates(
    bundle: &Bundle,
    provider: Provider,
    choice: PrecisionChoice,
) -> Result<Vec<Candidate<'_>>, Rejection> {
    let network = &bundle.manifest.backbone;
    let is_for = |variant: &&Variant| variant.engines.iter().any(|word| word == provider.word());
    let mut variants: Vec<&Variant> = network.variants.iter().filter(is_for).collect();
    if choice != PrecisionChoice::Auto {
        variants.extend(network.variants.iter().filter(|variant| !is_for(variant)));
    }
    let variants = variants.into_iter().map(|variant| Candidate {
        precision: variant.precision,
        onnx: bundle.variant(variant),
        self_test: &variant.self_test,
    });
    let (onnx, self_test) = (bundle.backbone(), &bundle.manifest.self_test);
    let own = Candidate { precision: network.precision, onnx, self_test };
    let taken = variants.chain([own]).filter(|candidate| choice.takes(candidate.precision));
    let (mut files, mut reason) = (Vec::new(), None);
    for candidate in taken {
        match reluctance(provider, candidate.precision) {
            Some(why) => reason = Some(why.to_owned()),
            None => files.push(candidate),
        }
    }
    if files.is_empty() {
        let none = || format!("the bundle has no {choice} backbone; leave out --precision");
        return Err(Rejection { provider, reason: reason.unwrap_or_else(none) });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for word in ["auto", "fp32", "fp16", "int8", "int8-u8", "int8-s8"] {
            assert_eq!(word.parse::<PrecisionChoice>().map(|c| c.to_string()), Ok(word.to_owned()));
        }
        let error = "half".parse::<PrecisionChoice>().map_err(|e| e.to_string());
        assert!(error.is_err_and(|e| e.contains("`half`") && e.contains("int8")));
    }
}
