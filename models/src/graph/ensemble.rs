//! Several networks side by side, as one [`Graph`]: all see the same image, and the embedding is
//! all of theirs, one after another.
//!
//! Networks that were trained differently get different things wrong, and a cosine of such an
//! embedding weighs what each of them says, by the lengths of their embeddings. (Dvornik et al.,
//! "Diversity with Cooperation: Ensemble Methods for Few-Shot Classification", ICCV 2019; Bendou et
//! al., "EASY", 2022, put embeddings side by side as it is done here.)

use serde::{Deserialize, Serialize};

use super::{Architecture, Graph, Node, Op};

use crate::fault::{Blame, Fault};

/// The most members.
pub const MOST_MEMBERS: usize = 16;

/// Networks of the same input: at least two, none of them an ensemble.
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

    /// What the value or parameter `name` of the member at `position`, from 0, is called in the
    /// ensemble: `member1.layer1.conv1.weight`.
    pub fn name_in(position: usize, name: &str) -> String {
        format!("member{}.{name}", position + 1)
    }

    /// The network: `image` `[3, h, w]` to `embedding` `[s]`, `s` the sum of the members' sizes.
    pub fn graph(&self) -> Graph {
        let graphs: Vec<Graph> = self.members.iter().map(Architecture::graph).collect();
        let inputs = graphs[0].inputs.clone();
        let outputs = graphs.iter().enumerate();
        let embeddings: Vec<String> =
            outputs.map(|(at, graph)| Self::name_in(at, &graph.outputs[0])).collect();
        let member =
            |(at, graph): (usize, Graph)| graph.nodes.into_iter().map(move |node| (at, node));
        let nodes = graphs.into_iter().enumerate().flat_map(member);
        let mut nodes: Vec<Node> =
            nodes.map(|(at, node)| in_ensemble(at, node, &inputs[0].name)).collect();
        let read: Vec<&str> = embeddings.iter().map(String::as_str).collect();
        nodes.push(Node::new("embedding", Op::Concat, &read));
        let outputs = vec!["embedding".to_owned()];
        Graph { name: "ensemble".to_owned(), inputs, nodes, outputs }
    }

    /// The same networks for images of another height and width.
    pub(super) fn resized(&self, input_size: usize) -> Self {
        Self { members: self.members.iter().map(|member| member.resized(input_size)).collect() }
    }
}

/// A member's node under its name in the ensemble; all members read one `image`.
fn in_ensemble(position: usize, node: Node, image: &str) -> Node {
    let renamed = |name: String| match name == image {
        true => name,
        false => Ensemble::name_in(position, &name),
    };
    Node {
        name: renamed(node.name),
        op: node.op,
        inputs: node.inputs.into_iter().map(renamed).collect(),
        tied_to: node.tied_to.map(renamed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::Resnet12;

    fn member(last: usize, input_size: usize) -> Architecture {
        Architecture::Resnet12(Resnet12 { widths: [2, 2, 2, last], input_size })
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
