//! A folder with everything that a ceremony needs, and the binary in it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use keymgmt_custody::{package::SitePackage, site::SiteKeys};
use linker_token::SiteId;
use sha2::{Digest as _, Sha256};

pub(crate) const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub(crate) const SITES: [&str; 2] = ["clinic", "hospital"];

/// A folder with SoftHSM2 configuration, PINs, requests, recipe and environment.
pub(crate) struct Room {
    pub(crate) folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        assert!(
            Path::new(MODULE).exists(),
            "SoftHSM2 is missing at {MODULE}: install the package softhsm2 (`./run test` does)"
        );
        let room = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        fs::create_dir(room.at("tokens")).expect("a folder");
        let tokens = room.at("tokens");
        let conf = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            tokens.display()
        );
        room.write("softhsm2.conf", &conf);
        room.write(
            "softhsm2.toml",
            include_str!("../../../custody/profiles/softhsm2.toml"),
        );
        room.write("recipe.toml", include_str!("../../samples/recipe.toml"));
        room.write(
            "environment.toml",
            include_str!("../../samples/environment.toml"),
        );
        for holder in [
            "custody-officer",
            "custody-user",
            "appliance-officer",
            "appliance-user",
        ] {
            let name = format!("{holder}.pin");
            room.write(&name, &format!("only-for-{holder}\n"));
            room.mode(&name, 0o600);
        }
        for site in SITES {
            fs::create_dir(room.at(site)).expect("a folder");
            let keys = SiteKeys::generate().expect("keys");
            keys.save(&room.at(site)).expect("saves");
            let request = keys
                .enrol_request(&id(site), "tokenizer 0.1.0")
                .expect("signs");
            room.write(&format!("{site}/request.note"), &request);
        }
        room
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).expect("writes");
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.at(name), mode).expect("chmod");
    }

    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(name)).expect("reads");
        assert!(text.contains(from), "{name} holds {from}");
        self.write(name, &text.replacen(from, to, 1));
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// The binary in this folder, ready to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ceremony"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SOFTHSM2_CONF", self.at("softhsm2.conf"))
            .env("KRYOPTIC_CONF", self.at("kryoptic.conf"))
            .env_remove("CEREMONY_PAUSE_FILE");
        command
    }

    /// A verb with the usual environment and folder.
    pub(crate) fn verb(&self, verb: &str, more: &[&str]) -> Output {
        let place = ["--environment", "environment.toml", "--out", "out"];
        self.run(&[&[verb], &place[..], more].concat())
    }

    /// Writes a recipe with other steps: the sample, without what the steps are not about.
    pub(crate) fn recipe(&self, name: &str, steps: &[&str], more: &str) {
        let mut text = include_str!("../../samples/recipe.toml").to_owned();
        let old = "steps = [\"token-init\", \"generate\", \"enrol-site\", \"issue\"]";
        assert!(text.contains(old));
        text = text.replacen(old, &format!("steps = {steps:?}"), 1);
        if !steps.contains(&"enrol-site") && !steps.contains(&"issue") {
            text = text.replacen("sites = [\"clinic\", \"hospital\"]", "", 1);
        }
        self.write(name, &format!("{more}\n{text}"));
    }

    /// Rehearses a recipe in the usual folder.
    pub(crate) fn rehearse_recipe(&self, recipe: &str) -> Output {
        self.verb("rehearse", &["--recipe", recipe])
    }

    /// The room as it is, tokens and all, in another place.
    pub(crate) fn copied(&self) -> Self {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).expect("a folder");
            for entry in fs::read_dir(from).expect("lists") {
                let path = entry.expect("lists").path();
                let to = to.join(path.file_name().expect("a name"));
                if path.is_dir() {
                    copy(&path, &to);
                } else {
                    fs::copy(&path, &to).expect("copies");
                }
            }
        }
        let room = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        copy(self.folder.path(), room.folder.path());
        let conf = room.text("softhsm2.conf");
        let (from, to) = (self.at("tokens"), room.at("tokens"));
        let conf = conf.replace(&from.display().to_string(), &to.display().to_string());
        room.write("softhsm2.conf", &conf);
        room
    }

    /// Digests of everything in the folder of results, but the lock.
    pub(crate) fn fingerprint(&self) -> String {
        let mut lines = Vec::new();
        let mut folders = vec![self.at("out")];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries {
                let path = entry.expect("lists").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("ceremony.lock") {
                    let digest = Sha256::digest(fs::read(&path).expect("reads"));
                    lines.push(format!("{} {}", path.display(), hex::encode(digest)));
                }
            }
        }
        lines.sort_unstable();
        lines.join("\n")
    }

    pub(crate) fn rehearse(&self) -> Output {
        let place = ["--environment", "environment.toml", "--out", "out"];
        self.run(&[&["rehearse", "--recipe", "recipe.toml"], &place[..]].concat())
    }

    pub(crate) fn receipt(&self, files: &[&str]) -> Output {
        let place = [
            "receipt",
            "--environment",
            "environment.toml",
            "--out",
            "out",
        ];
        self.run(&[&place[..], files].concat())
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.at(name)).expect("reads")
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).expect("reads")
    }

    /// Does what a tokenizer does on `accept`.
    pub(crate) fn accept(&self, site: &str) {
        let keys = SiteKeys::load(&self.at(site)).expect("loads");
        let package = self.bytes(&format!("out/packages/{site}.pkg"));
        let csk = self.bytes("out/csk.spki");
        let opened = SitePackage::open(&package, &keys, &id(site), &csk, now()).expect("opens");
        let receipt = opened.receipt(&keys).expect("signs");
        self.write(&format!("{site}/receipt.note"), &receipt);
    }

    pub(crate) fn verify_transcript(&self) -> Output {
        let csk = ["--csk", "out/csk.spki"];
        self.run(&[&["transcript", "verify", "out/transcript.jsonl"], &csk[..]].concat())
    }
}

pub(crate) fn id(site: &str) -> SiteId {
    SiteId::parse(site).expect("a name")
}

pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

pub(crate) fn good(output: &Output) -> String {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    text
}

pub(crate) fn refused(output: &Output, code: &str, exit: i32) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&format!("error [{code}]: ")), "{text}");
    assert!(text.contains("\n  try: "), "{text}");
    assert_eq!(output.status.code(), Some(exit), "{text}");
}
