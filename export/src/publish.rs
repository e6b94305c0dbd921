//! Verifies every network of a bundle and then writes the bundle, whole or not at all.

use std::path::Path;

use edge::engine::EngineOptions;
use models::bundle::{self, Precision};

use crate::draft::{BundleDraft, DraftVariant, Recipe};
use crate::error::ExportError;
use crate::run::Run;
use crate::verify::{NetworkVerification, verify};

/// The verification of each network of a bundle.
#[derive(Debug, Clone)]
pub struct VerificationReport {
    /// The backbone, in fp32 arithmetic.
    pub backbone: NetworkVerification,
    /// The backbone in other arithmetic.
    pub variants: Vec<(Precision, NetworkVerification)>,
    /// The ProtoComNet completer, if the bundle has one.
    pub completer: Option<NetworkVerification>,
}

/// Writes the bundle of a run at `out` if every engine computes what was trained.
///
/// # Errors
/// [`ExportError`]; then `out` is unchanged.
pub fn publish(
    run: &Run,
    recipe: &Recipe,
    options: &EngineOptions,
    out: &Path,
) -> Result<(BundleDraft, VerificationReport), ExportError> {
    // Refuse a taken place first: verification takes minutes.
    bundle::check_place(out)?;
    // Everything stays in memory until all networks are verified.
    let mut draft = BundleDraft::new(run, recipe, options)?;
    let report = verify_all(&draft, run, options)?;
    record(&mut draft, &report);
    // The lexicon comes first, so that no bundle ever names a lexicon that is missing.
    if let Some(knowledge) = &draft.knowledge {
        knowledge.write_lexicon(out)?;
    }
    bundle::write(out, &draft.manifest, &draft.files())?;
    Ok((draft, report))
}

fn verify_all(
    draft: &BundleDraft,
    run: &Run,
    options: &EngineOptions,
) -> Result<VerificationReport, ExportError> {
    let backbone = accept(verify(&draft.subject(run), options))?;
    let variants = draft
        .variants
        .iter()
        .map(|variant| verify_variant(variant, options))
        .collect::<Result<_, _>>()?;
    // A run can have a completer that the bundle leaves out, for lack of a lexicon.
    let completer = match (draft.completer(), &run.completer) {
        (Some(draft), Some(run)) => Some(accept(verify(&draft.subject(run), options))?),
        _ => None,
    };
    Ok(VerificationReport { backbone, variants, completer })
}

fn verify_variant(
    variant: &DraftVariant,
    options: &EngineOptions,
) -> Result<(Precision, NetworkVerification), ExportError> {
    let verification = accept(verify(&variant.subject(), options))?;
    Ok((variant.precision(), verification))
}

fn accept(verification: NetworkVerification) -> Result<NetworkVerification, ExportError> {
    verification.accepted().map_err(ExportError::Rejected)
}

/// Copies the differences of each network into the manifest.
fn record(draft: &mut BundleDraft, report: &VerificationReport) {
    let manifest = &mut draft.manifest;
    manifest.verification = report.backbone.for_manifest();
    for (variant, (_, verification)) in manifest.backbone.variants.iter_mut().zip(&report.variants)
    {
        variant.verification = verification.for_manifest();
    }
    let completer = manifest.knowledge.as_mut().and_then(|files| files.completer.as_mut());
    if let (Some(completer), Some(verification)) = (completer, &report.completer) {
        completer.verification = verification.for_manifest();
    }
}
