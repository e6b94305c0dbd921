//! `handful`: the command on the device.
//!
//! What was typed becomes [`settings::Settings`] before anything runs; then one file of `commands`
//! does the work. Exit codes: 0 done, 1 failed, 2 bad input.

mod commands;
mod peak;
mod settings;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use models::fault::{self, AnyFault};

use commands::{bench, classify, doctor, enroll, evaluate, gallery, senses};
use settings::{Context, Settings};

const EXAMPLES: &str = "\
Examples:
  handful doctor                          is everything here, and which engine runs?
  handful enroll things/                  learn a class from each folder in things/
  handful enroll --class mug a.jpg b.jpg  learn one class
  handful classify photo.jpg              what is it?
  handful gallery add zebra               recognize it by its name alone
  handful gallery list                    what is known

Every option of all commands is also an environment variable (HANDFUL_ENGINE) and a key of the
TOML file that --config names (engine). Exit codes: 0 done, 1 failed, 2 bad input.";

/// Learns things from a handful of images and recognizes them, on this device
#[derive(Debug, Parser)]
#[command(name = "handful", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::Options),
    Enroll(enroll::Options),
    Classify(classify::Options),
    Gallery(gallery::Options),
    Senses(senses::Options),
    Evaluate(evaluate::Options),
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let Cli { settings, command } = Cli::parse();
    match Context::resolve(settings).and_then(|context| run(command, &context)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            text::print_error(&fault);
            ExitCode::from(fault::exit_code(&*fault))
        }
    }
}

fn run(command: Command, context: &Context) -> Result<(), AnyFault> {
    match command {
        Command::Doctor(options) => doctor::run(&options, context),
        Command::Enroll(options) => enroll::run(&options, context),
        Command::Classify(options) => classify::run(&options, context),
        Command::Gallery(options) => gallery::run(&options, context),
        Command::Senses(options) => senses::run(&options, context),
        Command::Evaluate(options) => evaluate::run(&options, context),
        Command::Bench(options) => bench::run(&options, context),
    }
}
