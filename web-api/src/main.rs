//! `handful-server`: opens the bundle, the engine and the store, says what it found, and serves.

use std::io::{Write, stderr, stdout};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use edge::attention::Attention;
use edge::embedder::Embedder;
use edge::engine::EngineOptions;
use edge::gallery::Gallery;
use edge::lexicon::NameKnowledge;
use edge::locate::{self, Environment};
use models::bundle::{Bundle, BundleLimits};
use models::fault::{self, AnyFault, Fault, Message};
use models::image::ImageLimits;
use web_api::config::{Config, ConfigError};
use web_api::http::server;
use web_api::jobs::engine_thread::EngineThread;
use web_api::metrics::Metrics;
use web_api::routes::app;
use web_api::state::AppState;
use web_api::station::Station;
use web_api::wire;

fn main() -> ExitCode {
    let start = Instant::now();
    let config = match Config::resolve(std::env::args_os()) {
        Ok(config) => config,
        Err(ConfigError::Usage(error)) => error.exit(),
        Err(error) => return fail(&error),
    };
    log_to_stderr(&config);
    match run(config, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &dyn Fault) -> ExitCode {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(stderr(), "handful-server: {error}");
    ExitCode::from(fault::exit_code(error))
}

fn log_to_stderr(config: &Config) {
    let subscriber = tracing_subscriber::fmt().with_max_level(config.log);
    subscriber.with_writer(stderr).with_target(false).init();
}

fn run(config: Config, start: Instant) -> Result<(), AnyFault> {
    let listener = listen(config.listen)?;
    let address = listener.local_addr()?;
    let places = Places::find(&config)?;
    let bundle = Bundle::open(&places.bundle, &BundleLimits::default())?;
    // A bundle learns from images without its knowledge too, so that this stops nothing.
    let (knowledge, nameless) = match NameKnowledge::open(&bundle) {
        Ok(knowledge) => (knowledge, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let options = EngineOptions {
        onnxruntime: places.onnxruntime.clone(),
        threads: config.threads,
        precision: config.precision,
    };
    let (attention, unweighed) = match Attention::open(&bundle, config.engine, &options) {
        Ok(attention) => (attention.filter(|_| knowledge.is_some()), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let embedder = open_embedder(bundle, &config, &options)?;
    let gallery = Gallery::open(&places.store, &embedder.manifest().space_id)?;
    let version = version(&config, &embedder, knowledge.is_some());
    let metrics = Arc::new(Metrics::default());
    let reader = embedder.decoder().clone();
    let station = Station::new(embedder, knowledge, gallery, Arc::clone(&metrics))?;
    let mut station = station.with_attention(attention);
    let known = station.summary().map_err(Message::machine)?;
    let (places, version_now) = (&places, &version);
    let report =
        Report { address, places, version: version_now, known: &known, nameless, unweighed, start };
    let report = report.to_string();
    let (worker, owner) = EngineThread::start(station, config.limits.max_queue)?;
    let state = Arc::new(AppState::new(config, version, reader, worker, metrics));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let stop = server::stop_signal()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        say(&report);
        server::serve(listener, app(Arc::clone(&state)), state.config.limits, stop).await;
        Ok::<_, AnyFault>(())
    })?;
    say("Stopped.\n");
    // The last worker ends the owner thread, which closes the store.
    drop(state);
    Ok(owner.join().map_err(|_| Message::machine("the thread of engine and store panicked"))?)
}

/// Before anything heavy, so that an address in use is known at once.
fn listen(address: SocketAddr) -> Result<TcpListener, AnyFault> {
    let listener = TcpListener::bind(address).map_err(|error| {
        let advice = "choose another with --listen, port 0 picks a free one";
        Message::machine(format!("cannot listen on {address}; {advice}: {error}"))
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Where things were found.
struct Places {
    bundle: PathBuf,
    store: PathBuf,
    onnxruntime: Option<PathBuf>,
}

impl Places {
    fn find(config: &Config) -> Result<Self, AnyFault> {
        let environment = Environment::read();
        let store = config.store.clone().or_else(|| environment.default_store());
        Ok(Self {
            bundle: locate::bundle(config.bundle.as_deref(), &environment)?,
            store: store.ok_or_else(|| {
                let text = "no home folder is known; name the gallery's folder with --store";
                ConfigError::Contradiction(text.to_owned())
            })?,
            onnxruntime: locate::onnxruntime_for(
                config.engine,
                config.onnxruntime.as_deref(),
                &environment,
            )?,
        })
    }
}

fn open_embedder(
    bundle: Bundle,
    config: &Config,
    options: &EngineOptions,
) -> Result<Embedder, AnyFault> {
    let embedder = Embedder::open(bundle, config.engine, options)?;
    let limits = config.limits;
    Ok(embedder.with_limits(ImageLimits {
        max_bytes: limits.max_body_bytes,
        max_pixels: limits.max_pixels,
    }))
}

fn version(config: &Config, embedder: &Embedder, names: bool) -> wire::Version {
    let manifest = embedder.manifest();
    let rejected = embedder.rejected().iter().map(|rejection| wire::Rejection {
        provider: rejection.provider.to_string(),
        reason: rejection.reason.clone(),
    });
    wire::Version {
        version: env!("CARGO_PKG_VERSION"),
        bundle: wire::Bundle {
            name: manifest.name.clone(),
            space_id: manifest.space_id.clone(),
            embedding_size: manifest.backbone.embedding_size,
            weights: manifest.backbone.weights.to_string(),
            names,
        },
        engine: wire::Engine {
            provider: embedder.provider().to_string(),
            precision: embedder.precision().to_string(),
            rejected: rejected.collect(),
        },
        limits: wire::Limits {
            max_body_bytes: config.limits.max_body_bytes,
            max_files: config.limits.max_files,
            max_pixels: config.limits.max_pixels,
        },
    }
}

/// What one sees when the service starts.
struct Report<'a> {
    address: SocketAddr,
    places: &'a Places,
    version: &'a wire::Version,
    known: &'a wire::Gallery,
    /// Why names are not used although the bundle has knowledge of them.
    nameless: Option<String>,
    /// Why attributes are not weighed although the bundle could.
    unweighed: Option<String>,
    start: Instant,
}

impl std::fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let wire::Version { version, bundle, engine, .. } = self.version;
        let Places { bundle: bundle_place, store, .. } = self.places;
        writeln!(f, "Handful {version} is listening on http://{}", self.address)?;
        writeln!(f, "  bundle  {} ({})", bundle.name, shown(bundle_place))?;
        writeln!(f, "  engine  {} in {}{}", engine.provider, engine.precision, self.why())?;
        for wire::Rejection { provider, reason } in &engine.rejected {
            writeln!(f, "          rejected {provider}: {reason}")?;
        }
        match &self.nameless {
            _ if bundle.names => {
                writeln!(f, "  names   on: a class can be created from its name only")?
            }
            None => writeln!(f, "  names   off (this bundle has no name knowledge)")?,
            Some(reason) => writeln!(f, "  names   off: {reason}")?,
        }
        if let Some(reason) = &self.unweighed {
            writeln!(f, "          attribute weights off: {reason}")?;
        }
        let wire::Gallery { classes, examples, .. } = self.known;
        writeln!(f, "  store   {} ({classes} classes, {examples} examples)", shown(store))?;
        writeln!(f, "Ready in {} ms. Press Ctrl-C to stop.", self.start.elapsed().as_millis())
    }
}

impl Report<'_> {
    fn why(&self) -> String {
        let passed = "passed the bundle's self-test";
        match (&self.places.onnxruntime, self.version.engine.provider.as_str()) {
            (Some(library), provider) if provider.starts_with("onnxruntime") => {
                format!(", {passed}; library {}", shown(library))
            }
            _ => format!(", {passed}"),
        }
    }
}

fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}

fn say(text: &str) {
    // Whoever closed standard output does not want to read this.
    let _ = stdout().write_all(text.as_bytes());
}
