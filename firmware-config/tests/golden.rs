//! The samples render to the files kept below `tests/golden`, byte for byte.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use firmware_config::{catalogue::Catalogue, render, site::Site};

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder, by their path within it.
fn files_below(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(root, &path, found);
        } else {
            let name = path.strip_prefix(root).expect("it lies below the root");
            let text = fs::read_to_string(&path).expect("a golden file is text");
            found.insert(name.to_string_lossy().into_owned(), text);
        }
    }
}

fn compare(sample: &str) {
    let text = fs::read_to_string(package().join("samples").join(format!("{sample}.toml")))
        .expect("the sample is there");
    let site = Site::parse(&text).expect("the sample is sound");
    let catalogue = Catalogue::shipped().expect("shipped data load");
    let rendered = render::render(&catalogue, &site).expect("it renders");
    let folder = package().join("tests/golden").join(sample);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the golden folder is writable");
        }
        render::write(&rendered, &folder).expect("the golden folder is writable");
    }
    let mut kept = BTreeMap::new();
    files_below(&folder, &folder, &mut kept);
    let fresh: BTreeMap<_, _> = rendered
        .into_iter()
        .map(|file| (file.path, file.text))
        .collect();
    assert_eq!(
        kept.keys().collect::<Vec<_>>(),
        fresh.keys().collect::<Vec<_>>(),
        "{sample}: other files"
    );
    for (path, text) in &fresh {
        assert!(
            kept.get(path) == Some(text),
            "{sample}/{path} differs; read the difference after: UPDATE_GOLDEN=1 cargo test -p firmware-config --test golden"
        );
    }
}

#[test]
fn linkage_unit_renders_as_kept() {
    compare("site");
}

#[test]
fn source_site_renders_as_kept() {
    compare("source");
}

#[test]
fn rendering_again_replaces_and_leaves_no_draft() {
    let text =
        fs::read_to_string(package().join("samples/site.toml")).expect("the sample is there");
    let catalogue = Catalogue::shipped().expect("shipped data load");
    let rendered =
        render::render(&catalogue, &Site::parse(&text).expect("sound")).expect("it renders");
    let folder = tempfile::tempdir().expect("temporary folder");
    let first = render::write(&rendered, folder.path()).expect("written");
    fs::write(&first[0], "spoiled").expect("written");
    render::write(&rendered, folder.path()).expect("written again");
    let mut found = BTreeMap::new();
    files_below(folder.path(), folder.path(), &mut found);
    assert_eq!(found.len(), rendered.len());
    assert_eq!(found.get(&rendered[0].path), Some(&rendered[0].text));
}
