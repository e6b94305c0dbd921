//! `cargo xtask dist`: from a commit to the files that a user installs.
//!
//! For each target an archive and a package for Debian, with programs, bundle, lexicon, licenses,
//! manual, completions and units; a list of contents (SBOM) and the hashes of all. The same commit
//! gives the same bytes: times are those of the commit, and folders of this machine are left out.

mod archive;
mod build;
mod check;
mod commit;
mod completions;
mod crates;
mod deb;
mod files;
mod help;
mod licenses;
mod man;
mod parity;
mod sbom;
mod stage;
mod symbols;
mod target;
mod toolchain;
mod verified;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::process;
use commit::Commit;
use help::Page;
use stage::{Contents, PROGRAMS};
use target::Target;

/// Where packages are made, below the checkout.
const WORK: &str = "target/dist";

/// What is packaged, and how well it is checked.
#[derive(Args)]
pub(crate) struct Options {
    /// Only for these processors; can be repeated
    #[arg(long, value_name = "PROCESSOR")]
    target: Vec<Target>,
    /// Package the programs of this folder instead of building them; needs one --target
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Build and package twice and compare, check the rules of Debian, install, use, upgrade and
    /// purge the package in clean roots of Debian 11 and 12, and compare what programs of ARM
    /// answer with those of x86-64 (as root)
    #[arg(long)]
    check: bool,
    /// With --check: package twice, but build once
    #[arg(long, requires = "check")]
    once: bool,
    /// Make nothing: fail if the recorded check of the packages was of another tree
    #[arg(long, conflicts_with_all = ["target", "programs", "check"])]
    verified: bool,
}

/// Whether the packages have changed since the check that is recorded.
pub(crate) fn is_check_due(root: &Path) -> Result<bool> {
    verified::is_outdated(root)
}

/// Why this machine cannot check packages, if it cannot.
pub(crate) fn hindrance() -> Option<String> {
    check::hindrance()
}

/// Makes the packages in `target/dist`.
pub(crate) fn dist(root: &Path, options: &Options) -> Result<()> {
    if options.verified {
        let advice = "the packages have changed; run `cargo xtask dist --check`";
        ensure!(!is_check_due(root)?, "{advice}");
        return Ok(());
    }
    if let Some(reason) = check::hindrance().filter(|_| options.check) {
        bail!("packages cannot be checked here: {reason}; `.ci/packages` installs what is missing");
    }
    let targets = if options.target.is_empty() { Target::ALL } else { options.target.as_slice() };
    ensure!(
        options.programs.is_none() || targets.len() == 1,
        "--programs has the programs of one processor: name it with --target"
    );
    let job = Job { root, work: root.join(WORK), commit: Commit::read(root)?, options };
    let mut packages = Vec::new();
    for target in targets {
        packages.extend(job.package(*target)?);
    }
    sums(&job.work, &packages)?;
    if options.check {
        check::exposure(root, &job.work)?;
        targets.iter().try_for_each(|target| job.check(*target))?;
    }
    if options.check && targets == Target::ALL {
        job.compare()?;
    }
    Ok(())
}

/// One run of `dist`.
struct Job<'a> {
    root: &'a Path,
    work: PathBuf,
    commit: Commit,
    options: &'a Options,
}

impl Job<'_> {
    /// Builds and packages the programs of a target, and returns the files.
    fn package(&self, target: Target) -> Result<Vec<PathBuf>> {
        let programs = self.programs(target)?;
        for name in PROGRAMS {
            let (major, minor) = symbols::check(&programs.join(name))?;
            let bytes = programs.join(name).metadata()?.len();
            println!("dist: {} {name}: {bytes} bytes, glibc {major}.{minor}", target.machine());
        }
        self.packages(target, &programs, &self.work)
    }

    /// Where the programs of a target are, which are built unless they are given.
    fn programs(&self, target: Target) -> Result<PathBuf> {
        if let Some(given) = &self.options.programs {
            return Ok(given.clone());
        }
        let programs = self.work.join(target.triple());
        build::build(self.root, target, &self.commit, &self.work, &programs)?;
        Ok(programs)
    }

    /// Writes archive, package and list of contents into a folder.
    fn packages(&self, target: Target, programs: &Path, into: &Path) -> Result<Vec<PathBuf>> {
        let native = self.native(target)?;
        let crates = crates::of_programs(self.root, target)?;
        let help = PROGRAMS.iter().map(|name| Page::of(&native.join(name)));
        let help = help.collect::<Result<Vec<_>>>()?;
        let mut print = Command::new(native.join("handful-server"));
        let settings = process::output(print.arg("--print-config"))?;
        let licenses = licenses::text(self.root, &crates)?;
        let sbom = sbom::text(self.root, &self.commit, &crates)?;
        let contents = Contents {
            root: self.root,
            programs,
            commit: &self.commit,
            help: &help,
            licenses: &licenses,
            sbom: &sbom,
        };
        let version = &self.commit.version;
        let list = into.join(format!("handful-{version}-{}.cdx.json", target.machine()));
        files::write(&list, &sbom)?;
        let archive = archive::write(&contents, target, &settings, into)?;
        let package = deb::write(&contents, target, &settings, into)?;
        Ok(vec![archive, package, list])
    }

    /// Where the programs are that run on this machine: help and settings do not differ.
    fn native(&self, target: Target) -> Result<PathBuf> {
        if target == Target::X86 && self.options.programs.is_some() {
            return self.programs(target);
        }
        let native = self.work.join(Target::X86.triple());
        ensure!(
            native.join(PROGRAMS[0]).is_file(),
            "help and settings come from programs of x86_64; build them first: cargo xtask dist \
             --target x86_64"
        );
        Ok(native)
    }

    /// Builds from nothing, and compares with what was packaged.
    fn rebuild(&self, target: Target, programs: &Path) -> Result<()> {
        build::forget(&self.work)?;
        let rebuilt = self.work.join("again-programs");
        build::build(self.root, target, &self.commit, &self.work, &rebuilt)?;
        let mut names = PROGRAMS.iter();
        names.try_for_each(|name| check::same(&programs.join(name), &rebuilt.join(name)))
    }

    fn is_built_twice(&self) -> bool {
        self.options.programs.is_none() && !self.options.once
    }

    /// Compares the programs of both targets, and records that all was checked.
    fn compare(&self) -> Result<()> {
        let clean = check::clean_root(check::NEWER, Target::Arm, &self.work)?;
        let table = parity::compare(self.root, &self.work, &self.commit, &clean)?;
        let built = if self.is_built_twice() { "twice, the same bytes" } else { "once" };
        verified::record(self.root, &format!("built {built}\n{table}"))
    }

    fn check(&self, target: Target) -> Result<()> {
        let programs = match &self.options.programs {
            Some(given) => given.clone(),
            None => self.work.join(target.triple()),
        };
        if self.is_built_twice() {
            self.rebuild(target, &programs)?;
        }
        let again = self.work.join("again");
        files::make_empty(&again)?;
        for package in self.packages(target, &programs, &again)? {
            let name = package.file_name().unwrap_or_default();
            check::same(&self.work.join(name), &package)?;
        }
        let deb = format!("handful_{}_{}.deb", self.commit.version, target.debian());
        let deb = self.work.join(deb);
        check::lint(&deb)?;
        let newer = deb::newer(&deb, &again)?;
        check::install(self.root, target, &self.work, &deb, &newer)
    }
}

/// Writes `SHA256SUMS`, as `sha256sum --check` reads it.
fn sums(work: &Path, packages: &[PathBuf]) -> Result<()> {
    let names = packages.iter().filter_map(|package| package.file_name());
    let mut sha256sum = Command::new("sha256sum");
    let sums = process::output(sha256sum.args(names).current_dir(work))?;
    print!("{sums}");
    files::write(&work.join("SHA256SUMS"), &sums)
}
