//! `handful doctor` on faked boards, and its report.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::faked_boards::{
    Files, JETSON_NANO, ORIN_NANO, PLAIN_PC, RASPBERRY_PI_5, THOR, XAVIER_NX, write,
};
use crate::files::draw_classes;
use crate::sandbox::{Outcome, Sandbox};

/// What the text and the JSON of a board show.
struct Shown {
    files: Files,
    lines: &'static [&'static str],
    jetpack: Option<&'static str>,
    next: &'static str,
}

const BOARDS: [Shown; 6] = [
    Shown {
        files: JETSON_NANO,
        lines: &[
            "board    NVIDIA Jetson Nano Developer Kit, JetPack 4.6, Jetson Linux 32.6.1",
            "nvidia   CUDA 10.2.300, cuDNN 8.2.1, TensorRT 8.0.1, driver not found",
            "machine  5W (mode 1), 2 cores at 614 of 1479 MHz, 3.0 GB of 4.2 GB memory available, \
             AO-therm at 42 °C",
            "hint: the power mode 5W (mode 1) limits the processor to 918 of 1479 MHz",
        ],
        jetpack: Some("4.6"),
        next: "for onnxruntime/cpu: take libonnxruntime.so",
    },
    Shown {
        files: XAVIER_NX,
        lines: &[
            "board    NVIDIA Jetson Xavier NX Developer Kit, JetPack 5.1.2, Jetson Linux 35.4.1",
            "nvidia   CUDA 11.4.19, cuDNN 8.6.0, TensorRT 8.5.2, driver not found",
            "machine  MODE_20W_6CORE (mode 8)",
        ],
        jetpack: Some("5.1.2"),
        next: "for onnxruntime/tensorrt: install onnxruntime_gpu-1.17.0-cp38",
    },
    Shown {
        files: ORIN_NANO,
        lines: &[
            "nvidia   CUDA not found, cuDNN not found, TensorRT not found, driver 540.4.0",
            "machine  MAXN_SUPER (mode 2)",
        ],
        jetpack: Some("6.2"),
        next: "for onnxruntime/tensorrt: run `sudo apt install nvidia-jetpack`",
    },
    Shown {
        files: THOR,
        lines: &["nvidia   CUDA 13.0.48, cuDNN 9.12.0, TensorRT 10.13.3, driver 580.00"],
        jetpack: Some("7.0"),
        next: "for onnxruntime/tensorrt: build ONNX Runtime 1.24.2",
    },
    Shown {
        files: RASPBERRY_PI_5,
        lines: &[
            "board    Raspberry Pi 5 Model B Rev 1.0",
            "hint: the sensor cpu-thermal is at 86 °C",
        ],
        jetpack: None,
        next: "for onnxruntime/cpu: run `pip3 install onnxruntime`",
    },
    Shown {
        files: PLAIN_PC,
        lines: &["board    OptiPlex 7090", "machine  12.8 GB of 16.6 GB memory available"],
        jetpack: None,
        next: "for onnxruntime/cpu: run `pip3 install onnxruntime`",
    },
];

fn works(answer: &Value, provider: &str) -> bool {
    let engines = answer["engines"].as_array().unwrap();
    engines.iter().any(|engine| engine["provider"] == provider && engine["works"] == true)
}

#[test]
fn doctor_names_the_board_and_what_to_install() {
    for Shown { files, lines, jetpack, next } in BOARDS {
        let sandbox = Sandbox::new();
        write(&sandbox.path("root"), files);
        let text = sandbox.ok(&["doctor", "--root", "root"]);
        for line in lines {
            assert!(text.lines().any(|shown| shown.starts_with(line)), "{line}: {text}");
        }
        let answer = sandbox.json(&["doctor", "--json", "--root", "root"]);
        assert_eq!(answer["board"]["jetpack"].as_str(), jetpack, "{answer}");
        // The checkout that the tests are built in may have ONNX Runtime.
        if works(&answer, "onnxruntime/cpu") && next.starts_with("for onnxruntime/cpu") {
            assert!(answer["next_step"].is_null(), "{answer}");
        } else {
            assert!(text.contains(&format!("a better engine, {next}")), "{text}");
            assert!(answer["next_step"].as_str().unwrap().starts_with(next), "{answer}");
        }
        assert!(answer["store"]["free_bytes"].as_u64().unwrap() > 0, "{answer}");
    }
}

#[test]
fn fix_prints_what_to_do_on_the_board() {
    let jetson_wheel = "2. pip3 install onnxruntime-gpu==1.23.0 --index-url \
                        https://pypi.jetson-ai-lab.io/jp6/cu126 --no-deps --upgrade --target ";
    for (files, expected) in [
        (ORIN_NANO, ["1. sudo apt install nvidia-jetpack --yes", jetson_wheel]),
        (XAVIER_NX, ["1. by hand: install onnxruntime_gpu-1.17.0", "2. by hand: name the file"]),
        (THOR, ["1. by hand: build ONNX Runtime 1.24.2", "2. by hand: name its libonnxruntime.so"]),
    ] {
        let sandbox = Sandbox::new();
        write(&sandbox.path("root"), files);
        let plan = sandbox.ok(&["doctor", "--fix", "--root", "root"]);
        assert!(plan.starts_with("for onnxruntime/tensorrt on this board:\n"), "{plan}");
        for line in expected {
            assert!(plan.lines().any(|shown| shown.starts_with(line)), "{line}: {plan}");
        }
        // The commands are for the board that is read, not for the machine that reads it.
        let refused = sandbox.run(&["doctor", "--fix", "--yes", "--root", "root"]);
        assert_eq!(refused.code, 2, "{refused:?}");
    }
    let refused = Sandbox::new().run(&["doctor", "--yes"]);
    assert!(refused.code == 2 && refused.err.contains("--fix"), "{refused:?}");
}

#[cfg(unix)]
#[test]
fn fix_runs_what_it_prints() {
    let sandbox = Sandbox::new();
    let pip = sandbox.path("pip3");
    // So that no engine of ONNX Runtime works, also in a checkout that has its library.
    let no_library = sandbox.path("text.so");
    fs::write(&no_library, "text").unwrap();
    let run = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env("ORT_DYLIB_PATH", &no_library).env("PATH", sandbox.path(""));
        Outcome::of(&command.output().unwrap())
    };
    // Not a script: one that was just written may still be open in the child of another test.
    symlink("/bin/echo", &pip).unwrap();
    let plan = run(&["doctor", "--fix"]);
    let Some(task) = plan.out.lines().find_map(|line| line.strip_prefix("1. pip3 ")) else {
        eprintln!("skipped: the step of a board without a GPU: {}", plan.out);
        return;
    };
    let done = run(&["doctor", "--fix", "--yes"]);
    assert_eq!((done.code, done.out), (0, format!("{task}\n")), "{}", done.err);
    fs::remove_file(&pip).unwrap();
    symlink("/bin/false", &pip).unwrap();
    let failed = run(&["doctor", "--fix", "--yes"]);
    assert!(failed.code == 1 && failed.err.contains("`pip3 install onnxruntime"), "{failed:?}");
}

#[test]
fn the_machine_itself_is_read_without_a_root() {
    let sandbox = Sandbox::new();
    let answer = sandbox.json(&["doctor", "--json"]);
    if cfg!(target_os = "linux") {
        assert!(answer["board"]["memory_bytes"].as_u64().unwrap() > 1_000_000, "{answer}");
    }
    let gone = sandbox.run(&["doctor", "--root", "gone"]);
    assert_eq!(gone.code, 2);
    assert!(gone.err.contains("--root gone is no folder"), "{gone:?}");
}

#[test]
fn a_report_has_nothing_private() {
    let sandbox = Sandbox::new();
    write(&sandbox.path("root"), PLAIN_PC);
    let home = sandbox.path("people/annika");
    fs::create_dir_all(&home).unwrap();
    draw_classes(&sandbox.path("things"), 1);
    let store = home.join("warehouse-3/store");
    let run = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env("HOME", &home).env("HANDFUL_STORE", &store);
        Outcome::of(&command.output().unwrap())
    };
    assert_eq!(run(&["enroll", "things"]).code, 0);
    let asked = ["doctor", "--root", "root", "--report", "report.json"];
    let outcome = run(&[&asked[..], &["--gallery", "secret line"]].concat());
    assert!(outcome.out.contains("secret line"), "the answer itself is whole: {outcome:?}");
    assert!(outcome.err.contains("report.json"), "{outcome:?}");
    assert_ne!(outcome.code, 0, "there is no such gallery");
    let text = fs::read_to_string(sandbox.path("report.json")).unwrap();
    for private in ["annika", "secret line", "warehouse-3"] {
        assert!(!text.contains(private), "{private}: {text}");
    }
    assert_eq!(run(&asked).code, 0);
    let text = fs::read_to_string(sandbox.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["store"]["path"], "~/HOST/store");
    assert_eq!(report["board"]["model"], "OptiPlex 7090");
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["store"]["examples"], 3);
    assert!(!text.contains("\"red\""), "no class is named: {text}");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&["doctor", "--report", "gone/report.json"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.err.contains("cannot write gone/report.json"), "{outcome:?}");
}
