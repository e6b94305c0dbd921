//! How many threads an engine may have.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::Path;
use std::str::FromStr;
use std::thread;

use models::disk;
use serde::Deserialize;

/// A number of threads, 1 to [`Threads::most`].
///
/// # Examples
/// ```
/// use edge::device::Threads;
///
/// assert_eq!("1".parse::<Threads>()?.get(), 1);
/// let error = Threads::try_from(999_999).unwrap_err().to_string();
/// assert!(error.starts_with("the number of threads must be 1 to "));
/// assert!(error.ends_with(", the cores of this machine, got 999999"));
/// # Ok::<(), edge::device::ThreadsError>(())
/// ```
// A settings file takes the numbers of the command line, with the same error for one out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub struct Threads(usize);

impl Threads {
    /// The most: the cores that this process may use. More threads than cores take memory and make
    /// nothing faster.
    #[must_use]
    pub fn most() -> usize {
        thread::available_parallelism().map_or(1, NonZero::get)
    }

    /// How many an engine on the processor has if the user sets none: one for each performance core
    /// that this process may use.
    ///
    /// An engine counts the cores of the machine instead, whatever a container or an affinity
    /// leaves of them, and binds a thread to each, beside which nothing decodes.
    #[must_use]
    pub fn for_engine() -> usize {
        performance_cores(Path::new("/")).unwrap_or(usize::MAX).clamp(1, Self::most())
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

/// The performance cores of a machine, from the files of Linux below a root: of a core that runs
/// two threads, one counts; cores of less than three quarters of the capacity of the largest do not
/// count. `None` where the system does not say it.
fn performance_cores(root: &Path) -> Option<usize> {
    let cpus: Vec<_> = disk::list(&root.join("sys/devices/system/cpu")).ok()?;
    let cores: Vec<Core> = cpus.iter().filter_map(|cpu| Core::read(cpu)).collect();
    let largest = cores.iter().map(|core| core.capacity).max()?;
    let fast = cores.into_iter().filter(|core| core.capacity * 4 >= largest * 3);
    Some(fast.map(|core| core.siblings).collect::<BTreeSet<_>>().len())
}

/// What Linux states of one processor.
struct Core {
    /// The processors of its core, itself included: the name of the core.
    siblings: String,
    /// Its speed, in parts of 1024 of the fastest. Machines with cores of one kind do not state it.
    capacity: u32,
}

impl Core {
    fn read(cpu: &Path) -> Option<Self> {
        let siblings = line(&cpu.join("topology/thread_siblings_list"))?;
        let capacity = line(&cpu.join("cpu_capacity")).and_then(|text| text.parse().ok());
        Some(Self { siblings, capacity: capacity.unwrap_or(1024) })
    }
}

/// The text of a file of one short line.
fn line(file: &Path) -> Option<String> {
    let bytes = disk::read(file, 4096).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

impl TryFrom<usize> for Threads {
    type Error = ThreadsError;

    fn try_from(number: usize) -> Result<Self, ThreadsError> {
        match (1..=Self::most()).contains(&number) {
            true => Ok(Self(number)),
            false => Err(ThreadsError(number.to_string())),
        }
    }
}

impl FromStr for Threads {
    type Err = ThreadsError;

    fn from_str(text: &str) -> Result<Self, ThreadsError> {
        let number: usize = text.parse().map_err(|_| ThreadsError(text.to_owned()))?;
        number.try_into()
    }
}

/// A value that is no number of threads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the number of threads must be 1 to {most}, the cores of this machine, got {0}",
    most = Threads::most()
)]
pub struct ThreadsError(String);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A machine whose processors have these siblings and capacities.
    fn machine(cpus: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/devices/system/cpu");
        fs::create_dir_all(folder.join("cpufreq")).unwrap();
        for (number, (siblings, capacity)) in cpus.iter().enumerate() {
            let cpu = folder.join(format!("cpu{number}"));
            fs::create_dir_all(cpu.join("topology")).unwrap();
            fs::write(cpu.join("topology/thread_siblings_list"), format!("{siblings}\n")).unwrap();
            if !capacity.is_empty() {
                fs::write(cpu.join("cpu_capacity"), format!("{capacity}\n")).unwrap();
            }
        }
        root
    }

    #[test]
    fn a_core_counts_once_and_a_small_one_not() {
        let two_threads = machine(&[("0,2", ""), ("1,3", ""), ("0,2", ""), ("1,3", "")]);
        assert_eq!(performance_cores(two_threads.path()), Some(2));
        let big_and_little = machine(&[("0", "446"), ("1", "446"), ("2", "1024"), ("3", "1024")]);
        assert_eq!(performance_cores(big_and_little.path()), Some(2));
        let one_faster = machine(&[("0", "900"), ("1", "1024")]);
        assert_eq!(performance_cores(one_faster.path()), Some(2));
        assert_eq!(performance_cores(machine(&[]).path()), None);
        assert_eq!(performance_cores(Path::new("/no/such/root")), None);
        assert!((1..=Threads::most()).contains(&Threads::for_engine()));
    }

    #[test]
    fn only_numbers_in_the_range_are_read() {
        let most = Threads::most();
        for (number, read) in [(1, Some(1)), (most, Some(most)), (0, None), (most + 1, None)] {
            assert_eq!(Threads::try_from(number).ok().map(Threads::get), read, "{number}");
        }
        for text in ["", "-1", "two", "99999999999999999999999"] {
            let error = text.parse::<Threads>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("got {text}")), "{error}");
        }
    }
}
