//! Population to clusters in one process: the writers' bytes through the readers, the encoder and the matcher.

use linker_match::{Dataset, Estimates, RecordKey, Settings, link};
use linker_token::{Epoch, Field, Flags, ProjectId, Schema, TokenBatch};
use linker_tokenize::{
    CsvMapping, Encoder, Identifiers, SourceRecord,
    format::{csv, ssmix2, uke},
};

use sha2::{Digest as _, Sha256};

use super::spots::Traits;
use crate::{
    error::{BenchError, file},
    errors::Preset,
    evaluate::ratio,
    people::Population,
    sites::{self, Site, Written, clinic, hospital, town},
};

/// Which names the sites keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// What the preset gives them.
    AsWritten,
    /// Kana at every site and no kanji.
    KanaOnly,
    /// Kanji at every site and no kana.
    KanjiOnly,
    /// The hospital both, the town kanji and the clinic kana: two sites have no name in common.
    Mixed,
}

impl Names {
    /// The field that a site does not have.
    fn lacks(self, site: Site) -> Option<Field> {
        match (self, site) {
            (Self::AsWritten, _) | (Self::Mixed, Site::Hospital) => None,
            (Self::KanaOnly, _) | (Self::Mixed, Site::Clinic) => Some(Field::KanjiName),
            (Self::KanjiOnly, _) | (Self::Mixed, Site::Town) => Some(Field::KanaName),
        }
    }
}

/// One record that an institution wrote, and what its file was read as.
pub(super) struct Held {
    pub(super) written: Written,
    pub(super) traits: Traits,
    /// `None`: the reader refused it.
    pub(super) read: Option<SourceRecord>,
}

/// What the three sites hold of one population.
pub(super) struct Sources {
    seed: u64,
    pub(super) sites: Vec<(Site, Vec<Held>)>,
}

impl Sources {
    /// Writes and reads the files of every site.
    pub(super) fn of(population: &Population, preset: Preset) -> Result<Self, BenchError> {
        let sites = Site::ALL.into_iter().map(|site| {
            let (files, written) = write(population, site, preset)?;
            Ok((site, read(population, site, &files, written)?))
        });
        Ok(Self {
            seed: population.seed(),
            sites: sites.collect::<Result<_, BenchError>>()?,
        })
    }

    /// Encodes every record under a schema. Like the service, every population has its own secret.
    pub(super) fn encode(&self, schema: &Schema, names: Names) -> Encoded {
        let project = ProjectId::parse("bench").expect("the name is a good one");
        let secret: [u8; 32] = Sha256::digest(format!("bench quality {}", self.seed)).into();
        let mut encoded = Encoded {
            parts: Vec::new(),
            keys: Vec::new(),
        };
        for (index, (site, held)) in (0_u16..).zip(&self.sites) {
            let reference_key = [u8::try_from(index).unwrap_or(0); 32];
            let mut encoder = Encoder::new(schema, &secret, &reference_key, &project, Epoch(1));
            let mut batch = TokenBatch::new(schema);
            for record in held {
                let reference = encoder.reference(&record.written.local_id);
                encoded.keys.push(RecordKey {
                    site: index,
                    reference,
                });
                let Some(read) = &record.read else { continue };
                let lacks = names.lacks(*site);
                let former = read.former().map(|former| without(former, lacks));
                let present = without(read.identifiers(), lacks);
                let flags = flags(read.flags(), &present);
                encoder.encode_both(&present, former.as_ref(), reference, flags, |token| {
                    if batch.push(token).is_err() {
                        let full = std::mem::replace(&mut batch, TokenBatch::new(schema));
                        encoded.parts.push((index, full));
                        batch
                            .push(token)
                            .expect("an empty batch takes a token of its schema");
                    }
                });
            }
            encoded.parts.push((index, batch));
        }
        encoded
    }

    /// Every record of every site, in the order of [`Encoded::keys`].
    pub(super) fn records(&self) -> impl Iterator<Item = &Held> {
        self.sites.iter().flat_map(|(_, held)| held)
    }
}

fn without(identifiers: &Identifiers, lacks: Option<Field>) -> Identifiers {
    let Some(lacks) = lacks else {
        return identifiers.clone();
    };
    let left: Vec<(Field, &str)> = identifiers
        .iter()
        .filter(|(field, _)| *field != lacks)
        .collect();
    Identifiers::from_normal(&left)
}

/// A record that has no name left is weak evidence, as it would be had the site never had one.
fn flags(flags: Flags, identifiers: &Identifiers) -> Flags {
    let named = [Field::KanaName, Field::KanjiName]
        .iter()
        .any(|&field| identifiers.get(field).is_some());
    if named {
        flags
    } else {
        flags.with(Flags::WEAK_EVIDENCE)
    }
}

/// All tokens, and the key of every record, with or without a token.
pub(super) struct Encoded {
    parts: Vec<(u16, TokenBatch)>,
    keys: Vec<RecordKey>,
}

/// What a run made of them.
pub(super) struct Linked {
    /// Of every record its cluster, in the order of [`Sources::records`].
    pub(super) clusters: Vec<u32>,
    pub(super) estimates: Estimates,
    pub(super) review_pairs: u64,
    pub(super) kernel: &'static str,
}

impl Encoded {
    /// Per segment, how far the share of ones of its most uneven bit is from a half, over rows that have the
    /// segment. Uneven bits are what attacks by frequency begin with.
    pub(super) fn unevenness(&self, schema: &Schema) -> Vec<f64> {
        let segments = schema.segments().iter().enumerate();
        let most = segments.map(|(at, segment)| {
            let (mut ones, mut rows) = (vec![0_u64; segment.bits()], 0);
            for (_, batch) in &self.parts {
                for place in (0..batch.len()).filter(|&p| !batch.flags()[p].is_missing(at)) {
                    rows += 1;
                    let words = &batch.row(place)[segment.words.clone()];
                    for (bit, ones) in ones.iter_mut().enumerate() {
                        *ones += words[bit / 64] >> (bit % 64) & 1;
                    }
                }
            }
            let shares = ones.iter().map(|&ones| (ratio(ones, rows) - 0.5).abs());
            shares.fold(0.0, f64::max)
        });
        most.collect()
    }

    /// Links all records.
    pub(super) fn link(&self, schema: &Schema, settings: &Settings) -> Result<Linked, BenchError> {
        let failed = |error| file("match")(std::io::Error::other(error));
        let dataset = Dataset::build(schema, self.parts.iter().cloned()).map_err(failed)?;
        let linkage = link(&dataset, settings, &|_progress| {}).map_err(failed)?;
        // A record that made no token is a cluster of its own.
        let mut alone = u32::MAX;
        let clusters = self.keys.iter().map(|key| {
            let found = dataset.keys().binary_search(key);
            let cluster = found.map(|record| linkage.cluster_of_record[record]);
            cluster.unwrap_or_else(|_absent| {
                alone -= 1;
                alone
            })
        });
        Ok(Linked {
            clusters: clusters.collect(),
            estimates: linkage.estimates,
            review_pairs: linkage.review_pairs,
            kernel: linkage.kernel,
        })
    }
}

/// The files of one site.
enum Files {
    Many(Vec<Vec<u8>>),
    One(Vec<u8>),
}

fn write(
    population: &Population,
    site: Site,
    preset: Preset,
) -> Result<(Files, Vec<Written>), BenchError> {
    let mut all = Vec::new();
    let mut seen = |written: &Written| {
        all.push(written.clone());
        Ok(())
    };
    let mut out = Vec::new();
    let files = match site {
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
    };
    Ok((files.map_err(file("write a site's files"))?, all))
}

/// Reads the files and puts what was read beside what was written.
fn read(
    population: &Population,
    site: Site,
    files: &Files,
    written: Vec<Written>,
) -> Result<Vec<Held>, BenchError> {
    let mut read = Vec::with_capacity(written.len());
    read_each(site, files, &mut |record| read.push(record))?;
    read.sort_unstable_by(|a: &SourceRecord, b| a.local_id().cmp(b.local_id()));
    let held = written.into_iter().map(|written| {
        let found = read.binary_search_by(|record| record.local_id().cmp(&written.local_id));
        Held {
            traits: Traits::of(
                site,
                &written,
                &population.people()[written.person as usize],
            ),
            read: found.ok().map(|at| read[at].clone()),
            written,
        }
    });
    Ok(held.collect())
}

fn read_each(
    site: Site,
    files: &Files,
    take: &mut dyn FnMut(SourceRecord),
) -> Result<(), BenchError> {
    let refused = |error| {
        file(format!("read the files of the {}", site.name()))(std::io::Error::other(error))
    };
    let mut rows = |_row, outcome: Result<SourceRecord, _>| {
        if let Ok(record) = outcome {
            take(record);
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
