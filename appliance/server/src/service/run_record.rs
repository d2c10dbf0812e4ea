//! One run as it is kept and shown.

use std::{collections::BTreeMap, sync::Arc};

use appliance_store::RunRow;
use linker_token::{
    TokenError,
    canonical::{Reader, Writer},
};

use crate::{error::ServiceError, limits, service::run_evidence::Evidence};

const MAGIC: [u8; 8] = *b"MSBRUN02";
/// Rows of the first version end before the evidence. They are read and never written.
const MAGIC_1: [u8; 8] = *b"MSBRUN01";
/// Most stages in a record, and the longest of its names, in bytes.
const STAGES_MAX: u32 = 32;

/// The state of a run, as it is kept and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Asked for.
    Draft,
    /// Its batches are fixed.
    Frozen,
    /// Pairs are compared.
    Comparing,
    /// Records are grouped.
    Clustering,
    /// Research IDs are given.
    Resolving,
    /// Its result can be released.
    Released,
    /// It ended without a result.
    Failed,
    /// Its result was taken back.
    Withdrawn,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Draft,
        Self::Frozen,
        Self::Comparing,
        Self::Clustering,
        Self::Resolving,
        Self::Released,
        Self::Failed,
        Self::Withdrawn,
    ];

    /// The state's stable code.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Frozen => "frozen",
            Self::Comparing => "comparing",
            Self::Clustering => "clustering",
            Self::Resolving => "resolving",
            Self::Released => "released",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Released | Self::Failed | Self::Withdrawn)
    }
}

/// The three ways in which the field counts people, and what else a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Persons found across all sites: clusters of the run.
    pub persons_found: u64,
    /// The sum over the sites of the distinct persons of each: a person at two sites counts twice, a person
    /// entered twice at one site counts once.
    pub sum_of_site_uniques: u64,
    /// Persons who ever received a research ID, up to and with this run.
    pub cumulative: u64,
    /// Records linked.
    pub records: u64,
    /// Pairs between the two thresholds.
    pub review_pairs: u64,
    /// Groups that would have grown above the size bound.
    pub clusters_over_bound: u64,
}

/// Estimates from the model; no truth is used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Quality {
    /// Share of links that are right.
    pub precision: f64,
    /// Share of true links that were found.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Share of true links among the candidates, with its interval.
    pub blocking_recall: f64,
    /// Lower end of the interval.
    pub blocking_recall_low: f64,
    /// Upper end of the interval.
    pub blocking_recall_high: f64,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name; names sort as the runs were made.
    pub run_id: String,
    /// SHA-256 over caller and request ID, so that a repeat finds it.
    pub request: [u8; 32],
    /// When it was asked for, in seconds since 1970.
    pub created_at: u64,
    /// Where it stands.
    pub state: State,
    /// Reason code of a failure, or empty.
    pub failure_code: String,
    /// Progress of the present stage; not kept.
    pub done: u64,
    /// All of the present stage; not kept.
    pub total: u64,
    /// Counts, once it has ended well.
    pub counts: Option<Counts>,
    /// Estimates, once it has ended well.
    pub quality: Option<Quality>,
    /// Pairs compared.
    pub pairs_compared: u64,
    /// Seconds per stage.
    pub stage_seconds: BTreeMap<String, f64>,
    /// The kernel that compared.
    pub kernel: String,
    /// Its model and what the sites were like, once it was linked.
    pub evidence: Option<Arc<Evidence>>,
    /// Version of the stored row.
    pub version: u32,
}

impl Run {
    /// A run that was just asked for.
    #[must_use]
    pub fn new(run_id: String, request: [u8; 32], created_at: u64) -> Self {
        Self {
            run_id,
            request,
            created_at,
            state: State::Draft,
            failure_code: String::new(),
            done: 0,
            total: 0,
            counts: None,
            quality: None,
            pairs_compared: 0,
            stage_seconds: BTreeMap::new(),
            kernel: String::new(),
            evidence: None,
            version: 1,
        }
    }

    /// What a person can do about a failure.
    #[must_use]
    pub fn failure_advice(&self) -> &'static str {
        match self.failure_code.as_str() {
            "" => "",
            INTERRUPTED => "the service stopped during the run; start another one",
            "NOTHING_TO_LINK" => "wait until the sites have uploaded, then start another run",
            "HSM_UNAVAILABLE" => "look after the HSM, then start another run",
            "RUN_TOO_LARGE" => "raise service.memory_gib, then start another run",
            "SCRATCH_FULL" => "make room on the disk of service.scratch, then start another run",
            "DISK_FULL" => "make room on the data disk, then start another run",
            _ => "read the service's log, correct the cause and start another run",
        }
    }

    /// The row that the store keeps.
    #[must_use]
    pub fn to_row(&self) -> RunRow {
        let mut out = Writer::new(MAGIC);
        out.fixed(&self.request);
        out.u64(self.created_at);
        out.text(&self.failure_code);
        out.u64(self.pairs_compared);
        out.text(&self.kernel);
        let counts = self.counts.map(numbers).unwrap_or_default();
        let quality = self.quality.map(estimates).unwrap_or_default();
        for (present, values) in [
            (self.counts.is_some(), counts),
            (self.quality.is_some(), quality.map(f64::to_bits)),
        ] {
            out.u32(u32::from(present));
            values.iter().for_each(|&value| out.u64(value));
        }
        out.u32(u32::try_from(self.stage_seconds.len()).unwrap_or(u32::MAX));
        for (stage, seconds) in &self.stage_seconds {
            out.text(stage);
            out.u64(seconds.to_bits());
        }
        out.u32(u32::from(self.evidence.is_some()));
        if let Some(evidence) = &self.evidence {
            evidence.write(&mut out);
        }
        RunRow {
            run_id: self.run_id.clone(),
            version: self.version,
            state: self.state.name().to_owned(),
            body: out.finish(),
        }
    }

    /// Reads a row of the store.
    ///
    /// # Errors
    /// [`ServiceError::Damaged`].
    pub fn from_row(row: &RunRow) -> Result<Self, ServiceError> {
        let damaged = ServiceError::Damaged {
            what: "the record of a run",
        };
        let state = State::ALL
            .into_iter()
            .find(|state| state.name() == row.state);
        match (state, read(row)) {
            (Some(state), Ok(run)) => Ok(Self { state, ..run }),
            (None, _) | (_, Err(_)) => Err(damaged),
        }
    }
}

/// Failure code of a run that the service's end cut off.
pub const INTERRUPTED: &str = "INTERRUPTED";

fn numbers(counts: Counts) -> [u64; 6] {
    [
        counts.persons_found,
        counts.sum_of_site_uniques,
        counts.cumulative,
        counts.records,
        counts.review_pairs,
        counts.clusters_over_bound,
    ]
}

fn estimates(quality: Quality) -> [f64; 6] {
    [
        quality.precision,
        quality.recall,
        quality.f1,
        quality.blocking_recall,
        quality.blocking_recall_low,
        quality.blocking_recall_high,
    ]
}

fn read(row: &RunRow) -> Result<Run, TokenError> {
    let first = row.body.starts_with(&MAGIC_1);
    let magic = if first { MAGIC_1 } else { MAGIC };
    let mut input = Reader::new("the record of a run", magic, &row.body)?;
    let mut run = Run::new(row.run_id.clone(), input.fixed()?, input.u64()?);
    run.version = row.version;
    input
        .text(limits::TEXT_BYTES_MAX)?
        .clone_into(&mut run.failure_code);
    run.pairs_compared = input.u64()?;
    input
        .text(limits::TEXT_BYTES_MAX)?
        .clone_into(&mut run.kernel);
    run.counts = six(&mut input)?.map(|values| Counts {
        persons_found: values[0],
        sum_of_site_uniques: values[1],
        cumulative: values[2],
        records: values[3],
        review_pairs: values[4],
        clusters_over_bound: values[5],
    });
    run.quality = six(&mut input)?
        .map(|values| values.map(f64::from_bits))
        .map(|values| Quality {
            precision: values[0],
            recall: values[1],
            f1: values[2],
            blocking_recall: values[3],
            blocking_recall_low: values[4],
            blocking_recall_high: values[5],
        });
    let stages = input.u32()?;
    if stages > STAGES_MAX {
        return Err(input.refuse("it has too many stages"));
    }
    for _ in 0..stages {
        let stage = input.text(limits::TEXT_BYTES_MAX)?.to_owned();
        run.stage_seconds
            .insert(stage, f64::from_bits(input.u64()?));
    }
    if !first && input.u32()? == 1 {
        run.evidence = Some(Arc::new(Evidence::read(&mut input)?));
    }
    input.finish()?;
    Ok(run)
}

/// A flag and six values, which count only if the flag is set.
fn six(input: &mut Reader<'_>) -> Result<Option<[u64; 6]>, TokenError> {
    let present = input.u32()? == 1;
    let mut values = [0; 6];
    for value in &mut values {
        *value = input.u64()?;
    }
    Ok(present.then_some(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_survives_its_row() {
        let mut run = Run::new("r1".into(), [3; 32], 1_800_000_000);
        assert_eq!(Run::from_row(&run.to_row()).expect("reads"), run);
        run.state = State::Released;
        run.version = 4;
        run.kernel = "scalar".into();
        run.pairs_compared = 9;
        run.counts = Some(Counts {
            persons_found: 1,
            cumulative: 3,
            ..Counts::default()
        });
        run.quality = Some(Quality {
            recall: 0.25,
            blocking_recall_high: 1.0,
            ..Quality::default()
        });
        run.stage_seconds.insert("em".into(), 0.5);
        run.evidence = Some(Arc::new(crate::service::run_evidence::tests::example()));
        assert_eq!(Run::from_row(&run.to_row()).expect("reads"), run);
        let mut row = run.to_row();
        row.state = "unknown".into();
        assert!(Run::from_row(&row).is_err());
        row = run.to_row();
        row.body.push(0);
        assert!(Run::from_row(&row).is_err());
    }

    /// Bytes as the first version wrote them.
    #[test]
    fn a_row_of_the_first_version_is_read() {
        let bytes = concat!(
            "4d534252554e3031030303030303030303030303030303030303030303030303030303030303030300d2496b",
            "00000000000000000900000000000000060000007363616c6172010000000100000000000000020000000000",
            "0000030000000000000004000000000000000500000000000000060000000000000001000000000000000000",
            "e03f000000000000d03f000000000000e83f000000000000f03f000000000000e03f000000000000f03f0100",
            "000002000000656d000000000000e03f",
        );
        let row = RunRow {
            run_id: "r1".into(),
            version: 8,
            state: "released".into(),
            body: hex::decode(bytes).expect("hexadecimal"),
        };
        let run = Run::from_row(&row).expect("reads");
        assert_eq!((run.state, run.version), (State::Released, 8));
        assert_eq!((run.pairs_compared, run.kernel.as_str()), (9, "scalar"));
        assert_eq!(run.counts.map(numbers), Some([1, 2, 3, 4, 5, 6]));
        let quality = run.quality.map(estimates);
        assert_eq!(quality, Some([0.5, 0.25, 0.75, 1.0, 0.5, 1.0]));
        assert_eq!(run.stage_seconds.get("em"), Some(&0.5));
        assert_eq!(run.evidence, None);
        let again = Run::from_row(&run.to_row()).expect("reads");
        assert_eq!(again, run, "it is kept on as the present version");
        let mut longer = row;
        longer.body.push(0);
        assert!(Run::from_row(&longer).is_err());
    }
}
