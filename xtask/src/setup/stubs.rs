//! Small libraries in the place of the CUDA ones that libtorch's processor half names.
//!
//! `libtorch_cpu.so` of a CUDA build asks two CUDA libraries whether there is a device to profile:
//! ours answer "no device". `libtorch.so` only names the other libraries, the CUDA half among
//! them: ours leaves that half out.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;

/// A library of functions that all return the same error code.
struct Stub {
    library: &'static str,
    answer: u32,
}

const STUBS: [Stub; 2] = [
    // cudaErrorNoDevice
    Stub { library: "libcudart.so.13", answer: 100 },
    // CUPTI_ERROR_NOT_INITIALIZED
    Stub { library: "libcupti.so.13", answer: 15 },
];

/// Builds the stubs beside the real libraries in `lib`; sources go to `scratch`.
pub(super) fn build(lib: &Path, scratch: &Path) -> Result<()> {
    println!("setup: .libtorch: building three small libraries in place of CUDA's");
    // Which functions are asked for differs by release, so they are read from the library.
    let symbols = undefined_symbols(&lib.join("libtorch_cpu.so"))?;
    for stub in STUBS {
        let names = versioned(&symbols, stub.library);
        ensure!(!names.is_empty(), "libtorch_cpu.so asks nothing of {}", stub.library);
        build_stub(&stub, &names, lib, scratch)?;
    }
    build_umbrella(lib, scratch)?;
    // The linker looks for the name without a version, which the wheel lacks.
    std::os::unix::fs::symlink("libgomp.so.1", lib.join("libgomp.so"))
        .context("cannot link libgomp.so")
}

fn undefined_symbols(library: &Path) -> Result<String> {
    process::output(Command::new("nm").args(["-D", "--undefined-only"]).arg(library))
}

/// The names in `nm`'s listing that `library` must provide: `U name@library`.
fn versioned<'a>(listing: &'a str, library: &str) -> Vec<&'a str> {
    let symbols = listing.lines().filter_map(|line| line.split_whitespace().last());
    let names = symbols.filter_map(|symbol| symbol.split_once('@'));
    names.filter(|(_, version)| *version == library).map(|(name, _)| name).collect()
}

/// The loader asks for `name@library`, so the library's symbols bear its own name as version.
fn build_stub(stub: &Stub, names: &[&str], lib: &Path, scratch: &Path) -> Result<()> {
    let source = scratch.join(format!("{}.c", stub.library));
    let versions = scratch.join(format!("{}.map", stub.library));
    fs::write(&source, source_of(stub, names))?;
    fs::write(&versions, format!("{} {{ global: *; }};\n", stub.library))?;
    let mut cc = shared(stub.library, lib);
    cc.arg(source).arg(format!("-Wl,--version-script={}", versions.display()));
    process::run(&mut cc).with_context(|| format!("cannot build {}", stub.library))
}

fn source_of(stub: &Stub, names: &[&str]) -> String {
    names.iter().map(|name| function_of(stub, name)).collect()
}

fn function_of(stub: &Stub, name: &str) -> String {
    match name {
        // The one function that returns a text; libtorch prints it.
        "cudaGetErrorString" => {
            format!("const char *{name}(void) {{ return \"no CUDA here\"; }}\n")
        }
        _ => format!("int {name}(void) {{ return {}; }}\n", stub.answer),
    }
}

fn build_umbrella(lib: &Path, scratch: &Path) -> Result<()> {
    let source = scratch.join("libtorch.c");
    fs::write(&source, "int torch_cpu_umbrella;\n")?;
    let mut cc = shared("libtorch.so", lib);
    cc.arg(source)
        .args(["-Wl,--no-as-needed", "-ltorch_cpu", "-lc10"])
        .args(["-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined"]);
    process::run(&mut cc).context("cannot build libtorch.so")
}

/// The C compiler, told to make the shared library `name` in `lib`.
fn shared(name: &str, lib: &Path) -> Command {
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-w", "-o"]).arg(lib.join(name));
    cc.arg(format!("-Wl,-soname,{name}")).arg("-L").arg(lib);
    cc
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "                 U abort@GLIBC_2.2.5\n\
                           \x20                U cudaGetDeviceCount@libcudart.so.13\n\
                           \x20                U cudaGetErrorString@libcudart.so.13\n\
                           \x20                U cuptiFinalize@libcupti.so.13\n\
                           \x20                w __gmon_start__\n";

    #[test]
    fn symbols_are_told_apart_by_their_library() {
        let names = versioned(LISTING, "libcudart.so.13");
        assert_eq!(names, ["cudaGetDeviceCount", "cudaGetErrorString"]);
        assert_eq!(versioned(LISTING, "libcupti.so.13"), ["cuptiFinalize"]);
    }

    #[test]
    fn every_function_answers_and_the_text_is_a_text() {
        let source = source_of(&STUBS[0], &versioned(LISTING, "libcudart.so.13"));
        assert_eq!(
            source,
            "int cudaGetDeviceCount(void) { return 100; }\n\
             const char *cudaGetErrorString(void) { return \"no CUDA here\"; }\n"
        );
    }
}
