//! A running `appliance` in a folder of its own.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    keys,
    pki::{self, Authority},
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_appliance");
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const HOSPITAL: &str = "spiffe://musubi/site/hospital/agent/1";
pub(crate) const TOWN: &str = "spiffe://musubi/site/town/agent/1";
pub(crate) const RESEARCH: &str = "spiffe://musubi/processing/research";
pub(crate) const OTHER_RESEARCH: &str = "spiffe://musubi/processing/other";
/// Another caller of the first one's project.
pub(crate) const COLLEAGUE: &str = "spiffe://musubi/processing/colleague";
pub(crate) const OPERATOR: &str = "spiffe://musubi/operator/1";
pub(crate) const DESK: &str = "spiffe://musubi/desk/consultation/agent/1";

const CONFIG: &str = r#"
[service]
origin = "musubi.test/demo"
data = "data"
[listen]
grpc = "127.0.0.1:0"
admin = "127.0.0.1:0"
port_file = "ports.json"
[tls]
certificate = "server.pem"
key = "server.key"
client_ca = "ca.pem"
crl = "ca.crl.pem"
[hsm]
profile = "softhsm2.toml"
token = "musubi-appliance"
pin_file = "appliance.pin"
inventory = "appliance.inventory"
custody_key = "csk.spki"
[linkage]
project = "demo"
epoch = 1
schema = "jp-1"
enrolment = "enrolment.signed"
[[caller]]
uri = "spiffe://musubi/site/hospital/agent/1"
role = "site"
site = "hospital"
[[caller]]
uri = "spiffe://musubi/site/town/agent/1"
role = "site"
site = "town"
[[caller]]
uri = "spiffe://musubi/processing/research"
role = "processing"
projects = ["demo-study"]
resolve_tokens = true
[[caller]]
uri = "spiffe://musubi/processing/other"
role = "processing"
projects = ["other-study"]
resolve_tokens = true
[[caller]]
uri = "spiffe://musubi/processing/colleague"
role = "processing"
projects = ["demo-study"]
[[caller]]
uri = "spiffe://musubi/operator/1"
role = "operator"
[[caller]]
uri = "spiffe://musubi/desk/consultation/agent/1"
role = "consultation"
desk = "consultation"
"#;

/// Everything a service needs, in a folder of its own.
pub(crate) struct Folder {
    dir: TempDir,
    pub(crate) authority: Authority,
}

impl Folder {
    /// `None` where no token can be made.
    pub(crate) fn new() -> Option<Self> {
        if !keys::softhsm_is_here() {
            return None;
        }
        let dir = tempfile::tempdir().expect("a folder");
        keys::place(dir.path());
        let enrolled = ["hospital", "town", "consultation"];
        keys::enrol(dir.path(), &enrolled, keys::CHECK, u64::MAX / 2);
        let authority = Authority::new("test CA");
        pki::place(dir.path(), &authority);
        fs::write(dir.path().join("appliance.toml"), CONFIG).expect("writes");
        Some(Self { dir, authority })
    }

    /// Names a second, newer key epoch in the configuration, with these sites enrolled.
    pub(crate) fn open_next(&self, sites: &[&str]) {
        let list = keys::enrolment(keys::NEXT, keys::NEXT_CHECK, sites);
        keys::publish(self.path(), "enrolment-2.signed", &list);
        let text = fs::read_to_string(self.config()).expect("reads");
        let next = format!(
            "[next]\nepoch = 2\nenrolment = \"enrolment-2.signed\"\ninventory = \"{}\"\ndata = \"data-2\"\n[[caller]]",
            keys::NEXT_INVENTORY
        );
        fs::write(self.config(), text.replacen("[[caller]]", &next, 1)).expect("writes");
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("appliance.toml")
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("starts")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .current_dir(self.path())
            .env("SOFTHSM2_CONF", keys::softhsm_conf(self.path()))
            .env_remove("RUST_LOG");
        command
    }

    /// Starts the service and waits until its ports are open.
    pub(crate) fn serve(&self) -> Service {
        self.start(self.command(&["serve", "--config", "appliance.toml"]))
    }

    /// The same, but no file may grow beyond so many KiB, which is what a full disk feels like.
    pub(crate) fn serve_with_file_limit(&self, kib: u32) -> Service {
        let script =
            format!("trap '' XFSZ; ulimit -f {kib}; exec {BINARY} serve --config appliance.toml");
        let mut command = Command::new("bash");
        command
            .args(["-c", &script])
            .current_dir(self.path())
            .env("SOFTHSM2_CONF", keys::softhsm_conf(self.path()))
            .env_remove("RUST_LOG");
        self.start(command)
    }

    fn start(&self, mut command: Command) -> Service {
        let ports = self.path().join("ports.json");
        if ports.exists() {
            fs::remove_file(&ports).expect("removes");
        }
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.path().join("log.jsonl"))
            .expect("a log");
        let child = command
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        let mut service = Service {
            child,
            grpc: ([0, 0, 0, 0], 0).into(),
            admin: ([0, 0, 0, 0], 0).into(),
        };
        let deadline = Instant::now() + PATIENCE;
        while !ports.exists() {
            let ended = service.child.try_wait().expect("asks");
            assert!(ended.is_none(), "the service ended: {}", self.log());
            assert!(
                Instant::now() < deadline,
                "the service does not start: {}",
                self.log()
            );
            std::thread::yield_now();
        }
        let text = fs::read_to_string(&ports).expect("reads");
        let addresses: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let address = |name: &str| {
            let text = addresses[name].as_str().expect("an address");
            text.parse::<SocketAddr>().expect("an address")
        };
        (service.grpc, service.admin) = (address("grpc"), address("admin"));
        service
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log.jsonl")).unwrap_or_default()
    }
}

/// A running service; killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) grpc: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Service {
    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill")
            .args([name, &id])
            .status()
            .expect("kill is there");
        assert!(status.success());
    }

    /// Asks the service to stop and waits for its end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("ends")
    }

    /// Ends the service as a crash would.
    pub(crate) fn crash(mut self) {
        self.child.kill().expect("ends");
        self.child.wait().expect("ends");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Ending an ended process is the wanted state as well.
            let _ended = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}
