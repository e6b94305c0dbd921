//! Fits the tensors of a file to a network: names, widths, shapes.

use std::collections::BTreeMap;

use models::graph::{Architecture, GraphError};
use models::tensors::{TensorFile, Tensors};
use ndarray::ArrayD;

use super::arch::Arch;
use super::error::ImportError;
use super::family::{Family, recognize};
use super::names::{Name, backbone, translate};

/// The tensors of a network under the names of this project.
pub(super) struct Fitted {
    pub(super) architecture: Architecture,
    /// Whose network it is, if the names show it.
    pub(super) family: Option<Family>,
    pub(super) parameters: Tensors,
    pub(super) classifier: Tensors,
    pub(super) beside: Beside,
}

/// Tensors outside the backbone with their shapes, by the part that they belong to.
pub(super) type Beside = BTreeMap<String, Vec<String>>;

/// Translates the names, deduces the widths and the family, and checks that everything fits.
/// `last_activation` is what the user states about a ResNet-12.
pub(super) fn fit(
    file: TensorFile,
    arch: Arch,
    input_size: usize,
    last_activation: Option<bool>,
) -> Result<Fitted, ImportError> {
    let family = if arch == Arch::Resnet12 { recognize(&file) } else { None };
    let Sorted { parameters, classifier, beside, differences } = Sorted::new(file, arch)?;
    let mut architecture = arch.sized(&parameters, input_size, family.as_ref());
    check(arch, &architecture, &parameters, differences)?;
    all_finite(parameters.iter().chain(&classifier))?;
    if let Architecture::Resnet12(network) = &mut architecture {
        // Last: of another network it would be the wrong thing to ask for.
        let of_family = family.as_ref().map(|family| family.last_activation);
        let known = last_activation.or(of_family);
        network.last_activation = known.ok_or(ImportError::LastActivation)?;
    }
    Ok(Fitted { architecture, family, parameters, classifier, beside })
}

/// The tensors of a file by role.
#[derive(Default)]
struct Sorted {
    parameters: Tensors,
    classifier: Tensors,
    beside: Beside,
    differences: Vec<String>,
}

impl Sorted {
    fn new(file: TensorFile, arch: Arch) -> Result<Self, GraphError> {
        // Names do not depend on the widths, which are deduced afterwards.
        let published = arch.sized(&Tensors::new(), arch.recipe(None).size, None).graph();
        let own_names = published.parameters()?.into_iter().map(|p| p.name).collect();
        let backbone = backbone(arch, file.floats.keys().map(String::as_str), &own_names);
        let backbone = backbone.as_deref();
        let mut sorted = Self::default();
        for (name, tensor) in file.floats {
            let listed = listed(&name, tensor.shape());
            sorted.place(translate(arch, &name, &own_names, backbone), listed, Some(tensor));
        }
        for (name, tensor) in file.integers {
            let listed = listed(&name, tensor.shape());
            sorted.place(translate(arch, &name, &own_names, backbone), listed, None);
        }
        Ok(sorted)
    }

    /// Sorts a tensor. `values` is `None` for integers, which no parameter has.
    fn place(&mut self, name: Name, listed: String, values: Option<ArrayD<f32>>) {
        let place = match name {
            Name::Classifier(_) => &mut self.classifier,
            _ => &mut self.parameters,
        };
        match (name, values) {
            (Name::Parameter(own) | Name::Classifier(own), Some(values)) => {
                if place.insert(own, values).is_some() {
                    self.differences.push(format!("a second time: {listed}"));
                }
            }
            (Name::Parameter(_) | Name::Classifier(_), None) => {
                self.differences.push(format!("not floats: {listed}"))
            }
            (Name::Counter, _) => {}
            (Name::Beside(part), _) => self.beside.entry(part).or_default().push(listed),
            (Name::Unknown, _) => self.differences.push(format!("unexpected: {listed}")),
        }
    }
}

fn listed(name: &str, shape: &[usize]) -> String {
    format!("{} {shape:?}", name.escape_debug())
}

fn check(
    arch: Arch,
    architecture: &Architecture,
    parameters: &Tensors,
    mut differences: Vec<String>,
) -> Result<(), ImportError> {
    // Differences in names and in shapes are reported together.
    let network = architecture.to_string();
    match architecture.graph().check_parameters(parameters) {
        Ok(()) => {}
        Err(GraphError::Parameters { differences: more, .. }) => differences.extend(more),
        Err(other) => {
            return Err(ImportError::InputSize {
                network,
                size: architecture.input_size(),
                reason: other.to_string(),
            });
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(ImportError::Tensors { network, example: arch.example(), differences })
}

fn all_finite<'a>(
    mut tensors: impl Iterator<Item = (&'a String, &'a ArrayD<f32>)>,
) -> Result<(), ImportError> {
    match tensors.find(|(_, tensor)| !is_finite(tensor)) {
        Some((name, _)) => Err(ImportError::NotFinite { what: format!("`{name}`") }),
        None => Ok(()),
    }
}

fn is_finite(tensor: &ArrayD<f32>) -> bool {
    tensor.iter().all(|value| value.is_finite())
}
