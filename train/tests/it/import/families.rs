//! The published ResNet-12 of five programs: recognized by their names, and computed as an
//! independent forward pass in numpy does (`fixtures/make_resnet12.py`).

use models::graph::Architecture;
use models::tensors::TensorFile;

use super::{Scene, embedding, fixture, pth_file, relative_error, renamed, safetensors};

struct Published {
    file: &'static str,
    name: &'static str,
    size: &'static str,
    widths: [usize; 4],
    left_out: &'static [&'static str],
}

const PUBLISHED: [Published; 5] = [
    Published {
        file: "feat",
        name: "recognized FEAT by tensor names like `params.encoder.layer1.0.…`",
        size: "21",
        widths: [2, 5, 4, 6],
        left_out: &["params.fc.bias [4]", "params.slf_attn.w_qs.weight [6, 6]"],
    },
    Published {
        file: "rfs",
        name: "recognized RFS by tensor names like `model.layer1.0.…`",
        size: "32",
        widths: [3, 4, 5, 6],
        left_out: &["model.classifier.bias [4]", "model.classifier.weight [4, 6]"],
    },
    Published {
        file: "meta_baseline",
        name: "recognized Meta-Baseline by tensor names like `model_sd.encoder.layer1.…`",
        size: "20",
        widths: [2, 3, 4, 6],
        left_out: &[
            "model_sd.temp []",
            "training.optimizer_sd.state.0.momentum_buffer [2, 3, 3, 3]",
        ],
    },
    Published {
        file: "deepemd",
        name: "recognized DeepEMD by tensor names like `params.module.encoder.layer1.0.…`",
        size: "18",
        widths: [2, 3, 5, 4],
        left_out: &["params.module.fc.weight [4, 4]"],
    },
    Published {
        file: "easy",
        name: "recognized EASY by tensor names like `layers.0.…`",
        size: "23",
        widths: [2, 5, 10, 20],
        left_out: &[
            "linear.bias [4]",
            "linear.weight [4, 20]",
            "linear_rot.bias [4]",
            "linear_rot.weight [4, 20]",
        ],
    },
];

fn weights(published: &Published) -> Scene {
    Scene::new("w.pth", &fixture(&format!("published_{}.pth", published.file)))
}

fn golden() -> TensorFile {
    TensorFile::parse(&fixture("published_resnet12.safetensors")).unwrap()
}

#[test]
fn published_networks_give_the_embeddings_of_numpy() {
    let golden = golden();
    for published in &PUBLISHED {
        let scene = weights(published);
        let output = scene.import("w.pth", &["--input-size", published.size]);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let last = "; the last block applies LeakyReLU(0.1) after the sum; every block ends with";
        assert!(printed.contains(&format!("{}{last}", published.name)), "{printed}");
        let left_out: Vec<&str> =
            printed.lines().filter_map(|line| line.strip_prefix("left out: ")).collect();
        assert_eq!(left_out, published.left_out, "{printed}");
        let checkpoint = scene.checkpoint();
        assert_eq!(checkpoint.architecture.widths(), published.widths);
        let image = &golden.floats[&format!("{}.image", published.file)];
        let expected = &golden.floats[&format!("{}.embedding", published.file)];
        let error = relative_error(&embedding(&checkpoint, image), expected);
        assert!(error <= 1e-5, "{}: relative error {error:e}", published.file);
    }
}

#[test]
fn the_stated_activation_overrides_the_recognized_one() {
    let published = &PUBLISHED[0];
    let scene = weights(published);
    let more = ["--input-size", published.size, "--last-activation", "off"];
    let output = scene.import("w.pth", &more);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("does not apply LeakyReLU(0.1) after the sum, unlike"), "{printed}");
    let Architecture::Resnet12(network) = scene.checkpoint().architecture else { panic!() };
    assert!(!network.last_activation);
    let golden = golden();
    let got = embedding(&scene.checkpoint(), &golden.floats["feat.image"]);
    let error = relative_error(&got, &golden.floats["feat.embedding"]);
    assert!(error > 0.01, "the activation makes no difference: {error:e}");
}

#[test]
fn names_that_fit_several_programs_need_the_activation_stated() {
    for prefix in ["", "module.", "state_dict."] {
        let bytes = safetensors(renamed(|name| format!("{prefix}{name}")));
        let scene = Scene::new("w.safetensors", &bytes);
        let error = scene.refusal("w.safetensors", &["--input-size", "32"]);
        assert!(error.contains("do not show whether the last block applies"), "{error}");
        for (state, applies) in [("on", true), ("off", false)] {
            let scene = Scene::new("w.safetensors", &bytes);
            let more = ["--input-size", "32", "--last-activation", state];
            let output = scene.import("w.safetensors", &more);
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(printed.contains("as --last-activation states"), "{printed}");
            let Architecture::Resnet12(network) = scene.checkpoint().architecture else { panic!() };
            assert_eq!(network.last_activation, applies);
        }
    }
    let scene = Scene::new("w", &[]);
    let output = scene.import_as("efficientnet-lite0", "w", &["--last-activation", "on"]);
    let error = scene.refused(&output);
    assert!(error.contains("--last-activation is an option of --arch resnet12"), "{error}");
}

#[test]
fn a_checkpoint_of_this_project_keeps_its_activation() {
    let easy = &PUBLISHED[4];
    let scene = weights(easy);
    let size = ["--input-size", easy.size];
    assert!(scene.import("w.pth", &size).status.success());
    let first = scene.checkpoint();
    std::fs::rename(scene.path("run"), scene.path("first")).unwrap();
    let output = scene.import("first/best.safetensors", &size);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("recognized Handful by its description"), "{printed}");
    assert_eq!(scene.checkpoint().space_id().unwrap(), first.space_id().unwrap());
}

#[test]
fn the_license_of_imported_weights_is_never_ours() {
    let published = &PUBLISHED[0];
    for (more, expected) in [(&[][..], "not stated"), (&["--license", "CC BY 4.0"], "CC BY 4.0")] {
        let scene = weights(published);
        let more = [&["--input-size", published.size], more].concat();
        assert!(scene.import("w.pth", &more).status.success());
        assert_eq!(scene.checkpoint().provenance.license.as_deref(), Some(expected));
    }
}

#[test]
fn what_is_no_weights_is_called_what_it_is() {
    let names = |names: &[&str]| {
        let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &b"x"[..])).collect();
        // As packed: most writers of zip files compress.
        pth_file::zip_with_method(&entries, 8)
    };
    let mut tar = vec![0; 1024];
    tar[..7].copy_from_slice(b"w.pth.x");
    tar[257..262].copy_from_slice(b"ustar");
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n".to_vec();
    for (bytes, what, advice) in [
        (lfs, "a Git LFS pointer, not the file of 123 bytes", "git lfs pull"),
        (
            b"<!doctype html><title>Sign in</title>".to_vec(),
            "a web page (HTML, `Sign in`)",
            "download",
        ),
        (names(&["[Content_Types].xml", "word/document.xml"]), "a Word document", ".pth file"),
        (
            names(&["m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"]),
            "a TorchScript archive",
            "state_dict()",
        ),
        (names(&["README.md", "out/model.pth"]), "a zip file with `out/model.pth` in it", "unpack"),
        (names(&["a.npy", "b.npy"]), "a NumPy .npz archive", "safetensors"),
        (names(&["a.txt"]), "a zip file of something else (1 entries, such as `a.txt`)", ".pth"),
        (tar, "a tar archive (its first entry is `w.pth.x`)", "tar -xf"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0".to_vec(), "a gzip file", "gunzip"),
        (b"\x80\x04\x95\x10\0\0\0".to_vec(), "a Python pickle", "torch.save"),
        (Vec::new(), "an empty file", "download"),
    ] {
        let error = Scene::new("w.pth", &bytes).refusal("w.pth", &[]);
        assert!(error.contains("w.pth cannot be imported: it is "), "{error}");
        assert!(error.contains(what) && error.contains(advice), "{what}, {advice}: {error}");
    }
    let scene = Scene::new("w.pth", &safetensors(renamed(|name| format!("encoder.{name}"))));
    let output = scene.import("w.pth", &["--input-size", "32", "--last-activation", "on"]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("read as a safetensors file"), "{printed}");
}
