//! `handful-train ensemble`: several backbones become one.

use std::path::PathBuf;

use anyhow::Result;
use train::run::Run;
use train::stages::ensemble;

use super::say;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The runs whose best backbones are put side by side; all prepare images in the same way.
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    members: Vec<PathBuf>,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let members: Vec<Run> = options.members.iter().map(|folder| Run::new(folder)).collect();
    let network = ensemble::ensemble(&members, &Run::new(&options.out))?;
    let (size, out) = (network.embedding_size(), options.out.display());
    say(format_args!("{network}, {size} values an embedding; written to {out}/best.safetensors"))?;
    say(format_args!(
        "next: handful-train knowledge … --out {out}/knowledge.json, handful-train complete {out} --data DATA"
    ))
}
