//! `handful-train ensemble`: combines several backbones into one.

use std::path::PathBuf;

use anyhow::Result;
use train::run::Run;
use train::stages::ensemble;

use super::print_line;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The runs to combine. Their best checkpoints must have the same preprocessing recipe.
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    members: Vec<PathBuf>,
    /// The new run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let members: Vec<Run> = options.members.iter().map(|folder| Run::new(folder)).collect();
    let network = ensemble::ensemble(&members, &Run::new(&options.out))?;
    let size = network.embedding_size();
    let out = options.out.display();
    print_line(format_args!(
        "{network}, {size} values per embedding; written to {out}/best.safetensors"
    ))?;
    print_line(format_args!(
        "next: handful-train knowledge … --out {out}/knowledge.json, handful-train complete {out} --data DATA"
    ))
}
