//! The result of wrapping a network, as text and as JSON.

use std::path::Path;
use std::time::Duration;

use export::wrap::{ImageReport, OnnxNetwork, Spread, Wrapped};

use crate::commands::output::megabytes;

/// Operators that end a classifier.
const OF_CLASSIFIERS: [&str; 3] = ["Softmax", "LogSoftmax", "Sigmoid"];

/// One indented JSON object.
pub(super) fn json(wrapped: &Wrapped, out: &Path) -> String {
    let object = serde_json::json!({
        "written": true,
        "bundle": out,
        "name": wrapped.manifest.name,
        "space_id": wrapped.manifest.space_id,
        "embedding_size": wrapped.manifest.backbone.embedding_size,
        "max_batch": wrapped.manifest.backbone.max_batch,
        "files": wrapped.manifest.files,
        "verification": wrapped.noise,
        "images": wrapped.images,
    });
    format!("{object:#}")
}

/// Several lines: the network, the engines on noise and on images, and the place.
pub(super) fn summary(
    network: &OnnxNetwork,
    wrapped: &Wrapped,
    out: &Path,
    elapsed: Duration,
) -> String {
    let mut lines = network_lines(network, wrapped);
    lines.push(format!("\non noise:\n\n{}", wrapped.noise));
    lines.extend(wrapped.images.iter().map(image_lines));
    lines.push(format!(
        "wrote {} ({}) in {:.1} s",
        out.display(),
        megabytes(wrapped.onnx.len() as u64),
        elapsed.as_secs_f64()
    ));
    lines.join("\n")
}

fn network_lines(network: &OnnxNetwork, wrapped: &Wrapped) -> Vec<String> {
    let OnnxNetwork { input, output, opset, storage, .. } = network;
    let manifest = &wrapped.manifest;
    let size = manifest.preprocess.size;
    let values = manifest.backbone.embedding_size;
    vec![
        format!("  network   {input} [n, 3, {size}, {size}] -> {output} [n, {values}]"),
        format!("  file      weights {storage}, ONNX opset {opset}"),
        format!("  batch     at most {} image(s)", manifest.backbone.max_batch),
        format!("  space     {}", manifest.space_id),
        "  names     none: classes are learned from images only".to_owned(),
        "  decision  none: every image is accepted".to_owned(),
    ]
}

fn image_lines(ImageReport { verification, spread }: &ImageReport) -> String {
    let Spread { images, least, mean, greatest } = spread;
    format!(
        "on {images} images:\n\n{verification}\n  cosine of two images: {least:.3} to {greatest:.3}, mean {mean:.3}\n"
    )
}

/// What a user should know although the bundle was written.
pub(super) fn notes(network: &OnnxNetwork, wrapped: &Wrapped) -> Vec<String> {
    let engines = wrapped.manifest.verification.len();
    let is_classifier = OF_CLASSIFIERS.contains(&network.last_operator.as_str());
    let collapsed = wrapped.images.as_ref().filter(|report| report.spread.is_collapsed());
    let notes = [
        (engines < 2).then(|| "note: only tract ran the network, so that nothing confirms its embeddings, and it takes one image a run; name ONNX Runtime's library with --onnxruntime".to_owned()),
        (!network.any_batch).then(|| "note: the network takes one image a run; export it with a free batch (dynamic_axes) to embed several at once".to_owned()),
        is_classifier.then(|| format!("warning: the network ends with {}: its output is probabilities of classes, and what comes before its last layers is a better embedding; export the network without them", network.last_operator)),
        collapsed.map(|report| format!("warning: the embeddings of all images are nearly equal (cosines of {:.4} and more): the recipe is probably wrong; compare scale, mean, std and bgr with the program that trained the network, or give images that differ", report.spread.least)),
    ];
    notes.into_iter().flatten().collect()
}
