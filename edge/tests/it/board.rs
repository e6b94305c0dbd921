//! Faked boards are read, and each row of the table of JetPack gives advice that can be followed.

use std::fs;

use edge::board::{Board, Clocks, L4t, Memory, PowerMode, RELEASES, next_step};
use edge::engine::Provider;

use crate::faked_boards::{
    Files, JETSON_NANO, ORIN_NANO, PLAIN_PC, RASPBERRY_PI_5, THOR, XAVIER_NX, write,
};

fn read(files: Files) -> Board {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), files);
    Board::read(root.path())
}

fn advice(board: &Board, best: Option<Provider>) -> String {
    next_step(board, best).map(|step| step.to_string()).unwrap_or_default()
}

/// Versions in the order CUDA, cuDNN, TensorRT.
fn versions(board: &Board) -> [Option<&str>; 3] {
    [board.cuda.as_deref(), board.cudnn.as_deref(), board.tensorrt.as_deref()]
}

#[test]
fn a_jetson_nano_has_no_library_for_its_gpu() {
    let board = read(JETSON_NANO);
    assert_eq!(board.model.as_deref(), Some("NVIDIA Jetson Nano Developer Kit"));
    assert_eq!((board.jetpack.as_deref(), board.l4t), (Some("4.6"), Some(L4t::new(32, 6, 1))));
    assert_eq!(versions(&board), [Some("10.2.300"), Some("8.2.1"), Some("8.0.1")]);
    let machine = board.machine(None);
    assert_eq!(machine.gpu.as_deref(), Some("Tegra X1"));
    assert_eq!(machine.compute_capability.as_deref(), Some("5.3"));
    assert_eq!(machine.driver.as_deref(), Some("L4T 32.6.1"));
    assert_eq!(machine.tensorrt.as_deref(), Some("8.0.1"));
    assert_eq!(board.power_mode, Some(PowerMode { id: 1, name: Some("5W".to_owned()) }));
    let clocks = Clocks {
        cores: 2,
        governor: Some("schedutil".to_owned()),
        now_mhz: Some(614),
        limit_mhz: Some(918),
        max_mhz: Some(1479),
    };
    assert_eq!(board.clocks, Some(clocks));
    let memory = Memory { total: 4_059_272 * 1024, available: 2_914_392 * 1024 };
    assert_eq!(board.memory, Some(memory));
    // The third sensor is off.
    let hottest = board.hottest().unwrap();
    assert_eq!((hottest.sensor.as_str(), hottest.celsius), ("AO-therm", 41.5));
    assert_eq!(board.temperatures.len(), 2);
    assert!(advice(&board, Some(Provider::Tract)).starts_with("for onnxruntime/cpu: take lib"));
    assert_eq!(next_step(&board, Some(Provider::Cpu)), None);
}

#[test]
fn a_xavier_nx_lacks_only_onnx_runtime() {
    let board = read(XAVIER_NX);
    assert_eq!(board.jetpack.as_deref(), Some("5.1.2"));
    assert_eq!(versions(&board), [Some("11.4.19"), Some("8.6.0"), Some("8.5.2")]);
    // The mode was never set.
    assert_eq!(board.power_mode.as_ref().unwrap().to_string(), "MODE_20W_6CORE (mode 8)");
    let advice = advice(&board, Some(Provider::Tract));
    assert!(advice.contains("onnxruntime_gpu-1.17.0-cp38"), "{advice}");
    assert!(advice.contains("not certain") && !advice.contains("nvidia-jetpack"), "{advice}");
}

#[test]
fn an_orin_nano_lacks_jetpack_too() {
    let board = read(ORIN_NANO);
    assert!(board.model.as_deref().unwrap().contains("Orin Nano"));
    assert_eq!(board.jetpack.as_deref(), Some("6.2"), "that of the table, without the package");
    assert_eq!(versions(&board), [None; 3]);
    assert_eq!(board.driver.as_deref(), Some("540.4.0"));
    let step = next_step(&board, Some(Provider::Cpu)).unwrap();
    assert_eq!((step.provider, step.actions.len()), (Provider::TensorRt, 3));
    assert!(step.actions[0].contains("CUDA 12.6, cuDNN 9.3 and TensorRT 10.3"), "{step}");
    assert!(step.actions[1].contains("https://pypi.jetson-ai-lab.io/jp6/cu126"), "{step}");
    assert!(step.actions[2].contains("--onnxruntime"), "{step}");
    assert_eq!(next_step(&board, Some(Provider::TensorRt)), None);
}

#[test]
fn a_thor_has_two_toolkits_and_no_release_file() {
    let board = read(THOR);
    assert_eq!((board.jetpack.as_deref(), board.l4t), (Some("7.0"), Some(L4t::new(38, 2, 0))));
    assert_eq!(versions(&board), [Some("13.0.48"), Some("9.12.0"), Some("10.13.3")]);
    assert_eq!(board.driver.as_deref(), Some("580.00"));
    let advice = advice(&board, Some(Provider::Cuda));
    assert!(advice.contains("build ONNX Runtime 1.24.2"), "{advice}");
    assert!(advice.contains("name its libonnxruntime.so"), "{advice}");
}

#[test]
fn a_board_without_an_nvidia_gpu_needs_only_the_processor() {
    for (files, name) in [(RASPBERRY_PI_5, "Raspberry Pi 5"), (PLAIN_PC, "OptiPlex 7090")] {
        let board = read(files);
        assert!(board.model.as_deref().unwrap().starts_with(name));
        assert!(!board.has_nvidia() && board.release().is_none());
        assert_eq!(board.power_mode, None);
        for best in [None, Some(Provider::Tract)] {
            let advice = advice(&board, best);
            assert!(advice.contains("pip3 install onnxruntime`"), "{advice}");
            assert!(!advice.contains("JetPack"), "{advice}");
        }
        assert_eq!(next_step(&board, Some(Provider::Cpu)), None);
    }
    assert_eq!(read(RASPBERRY_PI_5).clocks.unwrap().cores, 2);
}

#[test]
fn a_computer_with_a_driver_can_have_tensorrt() {
    let board = Board { driver: Some("560.35.03".to_owned()), ..read(PLAIN_PC) };
    let step = next_step(&board, Some(Provider::Cpu)).unwrap();
    assert_eq!((step.provider, step.release), (Provider::TensorRt, None));
    assert!(step.to_string().contains("pip3 install onnxruntime-gpu"), "{step}");
}

#[test]
fn an_empty_or_broken_root_is_no_error() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Board::read(root.path()), Board::default());
    assert_eq!(Board::read(&root.path().join("gone")), Board::default());
    for (path, _) in JETSON_NANO.iter().chain(XAVIER_NX).chain(ORIN_NANO).chain(THOR) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, [0xFF, b'\n', 0, b'"', b':', b' ']).unwrap();
    }
    let board = Board::read(root.path());
    assert_eq!((board.l4t, board.memory, board.driver), (None, None, None));
    assert!(board.temperatures.is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_root_is_no_toolkit() {
    let root = tempfile::tempdir().unwrap();
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("version.txt"), "CUDA Version 10.2.300").unwrap();
    fs::create_dir_all(root.path().join("usr/local")).unwrap();
    std::os::unix::fs::symlink(here.path(), root.path().join("usr/local/cuda-10.2")).unwrap();
    assert_eq!(Board::read(root.path()).cuda, None);
}

/// The numbers of a version, to compare it.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn the_rows_are_complete_and_in_order() {
    let names: Vec<_> = RELEASES.iter().map(|row| row.jetpack).collect();
    for needed in ["4.6", "5.0", "5.1", "6.0", "6.1", "6.2", "7.0"] {
        assert!(names.contains(&needed), "{needed} of {names:?}");
    }
    for pair in RELEASES.windows(2) {
        let [one, next] = pair else { unreachable!() };
        assert!(one.before <= next.since, "{one:?} {next:?}");
        let versions = [one, next].map(|row| [row.jetpack, row.cuda, row.tensorrt].map(numbers));
        let mut rising = versions[0].iter().zip(&versions[1]);
        assert!(rising.all(|(one, next)| one <= next), "{one:?} {next:?}");
    }
    for row in RELEASES {
        assert!(row.since < row.before, "{row:?}");
        for source in [row.source, row.onnxruntime_source] {
            assert!(source.starts_with("https://") && !source.contains(' '), "{row:?}");
        }
        let date: Vec<_> = row.read_on.split('-').collect();
        assert!(date.len() == 3 && row.read_on.len() == 10, "{row:?}");
        assert!(numbers(row.ubuntu) >= vec![18, 4] && numbers(row.python) >= vec![3, 6], "{row:?}");
        assert!(row.cudnn.map(numbers).is_none_or(|cudnn| cudnn[0] >= 8), "{row:?}");
        // What Handful cannot load is not to be installed.
        let is_usable = numbers(row.onnxruntime) >= vec![1, 17];
        assert_eq!(row.install.is_some(), is_usable, "{row:?}");
        assert!(row.install.is_none_or(|how| how.contains(row.onnxruntime)), "{row:?}");
    }
}

#[test]
fn each_row_is_found_and_advises() {
    for row in RELEASES {
        let L4t { major, minor, patch } = row.since;
        for l4t in [row.since, L4t::new(major, minor, patch + 1)].map(Some) {
            let board = Board { l4t, ..Board::default() };
            if l4t < Some(row.before) {
                assert_eq!(board.release().unwrap().jetpack, row.jetpack);
            }
        }
        let board = Board { l4t: Some(row.since), ..Board::default() };
        let advice = advice(&board, Some(Provider::Tract));
        assert!(advice.contains(row.source) && advice.contains(row.read_on), "{advice}");
        assert_eq!(advice.contains("nvidia-jetpack"), row.install.is_some(), "{advice}");
        assert_eq!(advice.contains("not certain"), row.unsure.is_some(), "{advice}");
        let after = Board { l4t: Some(row.before), ..Board::default() };
        assert_ne!(after.release().map(|next| next.jetpack), Some(row.jetpack));
    }
}

#[test]
fn each_release_of_nvidia_is_in_its_row() {
    for (l4t, jetpack) in [
        ("32.5.2", None),
        ("32.6.1", Some("4.6")),
        ("32.7.5", Some("4.6.1")),
        ("34.1.1", Some("5.0")),
        ("35.1.0", Some("5.0")),
        ("35.2.1", Some("5.1")),
        ("35.6.1", Some("5.1")),
        ("36.2.0", Some("6.0")),
        ("36.3.0", Some("6.0")),
        ("36.4.0", Some("6.1")),
        ("36.4.3", Some("6.2")),
        ("36.4.4", Some("6.2")),
        ("37.0.0", None),
        ("38.2.1", Some("7.0")),
        ("38.4.0", Some("7.1")),
        ("39.2.0", Some("7.2")),
        ("40.0.0", None),
    ] {
        let board = Board { l4t: L4t::parse(l4t), ..Board::default() };
        assert_eq!(board.release().map(|row| row.jetpack), jetpack, "{l4t}");
    }
}

#[test]
fn the_guide_shows_every_row() {
    let guide = include_str!("../../../docs/guide/device.md");
    for row in RELEASES {
        let line = format!(
            "| {} | {} | {} | {} | {} | {} | [{}]({}) | [{}]({}) |",
            row.jetpack,
            row.since,
            row.cuda,
            row.cudnn.unwrap_or("—"),
            row.tensorrt,
            row.python,
            row.onnxruntime,
            row.onnxruntime_source,
            row.read_on,
            row.source
        );
        assert!(guide.lines().any(|shown| shown == line), "{line}");
    }
}
