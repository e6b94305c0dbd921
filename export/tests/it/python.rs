//! Checks written files with Python's `onnx` (its full checker) and `onnxruntime`.

use edge::engine::EngineOptions;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use export::draft::{BundleDraft, Recipe};
use models::bundle::WeightStorage;
use models::cases;
use ndarray::ArrayD;
use serde_json::{Value, json};

use crate::sample;

fn python() -> Option<PathBuf> {
    Some(sample::workspace().join(".venv/bin/python")).filter(|path| path.is_file())
}

/// Writes tensors as files and describes them.
fn tensor(dir: &Path, file: String, values: &ArrayD<f32>) -> Value {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let path = dir.join(file);
    fs::write(&path, bytes).unwrap();
    json!({ "file": path, "shape": values.shape() })
}

fn item(
    dir: &Path,
    name: &str,
    onnx: &[u8],
    inputs: &[(String, ArrayD<f32>)],
    outputs: &[ArrayD<f32>],
) -> Value {
    let file = dir.join(format!("{name}.onnx"));
    fs::write(&file, onnx).unwrap();
    let named = inputs.iter().map(|(input, values)| {
        let mut described = tensor(dir, format!("{name}.{input}.in"), values);
        described["name"] = json!(input);
        described
    });
    let expected = outputs
        .iter()
        .enumerate()
        .map(|(i, values)| tensor(dir, format!("{name}.{i}.out"), values));
    json!({ "name": name, "onnx": file, "inputs": named.collect::<Vec<_>>(), "outputs": expected.collect::<Vec<_>>() })
}

/// Runs Python on the items; one answer each.
fn run_python(python: &Path, dir: &Path, items: &[Value]) -> Vec<Value> {
    let list = dir.join("items.json");
    fs::write(&list, json!(items).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/accept.py");
    let output = Command::new(python).arg(script).arg(&list).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), items.len(), "{errors}");
    answers
}

#[test]
fn python_accepts_every_case() {
    let Some(python) = python() else {
        return sample::skipped(
            "cases in Python",
            "there is no .venv; `cargo xtask setup` makes it",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<_> =
        cases::all().into_iter().filter(|case| !case.name.contains("32px")).collect();
    let items: Vec<_> = cases
        .iter()
        .map(|case| {
            let onnx = sample::onnx(case, &case.parameters, WeightStorage::Fp32);
            item(folder.path(), &case.name, &onnx, &case.inputs, &case.expected())
        })
        .collect();
    for (answer, case) in run_python(&python, folder.path(), &items).iter().zip(&cases) {
        let (difference, largest) = (answer["difference"].as_f64(), answer["largest"].as_f64());
        let allowed = f64::from(case.tolerance) * largest.unwrap();
        assert!(difference.unwrap() <= allowed, "{answer}");
    }
}

#[test]
fn python_accepts_every_file_of_a_bundle() {
    let Some(python) = python() else {
        let reason = "there is no .venv; `cargo xtask setup` makes it";
        return sample::skipped("a bundle's network in Python", reason);
    };
    let folder = tempfile::tempdir().unwrap();
    let run = sample::run();
    let inputs = [("image".to_owned(), run.golden.inputs["image"].clone())];
    let golden = [run.golden.outputs["embedding"].clone()];
    let items = [WeightStorage::Fp32, WeightStorage::Fp16].map(|storage| {
        let draft =
            BundleDraft::new(&run, &sample::recipe("tiny", storage), &EngineOptions::default())
                .unwrap();
        item(folder.path(), &storage.to_string(), &draft.onnx, &inputs, &golden)
    });
    let recipe = Recipe { half_arithmetic: true, ..sample::integer_recipe("tiny") };
    let narrow = BundleDraft::new(&run, &recipe, &EngineOptions::default()).unwrap();
    let variants = narrow.variants.iter().map(|variant| {
        let (name, onnx) = variant.file();
        item(folder.path(), &name, &onnx, &inputs, &golden)
    });
    let items: Vec<_> = items.into_iter().chain(variants).collect();
    let answers = run_python(&python, folder.path(), &items);
    assert_eq!(answers.len(), 5);
    for (answer, allowed) in answers.iter().zip([1e-5, 2e-3, 1e-2, 0.25, 0.25]) {
        let relative = answer["difference"].as_f64().unwrap() / answer["largest"].as_f64().unwrap();
        assert!(relative < allowed, "{answer}");
        assert_eq!((&answer["opset"], &answer["ir"]), (&json!([17]), &json!(8)));
        assert_eq!(answer["input"], json!(["n", 3, 32, 32]));
        assert_eq!(answer["output"], json!(["n", 24]));
        assert_eq!(answer["metadata"]["handful.bundle"], "tiny");
        assert_eq!(answer["metadata"]["handful.space_id"], run.checkpoint.space_id().unwrap());
        let recipe = answer["metadata"]["handful.preprocess"].as_str().unwrap();
        let recipe: models::preprocess::Preprocess = serde_json::from_str(recipe).unwrap();
        assert_eq!(recipe, run.checkpoint.preprocess);
    }
}
