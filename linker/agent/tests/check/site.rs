//! A site that is not enrolled: a configuration, a mapping and a table in a temporary folder.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

pub(crate) const MAPPING: &str = r#"
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
[[column]]
header = "insurer"
field = "insurer"
[[column]]
header = "insured"
field = "insured-number"
[[column]]
header = "branch"
field = "insured-branch"
[sex]
male = ["1"]
female = ["2"]
"#;

pub(crate) const HEADER: &str =
    "number,kanji,kana,birth,sex,postal,address,insurer,insured,branch,spare\n";

const CONFIG: &str = r#"
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
address = "https://127.0.0.1:1"
server_name = "appliance.demo"
ca = "ca.pem"
certificate = "hospital.pem"
key = "hospital.key"
"#;

pub(crate) struct Site(tempfile::TempDir);

impl Site {
    pub(crate) fn new(table: &[u8]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        for (name, bytes) in [
            ("tokenizer.toml", CONFIG.as_bytes()),
            ("town.toml", MAPPING.as_bytes()),
            ("source.csv", table),
        ] {
            fs::write(site.path(name), bytes).unwrap();
        }
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn check(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokenizer"));
        command.arg("check").args(args).arg("--config");
        command.arg(self.path("tokenizer.toml"));
        command.env("LC_ALL", "C").current_dir(self.0.path());
        command.output().unwrap()
    }

    /// The report as JSON, and the exit code.
    pub(crate) fn json(&self) -> (serde_json::Value, i32) {
        let output = self.check(&["--json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "one object: {text}");
        (
            serde_json::from_str(&text).unwrap(),
            output.status.code().unwrap(),
        )
    }
}

/// Invented people that differ in every field, without a fault.
pub(crate) fn people(count: usize) -> String {
    let mut out = HEADER.to_owned();
    for number in 0..count {
        out += &person(number);
    }
    out
}

/// The name of an invented person: kanji and kana.
pub(crate) fn name(number: usize) -> (String, String) {
    let kanji: Vec<char> = "山川田中村上下木林森石井原野島本".chars().collect();
    let kana: Vec<char> = "アイウエオカキクケコサシスセソタ".chars().collect();
    // Names of three to five characters, so that no width stands out.
    let places = 3 + number % 3;
    let digits = (0..places + 2).map(|place| number >> (4 * place) & 15);
    let digits: Vec<usize> = digits.chain([places]).collect();
    (
        digits.iter().map(|&digit| kanji[digit]).collect(),
        digits.iter().map(|&digit| kana[digit]).collect(),
    )
}

fn person(number: usize) -> String {
    let (kanji, kana) = name(number);
    let (year, month, day) = (1930 + number % 80, 1 + number % 12, 1 + number % 28);
    format!(
        "{number:07},{kanji},{kana},{year:04}-{month:02}-{day:02},{},{:07},東京都千代田区{kanji}{},\
         01130012,{},{:02},\n",
        1 + number % 2,
        1_000_000 + number,
        1 + number % 30,
        5_000_000 + number,
        number % 7
    )
}
