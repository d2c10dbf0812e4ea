//! The rules about the graph. Each returns what breaks it, in words.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Versions,
    graph::{Graph, Kind, Package},
    lists::{ALLOWED_EDGES, CORE, IO, KEY_CRATES, ONE_VERSION, REGISTRY},
};

/// Rule 1: nothing below `appliance/` reaches the package that can hold identifiers.
pub(super) fn reaches_tokenize(graph: &Graph) -> Vec<String> {
    let inside =
        |package: &Package| package.own && graph.dashed_folder(package).starts_with("appliance");
    let mut found = Vec::new();
    for package in graph.packages.values().filter(|package| inside(package)) {
        let reached = graph.reached(|other| other.name == package.name && other.own);
        if reached
            .values()
            .any(|other| other.name == "linker-tokenize")
        {
            found.push(format!("{} reaches linker-tokenize", package.name));
        }
    }
    found
}

/// Rule 2: no input, output or task runtime below the core.
pub(super) fn core_reaches_io(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for core in CORE {
        let reached = graph.reached(|package| package.own && package.name == core);
        if reached.is_empty() {
            found.push(format!("{core} is not in the graph"));
        }
        let names = reached
            .values()
            .map(|package| package.name.as_str())
            .collect();
        found.extend(named_in(core, &names, IO));
    }
    found
}

/// The names that stand in a list.
pub(super) fn named_in(what: &str, names: &BTreeSet<&str>, list: &[&str]) -> Vec<String> {
    let named = list.iter().filter(|name| names.contains(*name));
    named.map(|name| format!("{what} reaches {name}")).collect()
}

/// Rule 2, for clippy: the core keeps what the root says and adds its own bans.
pub(super) fn clippy_gaps(folder: &str, outer: &toml::Table, inner: &toml::Table) -> Vec<String> {
    let paths = |table: &toml::Table, list: &str| -> BTreeSet<String> {
        let entries = table
            .get(list)
            .and_then(toml::Value::as_array)
            .cloned()
            .unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| entry.get("path")?.as_str().map(str::to_owned))
            .collect()
    };
    let mut found = Vec::new();
    for (key, value) in outer
        .iter()
        .filter(|(key, _)| !key.starts_with("disallowed"))
    {
        if inner.get(key) != Some(value) {
            found.push(format!(
                "linker/{folder}/clippy.toml: {key} differs from the root"
            ));
        }
    }
    let methods = paths(inner, "disallowed-methods");
    let types = paths(inner, "disallowed-types");
    let kept = paths(outer, "disallowed-methods");
    let own = [
        "std::time::SystemTime::now",
        "std::time::Instant::now",
        "std::env::var",
        "std::fs::read",
    ];
    for wanted in kept
        .iter()
        .map(String::as_str)
        .chain(own)
        .filter(|path| !methods.contains(*path))
    {
        found.push(format!("linker/{folder}/clippy.toml does not ban {wanted}"));
    }
    let own = [
        "std::collections::HashMap",
        "std::collections::HashSet",
        "std::fs::File",
        "std::net::TcpStream",
    ];
    for wanted in own.iter().filter(|path| !types.contains(**path)) {
        found.push(format!("linker/{folder}/clippy.toml does not ban {wanted}"));
    }
    found
}

/// Rule 4: one version of every crate of the list.
pub(super) fn doubled(versions: &Versions) -> Vec<String> {
    let several = |name: &&&str| versions.get(**name).is_some_and(|found| found.len() > 1);
    ONE_VERSION
        .iter()
        .filter(several)
        .map(|name| format!("{name} in versions {:?}", versions[*name]))
        .collect()
}

/// Rule 5: edges between our own packages, tests included.
pub(super) fn edges_not_allowed(graph: &Graph) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED_EDGES.iter().copied().collect();
    let own = graph.own_edges().filter(|(from, to, _)| {
        let listed = allowed.get(from).is_some_and(|list| list.contains(to));
        *from != "bench" && !listed
    });
    own.map(|(from, to, kind)| format!("{from} depends on {to} ({kind:?})"))
        .collect()
}

/// Rule 5, the other way: every package of ours has a line in the table, and a folder of its name.
pub(super) fn packages_without_rule(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for package in graph.packages.values().filter(|package| package.own) {
        let name = package.name.as_str();
        if name != "bench" && !ALLOWED_EDGES.iter().any(|(known, _)| *known == name) {
            found.push(format!("{name} has no line in the table of allowed edges"));
        }
        let folder = graph.dashed_folder(package);
        if folder != name && (name, folder.as_str()) != ("linkage-proto", "proto") {
            found.push(format!("{name} lies in {folder}"));
        }
    }
    found
}

/// Rule 5, in words: the code map of ARCHITECTURE.md has the same table.
pub(super) fn code_map_differs(document: &str) -> Vec<String> {
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [package, folder, _, may] = cells.as_slice()
            && folder.starts_with('`')
        {
            let names = may
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| name != "–");
            said.insert(package.trim_matches('`').to_owned(), names.collect());
        }
    }
    let mut found = Vec::new();
    for (package, allowed) in ALLOWED_EDGES {
        let short = |name: &&str| name.rsplit('-').next().unwrap_or(name).to_owned();
        let wanted: BTreeSet<String> = allowed.iter().map(short).collect();
        if said.get(*package) != Some(&wanted) {
            found.push(format!(
                "ARCHITECTURE.md says {:?} for {package}, the test {wanted:?}",
                said.get(*package)
            ));
        }
    }
    found
}

/// Rule 6, for sources: the registry, or a folder of this workspace.
pub(super) fn foreign_sources(graph: &Graph) -> Vec<String> {
    let foreign = |package: &&Package| match &package.source {
        Some(source) => source != REGISTRY,
        None => !package.own || !package.folder.starts_with(&graph.root),
    };
    let all = graph.packages.values().filter(foreign);
    all.map(|package| {
        format!(
            "{} {} comes from {:?}",
            package.name, package.version, package.source
        )
    })
    .collect()
}

/// Rule 8: crates that hold keys are dependencies of custody alone.
pub(super) fn key_crates_elsewhere(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (from, to, kind) in graph.edges.iter().filter(|(_, _, kind)| *kind != Kind::Dev) {
        let (from, to) = (&graph.packages[from], &graph.packages[to]);
        let rule = KEY_CRATES.iter().find(|(name, _)| *name == to.name);
        let allowed = rule.is_none_or(|(_, owners)| owners.contains(&from.name.as_str()));
        if from.own && from.name != "bench" && !allowed {
            found.push(format!("{} depends on {} ({kind:?})", from.name, to.name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{graph::by_hand, lists::RANDOMNESS};

    #[test]
    fn rule_1_bites() {
        let own = [
            "appliance-server",
            "appliance-store",
            "linker-match",
            "linker-tokenize",
            "linker-agent",
        ];
        let far = [
            ("appliance-server", "linker-match", Kind::Normal),
            ("linker-match", "helper", Kind::Build),
            ("helper", "linker-tokenize", Kind::Normal),
            ("appliance-store", "linker-tokenize", Kind::Dev),
            ("linker-agent", "linker-tokenize", Kind::Normal),
        ];
        assert_eq!(
            reaches_tokenize(&by_hand(&own, &far)),
            ["appliance-server reaches linker-tokenize"]
        );
        assert!(reaches_tokenize(&by_hand(&own, &far[3..])).is_empty());
    }

    #[test]
    fn rule_2_bites() {
        let far = [
            ("linker-match", "helper", Kind::Normal),
            ("helper", "tokio", Kind::Normal),
            ("linker-token", "redb", Kind::Dev),
        ];
        assert_eq!(
            core_reaches_io(&by_hand(&CORE, &far)),
            ["linker-match reaches tokio"]
        );
        assert_eq!(
            core_reaches_io(&by_hand(&CORE[1..], &[])),
            ["linker-kernels is not in the graph"]
        );
        assert_eq!(
            named_in("x", &["rand", "serde"].into(), RANDOMNESS),
            ["x reaches rand"]
        );
    }

    #[test]
    fn rule_2_for_clippy_bites() {
        let outer: toml::Table =
            "too-many-lines-threshold = 80\ndisallowed-methods = [{ path = \"a::b\" }]"
                .parse()
                .expect("TOML");
        assert_eq!(
            clippy_gaps("x", &outer, &toml::Table::new()).len(),
            1 + 1 + 4 + 4
        );
        let gaps = clippy_gaps("x", &outer, &outer);
        assert!(
            gaps.contains(&"linker/x/clippy.toml does not ban std::env::var".to_owned())
                && gaps.len() == 8
        );
    }

    #[test]
    fn rule_4_bites() {
        let versions = |list: &[&str]| {
            list.iter()
                .map(|&version| version.to_owned())
                .collect::<BTreeSet<_>>()
        };
        let one = [
            ("sha2".to_owned(), versions(&["v0.11.0"])),
            ("syn".to_owned(), versions(&["v2.0.0", "v3.0.0"])),
        ];
        assert!(doubled(&one.into()).is_empty());
        let two = [("sha2".to_owned(), versions(&["v0.10.9", "v0.11.0"]))];
        assert_eq!(
            doubled(&two.into()),
            ["sha2 in versions {\"v0.10.9\", \"v0.11.0\"}"]
        );
    }

    #[test]
    fn rule_5_bites() {
        let own = [
            "linker-match",
            "linker-token",
            "keymgmt-custody",
            "bench",
            "linker-kernels",
        ];
        let graph = by_hand(
            &own,
            &[
                ("linker-match", "linker-token", Kind::Normal),
                ("linker-match", "keymgmt-custody", Kind::Dev),
                ("bench", "keymgmt-custody", Kind::Normal),
                ("linker-kernels", "bench", Kind::Build),
            ],
        );
        let wanted = [
            "linker-kernels depends on bench (Build)",
            "linker-match depends on keymgmt-custody (Dev)",
        ];
        assert_eq!(edges_not_allowed(&graph), wanted);
        let mut stray = by_hand(&["linker-common", "linkage-proto"], &[]);
        stray
            .packages
            .get_mut("linkage-proto")
            .expect("there")
            .folder = "/root/proto".into();
        assert_eq!(
            packages_without_rule(&stray),
            ["linker-common has no line in the table of allowed edges"]
        );
        stray
            .packages
            .get_mut("linkage-proto")
            .expect("there")
            .folder = "/root/wire".into();
        assert_eq!(packages_without_rule(&stray).len(), 2);
        let said = code_map_differs(
            "| `linker-match` | `linker/match` | why | token |\n| `linker-token` | `linker/token` | why | – |",
        );
        assert_eq!(
            said.len(),
            ALLOWED_EDGES.len() - 1,
            "only linker-token is said as it is"
        );
    }

    #[test]
    fn rule_6_for_sources_bites() {
        let mut graph = by_hand(
            &["linker-match"],
            &[("linker-match", "helper", Kind::Normal)],
        );
        assert!(foreign_sources(&graph).is_empty());
        graph.packages.get_mut("helper").expect("there").source =
            Some("git+https://example.org/helper".into());
        assert_eq!(foreign_sources(&graph).len(), 1);
        graph.packages.get_mut("helper").expect("there").source = None;
        assert_eq!(foreign_sources(&graph).len(), 1);
        graph
            .packages
            .get_mut("linker-match")
            .expect("there")
            .folder = "/elsewhere".into();
        assert_eq!(foreign_sources(&graph).len(), 2);
    }

    #[test]
    fn rule_8_bites() {
        let own = [
            "keymgmt-custody",
            "appliance-store",
            "appliance-server",
            "bench",
        ];
        let graph = by_hand(
            &own,
            &[
                ("keymgmt-custody", "cryptoki", Kind::Normal),
                ("appliance-store", "aes-gcm", Kind::Normal),
                ("appliance-store", "hpke", Kind::Normal),
                ("appliance-server", "cryptoki", Kind::Normal),
                ("appliance-server", "vsss-rs", Kind::Dev),
                ("bench", "cryptoki", Kind::Normal),
                ("rustls", "aws-lc-rs", Kind::Normal),
            ],
        );
        let wanted = [
            "appliance-server depends on cryptoki (Normal)",
            "appliance-store depends on hpke (Normal)",
        ];
        assert_eq!(key_crates_elsewhere(&graph), wanted);
    }
}
