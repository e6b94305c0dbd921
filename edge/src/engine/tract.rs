//! tract: the engine that is a part of the program, in pure Rust.
//!
//! The network is compiled for a batch of one. A batch runs image by image, on as many threads as
//! the engine may have; one image runs on one thread. The alternatives are worse: a compiled batch
//! takes longer per image (measured with 8 images of ResNet-12 on one thread) and needs a copy of
//! the weights for each batch size; a symbolic batch takes up to six times as long.

use std::io::Cursor;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ndarray::{ArrayD, ArrayViewD, Axis, concatenate};
use tract_onnx::prelude::*;
use tract_onnx::tract_core::model::TypedModelPatch;
use tract_onnx::tract_core::ops::cast::Cast;

use super::choice::Provider;
use super::error::EngineError;
use super::model::{Engine, Model};
use super::signature::Signature;

/// A network compiled by tract.
pub(super) struct Tract {
    plan: Arc<TypedRunnableModel>,
    signature: Signature,
    /// The place in the signature of each input of the plan. tract takes inputs by position.
    order: Vec<usize>,
    /// The most threads of a run.
    threads: usize,
}

/// What the network computes of one row of a batch: each output, `[1, …]`.
type RowOutputs = Vec<ArrayD<f32>>;

impl Tract {
    pub(super) fn load(model: &Model, threads: usize) -> Result<Self, EngineError> {
        let signature = Signature::of(model);
        // Files of other tools state shapes of inner values with a symbolic batch, which contradict
        // the fixed batch here.
        let reader = onnx().with_ignore_value_info(true);
        let mut network = reader.model_for_read(&mut Cursor::new(model.onnx)).map_err(refused)?;
        let order = order(&network, &signature)?;
        for (index, &place) in order.iter().enumerate() {
            let shape = one(&signature.inputs()[place].1);
            let fact = InferenceFact::dt_shape(f32::datum_type(), &shape);
            network.set_input_fact(index, fact).map_err(refused)?;
        }
        let plan = network.into_typed().and_then(compile).map_err(refused)?;
        Ok(Self { plan, signature, order, threads })
    }

    /// Runs each row of a batch: a thread takes the next row when it has done one. If the system
    /// cannot start a thread, the others do its rows.
    fn run_rows(
        &self,
        views: &[&ArrayViewD<f32>],
        batch: usize,
    ) -> Result<Vec<RowOutputs>, EngineError> {
        let next = AtomicUsize::new(0);
        let mut done = thread::scope(|scope| {
            let take_rows = || self.take_rows(&next, views, batch);
            let others: Vec<_> = (1..self.threads.min(batch))
                .map_while(|_| thread::Builder::new().spawn_scoped(scope, take_rows).ok())
                .collect();
            let mut done = take_rows();
            for other in others {
                done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            done
        });
        done.sort_by_key(|(row, _)| *row);
        done.into_iter().map(|(_, outputs)| outputs).collect()
    }

    /// Runs rows that no other thread has taken, until none is left; each with its place.
    fn take_rows(
        &self,
        next: &AtomicUsize,
        views: &[&ArrayViewD<f32>],
        batch: usize,
    ) -> Vec<(usize, Result<RowOutputs, EngineError>)> {
        let mut done = Vec::new();
        loop {
            let row = next.fetch_add(1, Ordering::Relaxed);
            if row >= batch {
                return done;
            }
            done.push((row, self.run_row(views, row)));
        }
    }

    fn run_row(&self, views: &[&ArrayViewD<f32>], row: usize) -> Result<RowOutputs, EngineError> {
        let mut inputs = TVec::new();
        for &place in &self.order {
            let values = views[place].index_axis(Axis(0), row);
            let values = values.as_standard_layout();
            let slice = values.as_slice().expect("invariant: the layout is standard");
            let tensor = Tensor::from_shape(&one(values.shape()), slice).map_err(refused)?;
            inputs.push(tensor.into_tvalue());
        }
        self.plan.run(inputs).map_err(refused)?.iter().map(|value| output(value)).collect()
    }
}

impl Engine for Tract {
    fn provider(&self) -> Provider {
        Provider::Tract
    }

    fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>, EngineError> {
        let (views, batch) = self.signature.order(inputs)?;
        let rows = self.run_rows(&views, batch)?;
        let n_outputs = rows.first().map_or(0, Vec::len);
        (0..n_outputs).map(|index| join(&rows, index)).collect()
    }
}

fn compile(mut network: TypedModel) -> TractResult<Arc<TypedRunnableModel>> {
    widen_constants(&mut network)?;
    network.into_optimized()?.into_runnable()
}

/// Computes the casts of constants, which are weights stored as fp16. tract leaves a cast whose
/// result is large, and would then widen these weights at every run.
fn widen_constants(network: &mut TypedModel) -> TractResult<()> {
    for id in 0..network.nodes().len() {
        let node = network.node(id);
        let Some(cast) = node.op_as::<Cast>() else { continue };
        let Some(value) = &network.outlet_fact(node.inputs[0])?.konst else { continue };
        let wide = value.cast_to_dt(cast.to)?.into_owned();
        let mut patch = TypedModelPatch::default();
        let constant = patch.add_const(&node.name, wide)?;
        patch.shunt_outside(network, id.into(), constant)?;
        patch.apply(network)?;
    }
    Ok(())
}

fn output(value: &Tensor) -> Result<ArrayD<f32>, EngineError> {
    let view = value.to_plain_array_view::<f32>().map_err(refused)?;
    // The plan has a batch of one, but a file may compute outputs of any shape from it.
    if view.shape().first() != Some(&1) {
        return Err(not_a_batch(format!("{:?}", view.shape())));
    }
    Ok(view.to_owned())
}

/// One output of all rows, `[batch, …]`.
fn join(rows: &[RowOutputs], index: usize) -> Result<ArrayD<f32>, EngineError> {
    let views: Vec<_> = rows.iter().map(|outputs| outputs[index].view()).collect();
    concatenate(Axis(0), &views).map_err(|e| not_a_batch(e.to_string()))
}

/// The place in the signature of each input of the file.
fn order(network: &InferenceModel, signature: &Signature) -> Result<Vec<usize>, EngineError> {
    let outlets = network.input_outlets().map_err(refused)?;
    let got: Vec<_> = outlets.iter().map(|o| network.node(o.node).name.as_str()).collect();
    let expected: Vec<_> = signature.inputs().iter().map(|(name, _)| name.as_str()).collect();
    let places = got.iter().map(|name| expected.iter().position(|input| input == name));
    let order = places.collect::<Option<Vec<_>>>().filter(|order| order.len() == expected.len());
    order.ok_or_else(|| {
        EngineError::Refused(format!(
            "the file's inputs are {}, expected {}",
            got.join(", "),
            expected.join(", ")
        ))
    })
}

fn one(shape: &[usize]) -> Vec<usize> {
    [&[1], shape].concat()
}

fn not_a_batch(got: String) -> EngineError {
    EngineError::Output {
        name: "of tract".to_owned(),
        expected: "one row for each image".to_owned(),
        got,
    }
}

/// An error of tract is a chain; all of it belongs to the reason.
fn refused(error: TractError) -> EngineError {
    EngineError::Refused(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::tract_core::ops::{cast::cast, math};

    #[test]
    fn weights_stored_as_fp16_are_widened_once() {
        let mut network = TypedModel::default();
        let length = 3 << 20;
        let input = network.add_source("x", f32::fact([1, length])).unwrap();
        let values: Vec<_> = (0..length).map(|i| (i % 1000) as f32).collect();
        let values = Tensor::from_shape(&[1, length], &values).unwrap();
        let half = values.cast_to::<f16>().unwrap().into_owned();
        let half = network.add_const("w", half).unwrap();
        let wide = network.wire_node("wide", cast(f32::datum_type()), &[half]).unwrap()[0];
        let sum = network.wire_node("sum", math::add(), &[input, wide]).unwrap();
        network.select_output_outlets(&sum).unwrap();
        let casts = |plan: &TypedRunnableModel| {
            plan.model().nodes().iter().filter(|node| node.op_is::<Cast>()).count()
        };
        let left = network.clone().into_optimized().unwrap().into_runnable().unwrap();
        assert_eq!(casts(&left), 1, "tract does it itself now: widen_constants can go");
        assert_eq!(casts(&compile(network).unwrap()), 0);
    }
}
