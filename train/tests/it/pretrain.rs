//! A resumed training gives the same numbers as an uninterrupted one.

use std::path::Path;

use models::checkpoint::{Checkpoint, Progress};
use models::dataset::{Dataset, Split};
use models::graph::{Architecture, EfficientNetLite0, Resnet12};
use models::preprocess::Preprocess;
use tch::{Device, Kind};
use train::config::{Config, PreciseBn, ProgressiveResizing, Rotation, Swa};
use train::embed::measure_normalizations;
use train::loader::Images;
use train::net::{Compute, Mode, Net, to_array, to_tensor};
use train::optimizer::Schedule;
use train::run::Run;
use train::stages::pretrain::{Begin, Status, pretrain};
use train::stop::Stop;

use crate::fixture::relative_error;
use crate::support::{tiny_config, tiny_data};

const CPU: Compute = Compute { device: Device::Cpu, kind: Kind::Float };

struct Scene {
    _folder: tempfile::TempDir,
    dataset: Dataset,
    root: std::path::PathBuf,
    config: Config,
}

fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    tiny_data(&data);
    Scene {
        dataset: Dataset::open(&data).unwrap(),
        root: folder.path().to_owned(),
        config: tiny_config(),
        _folder: folder,
    }
}

/// Averages the last epochs and validates only the average.
fn averaging(epochs: u64) -> Scene {
    let mut scene = scene();
    scene.config.swa = Some(Swa { epochs });
    scene.config.precise_bn = Some(PreciseBn { images: 40 });
    scene.config.validation.every = scene.config.epochs;
    scene
}

impl Scene {
    fn train(&self, run: &Run, resume: bool, stop: bool) -> Status {
        let begin = if resume { Begin::Resume } else { Begin::Random };
        let request = Stop::new();
        if stop {
            request.request();
        }
        pretrain(&self.config, &self.dataset, run, begin, CPU, &request).unwrap()
    }

    fn uninterrupted(&self) -> Run {
        let run = Run::new(&self.root.join("whole"));
        assert_eq!(self.train(&run, false, false), Status::Finished);
        run
    }

    /// Stops after every batch and after every epoch. `meddle` gets the number of batches and
    /// may change the saved state before the resume.
    fn interrupted(&self, name: &str, mut meddle: impl FnMut(u64, &mut Checkpoint)) -> Run {
        let run = Run::new(&self.root.join(name));
        let mut ending = self.train(&run, false, true);
        for _ in 0..100 {
            if ending == Status::Finished {
                return run;
            }
            let mut checkpoint = run.read(&run.last()).unwrap();
            let Progress { epoch, batch, .. } = checkpoint.training.as_ref().unwrap().progress;
            meddle(6 * epoch + batch, &mut checkpoint);
            run.write(&run.last(), &checkpoint).unwrap();
            ending = self.train(&run, true, true);
        }
        panic!("the training never finished");
    }
}

/// The losses and accuracies of every epoch, without the clock.
fn curve(run: &Run) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.file("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .map(|mut line| {
            line.as_object_mut()
                .unwrap()
                .retain(|key, _| key != "seconds" && key != "waited_share");
            line
        })
        .collect()
}

/// Meddles once with what was saved after the eighth batch.
fn after_eight(meddle: fn(&mut Checkpoint)) -> impl FnMut(u64, &mut Checkpoint) {
    let mut meddle = Some(meddle);
    move |batches, checkpoint| {
        if let Some(meddle) = meddle.take_if(|_| batches == 8) {
            meddle(checkpoint);
        }
    }
}

fn parameters_of_best(run: &Run) -> models::tensors::Tensors {
    run.read(&run.best()).unwrap().parameters
}

fn parameters(run: &Run) -> models::tensors::Tensors {
    run.read(&run.last()).unwrap().parameters
}

#[test]
fn a_resumed_training_equals_the_uninterrupted_one() {
    tch::set_num_threads(1);
    let scene = scene();
    let whole = scene.uninterrupted();
    let resumed = scene.interrupted("resumed", |_, _| {});
    assert_eq!(curve(&whole).len(), 3);
    assert_eq!(curve(&whole), curve(&resumed));
    assert_eq!(parameters(&whole), parameters(&resumed));
    assert_eq!(std::fs::read(whole.best()).unwrap(), std::fs::read(resumed.best()).unwrap());
}

/// The test above detects the loss of any part of the saved state.
#[test]
fn each_part_of_the_saved_state_matters() {
    tch::set_num_threads(1);
    let scene = scene();
    let whole = parameters(&scene.uninterrupted());
    let differs = |name: &str, meddle: fn(&mut Checkpoint)| {
        assert_ne!(
            parameters(&scene.interrupted(name, after_eight(meddle))),
            whole,
            "{name} makes no difference"
        );
    };
    differs("momentum-dropped", |c| {
        let momentum = &mut c.training.as_mut().unwrap().momentum;
        momentum.values_mut().for_each(|tensor| tensor.fill(0.0));
    });
    differs("random-state-dropped", |c| c.training.as_mut().unwrap().progress.seed = 0);
    differs("loader-position-dropped", |c| c.training.as_mut().unwrap().progress.batch = 0);
}

#[test]
fn the_kept_weights_are_the_mean_over_the_averaged_steps() {
    tch::set_num_threads(1);
    let scene = averaging(1);
    let weight = |parameters: &models::tensors::Tensors| parameters["layer4.conv3.weight"].clone();
    let mut steps = Vec::new();
    let run = scene.interrupted("resumed", |batches, checkpoint| {
        let average = &checkpoint.training.as_ref().unwrap().average;
        assert_eq!(average.is_empty(), batches <= 12, "{batches}");
        if batches > 12 {
            steps.push(weight(&checkpoint.parameters));
        }
    });
    assert_eq!(steps.len(), 6);
    let mean = steps.iter().fold(0.0 * &steps[0], |sum, step| sum + step) / 6.0;
    let apart = |other: &ndarray::ArrayD<f32>| {
        (&mean - other).iter().fold(0.0, |most: f32, x| most.max(x.abs()))
    };
    let kept = apart(&weight(&parameters_of_best(&run)));
    assert!(kept < 1e-6 && apart(&steps[5]) > 1e-4, "{kept}");
}

#[test]
fn a_resumed_training_continues_the_weight_average() {
    tch::set_num_threads(1);
    let scene = averaging(2);
    let whole = scene.uninterrupted();
    let resumed = scene.interrupted("resumed", |_, _| {});
    assert_eq!(curve(&whole), curve(&resumed));
    assert_eq!(parameters_of_best(&whole), parameters_of_best(&resumed));
    let forget = |c: &mut Checkpoint| c.training.as_mut().unwrap().average.clear();
    let other = scene.interrupted("forgetful", after_eight(forget));
    assert_ne!(parameters_of_best(&whole), parameters_of_best(&other));
}

#[test]
fn swa_needs_precise_bn() {
    let checked = |swa: Option<u64>, images: Option<usize>| {
        let swa = swa.map(|epochs| Swa { epochs });
        let precise_bn = images.map(|images| PreciseBn { images });
        let config = Config { swa, precise_bn, ..tiny_config() };
        Config::parse(&config.to_toml().unwrap()).map_err(|error| error.to_string())
    };
    assert!(checked(None, None).is_ok() && checked(Some(3), Some(2)).is_ok());
    for (swa, images, error) in [
        (Some(4), Some(40), "`swa.epochs` is 4, expected at least 1 and at most epochs"),
        (Some(0), Some(40), "`swa.epochs` is 0, expected at least 1"),
        (Some(1), None, "`precise_bn` is missing, expected present"),
        (None, Some(1), "`precise_bn.images` is 1, expected at least 2"),
    ] {
        let message = checked(swa, images).unwrap_err();
        assert!(message.starts_with(error), "{message}");
    }
}

#[test]
fn precise_bn_equals_the_statistics_of_the_images() {
    let scene = scene();
    let graph = scene.config.backbone.graph();
    let mut fresh = train::pretrainer::initial_parameters(&scene.config, 4).unwrap();
    fresh.retain(|name, _| name.starts_with("layer"));
    let net = Net::new(graph, &fresh, CPU).unwrap();
    let bar = indicatif::ProgressBar::hidden();
    let classes = scene.dataset.split(Split::Base);
    let Config { preprocess, .. } = &scene.config;
    let images = Images::load(&scene.dataset, &classes, preprocess, &bar).unwrap();
    let all: Vec<usize> = (0..images.len()).collect();
    measure_normalizations(&net, &images, preprocess, &all).unwrap();

    // As one batch, their embeddings equal those of normalization by the batch.
    let mut image = vec![0.0; images.rgb.len()];
    for (out, &index) in image.chunks_exact_mut(3 * 16 * 16).zip(&all) {
        preprocess.normalize(images.rgb(index), out);
    }
    let image = ndarray::Array4::from_shape_vec((all.len(), 3, 16, 16), image).unwrap();
    let image = to_tensor(&image.into_dyn()).unwrap();
    let [measured, by_batch] = [Mode::Eval, Mode::Train].map(|mode| {
        let embedded = net.forward(&[("image", &image)], mode).unwrap().swap_remove(0);
        to_array(&embedded).unwrap()
    });
    let apart = (&measured - &by_batch).iter().fold(0.0, |most: f32, x| most.max(x.abs()));
    // Running variances are unbiased, a batch's are not: a part in four hundred of 192 values,
    // twelve times.
    assert!(apart < 0.05, "{apart}");
}

#[test]
fn precise_bn_averages_over_all_views() {
    let scene = scene();
    let mut fresh = train::pretrainer::initial_parameters(&scene.config, 4).unwrap();
    fresh.retain(|name, _| name.starts_with("layer"));
    let plain = &scene.config.preprocess;
    let classes = scene.dataset.split(Split::Base);
    let bar = indicatif::ProgressBar::hidden();
    let images = Images::load(&scene.dataset, &classes, plain, &bar).unwrap();
    let all: Vec<usize> = (0..images.len()).collect();
    let net = || Net::new(scene.config.backbone.graph(), &fresh, CPU).unwrap();
    let both = net();
    let flipped = Preprocess { hflip: true, ..plain.clone() };
    measure_normalizations(&both, &images, &flipped, &all).unwrap();

    let mut image = vec![0.0; images.rgb.len()];
    for (out, &index) in image.chunks_exact_mut(3 * 16 * 16).zip(&all) {
        plain.normalize(images.rgb(index), out);
    }
    let image = ndarray::Array4::from_shape_vec((all.len(), 3, 16, 16), image).unwrap();
    let image = to_tensor(&image.into_dyn()).unwrap();
    let separate = [image.shallow_clone(), image.flip([3])].map(|view| {
        let net = net();
        net.forward(&[("image", &view)], Mode::Measure { earlier: 0 }).unwrap();
        net.tensors().unwrap()
    });
    for (name, got) in both.tensors().unwrap().iter().filter(|(name, _)| name.contains("running")) {
        let expected = (&separate[0][name] + &separate[1][name]) / 2.0;
        let error = relative_error(got, &expected);
        assert!(error <= 1e-5, "{name}: relative error {error:e}");
    }
    let apart = relative_error(
        &separate[0]["layer1.bn2.running_var"],
        &separate[1]["layer1.bn2.running_var"],
    );
    assert!(apart > 1e-4, "both views are alike: {apart:e}");
}

#[test]
fn the_rotation_head_is_trained() {
    let scene = scene();
    let mut config = tiny_config();
    config.epochs = 1;
    let trained = [Rotation::All, Rotation::Half].map(|rotation| {
        config.loss.rotation = rotation;
        let run = Run::new(&scene.root.join(format!("{rotation:?}")));
        let stop = Stop::new();
        pretrain(&config, &scene.dataset, &run, Begin::Random, CPU, &stop).unwrap();
        let trained = parameters(&run);
        assert_eq!(trained["rotation_head.weight"].shape(), [4, 8]);
        let fresh = train::pretrainer::initial_parameters(&config, 4).unwrap();
        assert_ne!(trained["rotation_head.weight"], fresh["rotation_head.weight"]);
        trained
    });
    assert_ne!(trained[0]["rotation_head.weight"], trained[1]["rotation_head.weight"]);
}

#[test]
fn progressive_resizing_trains_first_epochs_on_smaller_images() {
    tch::set_num_threads(1);
    let scene = scene();
    let resizing = |size, epochs| {
        let mut config = tiny_config();
        config.epochs = 2;
        config.backbone = config.backbone.resized(20);
        config.preprocess.size = 20;
        Config { progressive_resizing: Some(ProgressiveResizing { size, epochs }), ..config }
    };
    let config = resizing(16, 1);
    assert_eq!([0, 1].map(|epoch| config.size_in(epoch)), [16, 20]);
    let train = |name: &str, config: &Config| {
        let run = Run::new(&scene.root.join(name));
        let stop = Stop::new();
        pretrain(config, &scene.dataset, &run, Begin::Random, CPU, &stop).unwrap();
        curve(&run)
    };
    let (small, whole) = (
        train("small", &config),
        train("whole", &Config { progressive_resizing: None, ..config.clone() }),
    );
    assert_ne!(small[0]["loss"], whole[0]["loss"]);

    let refused = |config: Config| {
        let error = Config::parse(&config.to_toml().unwrap()).unwrap_err().to_string();
        error.split(',').next().unwrap().to_owned()
    };
    assert_eq!(Config::parse(&config.to_toml().unwrap()), Ok(config));
    // Four poolings reduce 15 pixels to zero.
    for (size, epochs, error) in [
        (20, 1, "`progressive_resizing.size` is 20"),
        (15, 1, "`progressive_resizing.size` is 15"),
        (16, 0, "`progressive_resizing.epochs` is 0"),
        (16, 2, "`progressive_resizing.epochs` is 2"),
    ] {
        assert_eq!(refused(resizing(size, epochs)), error);
    }
    // At 100 pixels this network has other padding.
    let widths = EfficientNetLite0::WIDTHS;
    let backbone = Architecture::EfficientNetLite0(EfficientNetLite0 { widths, input_size: 224 });
    let mut other = Config { backbone, ..resizing(100, 1) };
    other.preprocess.size = 224;
    assert_eq!(refused(other), "`progressive_resizing.size` is 100");
}

#[test]
fn a_training_can_start_from_the_backbone_of_another_run() {
    let scene = scene();
    let first = scene.uninterrupted();
    let begin = || Begin::From(Box::new(first.read(&first.best()).unwrap()));
    let mut config = tiny_config();
    config.epochs = 1;
    config.schedule = Schedule::OneCycle { peak: 1e-9, warmup: 0.0 };
    let stop = Stop::new();
    let run = Run::new(&scene.root.join("second"));
    pretrain(&config, &scene.dataset, &run, begin(), CPU, &stop).unwrap();
    let (before, after) = (parameters_of_best(&first), parameters(&run));
    let moved = &before["layer4.conv3.weight"] - &after["layer4.conv3.weight"];
    assert!(moved.iter().all(|x| x.abs() < 1e-5), "the weights are those it began with");
    let notes = run.read(&run.best()).unwrap().provenance.notes;
    assert!(notes.starts_with("begun from weights trained for"), "{notes}");

    config.backbone = Architecture::Resnet12(Resnet12 {
        widths: [4, 4, 4, 9],
        input_size: 16,
        last_activation: false,
    });
    let other = Run::new(&scene.root.join("third"));
    let error = pretrain(&config, &scene.dataset, &other, begin(), CPU, &stop).unwrap_err();
    assert!(error.to_string().contains("as in the settings"), "{error}");
    assert!(!other.is_begun(), "nothing is written");
}

#[test]
fn a_resume_with_other_settings_or_data_is_refused() {
    let scene = scene();
    let run = Run::new(&scene.root.join("run"));
    scene.train(&run, false, true);
    let stop = Stop::new();
    let mut config = tiny_config();
    config.seed += 1;
    let error =
        pretrain(&config, &scene.dataset, &run, Begin::Resume, CPU, &stop).unwrap_err().to_string();
    assert!(error.contains("other settings"), "{error}");

    std::fs::remove_file(scene.root.join("data/base/stripes-0/00.png")).unwrap();
    let other = Dataset::open(&scene.root.join("data")).unwrap();
    let error =
        pretrain(&tiny_config(), &other, &run, Begin::Resume, CPU, &stop).unwrap_err().to_string();
    assert!(error.contains("other data"), "{error}");
}

#[test]
fn a_resume_in_another_precision_is_refused() {
    let scene = scene();
    let run = Run::new(&scene.root.join("run"));
    scene.train(&run, false, true);
    let bf16 = Compute { kind: Kind::BFloat16, ..CPU };
    let stop = Stop::new();
    let error =
        pretrain(&tiny_config(), &scene.dataset, &run, Begin::Resume, bf16, &stop).unwrap_err();
    assert!(error.to_string().contains("--precision fp32"), "{error}");
}

#[test]
fn a_run_has_all_files_of_the_next_stages() {
    let scene = scene();
    let run = scene.uninterrupted();
    for name in [
        "config.toml",
        "last.safetensors",
        "best.safetensors",
        "golden.safetensors",
        "metrics.jsonl",
        "plot.svg",
    ] {
        assert!(run.file(name).is_file(), "{name}");
    }
    let events = std::fs::read_dir(run.folder()).unwrap().filter_map(Result::ok);
    let is_events = |entry: &std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with("events.out.tfevents")
    };
    assert_eq!(events.filter(is_events).count(), 1);
    assert!(run.read(Path::new(&run.best())).unwrap().training.is_none());
    assert_eq!(
        run.read(&run.best()).unwrap().classes,
        ["stripes-0", "stripes-1", "stripes-2", "stripes-3"]
    );
}

#[test]
fn every_shipped_configuration_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let mut n_found = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // Those of other stages.
        }
        let config = Config::parse(&std::fs::read_to_string(&path).unwrap());
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(Config::parse(&config.to_toml().unwrap()), Ok(config));
        n_found += 1;
    }
    assert!(n_found >= 4);
}
