//! What Linux shows of this process, under the names that Prometheus's client libraries share. On
//! other systems there is no `/proc`, and these series are absent.

use std::fs;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// Ticks per second of the times in `/proc`: the same on every architecture that is built for.
const TICKS: f64 = 100.0;

/// The process now. What the system does not show is absent.
#[derive(Debug, Default, PartialEq)]
pub struct Process {
    times: Option<Times>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    open_files: Option<u64>,
    max_files: Option<u64>,
    /// When the machine started, in seconds since 1970.
    boot_seconds: Option<u64>,
}

/// What a line of `/proc/self/stat` states.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Times {
    cpu_seconds: f64,
    threads: u64,
    /// From the start of the machine to that of the process.
    start_seconds: f64,
}

impl Process {
    /// Reads `/proc`.
    #[must_use]
    pub fn read() -> Self {
        let status = text("self/status");
        Self {
            times: times(&text("self/stat")),
            resident_bytes: bytes(&status, "VmRSS:"),
            virtual_bytes: bytes(&status, "VmSize:"),
            open_files: open_files(),
            max_files: value(&text("self/limits"), "Max open files"),
            boot_seconds: value(&text("stat"), "btime"),
        }
    }

    /// The series of what is known.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        if let Some(times) = self.times {
            self.register_times(&mut registry, times);
        }
        for (name, help, unit, value) in [
            (
                "process_resident_memory",
                "Memory of the process that is not swapped out",
                Some(Unit::Bytes),
                self.resident_bytes,
            ),
            (
                "process_virtual_memory",
                "Address space of the process",
                Some(Unit::Bytes),
                self.virtual_bytes,
            ),
            ("process_open_fds", "Open files and connections", None, self.open_files),
            ("process_max_fds", "The most open files and connections", None, self.max_files),
        ] {
            match (value.map(ConstGauge::new), unit) {
                (Some(gauge), Some(unit)) => registry.register_with_unit(name, help, unit, gauge),
                (Some(gauge), None) => registry.register(name, help, gauge),
                (None, _) => {}
            }
        }
        registry
    }

    fn register_times(&self, registry: &mut Registry, times: Times) {
        registry.register_with_unit(
            "process_cpu",
            "Processor time, of the program and of the system for it",
            Unit::Seconds,
            ConstCounter::new(times.cpu_seconds),
        );
        registry.register("process_threads", "Threads", ConstGauge::new(times.threads));
        if let Some(boot) = self.boot_seconds {
            registry.register_with_unit(
                "process_start_time",
                "Start of the process, in seconds since 1970",
                Unit::Seconds,
                ConstGauge::new(boot as f64 + times.start_seconds),
            );
        }
    }
}

/// A file of `/proc`; empty if there is none.
fn text(file: &str) -> String {
    fs::read_to_string(format!("/proc/{file}")).unwrap_or_default()
}

fn open_files() -> Option<u64> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // The list itself is one.
    Some(listed.saturating_sub(1))
}

/// proc_pid_stat(5): `pid (name) state …`, where the name may have spaces and parentheses.
fn times(stat: &str) -> Option<Times> {
    let (_, rest) = stat.rsplit_once(") ")?;
    // The first one is field 3 of the manual.
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Times {
        cpu_seconds: (field(14)? + field(15)?) as f64 / TICKS,
        threads: field(20)?,
        start_seconds: field(22)? as f64 / TICKS,
    })
}

/// The first number of the line that begins with `name`; `unlimited` is none.
fn value(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The same for a number of kilobytes.
fn bytes(status: &str, name: &str) -> Option<u64> {
    Some(value(status, name)? * 1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::format::Format;

    const STAT: &str = "4242 (handful) server) S 1 4242 4242 0 -1 4194560 5381 0 12 0 1234 66 0 0 \
        20 0 14 0 987650 812345678 20480 18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 1 \
        0 0 0 0 0 0 0 0 0 0 0 0 0\n";
    const STATUS: &str = "Name:\thandful-server\nVmPeak:\t  900000 kB\nVmSize:\t  793304 kB\n\
        VmRSS:\t   81920 kB\nThreads:\t14\n";
    const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           \
        Units\nMax processes             95930                95930                processes\n\
        Max open files            1024                 524288               files     \n\
        Max locked memory         unlimited            unlimited            bytes     \n";
    const SYSTEM: &str = "cpu  1 2 3\nintr 5\nctxt 7\nbtime 1790000000\nprocesses 9\n";

    #[test]
    fn the_files_of_the_system_are_understood() {
        let expected = Times { cpu_seconds: 13.0, threads: 14, start_seconds: 9876.5 };
        assert_eq!(times(STAT), Some(expected));
        assert_eq!(bytes(STATUS, "VmRSS:"), Some(81920 * 1024));
        assert_eq!(bytes(STATUS, "VmSize:"), Some(793_304 * 1024));
        assert_eq!(value(LIMITS, "Max open files"), Some(1024));
        assert_eq!(value(LIMITS, "Max locked memory"), None, "it is unlimited");
        assert_eq!(value(SYSTEM, "btime"), Some(1_790_000_000));
    }

    #[test]
    fn what_is_no_such_file_is_absent() {
        for text in ["", "4242", "4242 (a) S 1 2", "4242 (a) S x y z"] {
            assert_eq!(times(text), None, "{text}");
            assert_eq!(value(text, "VmRSS:"), None, "{text}");
        }
        let empty = Process::default().registry();
        assert_eq!(Format::Text.encode(&[&empty]).as_deref(), Ok(""));
    }

    #[test]
    fn the_series_have_their_standard_names() {
        let process = Process {
            times: times(STAT),
            resident_bytes: bytes(STATUS, "VmRSS:"),
            virtual_bytes: bytes(STATUS, "VmSize:"),
            open_files: Some(12),
            max_files: value(LIMITS, "Max open files"),
            boot_seconds: value(SYSTEM, "btime"),
        };
        let text = Format::OpenMetrics.encode(&[&process.registry()]).unwrap();
        for line in [
            "process_cpu_seconds_total 13.0",
            "process_threads 14",
            "process_start_time_seconds 1790009876.5",
            "process_resident_memory_bytes 83886080",
            "process_virtual_memory_bytes 812343296",
            "process_open_fds 12",
            "process_max_fds 1024",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_every_series() {
        let process = Process::read();
        assert!(process.times.unwrap().threads > 0);
        assert!(process.resident_bytes.unwrap() < process.virtual_bytes.unwrap());
        assert!(process.open_files.unwrap() > 0 && process.boot_seconds.is_some());
    }
}
