//! The gathered root, run as a container runs it: read-only, as its user, with its environment.
//!
//! Only `unshare`, `mount` and `chroot` are needed, and the rights of root.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::running::{PAUSE, TIME_LIMIT, free_address, stop};
use crate::sources::read;

/// Arguments: the root, the folder of the store, the user, then the command.
const SCRIPT: &str = r#"set -e
mount --bind "$1" "$1"
mount -o remount,ro,bind "$1"
mount --bind "$2" "$1/var/lib/handful"
root="$1" user="$3"
shift 3
exec chroot --userspec="$user" "$root" "$@""#;

/// Starts the service in the root, waits until its own check finds it healthy, and stops it.
pub(super) fn run(dockerfile: &Path, image: &Path) -> Result<()> {
    if process::output(Command::new("id").arg("-u"))?.trim() != "0" {
        println!("skipped: the root was not started: only root may mount and change the user");
        return Ok(());
    }
    if !may_mount() {
        println!("skipped: the root was not started: this machine lets no program mount by itself");
        return Ok(());
    }
    let dockerfile = read(dockerfile)?;
    let store = std::env::temp_dir().join(format!("handful-container-{}", std::process::id()));
    fs::create_dir_all(&store)?;
    let tried = started(&dockerfile, image, &store);
    fs::remove_dir_all(&store).context("cannot remove the store of the trial")?;
    tried
}

/// Whether a program may have mounts of its own: in some containers root may not either.
fn may_mount() -> bool {
    let mut mount = Command::new("unshare");
    mount.args(["--mount", "mount", "--bind", "/tmp", "/tmp"]).stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

fn started(dockerfile: &str, image: &Path, store: &Path) -> Result<()> {
    let user = user(dockerfile)?;
    process::run(Command::new("chown").arg(user).arg(store))?;
    // As the guide starts it, on another port.
    let listen = format!("0.0.0.0:{}", free_address()?.port());
    let mut service = Command::new("unshare");
    service.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(image).arg(store).arg(user);
    service.args(["/usr/bin/handful-server", "--listen", &listen, "--setup"]);
    service.env_clear().envs(environment(dockerfile)).stdin(Stdio::null());
    // For the programs of the script; the root has none.
    service.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    // Its report has a key, which is of no use to anyone.
    let mut service = service.stdout(Stdio::null()).spawn()?;
    let healthy = wait_until_healthy(&mut service, image, user, &listen);
    let stopped = stop(&mut service);
    healthy.and(stopped)?;
    ensure!(store.join("store").is_dir(), "the service wrote no store into its volume");
    println!("the root was started read-only as {user}, found healthy, and stopped");
    Ok(())
}

/// The health check of the image, from within the root.
fn wait_until_healthy(service: &mut Child, image: &Path, user: &str, listen: &str) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < TIME_LIMIT {
        if let Some(status) = service.try_wait()? {
            bail!("the service ended at once ({status})");
        }
        let mut check = Command::new("chroot");
        check.arg(format!("--userspec={user}")).arg(image);
        check.args(["/usr/bin/handful-server", "--check-health", "--listen", listen]);
        if check.stderr(Stdio::null()).status()?.success() {
            return Ok(());
        }
        sleep(PAUSE);
    }
    bail!("the service was not healthy after {} s", TIME_LIMIT.as_secs())
}

/// The user of the image.
fn user(dockerfile: &str) -> Result<&str> {
    let user = dockerfile.lines().find_map(|line| line.strip_prefix("USER "));
    Ok(user.context("Dockerfile names no USER")?.trim())
}

/// The settings that the image sets: `NAME=VALUE` of its lines `ENV`.
fn environment(dockerfile: &str) -> Vec<(&str, &str)> {
    let lines = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV "));
    lines.filter_map(|line| line.trim().split_once('=')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn the_image_has_a_user_a_check_and_a_store_in_its_volume() {
        let dockerfile = read(&root().unwrap().join("Dockerfile")).unwrap();
        assert_eq!(user(&dockerfile).unwrap(), "10001:10001");
        let environment = environment(&dockerfile);
        for setting in [
            ("HANDFUL_BUNDLE", "/usr/share/handful/bundles/efficientnet-lite0"),
            ("HANDFUL_LISTEN", "0.0.0.0:8443"),
            ("HANDFUL_STORE", "/var/lib/handful/store"),
        ] {
            assert!(environment.contains(&setting), "{setting:?} of {environment:?}");
        }
        assert!(dockerfile.contains("CMD [\"/usr/bin/handful-server\", \"--check-health\"]"));
        assert!(dockerfile.contains("VOLUME [\"/var/lib/handful\"]"));
    }

    #[test]
    fn a_user_is_needed() {
        assert!(user("FROM scratch\n").is_err());
        assert_eq!(environment("ENV A=b=c\nARG D=e\n"), [("A", "b=c")]);
    }
}
