//! One program for all targets of a site: the variable `FUZZ_TARGET` names the one to run.
#![no_main]

#[path = "../../tokenize/tests/targets/mod.rs"]
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use targets::{ALL, Target};

static TARGET: OnceLock<Target> = OnceLock::new();

fn chosen() -> Target {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = ALL.iter().find(|(known, _)| *known == name);
    match found {
        Some((_, target)) => *target,
        None => {
            let names: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
            eprintln!("FUZZ_TARGET is one of {}", names.join(", "));
            std::process::exit(2);
        }
    }
}

fuzz_target!(
    init: {
        let _set_once = TARGET.set(chosen());
    },
    |bytes: &[u8]| {
        if let Some(target) = TARGET.get() {
            target(bytes);
        }
    }
);
