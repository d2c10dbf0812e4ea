//! The rules about manifests, sources and documents.

use std::{fs, path::Path};

use super::{
    code::{code_only, words_of},
    graph::Graph,
};

/// A source file, by its path from the root.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

/// Which lint table of a manifest is meant.
#[derive(Clone, Copy)]
pub(super) enum Table {
    Workspace,
    Package,
}

/// Every Rust file of our packages: sources, tests, benches, build scripts.
pub(super) fn rust_files(root: &Path, graph: &Graph) -> Vec<File> {
    let mut files = Vec::new();
    for (_, folder) in graph.own_folders() {
        collect(root, folder, &mut files);
    }
    assert!(files.len() > 40, "the sources were found");
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder can be listed")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source is UTF-8");
            let path = path
                .strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .into_owned();
            files.push(File { path, text });
        }
    }
}

/// Rule 3, for manifests: unsafe code is forbidden, by itself or with the workspace.
pub(super) fn lint_gaps(name: &str, manifest: &str, table: Table) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let lints = match table {
        Table::Workspace => manifest
            .get("workspace")
            .and_then(|workspace| workspace.get("lints")),
        Table::Package => manifest.get("lints"),
    };
    let inherits = lints
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool)
        == Some(true);
    let level = lints
        .and_then(|lints| lints.get("rust")?.get("unsafe_code"))
        .map(|lint| lint.get("level").unwrap_or(lint));
    let forbids = level.and_then(toml::Value::as_str) == Some("forbid");
    let sound = forbids || (inherits && matches!(table, Table::Package));
    if sound {
        Vec::new()
    } else {
        vec![format!("{name} does not forbid unsafe code")]
    }
}

/// Rule 3, for sources: neither the word nor an attribute that lets it in.
pub(super) fn unsafe_words(file: &File) -> Vec<String> {
    let mut found = words(file, &["unsafe"]);
    let code: String = code_only(&file.text).split_whitespace().collect();
    for attribute in ["allow", "expect", "warn"] {
        if code.contains(&format!("{attribute}(unsafe_code")) {
            found.push(format!("{}: {attribute}(unsafe_code)", file.path));
        }
    }
    found
}

/// The words of a list that a file has in its code.
pub(super) fn words(file: &File, wanted: &[&str]) -> Vec<String> {
    let code = code_only(&file.text);
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for word in words_of(line).filter(|word| wanted.contains(word)) {
            found.push(format!("{}:{}: {word}", file.path, number + 1));
        }
    }
    found
}

/// Rule 10: a document names every package.
pub(super) fn unnamed_packages(document: &str, text: &str, names: &[&str]) -> Vec<String> {
    let missing = names
        .iter()
        .filter(|name| !text.contains(&format!("`{name}`")));
    missing
        .map(|name| format!("{document} does not name {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File {
            path: "x.rs".into(),
            text: text.into(),
        }
    }

    #[test]
    fn rule_3_for_manifests_bites() {
        let gaps = |manifest: &str, table| lint_gaps("x", manifest, table).len();
        assert_eq!(gaps("[lints]\nworkspace = true", Table::Package), 0);
        assert_eq!(
            gaps("[lints.rust]\nunsafe_code = \"forbid\"", Table::Package),
            0
        );
        assert_eq!(
            gaps(
                "[lints.rust]\nunsafe_code = { level = \"forbid\", priority = 1 }",
                Table::Package
            ),
            0
        );
        assert_eq!(
            gaps(
                "[workspace.lints.rust]\nunsafe_code = \"forbid\"",
                Table::Workspace
            ),
            0
        );
        for hole in [
            "",
            "[lints]\nworkspace = false",
            "[lints.rust]\nunsafe_code = \"deny\"",
            "[lints.clippy]\nunsafe_code = \"forbid\"",
        ] {
            assert_eq!(gaps(hole, Table::Package), 1, "{hole}");
        }
        assert_eq!(
            gaps(
                "[workspace.lints.rust]\nunsafe_code = \"deny\"",
                Table::Workspace
            ),
            1
        );
        assert_eq!(gaps("[lints]\nworkspace = true", Table::Workspace), 1);
    }

    #[test]
    fn rule_3_for_sources_bites() {
        assert_eq!(
            unsafe_words(&file("fn f() {\n    unsafe { g() }\n}")),
            ["x.rs:2: unsafe"]
        );
        assert_eq!(
            unsafe_words(&file("#![ allow( unsafe_code ) ]")),
            ["x.rs: allow(unsafe_code)"]
        );
        assert_eq!(
            unsafe_words(&file("#[unsafe(no_mangle)] fn f() {}")).len(),
            1
        );
        assert!(
            unsafe_words(&file(
                "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";"
            ))
            .is_empty()
        );
    }

    #[test]
    fn rules_7_and_9_bite() {
        assert_eq!(
            words(
                &file("#[derive(Debug, Serialize)]\nstruct A;"),
                &["Serialize"]
            ),
            ["x.rs:1: Serialize"]
        );
        assert_eq!(
            words(&file("impl serde::Serialize for A {}"), &["Serialize"]).len(),
            1
        );
        assert!(
            words(
                &file("#[derive(Deserialize)] // Serialize\nstruct A;"),
                &["Serialize"]
            )
            .is_empty()
        );
        assert_eq!(
            words(&file("use x::{Identifiers as I};"), &["Identifiers"]).len(),
            1
        );
        assert!(words(&file("struct NoIdentifiersHere;"), &["Identifiers"]).is_empty());
    }

    #[test]
    fn rule_10_bites() {
        assert_eq!(
            unnamed_packages("D", "`linker-token`", &["linker-token", "bench"]),
            ["D does not name bench"]
        );
    }
}
