//! A service that a chore starts: its address, and its end.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::process;

/// How long a service may take to start or to stop.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Between two questions whether a service is ready or gone.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// A free port of this machine.
pub(crate) fn free_address() -> Result<SocketAddr> {
    // The port is free again once the listener is dropped, here; the service takes it next.
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Asks a service to stop as a supervisor does, and waits until it has.
pub(crate) fn stop(service: &mut Child) -> Result<()> {
    ensure!(service.try_wait()?.is_none(), "the service is gone already");
    // `kill` sends the signal, as `Child::kill` would not let the service finish its work.
    process::run(Command::new("kill").args(["-TERM", &service.id().to_string()]))?;
    let start = Instant::now();
    while start.elapsed() < TIME_LIMIT {
        if let Some(status) = service.try_wait()? {
            ensure!(status.success(), "asked to stop, the service ended with {status}");
            return Ok(());
        }
        sleep(PAUSE);
    }
    service.kill()?;
    bail!("the service did not stop in {} s", TIME_LIMIT.as_secs())
}
