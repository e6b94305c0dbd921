//! What an engine was built for, and the key that follows from it.

use std::collections::BTreeMap;
use std::fmt;

use models::bundle::Precision;
use models::hex;
use serde::{Deserialize, Serialize};

use crate::engine::Provider;

/// The form of what is stored. Another form is another key, so that old entries are never read.
const FORM: u32 = 1;

/// What an engine depends on beside its network: an engine that was built on one machine fails or
/// is slow on another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The version of ONNX Runtime.
    pub onnxruntime: Option<String>,
    /// The version of TensorRT.
    pub tensorrt: Option<String>,
    /// The version of CUDA.
    pub cuda: Option<String>,
    /// The version of cuDNN.
    pub cudnn: Option<String>,
    /// The version of the driver, or the release of Jetson Linux that has it.
    pub driver: Option<String>,
    /// The name of the GPU, or of the board that it is a part of.
    pub gpu: Option<String>,
    /// What the GPU can compute, such as `8.7`; `None` if only the name is known, which implies it.
    pub compute_capability: Option<String>,
}

impl Machine {
    /// The facts with their names.
    fn facts(&self) -> [(&'static str, Option<&str>); 7] {
        [
            ("ONNX Runtime", &self.onnxruntime),
            ("TensorRT", &self.tensorrt),
            ("CUDA", &self.cuda),
            ("cuDNN", &self.cudnn),
            ("driver", &self.driver),
            ("GPU", &self.gpu),
            ("compute capability", &self.compute_capability),
        ]
        .map(|(name, fact)| (name, fact.as_deref()))
    }
}

/// What an engine is built for. Any difference is another [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeFor {
    form: u32,
    /// The SHA-256 of the ONNX file.
    pub model: String,
    /// The word for the provider.
    pub provider: String,
    /// The arithmetic of the file.
    pub precision: String,
    /// The machine.
    pub machine: Machine,
    /// The provider's options that change the engine: the profile of shapes, the arithmetic, the
    /// accelerator, the effort.
    pub options: BTreeMap<String, String>,
}

impl MadeFor {
    /// An engine of `provider` on a machine for the network whose ONNX file has this SHA-256, which
    /// is that of a bundle's manifest: a file may have hundreds of megabytes. `options` are those
    /// of [`built_options`](crate::engine::built_options).
    #[must_use]
    pub fn new(
        sha256: &str,
        precision: Precision,
        provider: Provider,
        machine: &Machine,
        options: BTreeMap<String, String>,
    ) -> Self {
        Self {
            form: FORM,
            model: sha256.to_owned(),
            provider: provider.word().to_owned(),
            precision: precision.to_string(),
            machine: machine.clone(),
            options,
        }
    }

    /// What makes this engine another one than is needed `here`, in one line; `None` if nothing.
    #[must_use]
    pub fn difference(&self, here: &Self) -> Option<String> {
        if self.provider != here.provider || self.precision != here.precision {
            return Some("another precision".to_owned());
        }
        let mut facts = self.machine.facts().into_iter().zip(here.machine.facts());
        let changed = facts.find(|((_, built), (_, needed))| built != needed);
        match changed {
            _ if self.model != here.model => Some("another network".to_owned()),
            Some(((name, built), (_, needed))) => {
                let [built, needed] = [built, needed].map(|fact| fact.unwrap_or("not known"));
                Some(format!("{name} {built}; here {needed}"))
            }
            None if self.options != here.options => {
                Some("another --batch or --dla-core".to_owned())
            }
            None if self.form != here.form => Some("another version of this program".to_owned()),
            None => None,
        }
    }

    /// The key: the SHA-256 of all of it.
    #[must_use]
    pub fn key(&self) -> Key {
        // As JSON no two values read the same, and a map of this type is sorted.
        let text = serde_json::to_vec(self).expect("invariant: these fields are JSON");
        Key(hex::sha256(&text))
    }
}

/// The name of an engine in the cache: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The key of these digits; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = hex::decode(text)?;
        let digits = hex::encode(&bytes);
        // In lower case only: a key has one name.
        (digits == text).then_some(Self(digits))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_for(sha256: &str, precision: Precision) -> MadeFor {
        let options = [("trt_profile_max_shapes".to_owned(), "image:4x3x8x8".to_owned())];
        MadeFor::new(sha256, precision, Provider::TensorRt, &machine(), options.into())
    }

    fn machine() -> Machine {
        let version = |text: &str| Some(text.to_owned());
        Machine {
            onnxruntime: version("1.18.0"),
            tensorrt: version("8.6.2"),
            cuda: version("12.2"),
            cudnn: version("8.9.4"),
            driver: version("36.3.0"),
            gpu: version("Orin"),
            compute_capability: version("8.7"),
        }
    }

    #[test]
    fn every_fact_changes_the_key() {
        let one = made_for("00ff", Precision::Fp16);
        assert_eq!(one.key(), made_for("00ff", Precision::Fp16).key());
        let mut others = vec![made_for("00fe", Precision::Fp16), made_for("00ff", Precision::Fp32)];
        let facts: [fn(&mut Machine) -> &mut Option<String>; 7] = [
            |machine| &mut machine.onnxruntime,
            |machine| &mut machine.tensorrt,
            |machine| &mut machine.cuda,
            |machine| &mut machine.cudnn,
            |machine| &mut machine.driver,
            |machine| &mut machine.gpu,
            |machine| &mut machine.compute_capability,
        ];
        for fact in facts {
            let mut other = one.clone();
            *fact(&mut other.machine) = None;
            others.push(other);
        }
        let cuda = MadeFor { provider: "cuda".to_owned(), ..one.clone() };
        let profile = MadeFor { options: BTreeMap::new(), ..one.clone() };
        others.extend([cuda, profile, MadeFor { form: FORM + 1, ..one.clone() }]);
        let mut keys: Vec<Key> = others.iter().map(MadeFor::key).chain([one.key()]).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), others.len() + 1);
    }

    #[test]
    fn a_difference_is_named() {
        let here = made_for("00ff", Precision::Fp16);
        let updated = Machine { driver: Some("35.4.1".to_owned()), ..machine() };
        for (built, expected) in [
            (here.clone(), None),
            (made_for("00fe", Precision::Fp16), Some("another network")),
            (made_for("00ff", Precision::Fp32), Some("another precision")),
            (MadeFor { machine: updated, ..here.clone() }, Some("driver 35.4.1; here 36.3.0")),
            (
                MadeFor { machine: Machine::default(), ..here.clone() },
                Some("ONNX Runtime not known; here 1.18.0"),
            ),
            (
                MadeFor { options: BTreeMap::new(), ..here.clone() },
                Some("another --batch or --dla-core"),
            ),
            (MadeFor { form: FORM + 1, ..here.clone() }, Some("another version of this program")),
        ] {
            assert_eq!(built.difference(&here).as_deref(), expected);
        }
    }

    #[test]
    fn only_64_digits_in_lower_case_are_a_key() {
        let key = made_for("00ff", Precision::Fp32).key();
        assert_eq!(Key::parse(key.as_str()), Some(key.clone()));
        for text in ["", "..", "abc", &key.as_str().to_uppercase(), &key.as_str()[1..]] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
