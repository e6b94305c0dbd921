//! The networks that can be trained and shipped, by their sizes, as checkpoints, bundles and
//! settings state them.
//!
//! An [`Architecture`] may be an [`Ensemble`] of others: the two types need each other and share
//! this file.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{EfficientNetLite0, Graph, Node, Op, Resnet12};
use crate::fault::{Blame, Fault};

/// A network that can be trained, saved and shipped, by its sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "arch", rename_all = "kebab-case")]
pub enum Architecture {
    /// See [`super::resnet12`].
    Resnet12(Resnet12),
    /// See [`super::efficientnet_lite`].
    #[serde(rename = "efficientnet-lite0")]
    EfficientNetLite0(EfficientNetLite0),
    /// See [`Ensemble`].
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

    /// The channels of its parts, in the order of its configuration.
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

    /// What its parameters do not show, as a text; empty for a network that has only one reading of
    /// its parameters or the older of two.
    pub(crate) fn unseen(&self) -> String {
        match self {
            Self::Resnet12(config) if config.last_activation => "last_activation\n".to_owned(),
            Self::Resnet12(_) | Self::EfficientNetLite0(_) => String::new(),
            Self::Ensemble(ensemble) => {
                let members = ensemble.members().iter().enumerate();
                let unseen = members.map(|(at, member)| (at, member.unseen()));
                let unseen = unseen.filter(|(_, unseen)| !unseen.is_empty());
                unseen.map(|(at, unseen)| Ensemble::name_in(at, &unseen)).collect()
            }
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

/// The network's name and its widths.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resnet12(config) => {
                let activated =
                    if config.last_activation { " with the last activation" } else { "" };
                write!(f, "resnet12 {:?}{activated}", config.widths)
            }
            Self::EfficientNetLite0(config) => write!(f, "efficientnet-lite0 {:?}", config.widths),
            Self::Ensemble(ensemble) => {
                let members: Vec<_> = ensemble.members().iter().map(Self::to_string).collect();
                write!(f, "ensemble of {}", members.join(" and "))
            }
        }
    }
}

/// The most members of an ensemble.
const MOST_MEMBERS: usize = 16;

/// Several networks side by side: all see the same image, and the embedding is the concatenation of
/// theirs.
///
/// Networks that were trained differently make different mistakes. In the cosine similarity of two
/// such embeddings each network counts by the lengths of its own embeddings. (Dvornik et al.,
/// "Diversity with Cooperation: Ensemble Methods for Few-Shot Classification", ICCV 2019. Bendou et
/// al., "EASY", 2022, concatenate embeddings as it is done here.)
///
/// It has at least two members of one input size; none of them is an ensemble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Ensemble {
    members: Vec<Architecture>,
}

/// Why networks are no ensemble.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnsembleError {
    /// Too few or too many.
    #[error("an ensemble of {0} networks, expected 2 to {MOST_MEMBERS}")]
    Members(usize),
    /// They do not take the same images.
    #[error("the networks of an ensemble take images of {0} and of {1} pixels, expected one size")]
    InputSize(usize, usize),
    /// An ensemble in an ensemble.
    #[error("an ensemble has an ensemble among its members, expected networks")]
    Nested,
}

impl Fault for EnsembleError {
    fn blame(&self) -> Blame {
        Blame::Input
    }
}

/// An ensemble as it is written. Reading goes through [`Ensemble::new`], so that a file cannot hold
/// an ensemble that the program could not make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    members: Vec<Architecture>,
}

impl TryFrom<Unchecked> for Ensemble {
    type Error = EnsembleError;

    fn try_from(unchecked: Unchecked) -> Result<Self, EnsembleError> {
        Self::new(unchecked.members)
    }
}

impl Ensemble {
    /// An ensemble of these networks, in this order.
    ///
    /// # Errors
    /// [`EnsembleError`].
    pub fn new(members: Vec<Architecture>) -> Result<Self, EnsembleError> {
        if !(2..=MOST_MEMBERS).contains(&members.len()) {
            return Err(EnsembleError::Members(members.len()));
        }
        if members.iter().any(|member| matches!(member, Architecture::Ensemble(_))) {
            return Err(EnsembleError::Nested);
        }
        // All members read the one input of the ensemble.
        let size = members[0].input_size();
        match members.iter().map(Architecture::input_size).find(|other| *other != size) {
            Some(other) => Err(EnsembleError::InputSize(size, other)),
            None => Ok(Self { members }),
        }
    }

    /// The networks.
    pub fn members(&self) -> &[Architecture] {
        &self.members
    }

    /// The name in the ensemble of a value or parameter of the member at `position`, from 0:
    /// `member1.layer1.conv1.weight`.
    pub fn name_in(position: usize, name: &str) -> String {
        // Names count from 1, as those of blocks and layers do.
        format!("member{}.{name}", position + 1)
    }

    /// The network: `image` `[3, h, w]` to `embedding` `[s]`, `s` the sum of the members' sizes.
    pub fn graph(&self) -> Graph {
        let graphs: Vec<Graph> = self.members.iter().map(Architecture::graph).collect();
        let inputs = graphs[0].inputs.clone();
        let mut nodes = Vec::new();
        let mut embeddings = Vec::new();
        for (position, graph) in graphs.into_iter().enumerate() {
            embeddings.push(Self::name_in(position, &graph.outputs[0]));
            let own = graph.nodes.into_iter();
            nodes.extend(own.map(|node| in_ensemble(position, node, &inputs[0].name)));
        }
        let read: Vec<&str> = embeddings.iter().map(String::as_str).collect();
        nodes.push(Node::new("embedding", Op::Concat, &read));
        let outputs = vec!["embedding".to_owned()];
        Graph { name: "ensemble".to_owned(), inputs, nodes, outputs }
    }

    /// The same networks for images of another height and width.
    fn resized(&self, input_size: usize) -> Self {
        Self { members: self.members.iter().map(|member| member.resized(input_size)).collect() }
    }
}

/// A member's node under its name in the ensemble; all members read one `image`.
fn in_ensemble(position: usize, node: Node, image: &str) -> Node {
    let inputs = node.inputs.into_iter();
    Node {
        name: Ensemble::name_in(position, &node.name),
        op: node.op,
        inputs: inputs
            .map(|input| if input == image { input } else { Ensemble::name_in(position, &input) })
            .collect(),
        tied_to: node.tied_to.map(|other| Ensemble::name_in(position, &other)),
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

    fn member(last: usize, input_size: usize) -> Architecture {
        Architecture::Resnet12(Resnet12 {
            widths: [2, 2, 2, last],
            input_size,
            last_activation: false,
        })
    }

    #[test]
    fn members_stand_side_by_side() {
        let members = vec![member(3, 16), member(5, 16)];
        let ensemble = Architecture::Ensemble(Ensemble::new(members.clone()).unwrap());
        assert_eq!((ensemble.embedding_size(), ensemble.input_size()), (8, 16));
        assert_eq!(ensemble.widths(), [2, 2, 2, 3, 2, 2, 2, 5]);
        let graph = ensemble.graph();
        assert_eq!(graph.shapes().unwrap()["embedding"], [8]);
        let parameters = graph.parameters().unwrap();
        let of_members: Vec<String> = members
            .iter()
            .enumerate()
            .flat_map(|(at, member)| {
                let own = member.graph().parameters().unwrap();
                own.into_iter().map(move |p| Ensemble::name_in(at, &p.name))
            })
            .collect();
        assert_eq!(
            parameters.iter().map(|p| &p.name).collect::<Vec<_>>(),
            of_members.iter().collect::<Vec<_>>()
        );
        let Architecture::Ensemble(larger) = ensemble.resized(32) else { panic!("{ensemble:?}") };
        assert_eq!(larger.members(), [member(3, 32), member(5, 32)]);
        let sum: u64 = members.iter().map(|member| member.graph().flops().unwrap()).sum();
        assert_eq!(graph.flops().unwrap(), sum);
    }

    #[test]
    fn what_is_no_ensemble_is_refused_when_it_is_read() {
        let one = r#"{"arch":"resnet12","widths":[2,2,2,3],"input_size":16}"#;
        let read = |members: &str| {
            let text = format!(r#"{{"arch":"ensemble","members":[{members}]}}"#);
            serde_json::from_str::<Architecture>(&text).map_err(|e| e.to_string())
        };
        let two = read(&format!("{one},{one}")).unwrap();
        assert_eq!(two, Architecture::Ensemble(Ensemble::new(vec![member(3, 16); 2]).unwrap()));
        let written = serde_json::to_string(&two).unwrap();
        assert_eq!(serde_json::from_str::<Architecture>(&written).unwrap(), two);
        for (members, reason) in [
            (String::new(), "an ensemble of 0 networks, expected 2 to 16"),
            (one.to_owned(), "an ensemble of 1 networks"),
            (vec![one; 17].join(","), "an ensemble of 17 networks"),
            (format!("{one},{}", one.replace("16", "32")), "images of 16 and of 32 pixels"),
            (format!("{one},{written}"), "an ensemble among its members"),
            (format!(r#"{one},{{"arch":"resnet50"}}"#), "resnet50"),
        ] {
            let refused = read(&members).unwrap_err();
            assert!(refused.contains(reason), "{reason} in {refused}");
        }
    }
}
