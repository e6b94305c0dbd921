//! Which engine and which arithmetic the user wants.

use std::fmt;
use std::str::FromStr;

use models::bundle::Precision;
use serde::Deserialize;

/// A way to run a network: an engine, and the hardware that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// ONNX Runtime with TensorRT.
    TensorRt,
    /// ONNX Runtime with CUDA.
    Cuda,
    /// ONNX Runtime on the processor.
    Cpu,
    /// The engine built into the program, on the processor.
    Tract,
}

impl Provider {
    /// Every provider, in the order in which [`EngineChoice::Auto`] tries them.
    pub const ALL: [Self; 4] = [Self::TensorRt, Self::Cuda, Self::Cpu, Self::Tract];

    /// The word for it on the command line and in a configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
            Self::Tract => "tract",
        }
    }

    /// Whether loading a network may take minutes, because it is compiled for the hardware.
    #[must_use]
    pub fn needs_build(self) -> bool {
        matches!(self, Self::TensorRt | Self::Cuda)
    }

    /// Whether it is built into the program; all others need ONNX Runtime's library.
    #[must_use]
    pub fn is_tract(self) -> bool {
        self == Self::Tract
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // tract runs on the processor too: the word `cpu` would not say which engine it is.
            Self::Tract => f.pad("tract"),
            other => f.pad(&format!("onnxruntime/{}", other.word())),
        }
    }
}

/// Which engine the user wants.
// A settings file takes the words of the command line, with the same error for an unknown one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum EngineChoice {
    /// The fastest one that is right: it begins with one that starts at once.
    #[default]
    Auto,
    /// The same of ONNX Runtime's providers.
    OnnxRuntime,
    /// This one or none.
    Only(Provider),
}

impl EngineChoice {
    /// The providers to try, in order.
    #[must_use]
    pub fn providers(self) -> Vec<Provider> {
        match self {
            Self::Auto => Provider::ALL.to_vec(),
            Self::OnnxRuntime => Provider::ALL.into_iter().filter(|p| !p.is_tract()).collect(),
            Self::Only(provider) => vec![provider],
        }
    }

    /// Those that are tried at the start: what is insisted on, or what starts at once.
    #[must_use]
    pub fn providers_at_once(self) -> Vec<Provider> {
        let mut providers = self.providers();
        providers.retain(|provider| !self.is_open() || !provider.needs_build());
        providers
    }

    /// Whether another engine may take over.
    #[must_use]
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Only(_))
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::OnnxRuntime => f.pad("onnxruntime"),
            Self::Only(provider) => f.pad(provider.word()),
        }
    }
}

impl FromStr for EngineChoice {
    type Err = UnknownEngine;

    fn from_str(word: &str) -> Result<Self, UnknownEngine> {
        match Provider::ALL.into_iter().find(|provider| provider.word() == word) {
            Some(provider) => Ok(Self::Only(provider)),
            None if word == "auto" => Ok(Self::Auto),
            None if word == "onnxruntime" => Ok(Self::OnnxRuntime),
            None => Err(UnknownEngine(word.to_owned())),
        }
    }
}

impl TryFrom<String> for EngineChoice {
    type Error = UnknownEngine;

    fn try_from(word: String) -> Result<Self, UnknownEngine> {
        word.parse()
    }
}

/// A word that names no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown engine `{0}`: expected auto, onnxruntime, tensorrt, cuda, cpu or tract")]
pub struct UnknownEngine(pub String);

/// Which arithmetic the user wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
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
    pub(crate) fn accepts(self, precision: Precision) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_the_library_never_runs_the_engine_that_is_built_in() {
        for word in ["auto", "onnxruntime", "cuda", "tract"] {
            assert_eq!(word.parse::<EngineChoice>().map(|c| c.to_string()), Ok(word.to_owned()));
        }
        let providers = EngineChoice::OnnxRuntime.providers();
        assert_eq!(providers, [Provider::TensorRt, Provider::Cuda, Provider::Cpu]);
    }

    #[test]
    fn choices_are_parsed_from_the_words_they_print() {
        for word in ["auto", "fp32", "fp16", "int8", "int8-u8", "int8-s8"] {
            assert_eq!(word.parse::<PrecisionChoice>().map(|c| c.to_string()), Ok(word.to_owned()));
        }
        let error = "half".parse::<PrecisionChoice>().map_err(|e| e.to_string());
        assert!(error.is_err_and(|e| e.contains("`half`") && e.contains("int8")));
    }
}
