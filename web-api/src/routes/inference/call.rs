//! From the body of an inference to the inputs of a network, checked against what it takes.

use axum::body::Bytes;

use super::numbers;
use crate::http::answers::NO_MEMORY;
use crate::http::body::{TensorBody, infer_request};
use crate::http::problem::{Code, Problem};
use crate::jobs::budget::{Budget, Lease};
use crate::metrics::Refusal;
use crate::state::inference::{Network, Tensor, VALUE_BYTES, Values};
use crate::wire;

/// The most characters of the id of a request.
const MAX_ID_CHARS: usize = 256;

/// The most characters of a name in an error.
const MAX_SHOWN_CHARS: usize = 64;

/// A call whose inputs fit the network. It keeps the memory of its inputs and outputs.
#[derive(Debug)]
pub(super) struct Call {
    /// What the answer repeats.
    pub(super) id: Option<String>,
    /// The batch.
    pub(super) rows: usize,
    /// In the order of the network.
    pub(super) inputs: Vec<Values>,
    /// What to answer, in this order.
    pub(super) outputs: Vec<WantedOutput>,
    _memory: Lease,
}

/// An output to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WantedOutput {
    /// Its place among those of the network.
    pub(super) index: usize,
    /// As bytes behind the JSON.
    pub(super) is_binary: bool,
}

impl Call {
    /// Reads a body; a batch has at most `max_rows`.
    ///
    /// # Errors
    /// `bad_request`; `busy` or `too_large` if there is no memory for the values.
    pub(super) fn read(
        body: TensorBody,
        network: &Network,
        max_rows: usize,
        buffers: &Budget,
    ) -> Result<Self, Problem> {
        let TensorBody { json, binary, memory } = body;
        let held = json.len() + binary.len();
        let mut reader = Reader { network, max_rows, rest: binary, memory, held, buffers };
        // Numbers that are not parsed yet, and texts, are copies.
        reader.reserve(json.len())?;
        let request = infer_request(&json)?;
        drop(json);
        check(&request)?;
        let outputs = wanted(&request, network)?;
        let (rows, inputs) = reader.inputs(request.inputs)?;
        let values: usize = network.outputs.iter().map(Tensor::row_len).sum();
        reader.reserve(values.saturating_mul(rows).saturating_mul(VALUE_BYTES))?;
        Ok(Self { id: request.id, rows, inputs, outputs, _memory: reader.memory })
    }
}

/// Refuses what no network of this service can do.
fn check(request: &wire::InferRequest) -> Result<(), Problem> {
    if request.id.as_ref().is_some_and(|id| id.chars().nth(MAX_ID_CHARS).is_some()) {
        return Err(bad(format!("id: expected at most {MAX_ID_CHARS} characters.")));
    }
    if request.parameters.as_ref().is_some_and(|options| options.sequence_id.is_some()) {
        let detail = "parameters.sequence_id: the networks keep nothing between calls; leave it \
                      out.";
        return Err(bad(detail));
    }
    Ok(())
}

/// The outputs to answer: those that are named, else all.
fn wanted(request: &wire::InferRequest, network: &Network) -> Result<Vec<WantedOutput>, Problem> {
    let options = request.parameters.as_ref();
    let is_binary = options.and_then(|options| options.binary_data_output).unwrap_or(false);
    let named = request.outputs.as_deref().unwrap_or_default();
    if named.is_empty() {
        let all = 0..network.outputs.len();
        return Ok(all.map(|index| WantedOutput { index, is_binary }).collect());
    }
    let mut wanted: Vec<WantedOutput> = Vec::new();
    for output in named {
        let index = find("output", &network.outputs, &output.name)?;
        if wanted.iter().any(|other| other.index == index) {
            return Err(twice("output", &output.name));
        }
        let is_binary = match &output.parameters {
            Some(options) => stated_form(&output.name, options)?.unwrap_or(is_binary),
            None => is_binary,
        };
        wanted.push(WantedOutput { index, is_binary });
    }
    Ok(wanted)
}

/// Whether an output is to be binary data, if the request states it.
fn stated_form(
    name: &str,
    options: &wire::InferRequestedOutputParameters,
) -> Result<Option<bool>, Problem> {
    if options.shared_memory_region.is_some() {
        return Err(no_shared_memory("output", name));
    }
    if options.classification.is_some_and(|count| count > 0) {
        let detail = format!(
            "Output `{name}`: the classification extension is not supported, since the outputs are \
             no scores of classes; leave `classification` out, or use \
             /v1/galleries/{{gallery}}/classify."
        );
        return Err(bad(detail));
    }
    Ok(options.binary_data)
}

/// Reads the inputs of a call.
struct Reader<'a> {
    network: &'a Network,
    max_rows: usize,
    /// The bytes of binary tensors that no input has taken yet.
    rest: Bytes,
    memory: Lease,
    /// What is reserved.
    held: usize,
    buffers: &'a Budget,
}

impl Reader<'_> {
    /// The batch, and the inputs in the order of the network.
    fn inputs(&mut self, given: Vec<wire::InferInput>) -> Result<(usize, Vec<Values>), Problem> {
        let network = self.network;
        let mut inputs: Vec<Option<Values>> = network.inputs.iter().map(|_| None).collect();
        let mut rows = None;
        // In the order of the request, which is that of the binary data.
        for input in given {
            let index = find("input", &network.inputs, &input.name)?;
            if inputs[index].is_some() {
                return Err(twice("input", &input.name));
            }
            let tensor = &network.inputs[index];
            let batch = self.batch(tensor, &input.shape)?;
            let all = *rows.get_or_insert(batch);
            if batch != all {
                let name = &tensor.name;
                let detail = format!(
                    "Input `{name}`: expected the batch of the other inputs, {all}, got {batch}."
                );
                return Err(bad(detail));
            }
            inputs[index] = Some(self.values(tensor, batch, input)?);
        }
        if !self.rest.is_empty() {
            let detail = format!(
                "The body has {} bytes more than the `binary_data_size` of its inputs.",
                self.rest.len()
            );
            return Err(bad(detail));
        }
        let missing = network.inputs.iter().zip(&inputs).find(|(_, values)| values.is_none());
        if let Some((tensor, _)) = missing {
            return Err(bad(format!("The input `{}` is missing.", tensor.name)));
        }
        Ok((rows.unwrap_or_default(), inputs.into_iter().flatten().collect()))
    }

    /// The batch of an input, whose other dimensions must be those of the network.
    fn batch(&self, tensor: &Tensor, shape: &[i64]) -> Result<usize, Problem> {
        let sizes: Vec<_> = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
        let row: Vec<_> = tensor.row.iter().map(|size| Some(*size)).collect();
        let name = &tensor.name;
        let Some((batch, _)) = sizes.split_first().filter(|(_, other)| **other == row[..]) else {
            let expected: Vec<_> = tensor.row.iter().map(usize::to_string).collect();
            let expected = expected.join(", ");
            let detail =
                format!("Input `{name}`: expected the shape [n, {expected}], got {shape:?}.");
            return Err(bad(detail));
        };
        batch.filter(|batch| (1..=self.max_rows).contains(batch)).ok_or_else(|| {
            let most = self.max_rows;
            bad(format!("Input `{name}`: expected a batch of 1 to {most}, got {}.", shape[0]))
        })
    }

    fn values(
        &mut self,
        tensor: &Tensor,
        rows: usize,
        input: wire::InferInput,
    ) -> Result<Values, Problem> {
        let name = &tensor.name;
        let options = input.parameters.unwrap_or_default();
        if options.shared_memory_region.is_some() {
            return Err(no_shared_memory("input", name));
        }
        let values = match (input.data, options.binary_data_size) {
            (Some(data), None) => Values::Numbers(self.numbers(tensor, rows, data.get())?),
            (None, Some(size)) => Values::LittleEndian(self.bytes(tensor, rows, size)?),
            _ => {
                let detail = format!(
                    "Input `{name}`: expected either `data` or `parameters.binary_data_size`."
                );
                return Err(bad(detail));
            }
        };
        if !values.are_finite() {
            return Err(bad(format!(
                "Input `{name}`: expected finite values, got infinity or NaN."
            )));
        }
        Ok(values)
    }

    fn numbers(&mut self, tensor: &Tensor, rows: usize, text: &str) -> Result<Vec<f32>, Problem> {
        let mut shape = vec![rows];
        shape.extend(&tensor.row);
        // A count that cannot be in the text is refused before memory is reserved for it.
        let count = numbers::count(text, &shape).map_err(|reason| in_data(tensor, &reason))?;
        self.reserve(count * VALUE_BYTES)?;
        numbers::read(text, &shape).map_err(|reason| in_data(tensor, &reason))
    }

    fn bytes(&mut self, tensor: &Tensor, rows: usize, size: u64) -> Result<Bytes, Problem> {
        let name = &tensor.name;
        let expected = rows.saturating_mul(tensor.row_len()).saturating_mul(VALUE_BYTES);
        if usize::try_from(size) != Ok(expected) {
            let detail = format!(
                "Input `{name}`: expected a `binary_data_size` of {expected} bytes for its shape, \
                 got {size}."
            );
            return Err(bad(detail));
        }
        if self.rest.len() < expected {
            let detail = format!(
                "Input `{name}`: expected {expected} bytes behind the JSON, whose length is in the \
                 header Inference-Header-Content-Length; got {}.",
                self.rest.len()
            );
            return Err(bad(detail));
        }
        Ok(self.rest.split_to(expected))
    }

    /// Reserves memory for `more` bytes.
    fn reserve(&mut self, more: usize) -> Result<(), Problem> {
        self.held = self.held.saturating_add(more);
        if self.memory.grow(more) {
            return Ok(());
        }
        if self.buffers.fits(self.held) {
            return Err(Problem::refused(Refusal::Memory, NO_MEMORY));
        }
        let detail = format!(
            "The call takes {} bytes of memory, more than one call may have: send fewer rows, or \
             binary data in place of numbers.",
            self.held
        );
        Err(Problem::new(Code::TooLarge, detail))
    }
}

/// The place of a tensor among those of the network.
fn find(kind: &str, tensors: &[Tensor], name: &str) -> Result<usize, Problem> {
    tensors.iter().position(|tensor| tensor.name == name).ok_or_else(|| {
        let names: Vec<_> = tensors.iter().map(|tensor| format!("`{}`", tensor.name)).collect();
        let got: String = name.chars().take(MAX_SHOWN_CHARS).collect();
        bad(format!("Unknown {kind} `{got}`; expected one of {}.", names.join(", ")))
    })
}

fn twice(kind: &str, name: &str) -> Problem {
    bad(format!("The {kind} `{name}`: expected once, got twice."))
}

fn no_shared_memory(kind: &str, name: &str) -> Problem {
    bad(format!(
        "The {kind} `{name}`: the shared-memory extension is not supported; send the values with \
         the request."
    ))
}

fn in_data(tensor: &Tensor, reason: &str) -> Problem {
    bad(format!("Input `{}`, data: {reason}.", tensor.name))
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, detail)
}
