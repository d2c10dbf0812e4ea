//! A site: configuration, source, keys and package in a temporary folder, and the binary to run.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use keymgmt_custody::{
    Custody as _, Oaep, Secret,
    hierarchy::check_value,
    oaep,
    package::{self, PackageContent},
    site::EnrolRequest,
    software::SoftwareCustody,
};
use linker_token::{Epoch, ProjectId, Schema, SiteId};
use sha2::{Digest as _, Sha256};

use super::{appliance::Appliance, pki::Issued};

pub(crate) const EPOCH: u32 = 7;

const MAPPING: &str = r#"
[[column]]
header = "number"
field = "record-id"
[[column]]
header = "kanji"
field = "kanji-name"
[[column]]
header = "kana"
field = "kana-name"
[[column]]
header = "birth"
field = "birth-date"
[[column]]
header = "sex"
field = "sex"
[[column]]
header = "postal"
field = "postal-code"
[[column]]
header = "address"
field = "address"
"#;

pub(crate) const HEADER: &str = "number,kanji,kana,birth,sex,postal,address\n";

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) csk: SoftwareCustody,
}

impl Site {
    /// A site with a configuration for `appliance`, and without keys.
    pub(crate) fn new(appliance: &Appliance) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csk = SoftwareCustody::danger_for_tests(900);
        let site = Self { folder, csk };
        site.write("csk.spki", site.csk.audit_public_key());
        site.write("ca.pem", appliance.authority.pem());
        site.certificate(&appliance.authority.agent("hospital"));
        site.write("town.toml", MAPPING);
        site.configure(&appliance.address(), 65_536, 5);
        site
    }

    /// The same with keys and an accepted package.
    pub(crate) fn enrolled(appliance: &Appliance) -> Self {
        let site = Self::new(appliance);
        assert_eq!(site.run(&["enrol"]).status.code(), Some(0));
        site.enrol(appliance);
        site
    }

    /// Lets the appliance know the site's present keys, and accepts a package for them.
    pub(crate) fn enrol(&self, appliance: &Appliance) {
        appliance.lock().site_key = self.request().sign_spki;
        self.accept(appliance, Epoch(EPOCH));
    }

    pub(crate) fn accept(&self, appliance: &Appliance, epoch: Epoch) {
        self.accept_package(&self.package(appliance, epoch));
    }

    /// Accepts a package; returns what was said beside it.
    pub(crate) fn accept_package(&self, package: &[u8]) -> String {
        self.write("site.pkg", package);
        let package = self.path("site.pkg");
        let output = self.run(&["accept-key", package.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stderr)
    }

    /// A package from the custodians for this site's request.
    pub(crate) fn package(&self, appliance: &Appliance, epoch: Epoch) -> Vec<u8> {
        let ingest = appliance.custody.ingest_public_key();
        self.package_for(appliance, epoch, ingest, Oaep::Sha256)
    }

    /// The same for any ingest key and way of sealing.
    pub(crate) fn package_for(
        &self,
        appliance: &Appliance,
        epoch: Epoch,
        ingest: &[u8],
        oaep: Oaep,
    ) -> Vec<u8> {
        self.package_with(appliance, epoch, |content| {
            content.ingest_spki = ingest.to_vec();
            content.oaep = oaep;
        })
    }

    /// A package whose content is changed before it is signed.
    pub(crate) fn package_with(
        &self,
        appliance: &Appliance,
        epoch: Epoch,
        change: impl FnOnce(&mut PackageContent),
    ) -> Vec<u8> {
        let request = self.request();
        let project = ProjectId::parse("demo").unwrap();
        let secret = Secret::take(&mut [epoch.0.to_be_bytes()[3]; 32]);
        let mut content = PackageContent {
            check: check_value(&secret, &project, epoch),
            project,
            epoch,
            site: SiteId::parse("hospital").unwrap(),
            schema: Schema::jp_1().digest(),
            oaep: Oaep::Sha256,
            wrapped_secret: Vec::new(),
            wrap_digest: Sha256::digest(&request.wrap_spki).into(),
            ingest_spki: appliance.custody.ingest_public_key().to_vec(),
            audit_spki: appliance.custody.audit_public_key().to_vec(),
            issued_unix_s: 0,
            expires_unix_s: 4_000_000_000,
            receipt_nonce: [3; 16],
        };
        change(&mut content);
        content.check = check_value(&secret, &content.project, content.epoch);
        content.wrapped_secret = oaep::seal(&request.wrap_spki, content.oaep, &secret).unwrap();
        let sign = |digest: &[u8; 32]| self.csk.sign_audit(digest);
        let csk = self.csk.audit_public_key();
        package::issue(&content, &request.outer_point, csk, sign).unwrap()
    }

    /// The enrolment request in the state folder.
    pub(crate) fn request(&self) -> EnrolRequest {
        let request = fs::read_to_string(self.path("state/request.note")).unwrap();
        EnrolRequest::parse_verified(&request).unwrap()
    }

    pub(crate) fn configure(&self, address: &str, batch_rows: usize, retry: u64) {
        self.write(
            "tokenizer.toml",
            format!(
                r#"
[site]
name = "hospital"
state = "state"
[source]
format = "csv"
path = "source.csv"
mapping = "town.toml"
[keys]
custody_key = "csk.spki"
[appliance]
address = "{address}"
server_name = "appliance.demo"
ca = "ca.pem"
certificate = "hospital.pem"
key = "hospital.key"
retry_for_seconds = {retry}
[upload]
batch_rows = {batch_rows}
"#
            ),
        );
    }

    /// Replaces a piece of the configuration.
    pub(crate) fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("tokenizer.toml")).unwrap();
        assert!(text.contains(from));
        self.write("tokenizer.toml", text.replacen(from, to, 1));
    }

    pub(crate) fn certificate(&self, issued: &Issued) {
        self.write("hospital.pem", &issued.certificate);
        self.write("hospital.key", &issued.key);
    }

    pub(crate) fn people(&self, count: usize) {
        self.write("source.csv", people(0..count));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokenizer"));
        command.args(args).arg("--config");
        command.arg(self.path("tokenizer.toml"));
        // What is compared here is English, on whatever machine.
        command.env("LC_ALL", "C");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `run --json` off the test's runtime and expects an exit code; returns the JSON object.
    pub(crate) async fn upload(&self, code: i32) -> serde_json::Value {
        let mut command = self.command(&["run", "--json"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = output.await.unwrap();
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        let stdout = text(&output.stdout);
        assert_eq!(stdout.lines().count(), 1, "one JSON object: {stdout}");
        serde_json::from_str(&stdout).unwrap()
    }

    /// As [`Self::upload`] for a run that fails: the stable code.
    pub(crate) async fn refused(&self, exit: i32, code: &str) -> serde_json::Value {
        let object = self.upload(exit).await;
        assert_eq!(object["code"], code, "{object}");
        object
    }

    /// The linkage table, exported as the processing tier gets it.
    pub(crate) fn table(&self) -> String {
        let place = self.path("exported.csv");
        let output = self.run(&["table", "export", place.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let exported = fs::read_to_string(&place).unwrap();
        fs::remove_file(place).unwrap();
        exported
    }

    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Invented people that differ in every field.
pub(crate) fn people(numbers: std::ops::Range<usize>) -> String {
    let kanji: Vec<char> = "山川田中村上下木林森石井原野島本".chars().collect();
    let kana: Vec<char> = "アイウエオカキクケコサシスセソタ".chars().collect();
    let mut out = HEADER.to_owned();
    for number in numbers {
        let digits: Vec<usize> = (0..5).map(|place| number >> (4 * place) & 15).collect();
        let name: String = digits.iter().map(|&digit| kanji[digit]).collect();
        let reading: String = digits.iter().map(|&digit| kana[digit]).collect();
        let (year, month, day) = (1930 + number % 80, 1 + number % 12, 1 + number % 28);
        let _infallible = writeln!(
            out,
            "{number:07},{name},{reading},{year:04}-{month:02}-{day:02},{},{:07},東京都千代田区{name}{}",
            1 + number % 2,
            1_000_000 + number,
            1 + number % 30
        );
    }
    out
}

/// Every file below a folder, with its bytes.
pub(crate) fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found
}
