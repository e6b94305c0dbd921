//! The networks that there are, by their sizes: what checkpoints, bundles and settings say of one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EfficientNetLite0, Ensemble, Graph, Resnet12};

/// A network that can be trained, saved and shipped, by its sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "arch", rename_all = "kebab-case")]
pub enum Architecture {
    /// See [`super::resnet12`].
    Resnet12(Resnet12),
    /// See [`super::efficientnet_lite`].
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0(EfficientNetLite0),
    /// See [`super::ensemble`].
    Ensemble(Ensemble),
}

impl Architecture {
    /// The network as data.
    pub fn graph(&self) -> Graph {
        match self {
            Self::Resnet12(config) => config.graph(),
            Self::EfficientNetLite0(config) => config.graph(),
            Self::Ensemble(ensemble) => ensemble.graph(),
        }
    }

    /// Channels of its parts.
    pub fn widths(&self) -> Vec<usize> {
        match self {
            Self::Resnet12(config) => config.widths.to_vec(),
            Self::EfficientNetLite0(config) => config.widths.to_vec(),
            Self::Ensemble(ensemble) => ensemble.members().iter().flat_map(Self::widths).collect(),
        }
    }

    /// Dimensions of an embedding.
    pub fn embedding_size(&self) -> usize {
        match self {
            Self::Resnet12(config) => config.widths[3],
            Self::EfficientNetLite0(config) => config.widths[8],
            Self::Ensemble(ensemble) => ensemble.members().iter().map(Self::embedding_size).sum(),
        }
    }

    /// Height and width of the images that go in.
    pub fn input_size(&self) -> usize {
        match self {
            Self::Resnet12(config) => config.input_size,
            Self::EfficientNetLite0(config) => config.input_size,
            Self::Ensemble(ensemble) => ensemble.members()[0].input_size(),
        }
    }

    /// The same network, with the same parameters, for images of another height and width.
    pub fn resized(&self, input_size: usize) -> Self {
        match self {
            Self::Resnet12(config) => Self::Resnet12(Resnet12 { input_size, ..config.clone() }),
            Self::EfficientNetLite0(config) => {
                Self::EfficientNetLite0(EfficientNetLite0 { input_size, ..config.clone() })
            }
            Self::Ensemble(ensemble) => Self::Ensemble(ensemble.resized(input_size)),
        }
    }
}

/// The name and the widths.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resnet12(config) => write!(f, "resnet12 {:?}", config.widths),
            Self::EfficientNetLite0(config) => write!(f, "efficientnet-lite0 {:?}", config.widths),
            Self::Ensemble(ensemble) => {
                let members: Vec<_> = ensemble.members().iter().map(Self::to_string).collect();
                write!(f, "ensemble of {}", members.join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_architecture_is_written_as_plain_fields() {
        let widths = [4, 2, 3, 3, 4, 4, 5, 6, 8];
        let lite = Architecture::EfficientNetLite0(EfficientNetLite0 { widths, input_size: 32 });
        let text = r#"{"arch":"efficientnet-lite0","widths":[4,2,3,3,4,4,5,6,8],"input_size":32}"#;
        assert_eq!(serde_json::to_string(&lite).unwrap(), text);
        assert_eq!(serde_json::from_str::<Architecture>(text).unwrap(), lite);
        assert_eq!((lite.embedding_size(), lite.input_size()), (8, 32));
        let Architecture::EfficientNetLite0(small) = lite.resized(23) else { panic!("{lite:?}") };
        assert_eq!((small.widths, small.input_size), (widths, 23));
        assert_eq!(lite.resized(23).graph().parameters(), lite.graph().parameters());
        assert!(serde_json::from_str::<Architecture>(&text.replace("32}", "32,\"x\":1}")).is_err());
    }
}
