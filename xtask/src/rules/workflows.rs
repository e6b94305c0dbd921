//! The workflows of the repository's host run what anybody can run, with the fewest rights.

/// What a step may run: our own words, as another machine would.
const COMMANDS: [&str; 3] =
    ["cargo xtask ", "sudo env \"PATH=$PATH\" \"HOME=$HOME\" CI=true ", ">-"];

/// The step that publishes a release has no checkout, so it cannot use ours.
const PUBLISHES: &str = "gh release create ";

/// Why a line of a workflow is not permitted.
fn wrong(line: &str) -> Option<&'static str> {
    let step = line.trim_start().trim_start_matches("- ");
    if let Some(action) = step.strip_prefix("uses: ") {
        return (!is_pinned(action)).then_some("an action is pinned by its commit");
    }
    let command = step.strip_prefix("run: ")?;
    let is_ours = COMMANDS.iter().any(|ours| command.starts_with(ours));
    (!is_ours).then_some("a step runs `cargo xtask` or `.ci/run`")
}

/// `owner/name@` and forty digits, then the version as a comment.
fn is_pinned(action: &str) -> bool {
    let (action, version) = action.split_once(" # v").unwrap_or((action, ""));
    let commit = action.split_once('@').map_or("", |(_, commit)| commit);
    !version.is_empty() && commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;
    use crate::sources::{entries, read};

    #[test]
    fn workflows_run_our_own_words_with_few_rights() {
        let files = entries(&root().unwrap().join(".github/workflows")).unwrap();
        assert!(files.len() >= 4, "{files:?}");
        for file in files {
            let text = read(&file).unwrap();
            assert!(text.contains("\npermissions:\n  contents: read\n"), "{}", file.display());
            for line in text.lines() {
                assert_eq!(wrong(line), None, "{}: {line}", file.display());
            }
            // A command of several lines begins on the line after `>-`.
            let folded = text.split("run: >-\n").skip(1).map(str::trim_start);
            for command in folded {
                assert!(command.starts_with(PUBLISHES), "{}: {command}", file.display());
            }
        }
    }

    #[test]
    fn other_words_and_loose_versions_are_refused() {
        assert!(wrong("      - run: cargo test").is_some());
        assert!(wrong("      - uses: actions/checkout@v6").is_some());
        let commit = "de0fac2e4500dabe0009e67214ff5f5447ce83dd";
        assert!(wrong(&format!("- uses: actions/checkout@{commit}")).is_some());
        assert_eq!(wrong(&format!("- uses: actions/checkout@{commit} # v6.0.2")), None);
        assert_eq!(wrong("      - run: cargo xtask docs"), None);
        assert_eq!(wrong("    runs-on: ubuntu-24.04"), None);
    }
}
