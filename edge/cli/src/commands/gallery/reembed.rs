//! `handful gallery reembed`: a gallery of another model is embedded anew from its kept images.

mod answer;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use edge::Recognizer;
use edge::device::Device;
use edge::recognizer::ReembedStatus;
use models::fault::{AnyFault, Message};
use terminal::note;

use super::store::open_existing;
use crate::commands::changed::{Changed, Reversal, option};
use crate::commands::consent;
use crate::text::{progress, show};

use answer::{Answer, Canceled, Found, NothingToDo, counted_images};

const EXAMPLES: &str = "\
Examples:
  handful gallery reembed                      embed, compare, and ask before anything changes
  handful gallery reembed --yes                the same without a question, for scripts
  handful gallery reembed --leave-out          also if some images are not kept: they are removed
  handful gallery reembed --cancel             forget what was embedded
  handful gallery reembed --gallery \"line 2\"

Embeddings of two models cannot be compared. A gallery that was made with another bundle is embedded
anew from the images that it keeps: thumbnails, or the files if keep_images is original. The
gallery stays as it is until the new embeddings are used, which is one change; `handful gallery
undo` takes it back. Ctrl-C keeps what is embedded: the same command goes on there.

Without a terminal and without --yes the command stops after the comparison, with exit code 0:
recognized   images whose nearest class is their own, each left out once
nearest      images whose nearest class is another one with the new embeddings

While handful-server uses the store, re-embed through it:
  curl -X POST http://127.0.0.1:8080/v1/galleries/default/reembed";

/// Images that are read, and whose embeddings are kept, at once.
const BATCH: usize = 8;
/// The same where whole files are kept, which may be large.
const BATCH_OF_FILES: usize = 1;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Use the new embeddings without a question
    #[arg(long, conflicts_with = "cancel")]
    yes: bool,

    /// Remove the examples whose image is not kept or cannot be read, with the same change
    #[arg(long, conflicts_with = "cancel")]
    leave_out: bool,

    /// Forget what was embedded; the gallery stays as it is
    #[arg(long)]
    cancel: bool,
}

pub(super) fn run(options: &Options, json: bool, device: &Device) -> Result<(), AnyFault> {
    let mut recognizer = open_existing(device)?;
    if !recognizer.is_other_space() {
        return show(&NothingToDo::of(&recognizer), json);
    }
    if options.cancel {
        let canceled = recognizer.cancel_reembed()?;
        return show(&Canceled::new(canceled, recognizer.revision()), json);
    }
    let status = recognizer.reembed_status()?;
    check_complete(&status, options.leave_out)?;
    // Before the first line: from then on Ctrl-C keeps what is embedded.
    let stop = terminal::stop_on_interrupt()?;
    if !json {
        announce(&status, &recognizer);
    }
    embed_all(&mut recognizer, &status, &stop, json)?;
    // Nothing is left to keep: Ctrl-C ends the program at once.
    stop.store(true, Ordering::Relaxed);
    // Whether an image can be read is known only now.
    let status = recognizer.reembed_status()?;
    check_complete(&status, options.leave_out)?;
    let found = Found::new(status, recognizer.compare_reembedded()?);
    finish(options, found, recognizer, json)
}

/// Uses the new embeddings, if the user wants that.
fn finish(
    options: &Options,
    found: Found,
    mut recognizer: Recognizer,
    json: bool,
) -> Result<(), AnyFault> {
    let gallery = recognizer.selected();
    let is_asked = !options.yes && !json && io::stdin().is_terminal();
    let is_wanted = options.yes || is_asked && is_wanted(&found)?;
    if !is_wanted {
        let leave_out = if options.leave_out { " --leave-out" } else { "" };
        let next = format!("handful gallery reembed --yes{leave_out}{}", option(&gallery));
        let answer = Answer::ready(found, is_asked, next, recognizer.revision());
        return show(&Changed::new(answer, None, Reversal::Undo, &gallery), json);
    }
    let made = recognizer.finish_reembed(options.leave_out)?;
    let answer = Answer::swapped(found, is_asked, &made);
    show(&Changed::new(answer, made.change, Reversal::Undo, &gallery), json)
}

/// Shows the comparison and asks on the terminal.
fn is_wanted(found: &Found) -> Result<bool, Message> {
    note!("{}", found.to_string().trim_end());
    note!("Use the new embeddings? [y/N]");
    consent::is_yes(&mut io::stdin().lock())
}

/// Refuses to lose examples that the user has not given up.
fn check_complete(status: &ReembedStatus, leave_out: bool) -> Result<(), Message> {
    let ReembedStatus { examples, without_image, unreadable, .. } = *status;
    let lost = without_image + unreadable;
    if leave_out || lost == 0 {
        return Ok(());
    }
    Err(Message::input(format!(
        "{lost} of {examples} images cannot be embedded again: of {without_image} no image is \
         kept, and {unreadable} cannot be read; leave them out with --leave-out and enroll them \
         again afterwards, or use the bundle of the former model with --bundle; the gallery is as \
         it was"
    )))
}

/// States what will happen.
fn announce(status: &ReembedStatus, recognizer: &Recognizer) {
    let ReembedStatus { from_space, to_space, embedded, to_embed, thumbnails, .. } = status;
    let gallery = recognizer.selected();
    let bundle = &recognizer.manifest().name;
    note!("gallery   {gallery}: {}", counted_images(status.examples));
    note!("from      another model (space {from_space:.12}…)");
    note!("to        the bundle {bundle} (space {to_space:.12}…)");
    note!("to embed  {}; {embedded} are embedded already", counted_images(*to_embed));
    if *thumbnails > 0 {
        note!("          {thumbnails} are thumbnails, which show less than the files did");
    }
    let lost = status.without_image + status.unreadable;
    if lost > 0 {
        note!("left out  {}, with the change that uses the new embeddings", counted_images(lost));
    }
}

/// Embeds what is not embedded yet, and keeps it batch by batch.
fn embed_all(
    recognizer: &mut Recognizer,
    status: &ReembedStatus,
    stop: &AtomicBool,
    json: bool,
) -> Result<(), AnyFault> {
    let bar = progress("embedding", status.to_embed, json);
    let most = if status.originals > 0 { BATCH_OF_FILES } else { BATCH };
    loop {
        let kept = recognizer.next_to_reembed(most)?;
        if kept.is_empty() {
            break;
        }
        let mut embedded = Vec::with_capacity(kept.len());
        for image in &kept {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            embedded.push(recognizer.embed_kept(image)?);
            bar.inc(1);
        }
        recognizer.put_reembedded(embedded)?;
        if stop.load(Ordering::Relaxed) {
            bar.finish_and_clear();
            return Err(stopped(recognizer)?.into());
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn stopped(recognizer: &Recognizer) -> Result<Message, AnyFault> {
    let left = recognizer.reembed_status()?.to_embed;
    let option = option(&recognizer.selected());
    Ok(Message::machine(format!(
        "stopped; what is embedded is kept, and {} are left; go on with: handful gallery \
         reembed{option}",
        counted_images(left)
    )))
}
