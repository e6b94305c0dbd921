//! Two stages at once: while images are embedded, the next ones are decoded.
//!
//! Decoding a photograph takes about as long as embedding it, and needs no engine. So the engine
//! stays on the thread of the caller, and the threads of rayon decode.
//!
//! # Examples
//! ```
//! use edge::pipeline::ahead;
//!
//! let mut sum = 0;
//! let squares = |number: u64| number * number;
//! ahead(1..=4, squares, |square| {
//!     sum += square;
//!     Ok::<(), String>(())
//! })?;
//! assert_eq!(sum, 30);
//! # Ok::<(), String>(())
//! ```

use std::iter;

use rayon::prelude::*;

/// Calls `consume` with what `prepare` makes of each item, in order, on this thread. Meanwhile the
/// next item is prepared on another thread. So two prepared items are held at most, and one is
/// prepared in vain if `consume` fails.
///
/// # Errors
/// The first one of `consume`, which is called no more then.
pub fn ahead<T: Send, P: Send, E>(
    items: impl IntoIterator<Item = T>,
    prepare: impl Fn(T) -> P + Sync,
    mut consume: impl FnMut(P) -> Result<(), E>,
) -> Result<(), E> {
    let mut items = items.into_iter();
    let prepare = &prepare;
    let mut ready = items.next().map(prepare);
    while let Some(now) = ready.take() {
        let next = items.next();
        let slot = &mut ready;
        // In place: an engine may be bound to its thread, and `consume` need not be `Send`.
        rayon::in_place_scope(|scope| {
            if let Some(next) = next {
                scope.spawn(move |_| *slot = Some(prepare(next)));
            }
            consume(now)
        })?;
    }
    Ok(())
}

/// The same for chunks of at most `size` items, each of which is prepared on any thread of rayon:
/// at most two chunks are held.
///
/// # Errors
/// The first one of `consume`, which is called no more then.
pub fn chunks_ahead<T: Send, P: Send, E>(
    items: impl IntoIterator<Item = T>,
    size: usize,
    prepare: impl Fn(T) -> P + Sync,
    consume: impl FnMut(Vec<P>) -> Result<(), E>,
) -> Result<(), E> {
    let mut items = items.into_iter();
    let chunks = iter::from_fn(|| {
        let chunk: Vec<T> = items.by_ref().take(size).collect();
        (!chunk.is_empty()).then_some(chunk)
    });
    ahead(chunks, |chunk| chunk.into_par_iter().map(&prepare).collect(), consume)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn items_come_in_order_and_at_most_one_is_ahead() {
        let prepared = AtomicUsize::new(0);
        let mut seen = Vec::new();
        let count = |item: usize| {
            prepared.fetch_add(1, Ordering::SeqCst);
            item * 10
        };
        let done = ahead(0..20, count, |item| {
            assert!(prepared.load(Ordering::SeqCst) <= seen.len() + 2);
            seen.push(item);
            Ok::<(), ()>(())
        });
        assert_eq!(done, Ok(()));
        assert_eq!(seen, (0..20).map(|item| item * 10).collect::<Vec<_>>());
    }

    #[test]
    fn the_next_item_is_prepared_while_one_is_consumed() {
        let (started, was_started) = channel();
        let announce = |item: usize| {
            started.send(item).unwrap();
            item
        };
        let mut announced = None;
        let done = ahead(0..3, announce, |item| {
            // Only a thread beside this one can announce the next item now.
            while item < 2 && announced < Some(item + 1) {
                announced = Some(was_started.recv_timeout(Duration::from_secs(20)).unwrap());
            }
            Ok::<(), ()>(())
        });
        assert_eq!((done, announced), (Ok(()), Some(2)));
    }

    #[test]
    fn chunks_keep_the_order_of_their_items() {
        let mut seen = Vec::new();
        let done = chunks_ahead(
            0..10,
            4,
            |item| item * item,
            |chunk| {
                seen.push(chunk);
                Ok::<(), ()>(())
            },
        );
        assert_eq!(done, Ok(()));
        assert_eq!(seen, [vec![0, 1, 4, 9], vec![16, 25, 36, 49], vec![64, 81]]);
    }

    #[test]
    fn nothing_follows_an_error() {
        let mut consumed = 0;
        let done = ahead(
            0..10,
            |item| item,
            |item| {
                consumed += 1;
                if item == 3 { Err("three") } else { Ok(()) }
            },
        );
        assert_eq!((done, consumed), (Err("three"), 4));
    }
}
