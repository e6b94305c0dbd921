//! Kill a process while it writes; fill the disk under it. What was acknowledged is there.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use edge::device::{Device, DeviceSettings, StoreAccess};
use edge::gallery::{Gallery, GalleryError, GallerySettings, UndoTarget};
use edge::locate::Environment;

use crate::conformance::{SPACE, facts, open};
use crate::fixtures::{examples, label};

/// Where the child of these tests writes; without it the child's test is an ordinary one.
const STORE: &str = "EDGE_TEST_STORE";
/// How often the child is killed; the long form has 300.
const KILLS: &str = "HANDFUL_KILLS";
const DEFAULT_KILLS: u64 = 30;
/// Images in each call of the child.
const IMAGES: u32 = 3;
/// The rounds after which the calls of the child are of the same kinds again.
const CYCLE: u64 = 12;
/// The round of a cycle that purges.
const PURGE: u64 = 11;

/// The write of a round. Each makes one revision, so it is the round of the same number.
fn write(gallery: &mut Gallery, round: u64) -> Result<(), GalleryError> {
    let first = u32::try_from(round).unwrap() * IMAGES;
    let images = examples(first..first + IMAGES);
    let begin = round - round % CYCLE;
    match round % CYCLE {
        1 => gallery.enroll_background(images).map(drop),
        3 => {
            let last = gallery.background().last().unwrap().id.to_string();
            gallery.remove_background(&last).map(drop)
        }
        5 => {
            let rate = 0.001 * (1 + round % 500) as f64;
            gallery.set_settings(GallerySettings { rate, ..*gallery.settings() }).map(drop)
        }
        6 => {
            let moved = gallery.class(&class(begin + 4))?.examples[0].id.to_string();
            gallery.move_examples(&[moved], Some(&class(begin + 2))).map(drop)
        }
        7 => gallery.merge_classes(&class(begin + 4), &class(begin + 2)).map(drop),
        8 => gallery.delete(&class(begin + 2)).map(drop),
        9 => gallery.undo(UndoTarget::Last, false).map(drop),
        10 => gallery.delete(&class(begin)).map(drop),
        PURGE => gallery.purge(Duration::ZERO).map(drop),
        _ => gallery.enroll(&label(&class(round)), images, true).map(drop),
    }
}

/// The class that a round enrolls.
fn class(round: u64) -> String {
    format!("class {round}")
}

/// Does a round after the other until it is killed, and says so after each.
#[test]
fn child_writes() {
    let fresh = tempfile::tempdir().unwrap();
    let dir = env::var_os(STORE);
    let (dir, rounds) =
        dir.as_ref().map_or((fresh.path(), 2 * CYCLE), |dir| (Path::new(dir), u64::MAX));
    let mut store = open(dir);
    let mut stdout = std::io::stdout();
    let begin = store.revision();
    for round in begin..begin.saturating_add(rounds) {
        match write(&mut store, round) {
            Ok(()) => writeln!(stdout, "revision {}", store.revision()).unwrap(),
            Err(error) => {
                writeln!(stdout, "refused {error:?}").unwrap();
                break;
            }
        }
        stdout.flush().unwrap();
    }
    let grown = store.revision() - begin;
    assert!(dir != fresh.path() || grown == 2 * CYCLE);
}

fn child(before: &str, dir: &Path) -> Child {
    let test = env::current_exe().unwrap();
    let script = format!(r#"{before} exec "$0" --exact crash::child_writes --nocapture"#);
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(test).env(STORE, dir);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The revisions that the child acknowledges, and at last what refused it.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok)
}

fn revision(line: &str) -> Option<u64> {
    // The test harness may print its own words before the child's on a line.
    line.split_once("revision ")?.1.trim().parse().ok()
}

/// The store holds what the rounds up to its revision make, nothing less and nothing more;
/// `expected` holds those up to a revision that was seen before. Returns the revision.
fn assert_sound(dir: &Path, at_least: u64, expected: &mut Gallery) -> u64 {
    let store = open(dir);
    assert!(store.revision() >= at_least, "{} of {at_least}", store.revision());
    for round in expected.revision()..store.revision() {
        write(expected, round).unwrap();
    }
    assert_eq!(facts(&store), facts(expected));
    store.revision()
}

fn kills() -> u64 {
    env::var(KILLS).map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap())
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let root = tempfile::tempdir().unwrap();
    let mut expected = Gallery::in_memory();
    let mut known = 0;
    for kill in 0..kills() {
        let kill_after = 1 + kill * 5 % 14;
        let mut child = child("", root.path());
        let mut revisions = lines(&mut child).filter_map(|line| revision(&line));
        let at = usize::try_from(kill_after - 1).unwrap();
        let acknowledged = revisions.by_ref().nth(at).unwrap();
        // At any point of the calls that follow.
        thread::sleep(Duration::from_micros(kill * 977 % 6000));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = revisions.last().unwrap_or(acknowledged);
        assert!(acknowledged >= known + kill_after, "kill {kill}");
        known = assert_sound(root.path(), acknowledged, &mut expected);
    }
}

#[test]
fn a_store_whose_creation_was_killed_opens() {
    for kill in 0..kills() {
        let root = tempfile::tempdir().unwrap();
        let mut child = child("", root.path());
        thread::sleep(Duration::from_micros(kill * 1_300 % 40_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = lines(&mut child).filter_map(|line| revision(&line)).last();
        assert_sound(root.path(), acknowledged.unwrap_or(0), &mut Gallery::in_memory());
    }
}

#[test]
fn a_full_disk_loses_nothing_and_is_survived() {
    let root = tempfile::tempdir().unwrap();
    // No file may grow beyond this many blocks of 512 bytes; the signal that says so is ignored,
    // so that writes fail as on a full disk.
    let mut limited = child("trap '' XFSZ; ulimit -f 4000;", root.path());
    let output: Vec<_> = lines(&mut limited).collect();
    limited.wait().unwrap();
    let acknowledged = output.iter().filter_map(|line| revision(line)).max().unwrap();
    let refused = output.iter().find(|line| line.contains("refused")).unwrap();
    assert!(refused.contains("StoreFull"), "{refused}");
    let kept = assert_sound(root.path(), acknowledged, &mut Gallery::in_memory());
    // A purge is recorded before the store is written anew, and only that may be refused.
    let is_purge = acknowledged % CYCLE == PURGE;
    let is_refused = kept == acknowledged || (is_purge && kept == acknowledged + 1);
    assert!(is_refused, "what was refused is there: {kept} after {acknowledged}");
    // With room again it goes on where it was.
    let mut store = open(root.path());
    write(&mut store, kept).unwrap();
    assert_eq!(store.revision(), kept + 1);
}

/// A disk that is really full: a small one, where this machine may mount it.
#[test]
fn a_full_file_system_refuses_and_goes_on_after_room_is_made() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("small");
    fs::create_dir(&dir).unwrap();
    let Some(_mounted) = Mounted::tmpfs(&dir) else {
        eprintln!("skipped: a full file system: this user may not mount a tmpfs");
        return;
    };
    let filler = dir.join("filler");
    fs::write(&filler, vec![1; 1 << 20]).unwrap();
    let mut store = open(&dir.join("store"));
    let full = (0..100_000_u32).find_map(|round| {
        let first = round * 100;
        let name = label(&format!("class {round}"));
        store.enroll(&name, examples(first..first + 100), true).err().map(|error| (round, error))
    });
    let (kept, error) = full.unwrap();
    assert!(matches!(error, GalleryError::StoreFull { .. }), "{error}");
    assert_eq!((store.revision(), store.classes().len()), (kept.into(), kept as usize));
    fs::remove_file(&filler).unwrap();
    store.enroll(&label("after"), examples(0..1), true).unwrap();
    let classes = store.classes();
    drop(store);
    let again = open(&dir.join("store"));
    assert_eq!((again.revision(), again.classes()), (u64::from(kept) + 1, classes));
}

/// A file system that is read-only, where this machine may mount one.
#[test]
fn a_read_only_file_system_is_read() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("small");
    fs::create_dir(&dir).unwrap();
    let Some(_mounted) = Mounted::tmpfs(&dir) else {
        eprintln!("skipped: a read-only file system: this user may not mount a tmpfs");
        return;
    };
    let store = dir.join("store");
    open(&store).enroll(&label("mug"), examples(0..2), true).unwrap();
    let mut remount = Command::new("mount");
    assert!(remount.args(["-o", "remount,ro"]).arg(&dir).status().unwrap().success());
    let settings = DeviceSettings { store: Some(store), ..DeviceSettings::default() };
    let device = Device::new(settings, Environment::default());
    let mut gallery = device.gallery(SPACE, StoreAccess::Snapshot).unwrap();
    assert_eq!(gallery.class("mug").unwrap().examples.len(), 2);
    assert!(gallery.delete("mug").is_err());
    let refused = device.gallery(SPACE, StoreAccess::Existing).map(drop).unwrap_err().to_string();
    assert!(refused.contains("Read-only file system"), "{refused}");
}

struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(dir: &'a Path) -> Option<Self> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(dir)
            .stderr(Stdio::null())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(self.0).status();
    }
}
