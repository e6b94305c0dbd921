//! `handful engines`: the engines that are built before they run, and kept.

mod build;
mod listed;
mod place;

use clap::{Args, Subcommand};
use edge::device::Device;
use edge::engine::cache::{Clear, EngineCache, Key, Listed};
use models::fault::{AnyFault, Message};

use crate::text::show;
use listed::{Cleared, List};
use place::{Place, cache, used};

const EXAMPLES: &str = "\
Examples:
  handful engines list                            the engines that are built, and which the bundle uses
  handful engines build                           build ahead, such as when a board is flashed
  handful engines build --precision fp16 --batch 8 --engine-cache /mnt/jetson/var/cache/engines
  handful engines clear --unused                  remove what the bundle does not use here
  handful engines clear 3f2a91                    remove one, by the first digits of its key
  handful engines clear --all

TensorRT takes minutes to build an engine. handful-server does it behind its answers, in a process
of its own; what is built here is used at its next start. Both have to use one --engine-cache, one
bundle, and the same --precision, --batch and --dla-core.

Exit codes: 0 success, 1 nothing could be built or the disk failed, 2 bad input.";

/// List, build ahead and remove the engines that TensorRT has built
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the engines that are built
    List,
    /// Build the engines of the bundle that are not built yet
    Build(BuildOptions),
    /// Remove engines
    Clear(ClearOptions),
}

#[derive(Debug, Args)]
struct BuildOptions {
    /// Build those again that are built
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ClearOptions {
    /// Remove this one: its key, or at least 6 of the first digits of it
    #[arg(value_name = "KEY")]
    key: Option<String>,

    /// Remove those that the bundle on this machine does not use
    #[arg(long)]
    unused: bool,

    /// Remove all, and what was measured
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(options: &Options, device: &Device) -> Result<(), AnyFault> {
    let cache = cache(device)?;
    match &options.action {
        Action::List => show(&List::of(&cache, used(device, &cache)?)?, options.json),
        Action::Build(how) => {
            let place = Place::new(device, cache)?;
            build::run(&place, how.force, options.json)
        }
        Action::Clear(which) => {
            let which = which.clear(&cache, device)?;
            let cleared = cache.clear(&which)?;
            show(&Cleared::of(&cache, &cleared), options.json)
        }
    }
}

impl ClearOptions {
    fn clear(&self, cache: &EngineCache, device: &Device) -> Result<Clear, AnyFault> {
        match &self.key {
            Some(digits) => Ok(Clear::One(find(&cache.list()?, digits)?)),
            // Without its bundle nothing would be in use, and all would go.
            None if self.unused => Ok(Clear::AllBut(Place::new(device, cache.clone())?.keys())),
            None => Ok(Clear::All),
        }
    }
}

/// Fewer digits could be those of another one tomorrow.
const LEAST_DIGITS: usize = 6;

/// The only key that begins with these digits.
fn find(listed: &[Listed], digits: &str) -> Result<Key, Message> {
    let wanted = digits.to_lowercase();
    let keys = listed.iter().map(|one| &one.key);
    let mut found = keys.filter(|key| key.as_str().starts_with(&wanted));
    match (found.next(), found.next()) {
        _ if wanted.len() < LEAST_DIGITS => Err(Message::input(format!(
            "the key `{digits}` is too short: expected at least {LEAST_DIGITS} digits of \
             `handful engines list`"
        ))),
        (Some(key), None) => Ok(key.clone()),
        (None, _) => Err(Message::input(format!(
            "there is no engine `{digits}`; `handful engines list` shows all"
        ))),
        (Some(_), Some(_)) => {
            Err(Message::input(format!("several engines begin with `{digits}`; give more digits")))
        }
    }
}
