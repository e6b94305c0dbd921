//! Panics in decoders, which are errors of the file.

use std::cell::Cell;
use std::panic::{UnwindSafe, catch_unwind};

use super::error::ImageError;
use super::format::Format;

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a decoder, so that a panic in it becomes an [`ImageError`].
///
/// The hook that prints panics runs before they are caught, and is the program's: it asks this, and
/// prints nothing of such a panic.
#[must_use]
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// Runs a decoder; a panic in it is an error of the file.
// The decoders are not ours, and a hostile file may find a mistake in them. It must not end the
// program. Nothing is shared with them that a panic could leave half-changed.
pub(super) fn guarded<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, ImageError> + UnwindSafe,
) -> Result<T, ImageError> {
    catch_unwind(|| decoding(decode)).unwrap_or_else(|_| {
        let reason = "the decoder failed on it".to_owned();
        Err(ImageError::Broken { format: format.name(), reason })
    })
}

/// Runs a part of a decoder, on a thread of its own: the caller catches its panic.
pub(super) fn decoding<T>(work: impl FnOnce() -> T) -> T {
    let _reset = Reset { before: IS_DECODING.replace(true) };
    work()
}

/// Restores what was before, also when the work panics.
struct Reset {
    before: bool,
}

impl Drop for Reset {
    fn drop(&mut self) {
        IS_DECODING.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::panic::{PanicHookInfo, panic_any, set_hook, take_hook};
    use std::sync::mpsc::{Sender, channel};
    use std::thread;

    const TEXT: &str = "a test's panic";

    fn fail<T>() -> T {
        panic_any(TEXT)
    }

    /// Sends what the hook sees at a panic of this test.
    fn watch(seen: Sender<bool>) {
        let usual = take_hook();
        set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if info.payload().downcast_ref::<&str>() == Some(&TEXT) {
                seen.send(is_decoding()).unwrap();
            } else {
                usual(info);
            }
        }));
    }

    #[test]
    fn a_panic_of_a_decoder_is_an_error_and_known_to_the_hook() {
        let (sender, seen) = channel();
        watch(sender);
        let result = guarded::<()>(Format::Png, fail);
        assert!(matches!(result, Err(ImageError::Broken { format: "PNG", .. })));
        assert!(seen.recv().unwrap() && !is_decoding());
        assert!(thread::spawn(|| decoding(fail::<()>)).join().is_err());
        assert!(seen.recv().unwrap(), "on a decoder's own thread");
        // A decoder in a decoder, and none.
        assert!(decoding(|| guarded(Format::Png, || Ok(is_decoding())).unwrap() && is_decoding()));
        assert!(catch_unwind(fail::<()>).is_err());
        assert!(!seen.recv().unwrap());
    }
}
