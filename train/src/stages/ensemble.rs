//! Several trained backbones become one run, which embeds an image by all of them.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use models::checkpoint::{Checkpoint, Provenance};
use models::graph::{Architecture, Ensemble};
use models::tensors::Tensors;

use super::golden::{golden, is_finite};
use crate::error::BadInput;
use crate::run::Run;

/// Makes a run of the best checkpoints of others, in this order: writes its `golden.safetensors` and then its
/// `best.safetensors`, or nothing. Training heads stay behind. Returns the network.
///
/// # Errors
/// Bad input, if there is a run already, or if the members are too few, see images in different ways or are the same twice;
/// other errors if the disk or libtorch fail.
pub fn ensemble(members: &[Run], run: &Run) -> Result<Architecture> {
    run.check_new()?;
    let members: Vec<Member> = members.iter().map(Member::read).collect::<Result<_>>()?;
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
    frame: String,
    checkpoint: Checkpoint,
}

impl Member {
    fn read(run: &Run) -> Result<Self> {
        let checkpoint = run.read(&run.best())?;
        Ok(Self { folder: run.folder().to_owned(), frame: checkpoint.space_id()?, checkpoint })
    }
}

/// All prepare images in one way, and no two are the same network.
fn check_alike(members: &[Member]) -> Result<()> {
    for (at, member) in members.iter().enumerate() {
        let told = |before: &Member, text: &str| {
            let [one, two] = [before, member].map(|member| member.folder.display());
            BadInput(format!("{one} and {two} {text}"))
        };
        let recipes = [&members[0], member].map(|member| &member.checkpoint.preprocess);
        if recipes[0] != recipes[1] {
            let text = format!("prepare images differently: {recipes:?}, expected one recipe");
            return Err(told(&members[0], &text).into());
        }
        if let Some(same) = members[..at].iter().find(|before| before.frame == member.frame) {
            return Err(told(same, "hold the same weights, which tell nothing twice").into());
        }
    }
    Ok(())
}

fn provenance(members: &[Member]) -> Provenance {
    let of = || members.iter().map(|member| &member.checkpoint.provenance);
    let told = |text: fn(&Provenance) -> &String| {
        let mut texts: Vec<&str> = Vec::new();
        for text in of().map(text) {
            if !texts.contains(&text.as_str()) {
                texts.push(text);
            }
        }
        texts.join("; ")
    };
    let member = |(at, p): (usize, &Provenance)| {
        let trained = format!("member {}: {:.1} epochs by {}", at + 1, p.epochs, p.tool);
        if p.notes.is_empty() { trained } else { format!("{trained}, {}", p.notes) }
    };
    Provenance {
        tool: format!("handful-train {} ensemble", env!("CARGO_PKG_VERSION")),
        data: told(|p| &p.data),
        data_license: told(|p| &p.data_license),
        epochs: of().map(|p| p.epochs).sum(),
        images_seen: of().map(|p| p.images_seen).sum(),
        notes: of().enumerate().map(member).collect::<Vec<_>>().join(". "),
    }
}
