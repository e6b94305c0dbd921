//! A trained [`ProtoComNet`] with the attributes that it completes prototypes from (section 3.3 of
//! Zhang et al. 2021).
//!
//! The completed prototype of `x`, of a class `y` with the attributes `a`, is
//! `dec(alpha_y enc(x) + sum_a alpha_a enc(mu_a))`. `mu_a` is the mean embedding of an attribute,
//! and `alpha_a = aggregator(h_y, h_a, x)` its attention weight, with `h` for word vectors.
//! `enc(mu_a)` and the aggregator's product with `h_a` do not depend on `x`: they are computed
//! once, when the completer is made.

use ndarray::{Array1, Array2, ArrayD, ArrayView1, ArrayView2, Axis, Ix1, Ix2};
use serde::{Deserialize, Serialize};

use super::completer::{Completer, Support};
use super::prototype;
use models::graph::{ProtoComNet, SelfWeight};
use models::tensors::Tensors;

mod error;
mod file;

pub use error::ProtoComNetError;
pub use file::MAX_BYTES;

/// The attributes that base classes have.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributes {
    /// Their synsets (`n03892891`), sorted.
    pub names: Vec<String>,
    /// Their mean embeddings `[A, s]`.
    pub mean: Array2<f32>,
    /// Their word vectors `[A, d]`.
    pub word: Array2<f32>,
}

/// What is known of a class: its word vector `[d]` and its attributes, as rows of [`Attributes`].
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Zero when no word is known.
    pub word: Array1<f32>,
    /// In ascending order, without repetition.
    pub attributes: Vec<usize>,
}

/// The attributes of classes as a rectangle, as the graph of a [`ProtoComNet`] takes them.
///
/// # Examples
/// ```
/// use few_shot::protocomnet::{Described, Gathered};
/// use ndarray::array;
///
/// let cat = Described { word: array![1.0], attributes: vec![2, 5] };
/// let cup = Described { word: array![0.0], attributes: vec![3] };
/// let gathered = Gathered::of(&[cat, cup]);
/// assert_eq!(gathered.index, array![[2, 5], [3, 0]]);
/// assert_eq!(gathered.mask, array![[1.0, 1.0], [1.0, 0.0]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// Rows of [`Attributes`], `[n, a]`; 0 where there is none.
    pub index: Array2<i64>,
    /// 1 where there is one, `[n, a]`.
    pub mask: Array2<f32>,
}

impl Gathered {
    /// Pads to the most attributes of any class, and at least 1.
    pub fn of(classes: &[Described]) -> Self {
        let width = classes.iter().map(|class| class.attributes.len()).max().unwrap_or(0).max(1);
        Self::in_columns(classes, width)
    }

    /// Pads or cuts to `width` attributes.
    fn in_columns(classes: &[Described], width: usize) -> Self {
        // Padding has index 0, a row like any other; only the mask takes its weight away.
        let mut index = Array2::zeros((classes.len(), width));
        let mut mask = Array2::zeros((classes.len(), width));
        for (row, class) in classes.iter().enumerate() {
            for (column, &attribute) in class.attributes.iter().take(width).enumerate() {
                index[[row, column]] = attribute as i64;
                mask[[row, column]] = 1.0;
            }
        }
        Self { index, mask }
    }
}

/// What of a class's images is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complete {
    /// Their mean (the published code; the default).
    #[default]
    Mean,
    /// Every one by itself; the completed ones are averaged (the text of the paper).
    PerImage,
}

/// A completer that was learned.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtoComNetCompleter {
    network: ProtoComNet,
    parameters: Tensors,
    attributes: Attributes,
    complete: Complete,
    /// Every attribute through the encoder, `[A, s / 2]`.
    encoded: Array2<f32>,
    /// Every attribute's word through the aggregator's first layer, `[A, d]`.
    terms: Array2<f32>,
}

impl Attributes {
    /// The inputs of a [`ProtoComNet`]'s graph that takes `columns` attributes of a class. Row `i`
    /// of `prototypes` `[n, s]` belongs to `classes[i]`. A class with more attributes keeps the
    /// first ones.
    pub fn inputs(
        &self,
        columns: usize,
        prototypes: ArrayView2<'_, f32>,
        classes: &[Described],
    ) -> Tensors {
        let Gathered { index, mask } = Gathered::in_columns(classes, columns);
        let words = words(classes, self.word.ncols());
        Tensors::from([
            ("prototype".to_owned(), prototypes.to_owned().into_dyn()),
            ("class_word".to_owned(), words.into_dyn()),
            ("attribute".to_owned(), gathered(&self.mean, &index)),
            ("attribute_word".to_owned(), gathered(&self.word, &index)),
            ("mask".to_owned(), mask.into_dyn()),
        ])
    }
}

/// The rows of `table` `[A, x]` at `index` `[n, a]`: `[n, a, x]`.
fn gathered(table: &Array2<f32>, index: &Array2<i64>) -> ArrayD<f32> {
    let rows: Vec<usize> = index.iter().map(|&row| row as usize).collect();
    let gathered = match table.nrows() {
        // Padding points at row 0, which does not exist where there are no attributes at all.
        0 => Array2::zeros((rows.len(), table.ncols())),
        _ => table.select(Axis(0), &rows),
    };
    let shape = (index.nrows(), index.ncols(), table.ncols());
    let gathered = gathered.into_shape_with_order(shape);
    gathered.expect("invariant: a row for each column of each class").into_dyn()
}

/// The word vectors of classes, `[n, d]`.
fn words(classes: &[Described], dimension: usize) -> Array2<f32> {
    let mut words = Array2::zeros((classes.len(), dimension));
    for (mut row, class) in words.rows_mut().into_iter().zip(classes) {
        row.assign(&class.word);
    }
    words
}

impl ProtoComNetCompleter {
    /// A completer of a network with its parameters and attributes.
    ///
    /// # Errors
    /// Parameters that the network does not have, or lacks; attributes of other sizes.
    pub fn new(
        network: ProtoComNet,
        parameters: Tensors,
        attributes: Attributes,
    ) -> Result<Self, ProtoComNetError> {
        network.graph().check_parameters(&parameters)?;
        let n = attributes.names.len();
        let fits = attributes.mean.dim() == (n, network.embedding)
            && attributes.word.dim() == (n, network.word);
        if !fits {
            return Err(ProtoComNetError::Attributes);
        }
        let mut completer = Self {
            network,
            parameters,
            attributes,
            complete: Complete::default(),
            encoded: Array2::zeros((0, 0)),
            terms: Array2::zeros((0, 0)),
        };
        // Training may draw an attribute's feature around its mean; a completion takes the mean.
        let Attributes { mean, word, .. } = &completer.attributes;
        let encoded = relu(completer.layer("encoder.0", mean.view()));
        let terms = word.dot(&completer.weight("aggregator.term").t());
        completer.encoded = encoded;
        completer.terms = terms;
        Ok(completer)
    }

    /// The same completer, of means or of every image.
    #[must_use]
    pub fn completing(self, complete: Complete) -> Self {
        Self { complete, ..self }
    }

    /// What it completes.
    pub fn completes(&self) -> Complete {
        self.complete
    }

    /// The network's sizes.
    pub fn network(&self) -> &ProtoComNet {
        &self.network
    }

    /// The network's parameters.
    pub fn parameters(&self) -> &Tensors {
        &self.parameters
    }

    /// What it completes from.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The inputs of its network's graph for these prototypes and classes: see
    /// [`Attributes::inputs`].
    pub fn inputs(&self, prototypes: ArrayView2<'_, f32>, classes: &[Described]) -> Tensors {
        self.attributes.inputs(self.network.attributes, prototypes, classes)
    }

    /// The completed prototypes `[n, s]` of `prototypes` `[n, s]`, all raw. Row `i` belongs to
    /// `classes[i]`.
    pub fn complete(&self, prototypes: ArrayView2<'_, f32>, classes: &[Described]) -> Array2<f32> {
        let own = relu(self.layer("encoder.0", prototypes));
        let pairs = self.pairs(prototypes, classes);
        let mut aggregate = own.clone();
        for (row, class) in classes.iter().enumerate() {
            let pair = pairs.row(row);
            // alpha_y of the module's documentation. The published code has 1 in its place.
            if self.network.self_weight == SelfWeight::Learned {
                let term = self.weight("aggregator.term").dot(&class.word);
                let weight = self.aggregator(&pair, term.view());
                aggregate.row_mut(row).mapv_inplace(|x| x * weight);
            }
            // The attention weights are used as they are, without a softmax: they may be negative
            // and need not sum to 1.
            for &attribute in &class.attributes {
                let weight = self.aggregator(&pair, self.terms.row(attribute));
                aggregate.row_mut(row).scaled_add(weight, &self.encoded.row(attribute));
            }
        }
        self.layer("completed", relu(self.layer("decoder.0", aggregate.view())).view())
    }

    /// How much each attribute of a class counts for a prototype `[s]`, in the order of the class's
    /// attributes.
    pub fn weights(&self, prototype: ArrayView1<'_, f32>, class: &Described) -> Vec<f32> {
        let pairs = self.pairs(prototype.insert_axis(Axis(0)), std::slice::from_ref(class));
        let terms = class.attributes.iter().map(|&attribute| self.terms.row(attribute));
        terms.map(|term| self.aggregator(&pairs.row(0), term)).collect()
    }

    /// What the aggregator's first layer makes of class and prototype, `[n, d]`: all but the term.
    fn pairs(&self, prototypes: ArrayView2<'_, f32>, classes: &[Described]) -> Array2<f32> {
        let words = words(classes, self.network.word);
        // The layer on `[h_y || h_a || x]` is a sum of three products, so that none is computed for
        // each pair of class and attribute. Its bias belongs to the product with `x`.
        self.layer("aggregator.prototype", prototypes)
            + words.dot(&self.weight("aggregator.class").t())
    }

    /// The attention weight of a term (an attribute, or the class itself), from what the first
    /// layer makes of class and prototype (`pair`) and of the term's word.
    fn aggregator(&self, pair: &ArrayView1<'_, f32>, term: ArrayView1<'_, f32>) -> f32 {
        let hidden = (pair + &term).mapv(|x| x.max(0.0));
        self.weight("aggregator.2").row(0).dot(&hidden) + self.bias("aggregator.2")[0]
    }

    fn layer(&self, name: &str, x: ArrayView2<'_, f32>) -> Array2<f32> {
        x.dot(&self.weight(name).t()) + self.bias(name)
    }

    fn weight(&self, name: &str) -> ArrayView2<'_, f32> {
        let weight = self.parameters[&format!("{name}.weight")].view();
        weight.into_dimensionality::<Ix2>().expect("invariant: shapes were checked")
    }

    fn bias(&self, name: &str) -> ArrayView1<'_, f32> {
        let bias = self.parameters[&format!("{name}.bias")].view();
        bias.into_dimensionality::<Ix1>().expect("invariant: shapes were checked")
    }
}

fn relu(x: Array2<f32>) -> Array2<f32> {
    x.mapv_into(|x| x.max(0.0))
}

/// A completer for the classes of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct OfClasses {
    /// What completes.
    pub completer: ProtoComNetCompleter,
    /// The classes, by their positions.
    pub classes: Vec<Described>,
}

impl Completer for OfClasses {
    /// The number of images plays no part: one network serves all.
    fn complete(&self, support: Support<'_>, names: &[usize]) -> Array2<f32> {
        let named: Vec<Described> = names.iter().map(|&name| self.classes[name].clone()).collect();
        if self.completer.completes() == Complete::Mean {
            return self.completer.complete(support.mean, &named);
        }
        let mut completed = Array2::zeros(support.mean.dim());
        for ((mut row, images), class) in
            completed.rows_mut().into_iter().zip(support.images).zip(named)
        {
            let of_each = vec![class; images.nrows()];
            let each = self.completer.complete(images.view(), &of_each);
            row.assign(&prototype::mean(each.view()));
        }
        completed
    }
}
