//! Programs of ARM answer as those of x86-64 do, by engine and precision.
//!
//! The same drawn images are enrolled, classified and used for episodes by both. Programs of ARM
//! run in an emulator, so no time is compared.

mod answers;
mod emulator;
mod images;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::build;
use super::commit::Commit;
use super::files;
use super::target::Target;
use super::toolchain::{self, ONNXRUNTIMES};
use crate::process;
use answers::Answers;
use emulator::Emulator;

/// The tests of `edge` that run networks.
const ENGINE_TESTS: [&str; 3] = ["engines::", "conformance::", "bundles::"];

/// A bundle on an engine.
struct Way {
    bundle: &'static str,
    engine: &'static str,
    precision: &'static str,
    /// The most by which a similarity may differ.
    bound: f64,
}

const PHOTOGRAPHS: &str = "models/bundles/efficientnet-lite0";
const INTEGERS: &str = "edge/tests/fixtures/integer-bundle";

/// Floats differ by rounding. Integers differ by whole steps where a value is near a half.
const FLOAT: f64 = 1e-4;
const INTEGER: f64 = 5e-3;

const WAYS: [Way; 6] = [
    Way { bundle: PHOTOGRAPHS, engine: "tract", precision: "fp32", bound: FLOAT },
    Way { bundle: INTEGERS, engine: "tract", precision: "int8-s8", bound: INTEGER },
    Way { bundle: PHOTOGRAPHS, engine: "cpu", precision: "fp32", bound: FLOAT },
    Way { bundle: PHOTOGRAPHS, engine: "cpu", precision: "int8-u8", bound: INTEGER },
    Way { bundle: INTEGERS, engine: "cpu", precision: "int8-u8", bound: INTEGER },
    Way { bundle: INTEGERS, engine: "cpu", precision: "int8-s8", bound: INTEGER },
];

/// Programs of a target, and how they are started here.
struct Side<'a> {
    target: Target,
    programs: &'a Path,
    emulator: Option<&'a Emulator>,
}

/// Compares the programs of both targets, and returns a table of the differences.
pub(super) fn compare(root: &Path, work: &Path, commit: &Commit, clean: &Path) -> Result<String> {
    let parity = work.join("parity");
    files::make_empty(&parity)?;
    images::draw(&parity.join("images"))?;
    let emulator = Emulator::new(work, clean, &parity)?;
    let folders = [Target::X86, Target::Arm].map(|target| work.join(target.triple()));
    let here = Side { target: Target::X86, programs: &folders[0], emulator: None };
    let there = Side { target: Target::Arm, programs: &folders[1], emulator: Some(&emulator) };
    let mut table = String::from("engine  version  bundle              precision  differ  bound\n");
    for way in &WAYS {
        for version in versions(way) {
            let sides = [&here, &there].map(|side| answers(side, way, version, root, work));
            let [here, there] = sides;
            let line = way.compared(version, &here?, &there?)?;
            print!("dist: {line}");
            table += &line;
        }
    }
    table += &engine_tests(root, work, commit, &emulator)?;
    fs::remove_dir_all(&parity).context("cannot remove the files of the comparison")?;
    Ok(table)
}

/// The versions of ONNX Runtime that an engine is tried with; tract has only its own.
fn versions(way: &Way) -> Vec<Option<&'static str>> {
    match way.engine {
        "tract" => vec![None],
        _ => ONNXRUNTIMES.map(Some).to_vec(),
    }
}

impl Way {
    /// A line of the table, if the answers differ by no more than the bound.
    fn compared(&self, version: Option<&str>, here: &Answers, there: &Answers) -> Result<String> {
        let Self { bundle, engine, precision, bound } = self;
        let bundle = bundle.rsplit('/').next().unwrap_or(bundle);
        let version = version.unwrap_or("-");
        let difference = answers::difference(here, there, *bound)
            .with_context(|| format!("{bundle} in {precision} on {engine} {version}"))?;
        Ok(format!(
            "{engine:<7} {version:<8} {bundle:<19} {precision:<10} {difference:<7.0e} {bound:.0e}\n"
        ))
    }
}

/// What the programs of a side answer.
fn answers(
    side: &Side,
    way: &Way,
    version: Option<&str>,
    root: &Path,
    work: &Path,
) -> Result<Answers> {
    let parity = work.join("parity");
    let library =
        version.map(|version| toolchain::onnxruntime(side.target, version, &work.join("tools")));
    let library = library.transpose()?;
    let store = parity.join(format!("store-{}", side.target.machine()));
    files::make_empty(&store)?;
    let handful = |words: &[&str], images: &str| {
        let mut handful = side.program("handful");
        handful.arg("--bundle").arg(root.join(way.bundle)).arg("--store").arg(&store);
        handful.args(["--engine", way.engine, "--precision", way.precision, "--threads", "1"]);
        if let Some(library) = &library {
            handful.arg("--onnxruntime").arg(library);
        }
        handful.args(words).arg(images).current_dir(parity.join("images"));
        process::output(&mut handful)
    };
    handful(&["enroll"], "enroll")?;
    let classified = handful(&["classify", "--json"], "query")?;
    let evaluate = "evaluate --json --split base --n-way 3 --n-query 3 --episodes 20 --data";
    let evaluated = handful(&evaluate.split(' ').collect::<Vec<_>>(), "all")?;
    Answers::parse(&classified, &evaluated)
}

impl Side<'_> {
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        match self.emulator {
            Some(emulator) => emulator.program(&program),
            None => Command::new(program),
        }
    }
}

/// Runs the tests of the engines, built for ARM, with each version of ONNX Runtime.
fn engine_tests(root: &Path, work: &Path, commit: &Commit, emulator: &Emulator) -> Result<String> {
    let program: PathBuf = build::engine_tests(root, Target::Arm, commit, work)?;
    let mut table = String::new();
    for version in ONNXRUNTIMES {
        let library = toolchain::onnxruntime(Target::Arm, version, &work.join("tools"))?;
        let mut tests = emulator.program(&program);
        tests.args(ENGINE_TESTS).args(["--test-threads", "1"]).env("ORT_DYLIB_PATH", library);
        let output = process::output(tests.current_dir(root.join("edge")))?;
        let result = output.lines().rfind(|line| line.starts_with("test result: ok"));
        let result = result.with_context(|| format!("the tests did not run:\n{output}"))?;
        ensure!(!output.contains("skipped:"), "tests were skipped:\n{output}");
        let counted = result.split(';').next().unwrap_or(result);
        table += &format!("tests of the engines with ONNX Runtime {version}: {counted}\n");
    }
    print!("dist: {table}");
    Ok(table)
}
