//! Links the unwinder into the `tokenizer` binary, so that an old server needs nothing but its C library.
//!
//! The standard library asks the linker for the shared `gcc_s`. A linker script of that name, found
//! first, answers with the static archives of the same compiler.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("CARGO_CFG_TARGET_ENV").unwrap_or_default();
    if target != "gnu" {
        return;
    }
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    let script = Path::new(&out).join("libgcc_s.so");
    fs::write(script, "INPUT(-lgcc_eh -lgcc)\n").expect("the build folder is writable");
    println!("cargo:rustc-link-search=native={out}");
}
