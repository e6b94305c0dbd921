//! The machine as `handful doctor` shows it.

use std::fmt;

use edge::board::{Board, Clocks, Memory, Temperature};
use serde::Serialize;

/// What is known of the machine; null is not known.
#[derive(Debug, Serialize)]
pub(super) struct BoardState {
    model: Option<String>,
    jetpack: Option<String>,
    l4t: Option<String>,
    cuda: Option<String>,
    cudnn: Option<String>,
    tensorrt: Option<String>,
    driver: Option<String>,
    power_mode: Option<String>,
    cores: Option<usize>,
    governor: Option<String>,
    clock_mhz: Option<u32>,
    clock_limit_mhz: Option<u32>,
    clock_max_mhz: Option<u32>,
    memory_bytes: Option<u64>,
    memory_available_bytes: Option<u64>,
    temperatures: Vec<SensorState>,
    /// Whether versions of NVIDIA's libraries are of interest.
    #[serde(skip)]
    has_nvidia: bool,
}

#[derive(Debug, Serialize)]
struct SensorState {
    sensor: String,
    celsius: f32,
}

impl BoardState {
    pub(super) fn of(board: &Board) -> Self {
        let clocks = board.clocks.as_ref();
        let sensors = board.temperatures.iter();
        Self {
            model: board.model.clone(),
            jetpack: board.jetpack.clone(),
            l4t: board.l4t.map(|l4t| l4t.to_string()),
            cuda: board.cuda.clone(),
            cudnn: board.cudnn.clone(),
            tensorrt: board.tensorrt.clone(),
            driver: board.driver.clone(),
            power_mode: board.power_mode.as_ref().map(ToString::to_string),
            cores: clocks.map(|clocks| clocks.cores),
            governor: clocks.and_then(|clocks| clocks.governor.clone()),
            clock_mhz: clocks.and_then(|clocks| clocks.now_mhz),
            clock_limit_mhz: clocks.and_then(|clocks| clocks.limit_mhz),
            clock_max_mhz: clocks.and_then(|clocks| clocks.max_mhz),
            memory_bytes: board.memory.map(|memory| memory.total),
            memory_available_bytes: board.memory.map(|memory| memory.available),
            temperatures: sensors
                .map(|found| SensorState { sensor: found.sensor.clone(), celsius: found.celsius })
                .collect(),
            has_nvidia: board.has_nvidia(),
        }
    }
}

/// Where boards begin to lower their clocks.
const HOT_CELSIUS: f32 = 85.0;

/// Less memory than a bundle, its engine and a large image take.
const LITTLE_MEMORY: u64 = 200_000_000;

/// What slows the engines down.
pub(super) fn hints(board: &Board) -> Vec<String> {
    let hot = board.hottest().filter(|hottest| hottest.celsius >= HOT_CELSIUS).map(|hottest| {
        let Temperature { sensor, celsius } = hottest;
        format!(
            "the sensor {sensor} is at {celsius:.0} °C, where boards lower their clocks; cool it"
        )
    });
    let little = board.memory.filter(|memory| memory.available < LITTLE_MEMORY);
    let little = little.map(|Memory { available, .. }| {
        format!("only {} MB of memory are available; stop other programs", available / 1_000_000)
    });
    hot.into_iter().chain(slow_mode(board)).chain(little).collect()
}

fn slow_mode(board: &Board) -> Option<String> {
    let mode = board.power_mode.as_ref()?;
    let Clocks { limit_mhz, max_mhz, .. } = board.clocks.as_ref()?;
    let (limit, max) = limit_mhz.zip(*max_mhz).filter(|(limit, max)| limit < max)?;
    Some(format!(
        "the power mode {mode} limits the processor to {limit} of {max} MHz; \
         `sudo nvpmodel -p --verbose` lists the modes, `sudo nvpmodel -m N` sets one"
    ))
}

impl fmt::Display for BoardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.model.as_deref().unwrap_or("not known");
        write!(f, "board    {model}")?;
        if let Some(jetpack) = &self.jetpack {
            write!(f, ", JetPack {jetpack}")?;
        }
        if let Some(l4t) = &self.l4t {
            write!(f, ", Jetson Linux {l4t}")?;
        }
        writeln!(f)?;
        if self.has_nvidia {
            let [cuda, cudnn, tensorrt, driver] =
                [&self.cuda, &self.cudnn, &self.tensorrt, &self.driver]
                    .map(|version| version.as_deref().unwrap_or("not found"));
            writeln!(
                f,
                "nvidia   CUDA {cuda}, cuDNN {cudnn}, TensorRT {tensorrt}, driver {driver}"
            )?;
        }
        let state = [self.clock_text(), self.memory_text(), self.temperature_text()];
        let state: Vec<_> = [self.power_mode.clone()].into_iter().chain(state).flatten().collect();
        match state.is_empty() {
            true => Ok(()),
            false => writeln!(f, "machine  {}", state.join(", ")),
        }
    }
}

impl BoardState {
    fn clock_text(&self) -> Option<String> {
        let cores = match self.cores? {
            1 => "1 core".to_owned(),
            cores => format!("{cores} cores"),
        };
        Some(match (self.clock_mhz, self.clock_max_mhz) {
            (Some(now), Some(max)) => format!("{cores} at {now} of {max} MHz"),
            (Some(now), None) => format!("{cores} at {now} MHz"),
            _ => cores,
        })
    }

    fn memory_text(&self) -> Option<String> {
        let available = gigabytes(self.memory_available_bytes?);
        Some(format!("{available} of {} memory available", gigabytes(self.memory_bytes?)))
    }

    fn temperature_text(&self) -> Option<String> {
        let sensors = self.temperatures.iter();
        let hottest = sensors.max_by(|a, b| a.celsius.total_cmp(&b.celsius));
        let SensorState { sensor, celsius } = hottest?;
        Some(format!("{sensor} at {celsius:.0} °C"))
    }
}

/// Bytes for people.
pub(super) fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
