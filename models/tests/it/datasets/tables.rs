//! The numbers of lines in tables, as an editor shows them.

use models::dataset::DatasetError;

use super::*;

/// The line that is refused in a manifest of these rows; `!` marks the row with the mistake.
fn refused_line(manifest: &str) -> (u64, String) {
    let folder = tempfile::tempdir().unwrap();
    let text = manifest.replace('!', "gone.png,pear");
    write_folder(folder.path(), &with(images(), "manifest.csv", text.as_bytes()));
    match Dataset::open(folder.path()).unwrap_err() {
        DatasetError::Missing { at, path } => (at.line, path),
        other => panic!("{manifest:?}: {other}"),
    }
}

#[test]
fn the_line_of_a_mistake_is_that_of_an_editor() {
    let good = "base/pear/0.png,pear";
    let other = "base/pear/1.png,pear";
    for (line, rows) in [
        (2, vec!["path,class", "!"]),
        (4, vec!["path,class", good, other, "!"]),
        (5, vec!["path,class", "", good, "", "!"]),
        (6, vec!["", "path,class", "", "", good, "!"]),
        (5, vec!["path,class", "   ", ",", good, "!"]),
        (4, vec!["path,class", "", "", "!", good]),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{FEFF}"] {
                let manifest = format!("{mark}{}{end}", rows.join(end));
                let found = refused_line(&manifest);
                assert_eq!(found, (line, "gone.png".to_owned()), "{manifest:?}");
            }
        }
    }
}

#[test]
fn fields_with_line_breaks_count_their_lines() {
    for end in ["\n", "\r\n"] {
        let rows = [
            "path,class,note",
            "base/pear/0.png,pear,\"two",
            "lines\"",
            "base/pear/1.png,\"pear\",\"three",
            "",
            "lines\"",
            "",
            "gone.png,pear,x",
        ];
        assert_eq!(refused_line(&rows.join(end)), (8, "gone.png".to_owned()));
    }
}

#[test]
fn other_mistakes_have_the_right_line_too() {
    for end in ["\n", "\r\n"] {
        for (row, words) in [
            ("base/pear/1.png,pear,more", "3 fields, expected 2"),
            ("base/pear/1.png", "1 fields, expected 2"),
            ("base/pear/1.png,", "`class` is empty"),
            ("base/pear/0.png,pear", "listed before"),
        ] {
            let rows = ["path,class", "", "base/pear/0.png,pear", "", row, ""];
            let folder = tempfile::tempdir().unwrap();
            let text = rows.join(end);
            write_folder(folder.path(), &with(images(), "manifest.csv", text.as_bytes()));
            let error = Dataset::open(folder.path()).unwrap_err().to_string();
            assert!(error.starts_with("manifest.csv, line 5: "), "{row}: {error}");
            assert!(error.contains(words), "{row}: {error}");
        }
    }
}

#[test]
fn fields_may_be_separated_by_semicolons_or_tabs() {
    let with_manifest = |separator: char| {
        with(images(), "manifest.csv", MANIFEST.replace(',', &separator.to_string()).as_bytes())
    };
    let (_folder, expected) = open_folder(&with_manifest(','));
    for separator in [';', '\t'] {
        let (_folder, dataset) = open_all_ways(&with_manifest(separator));
        assert_eq!(outline(&dataset), outline(&expected), "{separator:?}");
    }
    for (manifest, words) in [
        ("path;class\nbase/pear/0.png;pear;x\n", "put a field with a semicolon in quotes"),
        ("path|class\nbase/pear/0.png|pear\n", "with commas, semicolons or tabs between them"),
        // A comma in a field is part of it, but not in the header.
        ("path;class\nbase/pear/0.png,pear\n", "1 fields, expected 2"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), &with(images(), "manifest.csv", manifest.as_bytes()));
        let error = Dataset::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{manifest:?}: {error}");
    }
}

#[test]
fn lists_and_tables_may_begin_with_a_byte_order_mark() {
    let tree = vec![
        ("data/apple/0.png".to_owned(), draw::png(draw::flat(4, 4, [1; 3]))),
        ("splits/bertinetto/train.txt".to_owned(), b"\xEF\xBB\xBFapple\r\n".to_vec()),
    ];
    let (_folder, dataset) = open_all_ways(&tree);
    assert_eq!(dataset.classes[0].name, "apple");
}
