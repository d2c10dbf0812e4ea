//! Where the time of a site's program goes, on one core: reading and normalising, and encoding.
//!
//! `cargo run --release -p bench --example encoding -- 20000`

use std::{env, error::Error, fs};

use bench::{
    errors::Preset,
    people::Population,
    sites::{self, Site, clinic, hospital, town},
    ui::data,
};
use linker_token::{Epoch, ProjectId, Schema, TokenBatch};
use linker_tokenize::{
    CsvMapping, Encoder, SourceRecord,
    format::{csv, ssmix2, uke},
};

/// Passes over the same records; the fastest counts, because other programs share the machine.
const PASSES: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let people = env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let (seconds, population) = fastest(|| Ok(Population::generate(people, 1)))?;
    data(&format!(
        "one person {:.2} us",
        seconds * 1e6 / f64::from(people)
    ))?;
    let schema = Schema::jp_1();
    for site in Site::ALL {
        let files = files(&population, site)?;
        let (write_seconds, _) = fastest(|| {
            let mut count = 0;
            sites::records(&population, site, Preset::TypicalHospital, &mut |written| {
                count += written.local_id.len();
                Ok::<_, Box<dyn Error>>(())
            })?;
            Ok(count)
        })?;
        let (read_seconds, records) = fastest(|| read(site, &files))?;
        let mut encoder = Encoder::new(
            &schema,
            &[1; 32],
            &[2; 32],
            &ProjectId::parse("bench")?,
            Epoch(1),
        );
        let (seconds, rows) = fastest(|| {
            let mut batch = TokenBatch::new(&schema);
            let mut rows = 0_u32;
            for record in &records {
                encoder.encode_each(record, |token| {
                    rows += 1;
                    if batch.push(token).is_err() {
                        batch = TokenBatch::new(&schema);
                    }
                });
            }
            Ok(rows)
        })?;
        let (reference_seconds, _) = fastest(|| {
            let references = records
                .iter()
                .map(|record| encoder.reference(record.local_id()));
            Ok(references
                .map(|reference| u32::from(reference.0[0]))
                .sum::<u32>())
        })?;
        let each = |seconds: f64| seconds * 1e6 / f64::from(rows);
        data(&format!(
            "{:<9} {rows} rows   write down {:.2} us   read and normalise {:.2} us   encode {:.2} us ({:.0} k rows/s), of it references {:.2} us   all {:.0} k rows/s",
            site.name(),
            each(write_seconds),
            each(read_seconds),
            each(seconds),
            1000.0 / each(seconds),
            each(reference_seconds),
            1000.0 / each(seconds + read_seconds),
        ))?;
    }
    Ok(())
}

fn fastest<T>(
    mut work: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<(f64, T), Box<dyn Error>> {
    let mut best = None;
    let mut least = f64::INFINITY;
    for _ in 0..PASSES {
        let start = nanoseconds_on_cpu()?;
        best = Some(work()?);
        least = least.min((nanoseconds_on_cpu()? - start) / 1e9);
    }
    Ok((least, best.ok_or("no pass")?))
}

/// What the kernel counted for this thread: other programs share the machine.
fn nanoseconds_on_cpu() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().unwrap_or_default();
    Ok(first.parse()?)
}

fn files(population: &Population, site: Site) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let preset = Preset::TypicalHospital;
    let mut out = Vec::new();
    match site {
        Site::Hospital => {
            let mut files = Vec::new();
            sites::records(population, site, preset, &mut |written| {
                files.push(hospital::current(&written));
                Ok::<_, Box<dyn Error>>(())
            })?;
            return Ok(files);
        }
        Site::Town => town::write(population, preset, &mut out, &mut |_| Ok(()))?,
        Site::Clinic => clinic::write(population, preset, &mut out, &mut |_| Ok(()))?,
    }
    Ok(vec![out])
}

fn read(site: Site, files: &[Vec<u8>]) -> Result<Vec<SourceRecord>, Box<dyn Error>> {
    let mut records = Vec::new();
    for bytes in files {
        let mut take = |_row, outcome: Result<SourceRecord, _>| records.extend(outcome.ok());
        match site {
            Site::Hospital => {
                if let ssmix2::Adt::Current(record) = ssmix2::read(bytes)? {
                    records.push(record);
                }
            }
            Site::Town => {
                csv::read(&CsvMapping::parse(town::MAPPING)?, bytes, &mut take)?;
            }
            Site::Clinic => {
                uke::read(bytes, &mut take)?;
            }
        }
    }
    Ok(records)
}
