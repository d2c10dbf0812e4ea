//! Population to clusters in one process: the writers' bytes through the readers, the encoder and the matcher.

use std::time::Instant;

use linker_match::{Dataset, Estimates, Settings, link};
use linker_token::{Epoch, ProjectId, RecordRef, Schema, TokenBatch};
use linker_tokenize::{
    CsvMapping, Encoder, SourceRecord,
    format::{csv, ssmix2, uke},
};

use sha2::{Digest as _, Sha256};

use super::{
    interval,
    spots::{Spots, Traits},
};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    evaluate::Score,
    people::Population,
    sites::{self, Site, clinic, hospital, town},
};

/// What came out.
pub struct Outcome {
    /// Against the truth.
    pub score: Score,
    /// 95% interval of F1, by chance over persons.
    pub f1_interval: (f64, f64),
    /// As the model sees itself.
    pub estimates: Estimates,
    /// Pairs for review.
    pub review_pairs: u64,
    /// Kernel used.
    pub kernel: &'static str,
    /// Pairs that went wrong, by kind.
    pub spots: Spots,
    /// Seconds for everything.
    pub seconds: f64,
}

/// Encoding secret of one population: like the service, every population has its own.
fn secret(population: &Population) -> [u8; 32] {
    Sha256::digest(format!("bench quality {}", population.seed())).into()
}

/// What one site's records became.
struct Encoded {
    site: u16,
    batches: Vec<TokenBatch>,
    /// Reference, person and traits of every record that was written.
    known: Vec<(RecordRef, Traits)>,
}

pub(super) fn run(
    population: &Population,
    preset: Preset,
    schema: &Schema,
) -> Result<Outcome, BenchError> {
    let start = Instant::now();
    let mut known = Vec::new();
    let mut parts = Vec::new();
    for (index, site) in (0..).zip(Site::ALL) {
        let encoded = encode(population, site, index, preset, schema)?;
        parts.extend(
            encoded
                .batches
                .into_iter()
                .map(|batch| (encoded.site, batch)),
        );
        known.extend(
            encoded
                .known
                .into_iter()
                .map(|(reference, traits)| ((index, reference), traits)),
        );
    }
    let failed = |error| file("match")(std::io::Error::other(error));
    let dataset = Dataset::build(schema, parts).map_err(failed)?;
    let linkage = link(&dataset, &Settings::standard(), &|_progress| {}).map_err(failed)?;
    known.sort_unstable_by_key(|record| record.0);
    // A record that made no token is a cluster of its own.
    let mut alone = u32::MAX;
    let records: Vec<(u32, Traits)> = known
        .into_iter()
        .map(|((site, reference), traits)| {
            let key = linker_match::RecordKey { site, reference };
            let cluster = dataset
                .keys()
                .binary_search(&key)
                .map(|record| linkage.cluster_of_record[record]);
            let cluster = cluster.unwrap_or_else(|_absent| {
                alone -= 1;
                alone
            });
            (cluster, traits)
        })
        .collect();
    let pairs: Vec<(u32, u32)> = records
        .iter()
        .map(|(cluster, traits)| (*cluster, traits.person))
        .collect();
    Ok(Outcome {
        f1_interval: interval::of_f1(&pairs, population.seed()),
        score: Score::of(pairs),
        estimates: linkage.estimates,
        review_pairs: linkage.review_pairs,
        kernel: linkage.kernel,
        spots: Spots::of(records),
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn encode(
    population: &Population,
    site: Site,
    index: u16,
    preset: Preset,
    schema: &Schema,
) -> Result<Encoded, BenchError> {
    let project = ProjectId::parse("bench").expect("the name is a good one");
    let reference_key = [u8::try_from(index).unwrap_or(0); 32];
    let mut encoder = Encoder::new(
        schema,
        &secret(population),
        &reference_key,
        &project,
        Epoch(1),
    );
    let mut encoded = Encoded {
        site: index,
        batches: vec![TokenBatch::new(schema)],
        known: Vec::new(),
    };
    let mut traits: Vec<(String, Traits)> = Vec::new();
    let bytes = bytes_of(population, site, preset, &mut traits)?;
    let Encoded { batches, known, .. } = &mut encoded;
    let mut take = |record: &SourceRecord| {
        for token in encoder.encode(record) {
            if batches
                .last_mut()
                .is_none_or(|batch| batch.push(&token).is_err())
            {
                let mut batch = TokenBatch::new(schema);
                batch
                    .push(&token)
                    .expect("an empty batch takes a token of its schema");
                batches.push(batch);
            }
        }
    };
    read(site, &bytes, &mut take)?;
    known.extend(
        traits
            .into_iter()
            .map(|(id, traits)| (encoder.reference(&id), traits)),
    );
    Ok(encoded)
}

/// The files of one site.
enum Files {
    Many(Vec<Vec<u8>>),
    One(Vec<u8>),
}

fn bytes_of(
    population: &Population,
    site: Site,
    preset: Preset,
    traits: &mut Vec<(String, Traits)>,
) -> Result<Files, BenchError> {
    let people = population.people();
    let mut seen = |written: &sites::Written| {
        let person = &people[written.person as usize];
        traits.push((written.local_id.clone(), Traits::of(site, written, person)));
        Ok(())
    };
    let mut out = Vec::new();
    match site {
        Site::Hospital => {
            let mut files = Vec::new();
            sites::records(population, site, preset, &mut |written| {
                files.push(hospital::current(&written));
                seen(&written)
            })
            .map(|()| Files::Many(files))
        }
        Site::Town => {
            town::write(population, preset, &mut out, &mut seen).map(|()| Files::One(out))
        }
        Site::Clinic => {
            clinic::write(population, preset, &mut out, &mut seen).map(|()| Files::One(out))
        }
    }
    .map_err(file("write a site's files"))
}

fn read(site: Site, files: &Files, take: &mut dyn FnMut(&SourceRecord)) -> Result<(), BenchError> {
    let refused = |error| {
        file(format!("read the files of the {}", site.name()))(std::io::Error::other(error))
    };
    let mut rows = |_row, outcome: Result<SourceRecord, _>| {
        if let Ok(record) = outcome {
            take(&record);
        }
    };
    match (site, files) {
        (_, Files::Many(files)) => {
            for bytes in files {
                if let ssmix2::Adt::Current(record) = ssmix2::read(bytes).map_err(refused)? {
                    rows(1, Ok::<_, linker_tokenize::RowError>(record));
                }
            }
            Ok(())
        }
        (Site::Town, Files::One(bytes)) => {
            let mapping = CsvMapping::parse(town::MAPPING).map_err(refused)?;
            csv::read(&mapping, bytes, &mut rows)
                .map(|_report| ())
                .map_err(refused)
        }
        (Site::Clinic | Site::Hospital, Files::One(bytes)) => uke::read(bytes, &mut rows)
            .map(|_report| ())
            .map_err(refused),
    }
}
