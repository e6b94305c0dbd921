//! Runs networks on tensors of clients: a row is a job of its own, so that other calls are served
//! between two rows. Rows of the backbone share runs with each other and with images.

use edge::Recognizer;
use edge::recognizer::RecognizerError;
use edge::slot::EngineLease;

use super::AppState;
use super::embed::AT_ONCE;
use super::inference::{Kind, Network, Values};
use crate::jobs::client::Caller;
use crate::jobs::error::JobError;
use crate::jobs::in_order::in_order;

impl AppState {
    /// Runs a network on each row of its inputs, which are in its order and have as many values as
    /// `rows` states. The values of each output, row after row, all finite.
    ///
    /// # Errors
    /// [`JobError`].
    pub async fn infer(
        &self,
        caller: Caller,
        network: &Network,
        inputs: &[Values],
        rows: usize,
    ) -> Result<Vec<Vec<f32>>, JobError> {
        // A row takes the time of an image.
        let _places = self.decode_queue.admit(caller.client, rows)?;
        loop {
            match self.infer_on_one(caller, network, inputs, rows).await {
                // Each engine is lost once.
                Err(error) if error.is_replaced() => {}
                result => return result,
            }
        }
    }

    /// All rows on one engine.
    async fn infer_on_one(
        &self,
        caller: Caller,
        network: &Network,
        inputs: &[Values],
        rows: usize,
    ) -> Result<Vec<Vec<f32>>, JobError> {
        let engine = EngineLease::default();
        let sizes = network.outputs.iter().map(|output| rows * output.row_len());
        let mut outputs: Vec<Vec<f32>> = sizes.map(Vec::with_capacity).collect();
        let each = (0..rows).map(|row| {
            let given = network.inputs.iter().zip(inputs);
            let given = given.map(|(input, values)| values.row(row, input.row_len())).collect();
            self.infer_row(caller, network.kind, given, &engine)
        });
        for computed in in_order(each, AT_ONCE).await? {
            for (output, values) in outputs.iter_mut().zip(computed) {
                output.extend(values);
            }
        }
        Ok(outputs)
    }

    /// Runs a network once, on the thread that has it.
    async fn infer_row(
        &self,
        caller: Caller,
        kind: Kind,
        inputs: Vec<Vec<f32>>,
        engine: &EngineLease,
    ) -> Result<Vec<Vec<f32>>, JobError> {
        match kind {
            Kind::Backbone => {
                // The backbone has one input and one output.
                let input = inputs.into_iter().next().unwrap_or_default();
                Ok(vec![self.engine.embed(caller, engine, input, None).await?.values])
            }
            Kind::Completer => {
                let work = move |recognizer: &mut Recognizer| {
                    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
                    let attention = recognizer.attention();
                    let attention = attention.expect("invariant: a network that was listed stays");
                    attention.infer(&inputs)
                };
                Ok(self.with_recognizer(caller, work).await?.map_err(RecognizerError::from)?)
            }
        }
    }
}
