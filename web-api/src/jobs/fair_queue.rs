//! A queue that serves clients fairly: next is a job of the address that was served least.
//!
//! An address is charged the time that its jobs took (fair queuing by measured cost, as process
//! schedulers do). What a client asks for often or what is costly delays itself, not others. An
//! address that was idle has no credit: it starts with the least time that anybody who waits has.
//!
//! The two priorities share time in the same way, by weight: while both have jobs, the high one
//! gets most of the time, and the normal one is never starved.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::client::{Caller, ClientAddress, Priority};

/// The share of time of the high priority, in parts of that of the normal one.
const HIGH_WEIGHT: u32 = 8;

/// Jobs of several clients for one or more threads.
#[derive(Debug)]
pub struct FairQueue<T> {
    levels: Mutex<Levels<T>>,
    changed: Condvar,
}

/// The place of a job that waits.
#[must_use]
pub struct Ticket<'a, T> {
    queue: &'a FairQueue<T>,
    caller: Caller,
    number: u64,
}

impl<T> Drop for Ticket<'_, T> {
    fn drop(&mut self) {
        let removed = self.queue.lock().remove(self.caller, self.number);
        // Not while the queue is locked: a job may hold much.
        drop(removed);
    }
}

/// Drops the jobs that wait when the thread that serves them ends, also by a panic: their callers
/// wait for it.
pub(super) struct ClearOnDrop<T>(pub(super) Arc<FairQueue<T>>);

impl<T> Drop for ClearOnDrop<T> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// The jobs of both priorities.
#[derive(Debug)]
struct Levels<T> {
    high: Level<T>,
    normal: Level<T>,
    /// The time charged to the priority that was served last, when it was.
    now: Duration,
    /// Number of jobs that were added; older ones of addresses served alike are first.
    added: u64,
    is_closed: bool,
}

/// The jobs of one priority.
#[derive(Debug)]
struct Level<T> {
    weight: u32,
    /// Time charged, divided by the weight.
    served: Duration,
    lanes: HashMap<ClientAddress, Lane<T>>,
    /// The time charged to the address that was served last, when it was: nobody starts with less.
    now: Duration,
}

/// The jobs of one address, in the order of their arrival.
#[derive(Debug)]
struct Lane<T> {
    served: Duration,
    jobs: VecDeque<(u64, T)>,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        let levels = Levels {
            high: Level::new(HIGH_WEIGHT),
            normal: Level::new(1),
            now: Duration::ZERO,
            added: 0,
            is_closed: false,
        };
        Self { levels: Mutex::new(levels), changed: Condvar::new() }
    }

    /// Adds a job; gives it back if the queue is closed. When the ticket is dropped, the job leaves
    /// the queue unless a thread has taken it.
    pub fn push(&self, caller: Caller, job: T) -> Result<Ticket<'_, T>, T> {
        let mut levels = self.lock();
        if levels.is_closed {
            return Err(job);
        }
        let number = levels.add(caller, job);
        drop(levels);
        self.wake();
        Ok(Ticket { queue: self, caller, number })
    }

    /// Lets the threads that wait look again for a job that they accept.
    pub fn wake(&self) {
        // A thread that looks holds the lock until it waits: it must not miss this in between.
        drop(self.lock());
        // All: a thread may not take every kind of job.
        self.changed.notify_all();
    }

    /// Waits for a job that `accepts` admits. `None` when the queue is closed and has no such job.
    pub fn pop(&self, accepts: impl Fn(Caller, &T) -> bool) -> Option<(Caller, T)> {
        let mut levels = self.lock();
        loop {
            let next = levels.next(&accepts);
            if next.is_some() || levels.is_closed {
                return next;
            }
            levels = self.changed.wait(levels).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same, but waits no longer than until `end`. `None` if there is no such job then.
    pub fn pop_until(
        &self,
        end: Instant,
        accepts: impl Fn(Caller, &T) -> bool,
    ) -> Option<(Caller, T)> {
        let mut levels = self.lock();
        loop {
            let next = levels.next(&accepts);
            let left = end.saturating_duration_since(Instant::now());
            if next.is_some() || levels.is_closed || left.is_zero() {
                return next;
            }
            let waited = self.changed.wait_timeout(levels, left);
            (levels, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Charges a caller the time that a job of it took.
    pub fn charge(&self, caller: Caller, time: Duration) {
        self.lock().level(caller.priority).charge(caller.client, time);
    }

    /// Takes no further jobs. Those that wait are still done.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.wake();
    }

    /// Takes no further jobs and drops those that wait.
    pub fn clear(&self) {
        let mut levels = self.lock();
        levels.is_closed = true;
        let jobs = [mem::take(&mut levels.high.lanes), mem::take(&mut levels.normal.lanes)];
        drop(levels);
        self.wake();
        // Not while the queue is locked: a job may hold much.
        drop(jobs);
    }

    /// Whether the queue takes no further jobs.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, Levels<T>> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Levels<T> {
    fn level(&mut self, priority: Priority) -> &mut Level<T> {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
        }
    }

    fn add(&mut self, caller: Caller, job: T) -> u64 {
        self.added += 1;
        let number = self.added;
        let now = self.now;
        let level = self.level(caller.priority);
        if level.is_idle() {
            level.served = level.served.max(now);
        }
        level.add(caller.client, number, job);
        number
    }

    fn remove(&mut self, caller: Caller, number: u64) -> Option<T> {
        let lane = self.level(caller.priority).lanes.get_mut(&caller.client)?;
        let place = lane.jobs.iter().position(|(other, _)| *other == number)?;
        lane.jobs.remove(place).map(|(_, job)| job)
    }

    fn next(&mut self, accepts: &impl Fn(Caller, &T) -> bool) -> Option<(Caller, T)> {
        let mut order = [Priority::High, Priority::Normal];
        if self.normal.served < self.high.served {
            order.reverse();
        }
        order.into_iter().find_map(|priority| {
            let level = self.level(priority);
            let (client, job) =
                level.next(|client, job| accepts(Caller { client, priority }, job))?;
            let served = level.served;
            self.now = self.now.max(served);
            Some((Caller { client, priority }, job))
        })
    }
}

impl<T> Level<T> {
    fn new(weight: u32) -> Self {
        Self { weight, served: Duration::ZERO, lanes: HashMap::new(), now: Duration::ZERO }
    }

    fn is_idle(&self) -> bool {
        self.lanes.values().all(|lane| lane.jobs.is_empty())
    }

    fn add(&mut self, client: ClientAddress, number: u64, job: T) {
        let now = self.now;
        let lane = self.lanes.entry(client).or_insert_with(|| Lane::new(now));
        lane.served = lane.served.max(now);
        lane.jobs.push_back((number, job));
    }

    fn next(&mut self, accepts: impl Fn(ClientAddress, &T) -> bool) -> Option<(ClientAddress, T)> {
        let waiting = self.lanes.iter_mut().filter_map(|(client, lane)| {
            let place = lane.jobs.iter().position(|(_, job)| accepts(*client, job))?;
            Some((lane.served, lane.jobs[place].0, *client, place))
        });
        let (served, _, client, place) =
            waiting.min_by_key(|&(served, added, ..)| (served, added))?;
        self.now = self.now.max(served);
        let (_, job) = self.lanes.get_mut(&client)?.jobs.remove(place)?;
        Some((client, job))
    }

    fn charge(&mut self, client: ClientAddress, time: Duration) {
        self.served += time / self.weight;
        let now = self.now;
        let lane = self.lanes.entry(client).or_insert_with(|| Lane::new(now));
        lane.served += time;
        // Where nobody waits, nobody was delayed. Otherwise, addresses without a job are forgotten
        // as soon as they would start like a new one: there may be many over time.
        let is_idle = self.is_idle();
        self.lanes.retain(|_, lane| !lane.jobs.is_empty() || (!is_idle && lane.served > now));
    }
}

impl<T> Lane<T> {
    fn new(served: Duration) -> Self {
        Self { served, jobs: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::client::tests::client;
    use super::*;

    const STEP: Duration = Duration::from_millis(10);

    /// Serves `n` jobs, each of which takes `cost`; returns whose they were.
    fn serve(queue: &FairQueue<u32>, n: usize, cost: impl Fn(u32) -> Duration) -> Vec<u32> {
        let next = std::iter::from_fn(|| {
            let (caller, job) = queue.pop(|_, _| true)?;
            queue.charge(caller, cost(job));
            Some(job)
        });
        next.take(n).collect()
    }

    /// Adds a job that stays until it is taken.
    fn add(queue: &FairQueue<u32>, caller: impl Into<Caller>, job: u32) {
        mem::forget(queue.push(caller.into(), job));
    }

    fn filled(jobs: &[(u8, u32)]) -> FairQueue<u32> {
        let queue = FairQueue::new();
        for &(number, job) in jobs {
            add(&queue, client(number), job);
        }
        queue
    }

    #[test]
    fn an_address_with_many_jobs_does_not_delay_another() {
        let queue = filled(&[(1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 2)]);
        assert_eq!(serve(&queue, 6, |_| STEP), [1, 2, 1, 2, 1, 1]);
    }

    #[test]
    fn an_address_with_costly_jobs_is_served_less_often() {
        let mut jobs = vec![(1, 10); 3];
        jobs.extend([(2, 1); 25]);
        let queue = filled(&jobs);
        let order = serve(&queue, 14, |job| STEP * job);
        assert_eq!(order.iter().filter(|job| **job == 10).count(), 2, "{order:?}");
    }

    #[test]
    fn an_address_that_was_idle_has_no_credit() {
        let queue = filled(&[(1, 1); 20]);
        serve(&queue, 10, |_| STEP);
        for _ in 0..10 {
            add(&queue, client(2), 2);
        }
        assert_eq!(serve(&queue, 6, |_| STEP).iter().filter(|job| **job == 2).count(), 3);
    }

    #[test]
    fn the_high_priority_gets_most_of_the_time_and_not_all() {
        let queue = filled(&[(1, 1); 40]);
        for _ in 0..40 {
            add(&queue, Caller::for_images(client(1), 1), 2);
        }
        let order = serve(&queue, 18, |_| STEP);
        assert_eq!(order.iter().filter(|job| **job == 1).count(), 2, "{order:?}");
    }

    #[test]
    fn a_job_whose_caller_has_left_leaves_the_queue() {
        let queue = filled(&[(1, 1)]);
        let ticket = queue.push(client(1).into(), 2);
        add(&queue, client(1), 3);
        drop(ticket);
        assert_eq!(serve(&queue, 2, |_| STEP), [1, 3]);
    }

    #[test]
    fn jobs_of_one_address_keep_their_order() {
        let queue = filled(&[(1, 5), (1, 6), (1, 7)]);
        assert_eq!(serve(&queue, 3, |_| STEP), [5, 6, 7]);
    }

    #[test]
    fn a_thread_gets_only_jobs_that_it_accepts() {
        let queue = filled(&[(1, 9), (1, 2), (2, 9)]);
        assert_eq!(queue.pop(|_, job| *job < 5), Some((client(1).into(), 2)));
        queue.close();
        assert_eq!(queue.pop(|_, job| *job < 5), None);
        assert!(queue.pop(|_, _| true).is_some() && queue.pop(|_, _| true).is_some());
        assert_eq!(queue.push(client(1).into(), 1).err(), Some(1));
    }

    #[test]
    fn a_wait_for_a_job_ends() {
        let queue = filled(&[(1, 9)]);
        let end = Instant::now() + Duration::from_millis(20);
        assert_eq!(queue.pop_until(end, |_, job| *job < 5), None);
        assert!(Instant::now() >= end);
        assert_eq!(queue.pop_until(end, |_, _| true), Some((client(1).into(), 9)));
    }

    #[test]
    fn addresses_without_jobs_are_forgotten() {
        let queue = filled(&[(1, 1), (2, 1), (3, 1)]);
        serve(&queue, 3, |_| STEP);
        assert!(queue.lock().normal.lanes.is_empty());
    }

    #[test]
    fn a_waiting_thread_gets_a_job_that_comes_later() {
        let queue = Arc::new(FairQueue::new());
        let waiting = Arc::clone(&queue);
        let thread = thread::spawn(move || waiting.pop(|_, _| true));
        add(&queue, client(1), 4);
        assert_eq!(thread.join().ok().flatten(), Some((client(1).into(), 4)));
    }
}
