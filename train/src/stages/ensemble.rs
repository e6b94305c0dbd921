//! Combines several trained backbones into one run whose embedding concatenates theirs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use models::checkpoint::{Checkpoint, Provenance};
use models::graph::{Architecture, Ensemble};
use models::tensors::Tensors;

use super::golden::{golden, is_finite};
use crate::error::BadInput;
use crate::run::Run;

/// Makes a run of the best checkpoints of other runs, in this order. Writes `golden.safetensors`
/// and then `best.safetensors`, or nothing. Training heads are dropped. Returns the network.
///
/// # Errors
/// A run that exists already; too few members, members with different preprocessing or with equal
/// weights; a failure of the disk or libtorch.
pub fn ensemble(members: &[Run], run: &Run) -> Result<Architecture> {
    run.check_new()?;
    let members: Vec<Member> = members.iter().map(Member::read).collect::<Result<_>>()?;
    // Embeddings of differently prepared images must not be concatenated.
    check_alike(&members)?;
    let networks = members.iter().map(|member| member.checkpoint.architecture.clone()).collect();
    let architecture = Architecture::Ensemble(Ensemble::new(networks)?);
    let mut parameters = Tensors::new();
    for (position, member) in members.iter().enumerate() {
        let own = member.checkpoint.backbone()?.into_iter();
        parameters.extend(own.map(|(name, tensor)| (Ensemble::name_in(position, &name), tensor)));
    }
    let checkpoint = Checkpoint {
        architecture: architecture.clone(),
        preprocess: members[0].checkpoint.preprocess.clone(),
        // A head reads the embedding of one member, so none fits the ensemble.
        classes: Vec::new(),
        parameters,
        training: None,
        provenance: provenance(&members),
    };
    checkpoint.check()?;
    let golden = golden(&checkpoint)?;
    let infinite = "the embedding of these networks has values that are not finite numbers: one of \
                    them diverged in training";
    ensure!(is_finite(&golden), BadInput(infinite.to_owned()));
    run.create()?;
    run.keep_best(&checkpoint, &golden)?;
    Ok(architecture)
}

struct Member {
    folder: PathBuf,
    space_id: String,
    checkpoint: Checkpoint,
}

impl Member {
    fn read(run: &Run) -> Result<Self> {
        let checkpoint = run.read(&run.best())?;
        Ok(Self { folder: run.folder().to_owned(), space_id: checkpoint.space_id()?, checkpoint })
    }
}

/// Checks that all members have the same preprocessing and no two have the same weights.
fn check_alike(members: &[Member]) -> Result<(), BadInput> {
    for (at, member) in members.iter().enumerate() {
        let recipes = [&members[0], member].map(|member| &member.checkpoint.preprocess);
        if recipes[0] != recipes[1] {
            let text = format!("prepare images differently: {recipes:?}, expected equal recipes");
            return Err(differ(&members[0], member, &text));
        }
        // Networks help each other by their different errors; equal ones only cost time.
        if let Some(same) = members[..at].iter().find(|before| before.space_id == member.space_id) {
            return Err(differ(same, member, "hold the same weights; leave out one"));
        }
    }
    Ok(())
}

fn differ(one: &Member, two: &Member, text: &str) -> BadInput {
    BadInput(format!("{} and {} {text}", one.folder.display(), two.folder.display()))
}

fn provenance(members: &[Member]) -> Provenance {
    let provenances: Vec<&Provenance> =
        members.iter().map(|member| &member.checkpoint.provenance).collect();
    let notes: Vec<String> = provenances.iter().enumerate().map(|(at, p)| note(at, p)).collect();
    Provenance {
        tool: format!("handful-train {} ensemble", env!("CARGO_PKG_VERSION")),
        data: distinct(provenances.iter().map(|p| p.data.as_str())),
        data_license: distinct(provenances.iter().map(|p| p.data_license.as_str())),
        epochs: provenances.iter().map(|p| p.epochs).sum(),
        images_seen: provenances.iter().map(|p| p.images_seen).sum(),
        notes: notes.join(". "),
        license: license(&provenances),
    }
}

/// The licenses of the members that were made elsewhere, with their places.
fn license(provenances: &[&Provenance]) -> Option<String> {
    let places = provenances.iter().enumerate();
    let stated = places.filter_map(|(at, p)| Some((at, p.license.as_deref()?)));
    let stated: Vec<_> =
        stated.map(|(at, license)| format!("member {}: {license}", at + 1)).collect();
    (!stated.is_empty()).then(|| stated.join("; "))
}

/// The different texts, joined.
fn distinct<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let mut texts = Vec::new();
    for text in all {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("; ")
}

/// The note on a member.
fn note(at: usize, provenance: &Provenance) -> String {
    let Provenance { epochs, tool, notes, .. } = provenance;
    let trained = format!("member {}: {epochs:.1} epochs by {tool}", at + 1);
    if notes.is_empty() { trained } else { format!("{trained}, {notes}") }
}
