//! Reads and embeds the images of a command: while some are embedded, the next ones are decoded.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use edge::Recognizer;
use edge::decoder::{DecodedImage, ImageDecoder};
use edge::embedder::Embedded;
use edge::gallery::KeepImages;
use edge::pipeline::chunks_ahead;
use edge::recognizer::RecognizerError;
use models::fault::{AnyFault, Fault, Message};
use models::image::Crop;

use super::FileError;
use super::inputs::Input;

/// Images that are embedded together, while as many are decoded. Their inputs of the network take
/// 0.6 MB each at 224x224.
const CHUNK: usize = 16;

/// An image of more pixels waits until no other one of that size is being decoded: it takes 12
/// bytes a pixel, up to half a gigabyte.
const LARGE: u64 = 4_000_000;

/// What is done with the images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose {
    /// The part of each that is used.
    pub(super) crop: Option<Crop>,
    /// What the gallery keeps of images that are enrolled; `None` to classify them.
    pub(super) keep: Option<KeepImages>,
}

/// Calls `each` with every image, in order, and its embedding or what is wrong with it.
///
/// The files themselves are not kept of images that can be read again: see
/// [`Input::can_be_read_again`].
pub(super) fn embed_all<I: Borrow<Input> + Send>(
    recognizer: &mut Recognizer,
    inputs: impl IntoIterator<Item = I>,
    purpose: Purpose,
    mut each: impl FnMut(I, Result<Embedded, FileError>),
) {
    let reader = Reader { decoder: recognizer.decoder().clone(), purpose, large: Mutex::new(()) };
    let read = |input: I| {
        let decoded = reader.decode(input.borrow());
        (input, decoded)
    };
    let Ok(()) = chunks_ahead(inputs, CHUNK, read, |chunk| {
        for (input, embedded) in embed(recognizer, chunk) {
            let embedded = embedded.map_err(|fault| file_error(input.borrow(), &*fault));
            each(input, embedded);
        }
        Ok::<(), Infallible>(())
    });
}

fn file_error(input: &Input, fault: &dyn Fault) -> FileError {
    FileError { file: input.name(), error: fault.to_string(), blame: fault.blame() }
}

/// Embeds those images of a chunk that were decoded, in one run of the engine if it takes as many.
fn embed<I>(
    recognizer: &mut Recognizer,
    chunk: Vec<(I, Result<DecodedImage, AnyFault>)>,
) -> Vec<(I, Result<Embedded, AnyFault>)> {
    let mut decoded = Vec::new();
    let mut read = Vec::new();
    for (input, image) in chunk {
        read.push((input, image.map(|image| decoded.push(image))));
    }
    let mut embedded: VecDeque<_> = match recognizer.embed_all(decoded) {
        Ok(each) => each.into_iter().map(|one| one.map_err(RecognizerError::from)).collect(),
        // There is no engine: that is the error of the first image, and the others have none.
        Err(error) => VecDeque::from([Err(error)]),
    };
    let each = read.into_iter().map(|(input, image)| {
        let embedded = image.and_then(|()| match embedded.pop_front() {
            Some(embedded) => Ok(embedded?),
            None => Err(Message::machine("no engine runs the network").into()),
        });
        (input, embedded)
    });
    each.collect()
}

/// Decodes on several threads.
struct Reader {
    decoder: ImageDecoder,
    purpose: Purpose,
    /// Held while a large image is decoded.
    large: Mutex<()>,
}

impl Reader {
    fn decode(&self, input: &Input) -> Result<DecodedImage, AnyFault> {
        let Purpose { crop, keep } = self.purpose;
        let bytes = input.bytes()?;
        let is_large = self.decoder.decoded_pixels(&bytes, crop).is_some_and(|n| n > LARGE);
        // A decoder that panicked left nothing behind.
        let _turn = is_large.then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        let decoded = match keep {
            Some(KeepImages::Original) if input.can_be_read_again() => {
                self.decoder.decode_to_keep(&bytes, KeepImages::Off, crop)
            }
            Some(keep) => self.decoder.decode_to_keep(&bytes, keep, crop),
            None => self.decoder.decode(&bytes, crop),
        };
        Ok(decoded.map_err(RecognizerError::from)?)
    }
}
