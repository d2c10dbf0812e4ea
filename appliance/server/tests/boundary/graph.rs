//! The package graph as cargo tells it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::Versions;

/// Kind of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

/// One package.
#[derive(Debug, Clone, Default)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) licence: Option<String>,
    /// `None` for a package on disk.
    pub(super) source: Option<String>,
    pub(super) folder: PathBuf,
    pub(super) own: bool,
}

/// Packages by cargo's identifier, and the edges between them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) root: PathBuf,
    pub(super) packages: BTreeMap<String, Package>,
    pub(super) edges: BTreeSet<(String, String, Kind)>,
}

impl Graph {
    /// The graph of the workspace for this machine. Cargo unites the features of all members here, tests
    /// included, so that it shows rather too much than too little.
    pub(super) fn of_workspace(root: &Path) -> Self {
        let platform = format!("{}-unknown-linux-gnu", env::consts::ARCH);
        let output = cargo(
            root,
            &[
                "metadata",
                "--format-version",
                "1",
                "--filter-platform",
                &platform,
            ],
        );
        Self::parse(&serde_json::from_str(&output).expect("cargo metadata prints JSON"))
    }

    /// Reads what `cargo metadata` prints.
    pub(super) fn parse(metadata: &serde_json::Value) -> Self {
        let string = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let list = |value: &serde_json::Value| value.as_array().cloned().expect("a list");
        let members: BTreeSet<_> = list(&metadata["workspace_members"])
            .iter()
            .filter_map(string)
            .collect();
        let mut graph = Self {
            root: string(&metadata["workspace_root"]).expect("a root").into(),
            ..Self::default()
        };
        for package in list(&metadata["packages"]) {
            let id = string(&package["id"]).expect("an identifier");
            let manifest = PathBuf::from(string(&package["manifest_path"]).expect("a manifest"));
            let known = Package {
                name: string(&package["name"]).expect("a name"),
                version: string(&package["version"]).expect("a version"),
                licence: string(&package["license"]),
                source: string(&package["source"]),
                folder: manifest.parent().expect("a folder").to_owned(),
                own: members.contains(&id),
            };
            graph.packages.insert(id, known);
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let from = string(&node["id"]).expect("an identifier");
            for edge in list(&node["deps"]) {
                let to = string(&edge["pkg"]).expect("an identifier");
                for kind in list(&edge["dep_kinds"]) {
                    let kind = match kind["kind"].as_str() {
                        None => Kind::Normal,
                        Some("build") => Kind::Build,
                        Some(_) => Kind::Dev,
                    };
                    graph.edges.insert((from.clone(), to.clone(), kind));
                }
            }
        }
        graph
    }

    /// Our own packages and their folders.
    pub(super) fn own_folders(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.packages
            .values()
            .filter(|package| package.own)
            .map(|package| (package.name.as_str(), package.folder.as_path()))
    }

    /// The folder of one of our packages, relative to the root, with dashes for slashes.
    pub(super) fn dashed_folder(&self, package: &Package) -> String {
        let folder = package
            .folder
            .strip_prefix(&self.root)
            .unwrap_or(&package.folder);
        folder.to_string_lossy().replace('/', "-")
    }

    /// Everything that is reached from packages over normal and build edges, the packages included.
    pub(super) fn reached(&self, from: impl Fn(&Package) -> bool) -> BTreeMap<&str, &Package> {
        let mut found = BTreeMap::new();
        let mut open: Vec<&str> = self
            .packages
            .iter()
            .filter(|(_, package)| from(package))
            .map(|(id, _)| id.as_str())
            .collect();
        while let Some(id) = open.pop() {
            if found.insert(id, &self.packages[id]).is_none() {
                let on = self
                    .edges
                    .iter()
                    .filter(|(from, _, kind)| from == id && *kind != Kind::Dev);
                open.extend(on.map(|(_, to, _)| to.as_str()));
            }
        }
        found
    }

    /// What is reached from anything of ours but `bench`.
    pub(super) fn shipped(&self) -> BTreeMap<&str, &Package> {
        self.reached(|package| package.own && package.name != "bench")
    }

    /// Edges between our own packages, by name.
    pub(super) fn own_edges(&self) -> impl Iterator<Item = (&str, &str, Kind)> {
        self.edges.iter().filter_map(|(from, to, kind)| {
            let (from, to) = (&self.packages[from], &self.packages[to]);
            (from.own && to.own).then_some((from.name.as_str(), to.name.as_str(), *kind))
        })
    }
}

/// Names and versions that are linked into a set of packages, with exactly their features.
pub(super) fn resolved_for(root: &Path, packages: &[&str]) -> Versions {
    let mut arguments = vec![
        "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}",
    ];
    for package in packages {
        arguments.extend(["--package", package]);
    }
    let mut versions = Versions::new();
    for line in cargo(root, &arguments).lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions
                .entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
        }
    }
    assert!(
        packages
            .iter()
            .all(|package| versions.contains_key(*package)),
        "cargo tree names what it was asked for"
    );
    versions
}

/// What cargo prints. Asked offline first; a fresh machine may lack crates of packages that are not under
/// test, and then cargo fetches what the lock file names.
fn cargo(root: &Path, arguments: &[&str]) -> String {
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(root)
            .args(arguments)
            .args(more)
            .output()
            .expect("cargo starts")
    };
    let mut output = run(&["--offline"]);
    if !output.status.success() {
        output = run(&["--locked"]);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {}: {complaint}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// A graph written by hand: `own` packages, and edges `(from, to, kind)` that also name foreign ones.
#[cfg(test)]
pub(super) fn by_hand(own: &[&str], edges: &[(&str, &str, Kind)]) -> Graph {
    let mut graph = Graph {
        root: "/root".into(),
        ..Graph::default()
    };
    let named = edges
        .iter()
        .flat_map(|(from, to, _)| [*from, *to])
        .chain(own.iter().copied());
    for name in named {
        let mine = own.contains(&name);
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: Some("MIT OR Apache-2.0".to_owned()),
            source: (!mine).then(|| super::lists::REGISTRY.to_owned()),
            folder: PathBuf::from("/root").join(name.replacen('-', "/", 1)),
            own: mine,
        };
        graph.packages.insert(name.to_owned(), package);
    }
    graph.edges = edges
        .iter()
        .map(|(from, to, kind)| ((*from).to_owned(), (*to).to_owned(), *kind))
        .collect();
    graph
}
