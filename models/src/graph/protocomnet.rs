//! ProtoComNet, which completes a prototype from a class's attributes, as a [`Graph`].
//!
//! Section 3.3 of Zhang et al., "Prototype Completion with Primitive Knowledge for Few-Shot
//! Learning", CVPR 2021. The terms are the prototype itself and the mean embedding of every
//! attribute. An encoder maps each of them. An aggregator computes the weight of each from the word
//! vectors of class and term and from the prototype. A decoder turns the weighted sum of the
//! encodings into the completed prototype.
//!
//! The attributes are gathered per class, padded and masked. So the work grows with the attributes
//! of a class and not with the number of all attributes.

use serde::{Deserialize, Serialize};

use super::{Graph, Input, Node, Op};

/// ReLU: LeakyReLU with slope 0, so that no interpreter needs one operation more.
const RELU: Op = Op::LeakyRelu { slope: 0.0 };

/// The weight of the prototype among the terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SelfWeight {
    /// 1, as in the published code. The default.
    #[default]
    One,
    /// The aggregator's weight for the class as its own attribute, as in the paper's formula.
    Learned,
}

/// The sizes of a ProtoComNet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtoComNet {
    /// Values of an embedding, `s`.
    pub embedding: usize,
    /// Values of a word vector, `d`.
    pub word: usize,
    /// The most attributes of a class, `a`; parameters do not depend on it.
    pub attributes: usize,
    /// Width of the decoder's hidden layer. The paper: 512.
    pub hidden: usize,
    /// The weight of the prototype.
    pub self_weight: SelfWeight,
}

impl ProtoComNet {
    /// The network: `prototype` `[s]`, `class_word` `[d]`, `attribute` `[a, s]` (mean embeddings),
    /// `attribute_word` `[a, d]`, `mask` `[a]` (1 for an attribute, 0 for padding) to `completed`
    /// `[s]` and the attributes' `weights` `[a]`; with [`SelfWeight::Learned`] also the
    /// prototype's, `own_weight` `[1]`.
    ///
    /// The aggregator's first layer on `[class || term || prototype]` is a sum of three:
    /// `aggregator.class`, `aggregator.term` and `aggregator.prototype`; only the last has a bias.
    pub fn graph(&self) -> Graph {
        let mut nodes = self.encoder();
        nodes.extend(self.aggregator());
        let mut outputs = vec!["completed".to_owned(), "weights".to_owned()];
        let own = match self.self_weight {
            SelfWeight::One => "encoder.prototype",
            SelfWeight::Learned => {
                nodes.extend(self.own_weight());
                outputs.push("own_weight".to_owned());
                "own"
            }
        };
        nodes.extend(self.decoder(own));
        Graph { name: "protocomnet".to_owned(), inputs: self.inputs(), nodes, outputs }
    }

    fn inputs(&self) -> Vec<Input> {
        let Self { embedding: s, word: d, attributes: a, .. } = *self;
        vec![
            Input::new("prototype", &[s]),
            Input::new("class_word", &[d]),
            Input::new("attribute", &[a, s]),
            Input::new("attribute_word", &[a, d]),
            Input::new("mask", &[a]),
        ]
    }

    /// `encoder.prototype` `[s / 2]` and `encoder.attribute` `[a, s / 2]`, by the same layer.
    fn encoder(&self) -> Vec<Node> {
        let layer = linear(self.embedding / 2, true);
        vec![
            Node::new("encoder.0", layer, &["prototype"]),
            Node::new("encoder.prototype", RELU, &["encoder.0"]),
            Node::new("encoder.0.attribute", layer, &["attribute"]).tied_to("encoder.0"),
            Node::new("encoder.attribute", RELU, &["encoder.0.attribute"]),
        ]
    }

    /// `weights` `[a]`.
    fn aggregator(&self) -> Vec<Node> {
        vec![
            // One layer on `[class || term || prototype]` would multiply class and prototype again
            // for every attribute. In parts, each is multiplied once and then broadcast.
            Node::new("aggregator.class", linear(self.word, false), &["class_word"]),
            Node::new("aggregator.prototype", linear(self.word, true), &["prototype"]),
            Node::new("aggregator.term", linear(self.word, false), &["attribute_word"]),
            Node::new("aggregator.pair", Op::Add, &["aggregator.class", "aggregator.prototype"]),
            Node::new("aggregator.pairs", Op::Unsqueeze { axis: 0 }, &["aggregator.pair"]),
            Node::new("aggregator.0", Op::Add, &["aggregator.term", "aggregator.pairs"]),
            Node::new("aggregator.1", RELU, &["aggregator.0"]),
            Node::new("aggregator.2", linear(1, true), &["aggregator.1"]),
            Node::new("aggregator.weights", Op::Sum { axis: 1 }, &["aggregator.2"]),
            // Padding has weights too, by the biases: the mask removes them.
            Node::new("weights", Op::Mul, &["aggregator.weights", "mask"]),
        ]
    }

    /// `own` `[s / 2]`, the encoded prototype times `own_weight` `[1]`: the class is its own term.
    fn own_weight(&self) -> Vec<Node> {
        let term = linear(self.word, false);
        vec![
            Node::new("own.term", term, &["class_word"]).tied_to("aggregator.term"),
            Node::new("own.0", Op::Add, &["aggregator.pair", "own.term"]),
            Node::new("own.1", RELU, &["own.0"]),
            Node::new("own_weight", linear(1, true), &["own.1"]).tied_to("aggregator.2"),
            Node::new("own", Op::Mul, &["encoder.prototype", "own_weight"]),
        ]
    }

    fn decoder(&self, own: &str) -> Vec<Node> {
        vec![
            Node::new("weights.column", Op::Unsqueeze { axis: 1 }, &["weights"]),
            Node::new("weighted", Op::Mul, &["encoder.attribute", "weights.column"]),
            Node::new("attributes", Op::Sum { axis: 0 }, &["weighted"]),
            Node::new("aggregate", Op::Add, &[own, "attributes"]),
            Node::new("decoder.0", linear(self.hidden, true), &["aggregate"]),
            Node::new("decoder.1", RELU, &["decoder.0"]),
            Node::new("completed", linear(self.embedding, true), &["decoder.1"]),
        ]
    }
}

fn linear(outputs: usize, bias: bool) -> Op {
    Op::Linear { outputs, bias }
}
