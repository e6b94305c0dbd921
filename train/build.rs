//! Makes the programs of this package find libtorch where `cargo xtask setup` laid it.
//!
//! The paths are relative to the program (`$ORIGIN`): `target/release/handful-train` and, one
//! folder deeper, `target/release/deps/it-…`. They become RUNPATH, so `LD_LIBRARY_PATH` wins over
//! them: that is how the very same program runs on a machine with PyTorch's CUDA build.

fn main() {
    for up in ["../..", "../../.."] {
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/{up}/.libtorch/lib");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
