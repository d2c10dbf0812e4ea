//! The short way against the real files and readers.

use std::collections::BTreeMap;

use linker_tokenize::{
    CsvMapping,
    format::{csv, ssmix2, uke},
};

use super::*;
use crate::{
    errors::Preset,
    people::Population,
    sites::{self, clinic, hospital, town},
};

/// Local number to normal form, by the real files and readers.
fn read(population: &Population, site: Site, preset: Preset) -> BTreeMap<String, SourceRecord> {
    let mut records = BTreeMap::new();
    let mut out = Vec::new();
    let mut take = |record: SourceRecord| {
        records.insert(record.local_id().to_owned(), record);
    };
    let mut rows = |_row, outcome: Result<SourceRecord, _>| {
        if let Ok(record) = outcome {
            take(record);
        }
    };
    match site {
        Site::Hospital => {
            let mut each = |written: Written| {
                if let Ok(ssmix2::Adt::Current(record)) = ssmix2::read(&hospital::current(&written))
                {
                    take(record);
                }
                Ok::<_, ()>(())
            };
            sites::records(population, site, preset, &mut each).expect("never fails");
        }
        Site::Town => {
            town::write(population, preset, &mut out, &mut |_| Ok(())).expect("writes");
            let mapping = CsvMapping::parse(town::MAPPING).expect("good");
            csv::read(&mapping, &out, &mut rows).expect("reads");
        }
        Site::Clinic => {
            clinic::write(population, preset, &mut out, &mut |_| Ok(())).expect("writes");
            uke::read(&out, &mut rows).expect("reads");
        }
    }
    records
}

fn sorted(identifiers: &Identifiers) -> Vec<(Field, String)> {
    let mut all: Vec<(Field, String)> = identifiers
        .iter()
        .map(|(field, value)| (field, value.to_owned()))
        .collect();
    all.sort_unstable();
    all
}

#[test]
fn the_short_way_ends_where_the_long_one_does() {
    let population = Population::generate(3_000, 5);
    let mut forms = Forms::new();
    for preset in Preset::ALL {
        for site in Site::ALL {
            let real = read(&population, site, preset);
            let mut seen = 0;
            let mut each = |written: Written| {
                let short = forms.of(site, &written);
                let Some(real) = real.get(&written.local_id) else {
                    assert_eq!(sorted(&short.identifiers), []);
                    return Ok::<_, ()>(());
                };
                seen += 1;
                assert_eq!(
                    sorted(&short.identifiers),
                    sorted(real.identifiers()),
                    "{} {written:?}",
                    site.name()
                );
                assert_eq!(short.flags, real.flags(), "{written:?}");
                assert_eq!(
                    short.former.as_ref().map(sorted),
                    real.former().map(sorted),
                    "{written:?}"
                );
                Ok(())
            };
            sites::records(&population, site, preset, &mut each).expect("never fails");
            assert!(seen > 1_000, "{seen}");
        }
    }
}

#[test]
fn every_region_has_towns_of_its_own() {
    let population = Population::generate(300, 5);
    let mut towns: Vec<Vec<(Field, String)>> = Vec::new();
    for region in [0, 1, 2, 400] {
        let mut forms = Forms::new();
        let mut each = |mut written: Written| {
            written.person = region * REGION_PEOPLE;
            towns.push(
                sorted(&forms.of(Site::Town, &written).identifiers)
                    .into_iter()
                    .filter(|(field, _)| matches!(field, Field::Town | Field::PostalCode))
                    .collect(),
            );
            Err(())
        };
        let stopped = sites::records(&population, Site::Town, Preset::CleanRegister, &mut each);
        assert!(stopped.is_err(), "one is enough");
    }
    assert!(towns.iter().all(|town| town.len() == 2));
    towns.sort();
    towns.dedup_by(|a, b| a[0] == b[0] || a[1] == b[1]);
    assert_eq!(towns.len(), 4);
}
