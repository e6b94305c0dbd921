//! `unpickle.py`: pickled data sets become folders that are read like any other.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use models::dataset::{Class, Dataset, ImageRef, Split};
use models::image::{Detail, ImageLimits};

use crate::scene::{assert_refused, stderr};

/// Writes tiny data sets in the published forms, and one pickle that runs a program when it is
/// opened.
const MAKE: &str = r#"
import os, pickle, sys, zlib
import numpy
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from unpickle import png

def dump(path, content):
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_bytes(pickle.dumps(content, protocol=2))

def rgb(value):
    return numpy.full((84, 84, 3), (value, 2, 3), dtype=numpy.uint8)

mini = "mini/miniImageNet_category_split_{}.pickle"
for split, first in [("train_phase_train", 0), ("val", 64), ("test", 80)]:
    names = {"n%08d" % label: label for label in (first, first + 1)}
    labels = [first + 1, first, first + 1]
    data = numpy.stack([rgb(10 * label % 256) for label in labels])
    dump(mini.format(split), {"catname2label": names, "labels": labels, "data": data})

names = {"train": ["crane", "pear"], "val": ["crane"], "test": ["sea/lake"]}
for split, classes in names.items():
    specific = numpy.arange(len(classes), dtype=numpy.int32)
    dump(f"tiered/{split}_labels.pkl", {"label_specific": specific, "label_specific_str": classes})
    files = [numpy.frombuffer(png(rgb(i)), dtype=numpy.uint8).reshape(-1, 1) for i in specific]
    if split == "test":
        numpy.savez("tiered/test_images.npz", images=rgb(7)[None, :, :, ::-1])
    else:
        dump(f"tiered/{split}_images_png.pkl", files)
Path("tiered/class_names.txt").write_text("crane\npear\ncrane\nsea/lake\n")
Path("tiered/synsets.txt").write_text("n02012849\nn07767847\nn03126707\nn00000007\n")

class Program:
    def __reduce__(self):
        return os.mkdir, ("ran",)
for folder, content in [("hostile", Program()), ("odd", {"labels": [1]})]:
    dump(f"{folder}/" + Path(mini).name.format("test"), {})
    dump(f"{folder}/" + Path(mini).name.format("train_phase_train"), content)
cut = Path(mini.format("train_phase_train")).read_bytes()
for split, file in [("test", b""), ("train_phase_train", cut), ("val", cut[:-9])]:
    Path("cut").mkdir(exist_ok=True)
    Path("cut/" + Path(mini).name.format(split)).write_bytes(file)
"#;

/// A Python that has numpy.
fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let has_numpy = |python: &PathBuf| {
        let output = Command::new(python).args(["-c", "import numpy"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = [own, PathBuf::from("python3")].into_iter().find(has_numpy);
    if found.is_none() {
        eprintln!("skipped: unpickle.py: no Python with numpy; `cargo xtask setup` makes one");
    }
    found
}

fn unpickle(python: &Path, folder: &Path, from: &str, to: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("unpickle.py");
    Command::new(python).arg(script).args([from, to]).current_dir(folder).output().unwrap()
}

/// Class, split, synset and the red values of its images.
fn outline(folder: &Path) -> Vec<(String, Split, String, Vec<u8>)> {
    let dataset = Dataset::open(folder).unwrap();
    let read = |image: &ImageRef| {
        let image = dataset.image(image, &ImageLimits::default(), Detail::Full).unwrap();
        assert_eq!((image.width, &image.rgb[1..3]), (84, &[2, 3][..]));
        image.rgb[0]
    };
    let class = |class: &Class| {
        let reds = class.images.iter().map(read).collect();
        (class.name.clone(), class.split, class.wnid.clone().unwrap_or_default(), reds)
    };
    dataset.classes.iter().map(class).collect()
}

#[test]
fn pickles_become_folders() {
    let Some(python) = python() else { return };
    let scene = tempfile::tempdir().unwrap();
    let folder = scene.path();
    let make = Command::new(&python)
        .args(["-B", "-c", MAKE, env!("CARGO_MANIFEST_DIR")])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(make.status.success(), "{}", stderr(&make));

    let output = unpickle(&python, folder, "mini", "a");
    assert!(output.status.success(), "{}", stderr(&output));
    let class = |label: u32, split, reds: &[u8]| {
        let name = format!("n{label:08}");
        (name.clone(), split, name, reds.to_vec())
    };
    let expected = [
        class(0, Split::Base, &[0]),
        class(1, Split::Base, &[10, 10]),
        class(64, Split::Val, &[128]),
        class(65, Split::Val, &[138, 138]),
        class(80, Split::Novel, &[32]),
        class(81, Split::Novel, &[42, 42]),
    ];
    assert_eq!(outline(&folder.join("a")), expected);

    let output = unpickle(&python, folder, "tiered", "b");
    assert!(output.status.success(), "{}", stderr(&output));
    let class = |name: &str, split, wnid: &str, red| (name.into(), split, wnid.into(), vec![red]);
    let expected = [
        class("crane", Split::Base, "", 0),
        class("crane (val 0)", Split::Val, "", 0),
        class("pear", Split::Base, "n07767847", 1),
        class("sea/lake", Split::Novel, "n00000007", 7),
    ];
    assert_eq!(outline(&folder.join("b")), expected);

    assert_refused(&unpickle(&python, folder, "mini", "b"), 2, &["b exists", "remove it"]);
    assert_refused(&unpickle(&python, folder, "a", "c"), 2, &["a has neither", "test_labels.pkl"]);
    let hostile = unpickle(&python, folder, "hostile", "c");
    assert_refused(&hostile, 2, &["phase_train.pickle is refused", "mkdir", "no place"]);
    assert!(!folder.join("ran").exists());
    let odd = unpickle(&python, folder, "odd", "c");
    assert_refused(&odd, 2, &["odd is not laid out as published", "catname2label"]);
    // The second of three files ends early: what the first gave must not pass for a data set.
    assert_refused(&unpickle(&python, folder, "cut", "c"), 2, &["split_val.pickle is refused"]);
    assert!(!folder.join("c").exists());
}
