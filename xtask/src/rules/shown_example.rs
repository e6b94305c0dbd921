//! Documents show the example of the library exactly as it is compiled.

use crate::root;
use crate::sources::read;

const EXAMPLE: &str = "edge/examples/recognize.rs";
const DOCUMENTS: [&str; 2] = ["README.md", "docs/guide/library.md"];
const MAX_LINES: usize = 25;

#[test]
fn documents_show_the_example_of_the_library() {
    let root = root().unwrap();
    let example = read(&root.join(EXAMPLE)).unwrap();
    assert!(example.lines().count() <= MAX_LINES, "{EXAMPLE} is longer than {MAX_LINES} lines");
    for document in DOCUMENTS {
        let text = read(&root.join(document)).unwrap();
        let block = format!("```rust\n{example}```\n");
        assert!(text.contains(&block), "{document} does not show {EXAMPLE} as it is");
    }
}
