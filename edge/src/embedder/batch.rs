//! Several images in one run of the engine. A run that fails is repeated image by image, so that
//! one bad image fails by itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter::zip;
use std::time::Instant;

use ndarray::{Array2, ArrayView4};

use super::{EmbedError, Embedded, Embedder, wrong_length};
use crate::decoder::DecodedImage;
use crate::slot::EngineLease;

impl Embedder {
    /// The most images of a run of the engine: the `max_batch` of the bundle.
    #[must_use]
    pub fn batch(&self) -> usize {
        // A manifest that was read has 1 or more. Its fields are public.
        self.manifest.backbone.max_batch.max(1)
    }

    /// Embeds images that [`ImageDecoder`](crate::decoder::ImageDecoder) has decoded, as many in a
    /// run as [`Self::batch`]. Each has its own result, and an equal part of the time of its run.
    ///
    /// The embedding is that of [`Self::embed_decoded`] within the tolerance of the engine.
    pub fn embed_all(
        &mut self,
        images: impl IntoIterator<Item = DecodedImage>,
    ) -> Vec<Result<Embedded, EmbedError>> {
        let mut images = images.into_iter();
        let mut all = Vec::new();
        loop {
            let batch: Vec<_> = images.by_ref().take(self.batch()).collect();
            if batch.is_empty() {
                return all;
            }
            all.extend(self.embed_run(batch));
        }
    }

    fn embed_run(&mut self, mut images: Vec<DecodedImage>) -> Vec<Result<Embedded, EmbedError>> {
        let inputs: Vec<_> = images.iter_mut().map(DecodedImage::take_input).collect();
        let leases = one_request_each(inputs.len());
        let start = Instant::now();
        let embeddings = self.embed_inputs_leased(&inputs, &leases);
        // A batch has at most 4096 images.
        let share = start.elapsed() / u32::try_from(images.len()).unwrap_or(u32::MAX);
        let each = zip(images, zip(&leases, embeddings));
        let join = |(image, (lease, embedding)): (_, (&EngineLease, Result<_, _>))| {
            let embedding = embedding?;
            let engine = lease.kind().expect("invariant: it has just run");
            Ok(Embedded::of(image, embedding, engine, share))
        };
        each.map(join).collect()
    }

    /// Embeds inputs as [`Self::embed_input`] takes them, in one run of the engine if they are no
    /// more than [`Self::batch`]; each has its own result.
    pub fn embed_inputs(&mut self, inputs: &[Vec<f32>]) -> Vec<Result<Vec<f32>, EmbedError>> {
        self.embed_inputs_leased(inputs, &one_request_each(inputs.len()))
    }

    /// The same for inputs of several requests, each of which stays on its engine: what runs on
    /// different engines shares no run. `leases` has the lease of each input.
    ///
    /// A result is [`EmbedError::Replaced`] as for [`Slot::run`](crate::slot::Slot::run).
    pub fn embed_inputs_leased(
        &mut self,
        inputs: &[Vec<f32>],
        leases: &[EngineLease],
    ) -> Vec<Result<Vec<f32>, EmbedError>> {
        let mut results = BTreeMap::new();
        for places in self.slot.sharing(leases) {
            for places in places.chunks(self.batch()) {
                let run = self.embed_places(inputs, leases, places);
                results.extend(zip(places.iter().copied(), run));
            }
        }
        results.into_values().collect()
    }

    /// Embeds the inputs at some places, all on one engine.
    fn embed_places(
        &mut self,
        inputs: &[Vec<f32>],
        leases: &[EngineLease],
        places: &[usize],
    ) -> Vec<Result<Vec<f32>, EmbedError>> {
        let values: Vec<&[f32]> = places.iter().map(|place| inputs[*place].as_slice()).collect();
        let shared: Vec<&EngineLease> = places.iter().map(|place| &leases[*place]).collect();
        match self.embed_together(&values, &shared) {
            Ok(rows) => rows.outer_iter().map(|row| Ok(row.to_vec())).collect(),
            Err(error) if places.len() == 1 => vec![Err(error)],
            // Once: what is at fault with a run of one image is at fault with the image, or with
            // the engine.
            Err(_) => zip(values, shared)
                .map(|(input, lease)| self.embed_input_leased(lease, input))
                .collect(),
        }
    }

    fn embed_together(
        &mut self,
        inputs: &[&[f32]],
        leases: &[&EngineLease],
    ) -> Result<Array2<f32>, EmbedError> {
        let size = self.manifest.preprocess.size;
        let length = 3 * size * size;
        if let Some(wrong) = inputs.iter().find(|input| input.len() != length) {
            return Err(wrong_length(size, wrong.len()).into());
        }
        let values: Cow<[f32]> = match inputs {
            [one] => Cow::Borrowed(one),
            several => Cow::Owned(several.concat()),
        };
        let batch = ArrayView4::from_shape((inputs.len(), 3, size, size), &values)
            .expect("invariant: each input has the length of its shape");
        self.run(leases, batch)
    }
}

/// A request for each input.
fn one_request_each(n: usize) -> Vec<EngineLease> {
    (0..n).map(|_| EngineLease::default()).collect()
}
