//! From synsets to completers and the results of every policy, as processes; and inputs that are
//! refused.

use std::fmt::Write;
use std::fs;
use std::process::Output;

use few_shot::decision::DecisionModel;
use few_shot::fit::statistics::{Moments, Statistics};
use models::tensors::TensorFile;
use ndarray::{Array2, Ix2, s};
use serde_json::Value;

use crate::scene::{Scene, assert_refused, stderr};

const CLASSES: u32 = 6;

/// Each class of stripes is a pattern with lines; every second one also has corners.
fn write_wordnet(scene: &Scene) {
    let mut data = "\
00000001 03 n 01 pattern 0 001 %p 00000002 n 0000 | what repeats
00000002 03 n 01 line 0 000 | long and thin
00000003 03 n 01 corner 0 000 | where lines meet
00000004 03 n 01 grid 0 002 @ 00000001 n 0000 %p 00000003 n 0000 | lines that cross
"
    .to_owned();
    let mut index = "\
pattern n 1 1 %p 1 0 00000001
line n 1 0 1 0 00000002
corner n 1 0 1 0 00000003
grid n 1 2 @ %p 1 0 00000004
"
    .to_owned();
    for class in 0..CLASSES {
        let above = if class % 2 == 0 { 1 } else { 4 };
        writeln!(
            data,
            "0000001{class} 03 n 01 stripes{class} 0 001 @ 0000000{above} n 0000 | drawn"
        )
        .unwrap();
        writeln!(index, "stripes{class} n 1 1 @ 1 0 0000001{class}").unwrap();
    }
    fs::create_dir(scene.path("wordnet")).unwrap();
    fs::write(scene.path("wordnet/data.noun"), data).unwrap();
    fs::write(scene.path("wordnet/index.noun"), index).unwrap();
    let mut vectors = "line 1 0 0\ncorner 0 1 0\n".to_owned();
    for class in 0..CLASSES {
        writeln!(vectors, "stripes{class} {} {} 0.5", class, 5 - class).unwrap();
    }
    fs::write(scene.path("vectors.txt"), vectors).unwrap();
}

fn write_manifest(scene: &Scene, wnid: impl Fn(u32) -> String) {
    let mut rows = "path,class,wnid,split\n".to_owned();
    for class in 0..CLASSES {
        let split = if class < 4 { "base" } else { "val" };
        for image in 0..12 {
            let path = format!("{split}/stripes-{class}/{image:02}.png");
            writeln!(rows, "{path},stripes-{class},{},{split}", wnid(class)).unwrap();
        }
    }
    fs::write(scene.path("data/manifest.csv"), rows).unwrap();
}

pub(crate) fn scene() -> Scene {
    let scene = Scene::new();
    write_wordnet(&scene);
    write_manifest(&scene, |class| format!("n0000001{class}"));
    scene
}

pub(crate) fn knowledge(scene: &Scene, more: &[&str]) -> Output {
    let arguments = [
        "knowledge",
        "--data",
        "data",
        "--wordnet",
        "wordnet",
        "--vectors",
        "vectors.txt",
        "--out",
        "run/knowledge.json",
    ];
    scene.run(&[&arguments, more].concat())
}

/// Trains both completers, ProtoComNet in few steps and on one thread, which is fastest for a
/// network this small.
pub(crate) fn complete(scene: &Scene) -> Output {
    fs::write(scene.path("complete.toml"), "steps = 20\nself_weight = \"learned\"\n").unwrap();
    let arguments =
        ["complete", "run", "--data", "data", "--config", "complete.toml", "--threads", "1"];
    scene.run(&arguments)
}

pub(crate) fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The images of each class as those of three classes: enough classes for a decision.
fn split_in_three(scene: &Scene) {
    let mut rows = "path,class,wnid,split\n".to_owned();
    for class in 0..CLASSES {
        let split = if class < 4 { "base" } else { "val" };
        for image in 0..12 {
            let path = format!("{split}/stripes-{class}/{image:02}.png");
            // Validation needs the images of a whole class.
            let part = if split == "base" { format!("-{}", image % 3) } else { String::new() };
            writeln!(rows, "{path},stripes-{class}{part},n0000001{class},{split}").unwrap();
        }
    }
    fs::write(scene.path("data/manifest.csv"), rows).unwrap();
}

#[test]
fn enough_classes_give_a_decision() {
    let scene = scene();
    split_in_three(&scene);
    succeeded(&scene.pretrain(&[]));
    succeeded(&knowledge(&scene, &[]));
    let kernel = ["complete", "run", "--data", "data", "--completer", "kernel", "--threads", "1"];
    let printed = succeeded(&scene.run(&kernel));
    assert!(printed.contains("decision.safetensors: decision with 0 background"), "{printed}");
    let bytes = fs::read(scene.path("run/decision.safetensors")).unwrap();
    let (space_id, model) = DecisionModel::parse(&bytes).unwrap();
    assert_eq!(space_id.len(), 64);
    assert!(model.table.limits.by_name.contains_key(&10), "names are fitted too");

    // A decision does not outlive the classes that it was fitted to.
    write_manifest(&scene, |class| format!("n0000001{class}"));
    succeeded(&knowledge(&scene, &[]));
    succeeded(&scene.run(&kernel));
    assert!(!scene.path("run/decision.safetensors").exists());
}

#[test]
fn from_synsets_to_every_policy() {
    let scene = scene();
    succeeded(&scene.pretrain(&[]));
    let printed = succeeded(&knowledge(&scene, &[]));
    assert!(printed.contains("4 base, 2 val") && printed.contains("attributes  2"), "{printed}");
    let json: Value =
        serde_json::from_slice(&fs::read(scene.path("run/knowledge.json")).unwrap()).unwrap();
    assert_eq!(json["links"].as_array().unwrap().len(), 9);

    succeeded(&scene.run(&["statistics", "run", "--data", "data"]));
    statistics_are_those_of_two_passes(&scene);
    let completed = complete(&scene);
    let printed = succeeded(&completed);
    assert!(printed.contains("kernel.safetensors") && printed.contains("ProtoComNet"), "{printed}");
    let note = stderr(&completed);
    assert!(
        note.contains("no decision was fitted") && note.contains("has 4 base classes"),
        "{note}"
    );
    assert!(!scene.path("run/decision.safetensors").exists());

    let output = scene.evaluate(&["--threads", "1", "--json", "report.json"]);
    let report: Value = serde_json::from_str(&succeeded(&output)).unwrap();
    let fusions: Vec<_> =
        report["results"].as_array().unwrap().iter().map(|r| &r["fusion"]).collect();
    let expected = [
        "mean",
        "completed",
        "average",
        "semantic",
        "error-variance",
        "trusted",
        "gaussian",
        "soft-k-means",
    ];
    assert_eq!(fusions, expected);
    assert_eq!(report["results"][6]["setting"], "transductive");
    assert!(report["results"][5]["gain"]["ci95"].as_f64().unwrap() >= 0.0);
    assert!(stderr(&output).contains("| trusted "), "{}", stderr(&output));
    assert_eq!(scene.evaluate(&["--threads", "2"]).stdout, output.stdout);
    let wrong: Value =
        serde_json::from_str(&succeeded(&scene.evaluate(&["--label-noise", "wrong"]))).unwrap();
    assert_eq!(
        (&wrong["label_noise"], &wrong["results"][0]),
        (&"wrong".into(), &report["results"][0])
    );
}

/// The written moments against two passes over the cached embeddings.
fn statistics_are_those_of_two_passes(scene: &Scene) {
    let read = |name: &str| fs::read(scene.path(name)).unwrap();
    let cache = TensorFile::parse(&read("run/embeddings-base.safetensors")).unwrap();
    let rows: Array2<f32> = cache.floats["embedding"].clone().into_dimensionality::<Ix2>().unwrap();
    let statistics = Statistics::parse(&read("run/statistics.safetensors")).unwrap();
    assert_eq!(statistics.classes.images, [12; 4]);
    // Classes 1 and 3 have corners: images 12..24 and 36..48.
    assert_eq!(
        (statistics.attributes.names[1].as_str(), statistics.attributes.images[1]),
        ("n00000003", 24)
    );
    let corners = ndarray::concatenate![
        ndarray::Axis(0),
        rows.slice(s![12..24, ..]),
        rows.slice(s![36..48, ..])
    ];
    let corners = corners.mapv(f64::from);
    let mean = corners.mean_axis(ndarray::Axis(0)).unwrap();
    let std = corners.std_axis(ndarray::Axis(0), 1.0);
    let close = |got: ndarray::ArrayView1<'_, f32>, expected: &ndarray::Array1<f64>| {
        let scale = expected.iter().fold(1e-9_f64, |scale, x| scale.max(x.abs()));
        got.iter()
            .zip(expected)
            .for_each(|(a, b)| assert!((f64::from(*a) - b).abs() <= 1e-6 * scale, "{a} {b}"));
    };
    close(statistics.attributes.mean.row(1), &mean);
    close(statistics.attributes.std.row(1), &std);
    assert_eq!(Moments::of(rows.slice(s![..12, ..])).mean(), statistics.classes.mean.row(0));
}

#[test]
fn the_paper_rule_needs_classes_outside_the_base() {
    let scene = scene();
    fs::write(scene.path("data/manifest.csv"), {
        let rows = fs::read_to_string(scene.path("data/manifest.csv")).unwrap();
        rows.lines()
            .filter(|row| !row.ends_with(",val"))
            .map(|row| format!("{row}\n"))
            .collect::<String>()
    })
    .unwrap();
    let refused = knowledge(&scene, &["--rule", "paper"]);
    assert_refused(&refused, 2, &["rule `paper`", "--splits", "--rule base-only"]);
    let printed = succeeded(&knowledge(&scene, &["--rule", "base-only"]));
    assert!(printed.contains("4 base") && scene.path("run/knowledge.json").is_file(), "{printed}");
}

#[test]
fn a_splits_file_adds_classes_without_images() {
    let scene = scene();
    fs::create_dir(scene.path("run")).unwrap();
    fs::write(scene.path("splits.csv"), "class,wnid,split\ncrossed,n00000004,novel\n").unwrap();
    let printed = succeeded(&knowledge(&scene, &["--splits", "splits.csv", "--rule", "base-only"]));
    assert!(
        printed.contains("4 base, 2 val, 1 novel") && printed.contains("by the rule base-only"),
        "{printed}"
    );
    assert!(printed.contains("without a word vector: crossed (grid)"), "{printed}");
    for (rows, words) in [
        ("class,wnid,split\nx,n1,novel\n", ["splits.csv line 2", "`n1`"]),
        ("class,wnid,split\nx,n00000004,new\n", ["splits.csv line 2", "`new`"]),
        ("class,synset\nx,y\n", ["splits.csv line 2", "wnid"]),
        ("class,wnid,split\nstripes-0,n00000004,base\n", ["stripes-0", "n00000010"]),
    ] {
        fs::write(scene.path("splits.csv"), rows).unwrap();
        assert_refused(&knowledge(&scene, &["--splits", "splits.csv"]), 2, &words);
    }
}

#[test]
fn missing_knowledge_is_named_and_nothing_is_written() {
    let scene = scene();
    fs::create_dir(scene.path("run")).unwrap();
    let refused = |words: &[&str]| {
        assert_refused(&knowledge(&scene, &[]), 2, words);
        assert_eq!(fs::read_dir(scene.path("run")).unwrap().count(), 0);
    };
    fs::write(scene.path("vectors.txt"), "line 1 0\ncorner nan 1\n").unwrap();
    refused(&["vectors.txt", "row 2 (`corner`)", "NaN"]);
    fs::write(scene.path("vectors.txt"), [0x1F, 0x8B, 8, 0, 0]).unwrap();
    refused(&["vectors.txt", "cannot be unpacked"]);
    write_manifest(&scene, |class| format!("n0000002{class}"));
    fs::write(scene.path("vectors.txt"), "line 1 0\n").unwrap();
    refused(&["class `stripes-0`", "n00000020"]);
    write_manifest(&scene, |_| String::new());
    refused(&["class `stripes-0` has no wnid"]);
    write_manifest(&scene, |class| format!("n0000001{class}"));
    fs::remove_file(scene.path("wordnet/index.noun")).unwrap();
    refused(&["index.noun"]);
}

#[test]
fn a_stage_names_the_missing_stage() {
    let scene = scene();
    succeeded(&scene.pretrain(&[]));
    for stage in ["statistics", "complete"] {
        let output = scene.run(&[stage, "run", "--data", "data"]);
        assert_refused(&output, 2, &["run/knowledge.json", "handful-train knowledge"]);
    }
    assert_refused(&scene.evaluate(&["--label-noise", "wrong"]), 2, &["handful-train complete"]);
    succeeded(&knowledge(&scene, &[]));
    succeeded(&complete(&scene));
    // Another backbone in the same run.
    let mut config = crate::support::tiny_config();
    config.seed = 6;
    fs::write(scene.path("config.toml"), config.to_toml().unwrap()).unwrap();
    ["last", "best"]
        .iter()
        .for_each(|name| fs::remove_file(scene.path(&format!("run/{name}.safetensors"))).unwrap());
    succeeded(&scene.pretrain(&[]));
    assert_refused(&scene.evaluate(&[]), 2, &["kernel.safetensors", "another backbone"]);
}

#[test]
fn classifier_rows_of_evaluated_classes_are_excluded() {
    let scene = scene();
    succeeded(&scene.pretrain(&[]));
    let kernel = |run: &str, more: &[&str]| {
        let arguments =
            ["complete", run, "--data", "data", "--completer", "kernel", "--threads", "1"];
        scene.run(&[&arguments, more].concat())
    };
    succeeded(&knowledge(&scene, &[]));
    let printed = succeeded(&kernel("run", &["--class-source", "both"]));
    assert!(printed.contains("of 8 classes (0 excluded)"), "{printed}");

    // A validation class has the synset of a base class. Its row is excluded; base images are not.
    write_manifest(&scene, |class| format!("n0000001{}", if class == 5 { 1 } else { class }));
    succeeded(&knowledge(&scene, &[]));
    for (more, expected) in [
        (["--class-source", "both"].as_slice(), "of 7 classes (1 excluded)"),
        (&["--class-source", "classifier"], "of 3 classes (1 excluded)"),
        (&["--class-source", "classifier", "--exclude", "none"], "of 4 classes (0 excluded)"),
    ] {
        let printed = succeeded(&kernel("run", more));
        assert!(printed.contains(expected), "{more:?}: {printed}");
    }

    let rows =
        ["--completer", "protocomnet", "--config", "short.toml", "--class-source", "classifier"];
    fs::write(scene.path("short.toml"), "steps = 5\n").unwrap();
    let protocomnet = |more: &[&str]| {
        let arguments = ["complete", "run", "--data", "data", "--threads", "1"];
        scene.run(&[&arguments, &rows[..], more].concat())
    };
    let printed = succeeded(&protocomnet(&[]));
    assert!(printed.contains("ProtoComNet with") && printed.contains("of 3 classes"), "{printed}");
    assert!(succeeded(&protocomnet(&["--exclude", "none"])).contains("of 4 classes"));
    let statistics = ["statistics", "run", "--data", "data", "--from-classifier"];
    let printed = succeeded(&scene.run(&statistics));
    assert!(
        printed.contains("3 classes") && printed.contains("from 96 synthetic images"),
        "{printed}"
    );

    // Two base classes are hyponyms of a validation class.
    write_manifest(&scene, |class| match class {
        5 => "n00000004".to_owned(),
        _ => format!("n0000001{class}"),
    });
    succeeded(&knowledge(&scene, &[]));
    let relatives = ["--class-source", "classifier", "--exclude", "relatives"];
    let printed = succeeded(&kernel("run", &relatives));
    assert!(printed.contains("of 2 classes (2 excluded)"), "{printed}");

    // With one synset no class can be left out; the name regressor is trained without errors.
    write_manifest(&scene, |class| format!("n0000001{}", if class < 4 { 0 } else { class }));
    succeeded(&knowledge(&scene, &[]));
    let output = kernel("run", &[]);
    assert!(succeeded(&output).contains("of 4 classes (0 excluded)"));
    assert!(stderr(&output).contains("errors were not measured"), "{}", stderr(&output));

    let import = ["import", "run/best.safetensors", "--arch", "resnet12", "--input-size", "16"];
    succeeded(&scene.run(&[&import[..], &["--out", "imported"]].concat()));
    for name in ["knowledge.json", "knowledge.safetensors"] {
        fs::copy(scene.path("run").join(name), scene.path("imported").join(name)).unwrap();
    }
    fs::write(scene.path("wrong.toml"), "steps = 0\n").unwrap();
    let wrong = ["complete", "run", "--data", "data", "--config", "wrong.toml"];
    assert_refused(&scene.run(&wrong), 2, &["`steps` is 0", "at least 1"]);
    let refused = kernel("imported", &["--class-source", "both"]);
    assert_refused(&refused, 2, &["no classifier", "--class-source images"]);
}

#[test]
fn the_semantic_head_needs_knowledge() {
    let scene = scene();
    let config = fs::read_to_string(scene.path("config.toml")).unwrap();
    let semantic = config.replace("[loss]\n", "[loss]\nsemantic = 0.5\n");
    assert_ne!(semantic, config);
    fs::write(scene.path("config.toml"), &semantic).unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["run/knowledge.json", "handful-train knowledge"]);
    succeeded(&knowledge(&scene, &[]));
    succeeded(&scene.pretrain(&[]));
    succeeded(&scene.evaluate(&[]));
    fs::write(scene.path("config.toml"), semantic.replace("0.5\n", "-1.0\n")).unwrap();
    assert_refused(&scene.pretrain(&[]), 2, &["loss.semantic", "at least 0"]);
}
