//! The timed part: load, block, sample and train, compare, cluster, research IDs.

use std::{fs, sync::Arc};

use appliance_server::service::scratch::RunScratch;
use linker_match::{
    Cancel, Constraints, Dataset, Linkage, MatchError, Progress, ResearchId, Scratch, Settings,
    Source, Stage, Tools, link_with, resolve,
};
use linker_token::TokenBatch;
use rand::Rng as _;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use super::{
    Options,
    clock::Clock,
    exhaustive::{Exhaustive, Mode, segment, whole_row},
    report::{Pass, Quality, Report},
    source::SetSource,
    truth,
};
use crate::{
    error::{BenchError, file},
    machine,
    tokens::set::TokenSet,
};

/// Runs over the set once and says how it went.
pub(super) fn run(set: TokenSet, options: &Options) -> Result<Report, BenchError> {
    let set = Arc::new(set);
    let settings = Settings {
        threads: options.set.threads.map_or(0, usize::from),
        memory_bytes: options.memory_bytes(),
        ..Settings::standard()
    };
    let clock = Arc::new(Clock::start());
    let dataset = load(&set, &settings, &clock)?;
    let mut scratch = RunScratch::open_for(&dataset, &Options::scratch_folder(&set))
        .map_err(|error| file("open scratch space")(std::io::Error::other(error)))?;
    let told = |progress: Progress| {
        if progress.done == 0 {
            clock.part(name(progress.stage), progress.total);
        } else {
            clock.at(progress.done);
        }
    };
    let tools = Tools {
        progress: &told,
        constraints: &Constraints::default(),
        cancel: &Cancel::new(),
        scratch: scratch.as_mut().map(|scratch| scratch as &mut dyn Scratch),
    };
    let linkage = link_with(&dataset, &settings, tools)?;
    clock.part("ids", 1);
    let minted = ids(&dataset, &linkage, options.set.seed)?;
    let seconds = clock.stop();
    // The truth is looked at from here on, in memory that is not the run's.
    let peak = machine::peak_rss("self").unwrap_or(0);
    let cpu_seconds = cpu_seconds();
    let score = truth::score(&set, dataset.keys(), &linkage.cluster_of_record)?;
    let exhaustive = exhaustive(&set, &dataset, &linkage, &settings, options)?;
    Ok(Report {
        kernel: linkage.kernel.to_owned(),
        memory_bytes: settings.memory_bytes,
        rows_in_memory: dataset.is_held(),
        rows: dataset.row_count() as u64,
        records: dataset.record_count() as u64,
        rows_quarantined: linkage.rows_quarantined,
        passes: linkage.passes.iter().map(Pass::of).collect(),
        pairs_compared: linkage.pairs_compared,
        links: linkage.links,
        review_pairs: linkage.review_pairs,
        clusters: u64::from(linkage.cluster_count),
        clusters_over_bound: linkage.clusters_over_bound,
        ids_minted: minted,
        seconds,
        cpu_seconds,
        peak_rss_bytes: peak,
        scratch_peak_bytes: scratch.map_or(0, |scratch| scratch.peak_bytes()),
        estimates: Quality::of(&linkage.estimates),
        truth: score,
        exhaustive,
    })
}

/// Looks at every pair, if that was asked for.
fn exhaustive(
    set: &TokenSet,
    dataset: &Dataset,
    linkage: &Linkage,
    settings: &Settings,
    options: &Options,
) -> Result<Option<Exhaustive>, BenchError> {
    Ok(match options.exhaustive {
        Some(Mode::Segment) => {
            let found = segment::find(dataset, settings, &linkage.model)?;
            Some(Exhaustive::Segment(found))
        }
        Some(Mode::WholeRow) => {
            let blocked = whole_row::Blocked {
                keys: dataset.keys(),
                cluster_of_record: &linkage.cluster_of_record,
            };
            let bound = (options.dice_permille()?, settings.threads);
            Some(Exhaustive::WholeRow(whole_row::find(set, bound, &blocked)?))
        }
        None => None,
    })
}

/// Tells the clock how far reading has come.
struct Told {
    source: SetSource,
    clock: Arc<Clock>,
}

impl Source for Told {
    fn rows(&self) -> u64 {
        self.source.rows()
    }

    fn read(
        &self,
        visit: &mut dyn FnMut(u16, TokenBatch) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        let mut rows = 0;
        self.source.read(&mut |site, batch| {
            rows += batch.len() as u64;
            self.clock.at_part("load", rows);
            visit(site, batch)
        })
    }
}

fn load(
    set: &Arc<TokenSet>,
    settings: &Settings,
    clock: &Arc<Clock>,
) -> Result<Dataset, BenchError> {
    clock.part("load", set.rows());
    let source = Told {
        source: SetSource(Arc::clone(set)),
        clock: Arc::clone(clock),
    };
    Ok(Dataset::open(set.schema(), Arc::new(source), settings)?)
}

/// Gives every cluster a new ID, as a first run does, and looks at every event.
fn ids(dataset: &Dataset, linkage: &Linkage, seed: u64) -> Result<u64, BenchError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut mint = || {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        ResearchId::from_bytes(bytes)
    };
    let clusters = &linkage.cluster_of_record;
    let ids = resolve::resolve_clusters(&[], dataset.keys(), clusters, &|_| 0, &mut mint);
    Ok(ids?.events().count() as u64)
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Block => "block",
        Stage::Em => "model",
        Stage::Compare => "compare",
        Stage::Cluster => "cluster",
    }
}

/// Seconds of all threads of this process so far, in user space and in the kernel. The kernel counts them
/// in hundredths. 0 where it does not tell.
pub(super) fn cpu_seconds() -> f64 {
    ticks().map_or(0.0, |ticks| ticks / 100.0)
}

fn ticks() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name may hold anything, but it ends with the last bracket.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: Vec<u32> = ticks.filter_map(|ticks| ticks.parse().ok()).collect();
    Some(ticks.into_iter().map(f64::from).sum())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use linker_match::Need;

    use super::*;
    use crate::{
        cli::{Cli, Verb},
        evaluate::float,
        tokens,
    };

    #[test]
    fn this_process_takes_time() {
        let (start, mut sum) = (cpu_seconds(), 0_u64);
        while cpu_seconds() < start + 0.01 {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0);
    }

    /// What the options of a command line of `match` are.
    fn options(arguments: &[&str]) -> Options {
        let line = [&["bench", "match"], arguments].concat();
        let verb = Cli::try_parse_from(line).expect("good options").verb;
        let Verb::Match(options) = verb else {
            panic!("{verb:?} is not match");
        };
        options
    }

    #[test]
    fn rows_on_disk_are_matched_as_rows_in_memory_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let set = folder.path().join("set");
        let set = set.to_str().expect("plain names");
        let common = ["--tokens", "30000", "--folder", set];
        let (tokens, _) = tokens::make(&options(&common).set).expect("a set");
        let need = Need::of(tokens.schema(), tokens.rows(), &Settings::standard());
        let need = need.expect("few rows");
        assert!(
            need.away() < need.held(),
            "this many rows need not be in memory"
        );
        let gib = (float(need.away()) + 1e5) / f64::from(1 << 30);
        let report = |more: &[&str]| {
            let options = options(&[&common, more].concat());
            let set = TokenSet::open(folder.path().join("set").as_path()).expect("a set");
            run(set, &options).expect("a run")
        };
        let held = report(&[]);
        let away = report(&["--memory-gib", &gib.to_string()]);
        assert!(held.rows_in_memory && !away.rows_in_memory);
        assert!(
            away.scratch_peak_bytes > 1_000_000,
            "{}",
            away.scratch_peak_bytes
        );
        assert!(held.truth.f1 > 0.98, "{:?}", held.truth);
        let scratch = folder.path().join("set.scratch");
        let left: Vec<_> = fs::read_dir(scratch).expect("lists").collect();
        assert_eq!(left.len(), 1, "only the lock is left");
        assert_eq!(
            Report {
                memory_bytes: None,
                rows_in_memory: true,
                scratch_peak_bytes: 0,
                seconds: held.seconds.clone(),
                cpu_seconds: held.cpu_seconds,
                peak_rss_bytes: held.peak_rss_bytes,
                ..away
            },
            held
        );
    }
    #[test]
    fn every_pair_has_what_blocks_have() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("plain names");
        let common = ["--tokens", "3000", "--errors", "stress", "--folder", path];
        tokens::make(&options(&common).set).expect("a set");
        let options = options(&[&common[..], &["--exhaustive", "segment"]].concat());
        let set = TokenSet::open(folder.path()).expect("a set");
        let report = run(set, &options).expect("a run");
        let Some(Exhaustive::Segment(found)) = &report.exhaustive else {
            panic!("{:?} is not by segment", report.exhaustive);
        };
        // So small a run has no blocks itself and looks at every pair.
        assert_eq!(found.hits(), report.links);
        assert!(report.exhaustive.as_ref().is_some_and(Exhaustive::is_whole));
    }
}
