//! The checked-in code equals the proto files.

use std::{env, fs, path::Path};

/// Compiles the proto files in memory, without `protoc`, and returns the generated Rust.
fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let set = protox::compile(["linkage/v1/linkage.proto"], [root]).expect("proto files compile");
    let out = tempfile::tempdir().expect("temporary folder");
    tonic_prost_build::configure()
        .build_transport(false)
        .btree_map(".")
        .out_dir(out.path())
        .compile_fds(set)
        .expect("code is generated");
    fs::read_to_string(out.path().join("linkage.v1.rs")).expect("one file per package")
}

#[test]
fn checked_in_code_equals_the_proto_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gen/linkage.v1.rs");
    let wanted = generate();
    if env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&path, &wanted).expect("source folder is writable");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "generated code is stale; refresh it with: UPDATE_GENERATED=1 cargo test -p linkage-proto --test generated"
    );
}
