//! Several futures of one call at once, with their results in order.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future, or its result.
enum Slot<F: Future> {
    Running(Pin<Box<F>>),
    Done(F::Output),
}

/// Awaits futures, at most `most` at a time, each of which begins when it is taken from the
/// iterator. The results are in the order of the futures.
///
/// # Errors
/// The first error in this order; those that run are dropped.
pub async fn in_order<T, E, F>(
    futures: impl IntoIterator<Item = F>,
    most: usize,
) -> Result<Vec<T>, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut futures = futures.into_iter();
    let mut slots = VecDeque::new();
    let mut all = Vec::new();
    loop {
        let missing = most.max(1) - slots.len();
        slots.extend(futures.by_ref().take(missing).map(|next| Slot::Running(Box::pin(next))));
        if slots.is_empty() {
            return Ok(all);
        }
        // No other one begins before the first one has ended: that bounds what waits for it.
        all.push(poll_fn(|context| poll_first(&mut slots, context)).await?);
    }
}

/// Polls all that run; the result of the first one, if it has ended.
fn poll_first<F: Future>(
    slots: &mut VecDeque<Slot<F>>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    for slot in &mut *slots {
        if let Slot::Running(future) = slot
            && let Poll::Ready(output) = future.as_mut().poll(context)
        {
            *slot = Slot::Done(output);
        }
    }
    match slots.pop_front() {
        Some(Slot::Done(output)) => Poll::Ready(output),
        Some(running) => {
            slots.push_front(running);
            Poll::Pending
        }
        None => Poll::Pending,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    /// Takes this number of milliseconds.
    async fn wait(milliseconds: u64) -> Result<u64, String> {
        sleep(Duration::from_millis(milliseconds)).await;
        if milliseconds == 13 { Err("thirteen".to_owned()) } else { Ok(milliseconds) }
    }

    #[tokio::test(start_paused = true)]
    async fn results_are_in_order_and_futures_run_together() {
        let start = Instant::now();
        let times = [30, 10, 20, 10];
        assert_eq!(in_order(times.map(wait), 2).await, Ok(times.to_vec()));
        // 30 and 10 together, then 20 and 10.
        assert_eq!(start.elapsed(), Duration::from_millis(50));
        assert_eq!(in_order([].map(wait), 2).await, Ok(Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_begin_than_are_allowed() {
        let running = Cell::new(0);
        let counted = |milliseconds| {
            let running = &running;
            async move {
                running.set(running.get() + 1);
                assert!(running.get() <= 3);
                let result = wait(milliseconds).await;
                running.set(running.get() - 1);
                result
            }
        };
        let times = [5, 40, 5, 5, 1, 2, 3, 30];
        assert_eq!(in_order(times.map(counted), 3).await, Ok(times.to_vec()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_error_in_order_ends_it() {
        let error = in_order([20, 13, 5, 40].map(wait), 4).await.unwrap_err();
        assert_eq!(error, "thirteen");
    }
}
