//! The result of an export, as text and as JSON.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use export::draft::{BundleDraft, NETWORK};
use export::publish::VerificationReport;
use few_shot::evaluation::accuracy::Outcome;
use few_shot::evaluation::report::Report;
use models::bundle::{Accuracy, KnowledgeFiles, Manifest, Precision};

use crate::commands::accuracy;
use crate::commands::output::megabytes;

/// One indented JSON object.
pub(super) fn json(draft: &BundleDraft, report: &VerificationReport, out: &Path) -> String {
    let variants: BTreeMap<String, _> = report
        .variants
        .iter()
        .map(|(precision, verification)| (precision.to_string(), verification))
        .collect();
    let object = serde_json::json!({
        "written": true,
        "bundle": out,
        "name": draft.manifest.name,
        "space_id": draft.manifest.space_id,
        "weights": draft.manifest.backbone.weights,
        "files": draft.manifest.files,
        "verification": report.backbone,
        "variants": variants,
        "completer_verification": report.completer,
    });
    format!("{object:#}")
}

/// Several lines: the network, accuracies, a table per network, and the place.
pub(super) fn summary(
    draft: &BundleDraft,
    report: &VerificationReport,
    out: &Path,
    elapsed: Duration,
) -> String {
    let mut lines = network_lines(draft);
    lines.extend(draft.manifest.accuracy.iter().flat_map(accuracy_lines));
    lines.extend(tables(report));
    lines.push(format!(
        "wrote {} ({}) in {:.1} s",
        out.display(),
        megabytes(draft.manifest.files.values().map(|file| file.bytes).sum()),
        elapsed.as_secs_f64()
    ));
    lines.join("\n")
}

fn network_lines(draft: &BundleDraft) -> Vec<String> {
    let Manifest { backbone, preprocess, space_id, knowledge, decision, .. } = &draft.manifest;
    vec![
        format!(
            "  network   {} {size}x{size} -> {} values, {:.2} GFLOP an image, normalizations folded",
            draft.graph.name,
            backbone.embedding_size,
            backbone.flops as f64 / 1e9,
            size = preprocess.size,
        ),
        format!(
            "  file      {} {}, weights {}, arithmetic {}, ONNX opset {}",
            backbone.file,
            megabytes(draft.onnx.len() as u64),
            backbone.weights,
            backbone.precision,
            backbone.opset
        ),
        format!("  space     {space_id}"),
        knowledge_line(knowledge.as_ref()),
        match decision {
            Some(file) => format!("  decision  {file}"),
            None => "  decision  none: every image is accepted".to_owned(),
        },
    ]
}

fn knowledge_line(knowledge: Option<&KnowledgeFiles>) -> String {
    match knowledge {
        Some(KnowledgeFiles { kernel, lexicon, .. }) => format!(
            "  names     {kernel}, and {} ({}) next to the bundle",
            lexicon.file,
            megabytes(lexicon.bytes)
        ),
        None => "  names     none: classes are learned from images only".to_owned(),
    }
}

fn accuracy_lines(accuracy: &Accuracy) -> Vec<String> {
    match accuracy::report(accuracy) {
        Ok(report) => {
            report.results.iter().map(|result| accuracy_line(accuracy, &report, result)).collect()
        }
        Err(reason) => vec![format!("  accuracy  {}: {reason}", accuracy.engine)],
    }
}

fn accuracy_line(accuracy: &Accuracy, report: &Report, outcome: &Outcome) -> String {
    format!(
        "  accuracy  {:.2} ± {:.2} % ({}-way {}-shot, {}, {}, {} episodes on {} in {})",
        100.0 * outcome.accuracy,
        100.0 * outcome.ci95,
        report.n_way,
        report.k_shot,
        outcome.fusion,
        outcome.setting,
        report.episodes,
        accuracy.engine,
        accuracy.precision
    )
}

/// A table for each network.
fn tables(report: &VerificationReport) -> Vec<String> {
    let mut tables = vec![format!("\n{}", report.backbone)];
    for (precision, verification) in &report.variants {
        let expected = expected(*precision);
        tables.push(format!("the same in {precision}, against {expected}:\n\n{verification}"));
    }
    if let Some(completer) = &report.completer {
        tables.push(format!("{NETWORK}, from a prototype to a completed one:\n\n{completer}"));
    }
    tables
}

/// The source of a variant's golden outputs.
fn expected(precision: Precision) -> &'static str {
    match precision.is_integer() {
        true => "the reference with the same rounding",
        false => "the training engine",
    }
}
