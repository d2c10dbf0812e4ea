//! What the writers wrote, the readers of the tokenizer read: every record, and what it says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic, in its helpers too"
)]

use std::{collections::BTreeMap, io};

use bench::{
    errors::Preset,
    people::{Population, Sex, names::Names},
    sites::{Site, Written, clinic, hospital, records, town, truth},
};
use linker_token::Field;
use linker_tokenize::{
    CsvMapping, Quality, SourceRecord,
    format::{csv, ssmix2, uke},
};
use sha2::{Digest as _, Sha256};

/// Everything that was written, by local number, and everything that was read.
struct Holding {
    written: BTreeMap<String, Written>,
    read: Vec<SourceRecord>,
}

fn hold(population: &Population, site: Site, preset: Preset) -> Holding {
    let mut written = BTreeMap::new();
    let mut seen = |record: &Written| {
        let earlier = written.insert(record.local_id.clone(), record.clone());
        assert!(earlier.is_none(), "a number is given once");
        Ok(())
    };
    let (mut read, mut out) = (Vec::new(), Vec::new());
    let mut take = |row: u64, outcome: Result<SourceRecord, linker_tokenize::RowError>| {
        read.push(outcome.unwrap_or_else(|error| panic!("row {row}: {error}")));
    };
    match site {
        Site::Hospital => {
            let mut row = 0;
            records(population, site, preset, &mut |record| {
                row += 1;
                let ssmix2::Adt::Current(found) =
                    ssmix2::read(&hospital::current(&record)).unwrap()
                else {
                    panic!("a current record")
                };
                take(row, Ok(found));
                seen(&record)
            })
            .unwrap();
        }
        Site::Town => {
            town::write(population, preset, &mut out, &mut seen).unwrap();
            let mapping = CsvMapping::parse(town::MAPPING).unwrap();
            let report = csv::read(&mapping, &out, &mut take).unwrap();
            assert_eq!(report.rejected, 0);
        }
        Site::Clinic => {
            clinic::write(population, preset, &mut out, &mut seen).unwrap();
            let report = uke::read(&out, &mut take).unwrap();
            assert!(report.complete && report.rejected == 0);
        }
    }
    Holding { written, read }
}

#[test]
fn every_record_is_read_back_with_what_it_says() {
    let population = Population::generate(1500, 5);
    for preset in Preset::ALL {
        for site in Site::ALL {
            let held = hold(&population, site, preset);
            assert_eq!(
                held.read.len(),
                held.written.len(),
                "{} {}",
                site.name(),
                preset.name()
            );
            for record in &held.read {
                check(site, &held.written[record.local_id()], record);
            }
        }
    }
}

fn check(site: Site, written: &Written, read: &SourceRecord) {
    let value = |field| read.identifiers().get(field);
    let dummy = written.birth.year == 1900;
    if !dummy {
        assert_eq!(
            value(Field::BirthYear),
            Some(&*format!("{:04}", written.birth.year))
        );
        assert_eq!(
            value(Field::BirthMonth),
            Some(&*format!("{:02}", written.birth.month))
        );
        assert_eq!(
            value(Field::BirthDay),
            Some(&*format!("{:02}", written.birth.day))
        );
    }
    let known = written.sex.is_some() || site == Site::Clinic;
    assert_eq!(value(Field::Sex).is_some(), known);
    // A placeholder for a name says nothing, also with a note or exchanged with the family name, and a Roman name
    // can be read without its kana.
    let mut names = [&written.family, &written.given].into_iter();
    if !names.any(|name| name.starts_with("ベビー")) && !written.roman {
        let has_kana = !written.family_kana.is_empty();
        assert_eq!(
            value(Field::KanaName).is_some(),
            has_kana,
            "kana of {}",
            site.name()
        );
    }
    if site != Site::Clinic {
        // A code that the source lacks may be filled in from the address.
        let lacks = read.quality().has(Quality::NoPostalCode);
        assert_eq!(lacks, !written.has_postal);
        assert_eq!(value(Field::Block).is_some(), written.has_address);
    }
    if let Some(number) = value(Field::Insurer) {
        assert_eq!(number.len(), 8);
    }
}

#[test]
fn the_sites_overlap_as_set() {
    let population = Population::generate(10_000, 1);
    let people = |site| -> f64 {
        let mut count = 0_u32;
        records(&population, site, Preset::CleanRegister, &mut |_record| {
            count += 1;
            Ok::<(), io::Error>(())
        })
        .unwrap();
        f64::from(count) / 10_000.0
    };
    assert!((people(Site::Hospital) - 0.55).abs() < 0.03);
    assert!((people(Site::Town) - 0.70).abs() < 0.03);
    assert!((people(Site::Clinic) - 0.45).abs() < 0.03);
}

#[test]
fn the_tree_holds_versions_and_the_truth_is_apart() {
    let folder = tempfile::tempdir().unwrap();
    let population = Population::generate(400, 2);
    let file = folder.path().join("truth.csv");
    let mut truth = truth::Truth::create(&file).unwrap();
    let root = folder.path().join("tree");
    let mut count = 0;
    hospital::write(&population, Preset::TypicalHospital, &root, &mut |record| {
        count += 1;
        truth.add(Site::Hospital, record)
    })
    .unwrap();
    truth.finish().unwrap();
    let truth = truth::read(&file).unwrap();
    assert_eq!(truth["hospital"].len(), count);

    let mut files = Vec::new();
    find(&root, &mut files);
    let of_flag = |flag| files.iter().filter(|name| name.ends_with(flag)).count();
    assert_eq!(of_flag("_-_1"), count);
    assert!(of_flag("_-_2") > 5 && of_flag("_-_0") > 1);
    let name = &files[0];
    assert!(ssmix2::file_state(name).is_some(), "{name}");
}

fn find(folder: &std::path::Path, files: &mut Vec<String>) {
    for entry in folder.read_dir().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            find(&entry.path(), files);
        } else {
            files.push(entry.file_name().into_string().unwrap());
        }
    }
}

#[test]
fn names_that_an_old_set_cannot_write_are_marked() {
    let population = Population::generate(20_000, 1);
    let names = Names::shipped();
    let unwritable = |text: &str| text.contains('■');
    let mut marked = 0;
    records(
        &population,
        Site::Hospital,
        Preset::CleanRegister,
        &mut |record| {
            let text = encoding_rs::ISO_2022_JP
                .decode(&hospital::current(&record))
                .0
                .into_owned();
            marked += usize::from(unwritable(&text));
            Ok::<(), io::Error>(())
        },
    )
    .unwrap();
    // Three in a hundred families have an old form, a part of those one outside JIS X 0208.
    assert!((10..200).contains(&marked), "{marked}");
    assert!(
        population
            .people()
            .iter()
            .any(|p| names.is_foreign(p.family.now().name))
    );
    assert!(
        population
            .people()
            .iter()
            .any(|p| p.sex == Sex::Female && p.family.has_changed())
    );
}

/// The same seed makes the same files on every machine. A change of tables, generator, errors or writers
/// changes this on purpose, and with it every figure that is compared over time.
#[test]
fn the_files_of_one_seed_are_fixed() {
    let population = Population::generate(1000, 1);
    let preset = Preset::TypicalHospital;
    let mut out = Vec::new();
    let mut ignore = |_record: &Written| Ok(());
    town::write(&population, preset, &mut out, &mut ignore).unwrap();
    clinic::write(&population, preset, &mut out, &mut ignore).unwrap();
    records(&population, Site::Hospital, preset, &mut |record| {
        out.extend(hospital::current(&record));
        Ok::<(), io::Error>(())
    })
    .unwrap();
    assert_eq!(hex::encode(&Sha256::digest(&out)[..8]), "16a5605262edcc89");
}
