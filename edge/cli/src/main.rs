//! `handful`: the command on the device.
//!
//! Flags, environment and settings file become a [`Device`] before anything runs; one module of
//! [`commands`] then does the work. Exit codes: 0 done, 1 failed, 2 bad input.

// They end the program when the stream cannot be written: `terminal` has what is used instead.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod commands;
mod global_options;
mod peak;
mod text;

use std::env;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use edge::device::{Device, DeviceSettings};
use edge::gallery::Galleries;
use edge::locate::Environment;
use edge::slot;
use models::fault::{self, AnyFault};

use commands::{bench, calibrate, classify, doctor, engines, enroll, evaluate};
use commands::{galleries, gallery, keys, senses, tls};
use global_options::GlobalOptions;

const EXAMPLES: &str = "\
Examples:
  handful doctor                          check the bundle, the engines and the store
  handful enroll things/                  enroll one class per folder in things/
  handful enroll --class mug a.jpg b.jpg  enroll one class from files
  handful gallery add zebra               add a class from its name only (if names are on: see doctor)
  handful enroll --background desk.jpg    show what is none of the classes
  handful classify photo.jpg              classify an image, or say that it is unknown
  handful calibrate                       list how many unknown images each threshold accepts
  handful gallery list                    list the enrolled classes
  handful gallery undo                    undo the last change
  handful galleries create \"line 2\"      add a gallery; --gallery \"line 2\" uses it
  handful engines build                   build engines of TensorRT ahead
  handful keys add phone --role admin     make a key for the service
  handful tls self-signed                 make a certificate for the service

Each global option can also be set in the environment, and all but --gallery and --config in the
TOML file given with --config, which handful-server reads too: --engine is HANDFUL_ENGINE and the
key engine. Flags override the environment, the environment overrides the file. One program at a
time can use a store: stop handful-server first, except for keys and tls.

Exit codes: 0 success, 1 something failed (no engine works, the disk is full), 2 bad input.";

/// On-device few-shot image classification: enroll classes from a few images, classify new ones
#[derive(Debug, Parser)]
#[command(name = "handful", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::Options),
    Engines(engines::Options),
    Enroll(enroll::Options),
    Classify(classify::Options),
    Gallery(gallery::Options),
    Galleries(galleries::Options),
    Calibrate(calibrate::Options),
    Senses(senses::Options),
    Evaluate(evaluate::Options),
    Bench(bench::Options),
    Keys(keys::Options),
    Tls(tls::Options),
}

fn main() -> ExitCode {
    terminal::ignore_file_size_signal();
    terminal::ignore_decoder_panics();
    if env::args_os().nth(1).is_some_and(|word| word == slot::SUBCOMMAND) {
        return slot::build_as_child(&slot::StartsEngines);
    }
    let Cli { options, command } = match terminal::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let gallery = options.gallery.clone();
    let resolved = options.resolve().map_err(AnyFault::from);
    match resolved.and_then(|settings| run(command, &settings, gallery.as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            text::print_error(&fault);
            ExitCode::from(fault::exit_code(&*fault))
        }
    }
}

fn run(command: Command, settings: &DeviceSettings, gallery: Option<&str>) -> Result<(), AnyFault> {
    let device = Device::new(settings.clone(), Environment::read());
    let device = &device.with_gallery(gallery.unwrap_or(Galleries::DEFAULT));
    match command {
        Command::Doctor(options) => doctor::run(&options, device, settings),
        Command::Engines(options) => engines::run(&options, device),
        Command::Enroll(options) => enroll::run(&options, device),
        Command::Classify(options) => classify::run(&options, device),
        Command::Gallery(options) => gallery::run(&options, gallery, device),
        Command::Galleries(options) => galleries::run(&options, device),
        Command::Calibrate(options) => calibrate::run(&options, device),
        Command::Senses(options) => senses::run(&options, device),
        Command::Evaluate(options) => evaluate::run(&options, device),
        Command::Bench(options) => bench::run(&options, device),
        Command::Keys(options) => keys::run(&options, gallery, device),
        Command::Tls(options) => tls::run(&options, device),
    }
}
