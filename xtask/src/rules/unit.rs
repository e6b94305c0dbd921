//! The unit of systemd permits what the service and the process that builds engines ask of the
//! system.

#[cfg(test)]
mod tests {
    use crate::root;
    use crate::sources::read;

    #[test]
    fn the_unit_permits_what_building_engines_needs() {
        let unit = read(&root().unwrap().join("deploy/handful.service")).unwrap();
        let values = |key: &str| -> Vec<String> {
            let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            lines.map(str::to_owned).collect()
        };
        // systemd reads these lines in order: what a later one names is permitted again.
        let filters = values("SystemCallFilter");
        let denied = filters.iter().position(|line| line.starts_with('~')).unwrap();
        let permitted: Vec<&str> =
            filters[denied + 1..].iter().flat_map(|line| line.split(' ')).collect();
        for call in ["setpriority", "prlimit64", "sched_setaffinity"] {
            assert!(permitted.contains(&call), "{call} is not in {permitted:?}");
        }
        assert_eq!(values("OOMPolicy"), ["continue"]);
        // The service keeps engines there.
        assert_eq!(values("CacheDirectory"), ["handful"]);
    }
}
