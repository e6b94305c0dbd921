//! The one job that embeds the kept images of a gallery anew: which gallery it is about, and how
//! far it is.
//!
//! What was embedded is in the store; this is what a restart of the service forgets.

use std::sync::{Mutex, MutexGuard, PoisonError};

use edge::gallery::{GalleryId, GroupId};
use edge::recognizer::{ReembedComparison, Reembedding};
use tokio::task::JoinHandle;

/// What the job does when all images are embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AtEnd {
    /// Use the new embeddings. Otherwise the job is ready, and another call decides.
    pub swap: bool,
    /// Leave out the examples that have no new embedding.
    pub leave_out: bool,
}

/// How far the job is.
#[derive(Debug, Clone)]
pub enum Phase {
    /// It embeds or compares.
    Running,
    /// All images are embedded and compared.
    Ready {
        /// What the new embeddings change.
        comparison: ReembedComparison,
        /// Why they are not used although that was asked for.
        error: Option<String>,
    },
    /// The gallery has the new embeddings.
    Done {
        /// The id of the swap, by which it is undone.
        change: Option<GroupId>,
        /// The revision of the gallery after it.
        revision: u64,
    },
    /// It ended before that.
    Failed(String),
}

impl Phase {
    /// After this swap.
    #[must_use]
    pub fn after(made: &Reembedding) -> Self {
        Self::Done { change: made.change, revision: made.revision }
    }
}

#[derive(Debug)]
struct Job {
    gallery: GalleryId,
    at_end: AtEnd,
    phase: Phase,
    task: JoinHandle<()>,
}

impl Job {
    fn is_running(&self) -> bool {
        // A task that panicked left its phase.
        matches!(self.phase, Phase::Running) && !self.task.is_finished()
    }
}

/// The job of the service: the one that runs, or the one that ran last.
#[derive(Debug, Default)]
pub struct ReembedJob {
    job: Mutex<Option<Job>>,
}

impl ReembedJob {
    /// Starts a job for a gallery. One that runs for it goes on, with `at_end` in place of what it
    /// was started with. False, and nothing is started, if one runs for another gallery.
    #[must_use]
    pub fn start(
        &self,
        gallery: GalleryId,
        at_end: AtEnd,
        task: impl FnOnce() -> JoinHandle<()>,
    ) -> bool {
        let mut job = self.lock();
        if let Some(running) = job.as_mut().filter(|job| job.is_running()) {
            let is_same = running.gallery == gallery;
            if is_same {
                running.at_end = at_end;
            }
            return is_same;
        }
        // Under the lock: the task asks for its job.
        *job = Some(Job { gallery, at_end, phase: Phase::Running, task: task() });
        true
    }

    /// Whether a job runs, of whatever gallery.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.lock().as_ref().is_some_and(Job::is_running)
    }

    /// How far the job of a gallery is; `None` if there is none.
    #[must_use]
    pub fn phase(&self, gallery: GalleryId) -> Option<Phase> {
        let job = self.lock();
        let job = job.as_ref().filter(|job| job.gallery == gallery)?;
        match &job.phase {
            Phase::Running if job.task.is_finished() => {
                Some(Phase::Failed("The job ended early; start it again.".to_owned()))
            }
            phase => Some(phase.clone()),
        }
    }

    /// States how far the job of a gallery is.
    pub fn set(&self, gallery: GalleryId, phase: Phase) {
        if let Some(job) = self.lock().as_mut().filter(|job| job.gallery == gallery) {
            job.phase = phase;
        }
    }

    /// All images are embedded and compared. If the job is to use the new embeddings, it goes on,
    /// and this returns how; otherwise it is ready.
    #[must_use]
    pub fn compared(&self, gallery: GalleryId, comparison: &ReembedComparison) -> Option<AtEnd> {
        let mut job = self.lock();
        let job = job.as_mut().filter(|job| job.gallery == gallery)?;
        // Under the lock: a call may ask for the swap in this moment.
        if job.at_end.swap {
            return Some(job.at_end);
        }
        job.phase = Phase::Ready { comparison: comparison.clone(), error: None };
        None
    }

    /// Forgets the job of a gallery; its task, which may still run.
    #[must_use]
    pub fn forget(&self, gallery: GalleryId) -> Option<JoinHandle<()>> {
        self.lock().take_if(|job| job.gallery == gallery).map(|job| job.task)
    }

    /// Forgets the job, whatever it is about; its task, which may still run.
    #[must_use]
    pub fn forget_any(&self) -> Option<JoinHandle<()>> {
        self.lock().take().map(|job| job.task)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Job>> {
        // Nothing panics while it is held; what it holds is valid in any case.
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::pending;

    use super::*;

    fn gallery(number: u8) -> GalleryId {
        format!("g_{number:032}").parse().unwrap()
    }

    async fn panicking() {
        panic!("ouch")
    }

    fn endless() -> JoinHandle<()> {
        tokio::spawn(pending())
    }

    fn swap() -> AtEnd {
        AtEnd { swap: true, leave_out: false }
    }

    fn comparison() -> ReembedComparison {
        ReembedComparison {
            compared: 2,
            nearest_changes: 1,
            single_example_classes: 0,
            accuracy_before: 1.0,
            accuracy_after: 0.5,
            sampled: false,
        }
    }

    #[tokio::test]
    async fn one_gallery_at_a_time_has_a_job() {
        let job = ReembedJob::default();
        assert!(job.phase(gallery(1)).is_none() && !job.is_running());
        assert!(job.start(gallery(1), AtEnd::default(), endless));
        assert!(job.is_running());
        assert!(!job.start(gallery(2), AtEnd::default(), || unreachable!("one runs")));
        assert!(job.start(gallery(1), swap(), || unreachable!("it runs")));
        assert_eq!(job.compared(gallery(1), &comparison()), Some(swap()), "of the later call");
        assert!(job.forget(gallery(2)).is_none());
        job.set(gallery(1), Phase::Failed("no disk".to_owned()));
        assert!(!job.is_running());
        assert!(job.start(gallery(2), AtEnd::default(), endless), "the other one has ended");
        assert!(job.phase(gallery(1)).is_none(), "only the last one is known");
        assert!(job.forget_any().is_some() && job.phase(gallery(2)).is_none());
    }

    #[tokio::test]
    async fn a_job_without_a_swap_is_ready_in_the_end() {
        let job = ReembedJob::default();
        assert!(job.start(gallery(1), AtEnd::default(), endless));
        assert_eq!(job.compared(gallery(1), &comparison()), None);
        let phase = job.phase(gallery(1)).unwrap();
        assert!(
            matches!(phase, Phase::Ready { comparison, .. } if comparison.nearest_changes == 1)
        );
    }

    #[tokio::test]
    async fn a_task_that_panicked_does_not_run() {
        let job = ReembedJob::default();
        assert!(job.start(gallery(1), AtEnd::default(), || tokio::spawn(panicking())));
        while matches!(job.phase(gallery(1)), Some(Phase::Running)) {
            tokio::task::yield_now().await;
        }
        assert!(matches!(job.phase(gallery(1)), Some(Phase::Failed(_))));
        assert!(job.start(gallery(2), AtEnd::default(), endless));
    }
}
