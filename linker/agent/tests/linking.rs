//! The program runs where only a C library is: it links no other shared library.

use std::process::Command;

#[test]
fn the_tokenizer_needs_the_c_library_only() {
    let output = Command::new("ldd")
        .arg(env!("CARGO_BIN_EXE_tokenizer"))
        .output();
    let output = output.expect("ldd comes with the C library");
    let listed = String::from_utf8(output.stdout).expect("ldd writes names and addresses");
    let foreign: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|path| path.rsplit('/').next().unwrap_or(path))
        .filter(|name| {
            !["linux-vdso.so", "libc.so", "ld-linux"]
                .iter()
                .any(|own| name.starts_with(own))
        })
        .collect();
    assert!(listed.contains("libc.so"), "{listed}");
    assert!(foreign.is_empty(), "{foreign:?}");
}
