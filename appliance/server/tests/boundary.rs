//! The three promises of the layout as facts about the package graph and the sources: identifiers stay
//! at the site, keys stay in custody, unsafe code stays in the kernels. Every rule is also shown to bite
//! on a small graph or text that breaks it.

#[path = "boundary/code.rs"]
mod code;
#[path = "boundary/graph.rs"]
mod graph;
#[path = "boundary/licence.rs"]
mod licence;
#[path = "boundary/lists.rs"]
mod lists;
#[path = "boundary/rules.rs"]
mod rules;
#[path = "boundary/sources.rs"]
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use graph::Graph;

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace is there")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository can be read")
}

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn identifiers_are_not_reachable_from_the_appliance() {
    assert_none(&rules::reaches_tokenize(&Graph::of_workspace(&root())));
}

#[test]
fn the_core_reaches_no_runtime_network_or_database() {
    let graph = Graph::of_workspace(&root());
    assert_none(&rules::core_reaches_io(&graph));
    for package in lists::CORE {
        let resolved = graph::resolved_for(&root(), &[package]);
        let names: BTreeSet<&str> = resolved.keys().map(String::as_str).collect();
        assert_none(&rules::named_in(package, &names, lists::RANDOMNESS));
    }
}

#[test]
fn the_core_has_its_own_clippy_bans() {
    let outer: toml::Table = text("clippy.toml").parse().expect("TOML");
    for folder in ["kernels", "token", "tokenize", "match"] {
        let inner: toml::Table = text(&format!("linker/{folder}/clippy.toml"))
            .parse()
            .expect("TOML");
        assert_none(&rules::clippy_gaps(folder, &outer, &inner));
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere_but_in_the_kernels() {
    let root = root();
    assert_none(&sources::lint_gaps(
        "the workspace",
        &text("Cargo.toml"),
        sources::Table::Workspace,
    ));
    let graph = Graph::of_workspace(&root);
    for (name, folder) in graph.own_folders() {
        if name != "linker-kernels" {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
            assert_none(&sources::lint_gaps(
                name,
                &manifest,
                sources::Table::Package,
            ));
        }
    }
    let open = ["linker/kernels/src/", "proto/src/gen/"];
    for file in sources::rust_files(&root, &graph) {
        if !open.iter().any(|folder| file.path.starts_with(folder)) {
            assert_none(&sources::unsafe_words(&file));
        }
    }
    let generated = text("proto/src/gen/linkage.v1.rs");
    assert_none(&sources::unsafe_words(&sources::File {
        path: "proto/src/gen".into(),
        text: generated,
    }));
}

#[test]
fn shipped_programs_have_one_version_of_each_cipher() {
    let resolved = graph::resolved_for(&root(), lists::SHIPPED_BINARIES);
    assert_none(&rules::doubled(&resolved));
    let names: BTreeSet<&str> = resolved.keys().map(String::as_str).collect();
    assert_none(&rules::named_in(
        "a shipped program",
        &names,
        lists::REFUSED,
    ));
    let known = lists::ONE_VERSION
        .iter()
        .filter(|name| names.contains(*name))
        .count();
    assert!(
        known > 15,
        "the list of crates names what is really there, not {known} of them"
    );
}

#[test]
fn our_packages_depend_on_each_other_as_decided() {
    let graph = Graph::of_workspace(&root());
    assert_none(&rules::edges_not_allowed(&graph));
    assert_none(&rules::packages_without_rule(&graph));
}

#[test]
fn the_code_map_says_what_is_allowed() {
    assert_none(&rules::code_map_differs(&text("ARCHITECTURE.md")));
}

#[test]
fn licences_are_permissive_and_sources_are_the_registry() {
    let graph = Graph::of_workspace(&root());
    assert!(graph.shipped().len() > 50, "the graph was read");
    assert_none(&licence::not_allowed(&graph));
    assert_none(&rules::foreign_sources(&graph));
    let deny: toml::Table = text("deny.toml").parse().expect("TOML");
    let listed = deny["licenses"]["allow"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(toml::Value::as_str);
    assert_eq!(
        listed.collect::<BTreeSet<_>>(),
        licence::ALLOWED.iter().copied().collect(),
        "deny.toml has another list"
    );
    assert!(
        text("LICENSE").contains("Apache License")
            && text("Cargo.toml").contains("license = \"Apache-2.0\"")
    );
}

#[test]
fn domain_types_of_the_core_are_not_serialisable() {
    let core = [
        "linker/kernels/src/",
        "linker/token/src/",
        "linker/tokenize/src/",
        "linker/match/src/",
    ];
    let files = sources::rust_files(&root(), &Graph::of_workspace(&root()));
    let mine: Vec<_> = files
        .iter()
        .filter(|file| core.iter().any(|folder| file.path.starts_with(folder)))
        .collect();
    assert!(mine.len() > 12, "the sources were found");
    for file in mine {
        // FHIR is JSON and has to be read. Nothing can be written without `Serialize`, which stays
        // forbidden there, and so do the calls that would write.
        let words: &[&str] = if file.path.starts_with("linker/tokenize/src/format/fhir") {
            &["Serialize", "to_writer", "to_value"]
        } else {
            &["Serialize", "serde_json"]
        };
        assert_none(&sources::words(file, words));
    }
}

#[test]
fn keys_are_touched_by_custody_only() {
    assert_none(&rules::key_crates_elsewhere(&Graph::of_workspace(&root())));
}

#[test]
fn identifier_types_are_named_at_the_site_only() {
    let site = ["linker/tokenize/", "linker/agent/", "bench/"];
    let files = sources::rust_files(&root(), &Graph::of_workspace(&root()));
    for file in files
        .iter()
        .filter(|file| !site.iter().any(|folder| file.path.starts_with(folder)))
    {
        assert_none(&sources::words(file, &["Identifiers", "SourceRecord"]));
    }
    let makes = |file: &&sources::File| file.path.starts_with("linker/tokenize/src/");
    let named = |file: &sources::File| !sources::words(file, &["Identifiers"]).is_empty();
    assert!(
        files.iter().filter(makes).any(named),
        "the type is still called so"
    );
}

#[test]
fn documents_name_every_package() {
    let graph = Graph::of_workspace(&root());
    let names: Vec<_> = graph.own_folders().map(|(name, _)| name).collect();
    assert!(names.len() >= 12);
    for document in ["README.md", "ARCHITECTURE.md"] {
        assert_none(&sources::unnamed_packages(
            document,
            &text(document),
            &names,
        ));
    }
}

/// Versions by name, as the resolver of one set of packages gives them.
type Versions = BTreeMap<String, BTreeSet<String>>;
