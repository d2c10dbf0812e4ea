//! Three enrolled sites and an appliance that a test may start, stop and damage.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use bench::{
    demo::{self, Programs, configs, folder::Folder, process::Crew, server},
    errors::Preset,
    sites::Site,
};
use serde_json::Value;
use tempfile::TempDir;

/// The programs, built if they are not there or not new.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let bench = PathBuf::from(env!("CARGO_BIN_EXE_bench"));
        let folder = bench.parent().unwrap();
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--locked", "--bins", "--target-dir"]);
        build.arg(folder.parent().unwrap());
        build.args([
            "-p",
            "appliance-server",
            "-p",
            "linker-agent",
            "-p",
            "keymgmt-ceremony",
        ]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the programs are built");
        Programs {
            ceremony: folder.join("ceremony"),
            appliance: folder.join("appliance"),
            tokenizer: folder.join("tokenizer"),
            bench,
        }
    })
}

/// A folder with everything a demo has before its first upload.
pub(crate) struct Rig {
    pub(crate) folder: Folder,
    pub(crate) crew: Crew,
    _outer: TempDir,
}

impl Rig {
    /// People, keys, and configurations with a fixed port, so that agents find a restarted appliance.
    pub(crate) async fn new(people: u32, batch_rows: u32) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let (folder, crew) = demo::begin(&outer.path().join("demo")).unwrap();
        demo::write_sites(&folder, people, 7, Preset::TypicalHospital).unwrap();
        demo::make_keys(&crew, programs(), &folder).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let rig = Self {
            folder,
            crew,
            _outer: outer,
        };
        rig.change(
            "grpc = \"127.0.0.1:0\"",
            &format!("grpc = \"127.0.0.1:{port}\""),
        );
        configs::desk(&rig.folder, &format!("127.0.0.1:{port}")).unwrap();
        for site in Site::ALL {
            configs::agent(&rig.folder, site, &format!("127.0.0.1:{port}")).unwrap();
            let path = rig.folder.agent_config(site);
            let text = fs::read_to_string(&path).unwrap();
            let text = text.replace("batch_rows = 65536", &format!("batch_rows = {batch_rows}"));
            fs::write(&path, text).unwrap();
        }
        rig
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.appliance().join("appliance.toml")
    }

    /// Changes the appliance's configuration; the old words must be there.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from} is in the configuration");
        fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    pub(crate) async fn start(&self) -> server::Server {
        server::start(&self.crew, programs(), &self.folder)
            .await
            .unwrap()
    }

    /// Runs one program to its end, whatever that is.
    pub(crate) fn call(&self, program: &Path, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .env("SOFTHSM2_CONF", self.folder.softhsm_conf())
            .output()
            .unwrap()
    }

    /// Runs a site's agent to its end.
    pub(crate) fn agent(&self, site: Site) -> Output {
        let config = self.folder.agent_config(site).display().to_string();
        self.call(
            &programs().tokenizer,
            &["run", "--config", &config, "--json"],
        )
    }

    /// What `appliance status` says of the stopped appliance.
    pub(crate) fn status(&self) -> Value {
        let config = self.config().display().to_string();
        let arguments = ["status", "--config", &config, "--token-digest", "--json"];
        let output = self.call(&programs().appliance, &arguments);
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Whether the audit log of the stopped appliance verifies.
    pub(crate) fn verify_audit(&self) {
        let config = self.config().display().to_string();
        let output = self.call(
            &programs().appliance,
            &["audit", "verify", "--config", &config],
        );
        assert!(output.status.success(), "{}", text(&output));
    }
}

pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// Copies a folder, files and folders only.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
