//! `handful-server`: opens the recognizer, prints a start-up report, and serves.

// They end the program when the stream cannot be written: `terminal` has what is used instead.
#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use access::certificate::local_names;
use edge::Recognizer;
use edge::device::Device;
use edge::gallery::{Gallery, GalleryLimits};
use edge::locate::Environment;
use edge::recognizer::Availability;
use edge::slot;
use models::fault::{AnyFault, Fault, Message, exit_code};
use models::image::ImageLimits;
use rustix::process::{Resource, getrlimit, setrlimit};
use terminal::note;
use tracing::warn;
use web_api::allocator;
use web_api::config::{Config, ConfigError, Listen};
use web_api::engines::Engines;
use web_api::exposure::Exposure;
use web_api::health;
use web_api::http::listener::Listener;
use web_api::http::server;
use web_api::http::tls::Tls;
use web_api::jobs::engine_thread::EngineThread;
use web_api::jobs::owner_thread::OwnerThread;
use web_api::log::Log;
use web_api::reembed;
use web_api::report::{Places, Report};
use web_api::retention;
use web_api::routes::app;
use web_api::state::AppState;
use web_api::state::inference::Networks;
use web_api::systemd;
use web_api::wire;

/// Open files beside those of connections: the store, the engine, connections for the health.
const OTHER_FILES: usize = 64;

fn main() -> ExitCode {
    let start = Instant::now();
    terminal::ignore_file_size_signal();
    terminal::ignore_decoder_panics();
    if std::env::args_os().nth(1).is_some_and(|word| word == slot::SUBCOMMAND) {
        return slot::build_as_child(&slot::StartsEngines);
    }
    allocator::return_freed_memory();
    let config = match Config::resolve(std::env::args_os()) {
        Ok(config) => config,
        Err(ConfigError::Usage(usage)) => return terminal::usage_code(&usage),
        Err(ConfigError::Template(text)) => return print_template(&text),
        Err(error) => return fail(&error),
    };
    if config.check_health {
        return health::check(&config.listen)
            .map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS);
    }
    let log = match Log::start(config.log) {
        Ok(log) => log,
        Err(error) => return fail(&*AnyFault::from(error)),
    };
    let ended = run(config, start);
    log.finish();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn print_template(text: &str) -> ExitCode {
    match terminal::print(text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn Fault) -> ExitCode {
    note!("handful-server: {error}");
    ExitCode::from(exit_code(error))
}

fn run(mut config: Config, start: Instant) -> Result<(), AnyFault> {
    // Nobody outside of the network can make these lead to this machine (DNS rebinding).
    config.allow_host.extend(local_names());
    for name in Config::unknown_variables() {
        warn!("the environment variable {name} has no effect: there is no such setting");
    }
    allow_open_files(config.limits.max_connections)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // First, so that an address in use is reported before the engine starts.
    let listener = runtime.block_on(listen(&config.listen))?;
    let device = Device::new(config.device.clone(), Environment::read());
    let mut exposure = look_at_exposure(&config, &listener, &device.store_dir()?)?;
    let (mut recognizer, places) = open(&config, &device)?;
    let version = version(&config, &mut recognizer)?;
    let decoder = recognizer.decoder().clone();
    let store = places.store.clone();
    let galleries = recognizer.galleries()?;
    let report = report(&places, &version, &mut recognizer);
    let networks = Networks::of(&mut recognizer);
    let engines = match recognizer.engine_watch() {
        Some(watch) => Engines::follow(watch.clone())?,
        None => Engines::default(),
    };
    let (engine, engine_thread) =
        EngineThread::start(recognizer.take_embedder()?, config.batch_wait)?;
    let (gallery, gallery_thread) = OwnerThread::start("gallery", recognizer)?;
    // Before requests are served: without a key they would be those of an admin.
    exposure.set_up(&config)?;
    let state = AppState::new(config, version, decoder, engine, gallery, store, &galleries)?;
    let state = state.with(networks, exposure.tls().is_some()).with_engines(engines);
    let state = Arc::new(state);
    if exposure.has_keys() {
        state.keys.require();
    }
    runtime.block_on(serve(listener, exposure.tls(), Arc::clone(&state), || {
        let ready = start.elapsed().as_millis();
        let version = env!("CARGO_PKG_VERSION");
        let url = exposure.url();
        print(format_args!(
            "Handful {version} is listening on {url}\n{report}{exposure}Ready in {ready} ms. Press \
             Ctrl-C to stop."
        ));
        systemd::ready(&format!("Listening on {url}"));
    }))?;
    print("Stopped.");
    // The last handle ends both threads; that of the galleries closes the store. It is waited for
    // also if the other one panicked.
    drop(state);
    for (name, ended) in [("engine", engine_thread.join()), ("gallery", gallery_thread.join())] {
        ended.map_err(|_| Message::machine(format!("the {name} thread panicked")))?;
    }
    Ok(())
}

/// Opens the socket that the service listens on, unless systemd passed one.
async fn listen(address: &Listen) -> Result<Listener, Message> {
    match Listener::passed()? {
        Some(passed) => Ok(passed),
        None => Listener::open(address).await,
    }
}

fn look_at_exposure(
    config: &Config,
    listener: &Listener,
    store: &Path,
) -> Result<Exposure, AnyFault> {
    let command: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    Exposure::check(config, listener.address()?, store, &command)
}

async fn serve(
    listener: Listener,
    tls: Option<Arc<Tls>>,
    state: Arc<AppState>,
    ready: impl FnOnce(),
) -> Result<(), AnyFault> {
    let stop = server::stop_signal()?;
    // After the signal handlers are installed: whoever reads the report may stop the service.
    ready();
    let is_writable = !state.config.read_only;
    let mut background = vec![tokio::spawn(systemd::watchdog(Arc::clone(&state)))];
    if is_writable {
        background.push(tokio::spawn(retention::purge_daily(Arc::clone(&state))));
    }
    let stop = async {
        stop.await;
        systemd::stopping();
    };
    server::serve(listener, tls, app(Arc::clone(&state)), Arc::clone(&state), stop).await;
    // What it embedded is in the store: the next call for it goes on there.
    reembed::stop_any(&state).await;
    for task in background {
        task.abort();
        // Its handles of the threads are gone when it has ended, so that they can end.
        let _ = task.await;
    }
    Ok(())
}

/// Raises the limit of open files of this process if all connections need more.
fn allow_open_files(max_connections: usize) -> Result<(), AnyFault> {
    let needed = max_connections.saturating_add(OTHER_FILES) as u64;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(most) = limit.maximum.filter(|most| *most < needed) {
        // A service without files for its connections answers nobody, not even for its health.
        return Err(Message::input(format!(
            "--max-connections {max_connections} needs {needed} open files, but this process may \
             have {most}; choose fewer connections, or raise the limit (ulimit -n)"
        ))
        .into());
    }
    limit.current = Some(needed);
    setrlimit(Resource::Nofile, limit).map_err(io::Error::from)?;
    Ok(())
}

/// Opens the recognizer. Returns also where its parts were found.
fn open(config: &Config, device: &Device) -> Result<(Recognizer, Places), AnyFault> {
    let bundle = device.bundle(None)?;
    let galleries = match config.read_only {
        true => device.galleries_read_only(&bundle.manifest.space_id)?,
        false => device.galleries(&bundle.manifest.space_id)?,
    };
    galleries.set_max_store_bytes(config.limits.max_store_bytes);
    let limits =
        GalleryLimits { classes: config.limits.max_classes, examples: config.limits.max_examples };
    let options = device.engine_options()?;
    let places = Places {
        bundle: bundle.path.clone(),
        store: device.store_dir()?,
        onnxruntime: options.onnxruntime.clone(),
    };
    let none = Gallery::in_memory().with_limits(limits);
    let recognizer = Recognizer::new(bundle, device.engine(), options, none);
    let recognizer = match device.tuning() {
        Some(tuning) => recognizer.with_tuning(tuning),
        None => recognizer,
    };
    let recognizer = recognizer.with_galleries(galleries)?;
    let limits = ImageLimits {
        // An image may fill a whole body.
        max_bytes: config.limits.max_body_bytes,
        max_pixels: config.limits.max_pixels,
    };
    Ok((recognizer.with_image_limits(limits), places))
}

/// Starts the engine. Returns the response of `GET /version`.
fn version(config: &Config, recognizer: &mut Recognizer) -> Result<wire::Version, AnyFault> {
    let engine = wire::Engine::from(recognizer.start()?);
    let manifest = recognizer.manifest();
    Ok(wire::Version {
        version: env!("CARGO_PKG_VERSION"),
        bundle: wire::Bundle {
            name: manifest.name.clone(),
            space_id: manifest.space_id.clone(),
            embedding_size: manifest.backbone.embedding_size,
            weights: manifest.backbone.weights.to_string(),
            names: matches!(recognizer.name_availability(), Availability::Ready),
            rejects_unknown: matches!(recognizer.decision_availability(), Availability::Ready),
        },
        engine,
        limits: wire::Limits {
            max_body_bytes: config.limits.max_body_bytes,
            max_files: config.limits.max_files,
            max_pixels: config.limits.max_pixels,
        },
    })
}

/// The start-up report of the recognizer as text.
fn report(places: &Places, version: &wire::Version, recognizer: &mut Recognizer) -> String {
    let gallery = recognizer.summary();
    let report = Report {
        places,
        version,
        names: recognizer.name_availability(),
        attribute_weights: recognizer.attribute_weights(),
        gallery,
    };
    report.to_string()
}

fn print(text: impl Display) {
    // Standard output may be closed; the service runs without it.
    let _ = terminal::print(text);
}
