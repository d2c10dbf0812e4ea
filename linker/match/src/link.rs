//! A whole run: blocks, sample and model, candidate pairs, clusters, estimates.

use std::sync::atomic::{AtomicU64, Ordering};

use linker_kernels::selected;

use crate::{
    block,
    cluster::{self, Clusters},
    compare::{self, Engine, Kept},
    dataset::Dataset,
    em::Training,
    error::MatchError,
    limits,
    model::{Model, probability},
    plan,
    rules::{Decision, Rule},
    sample,
    settings::Settings,
    weigh::Scorer,
};

/// The parts of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Making blocks and counting values.
    Block,
    /// The sample against everything, training, and the sample again for blocking recall.
    Em,
    /// All candidate pairs.
    Compare,
    /// Links to clusters.
    Cluster,
}

/// How far a stage has come. Units differ by stage: segments, rows, pairs, links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassReport {
    /// Its cost.
    pub plan: plan::PassPlan,
    /// Row pairs that an earlier pass had already.
    pub pairs_repeated: u64,
    /// Links that no earlier pass had.
    pub links_first_found: u64,
}

/// Estimates from the model; no truth is used. With a default model they rest on its assumptions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    /// Mean probability of being a match over the links inside clusters.
    pub precision: f64,
    /// Share of all matches that are links: of the sample's expected matches those above the
    /// threshold, times blocking recall.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Share of the sample's links that blocking finds.
    pub blocking_recall: f64,
    /// Lower end of its 95% interval.
    pub low: f64,
    /// Upper end of its 95% interval.
    pub high: f64,
}

/// A pair for a person to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReviewPair {
    /// A record number, an index into [`Dataset::keys`].
    pub a: u32,
    /// A larger record number.
    pub b: u32,
    /// Weight in 1/256 bit.
    pub weight: i32,
    /// Why it is not decided.
    pub rule: Rule,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Linkage {
    /// For each record of the data set its cluster. Clusters are numbered by their first record.
    pub cluster_of_record: Vec<u32>,
    /// Number of clusters, test records included, each of which is alone.
    pub cluster_count: u32,
    /// The model.
    pub model: Model,
    /// Number of record pairs for review.
    pub review_pairs: u64,
    /// The first of them, heaviest first, at most [`limits::REVIEW_LIST_MAX`].
    pub review: Vec<ReviewPair>,
    /// Number of record pairs that are links.
    pub links: u64,
    /// Different row pairs compared, test records and the sample left out.
    pub pairs_compared: u64,
    /// Pass by pass.
    pub passes: Vec<PassReport>,
    /// How good the result is, as the model sees it.
    pub estimates: Estimates,
    /// Clusters that a merge would have taken beyond the size bound.
    pub clusters_over_bound: u64,
    /// Name of the kernel.
    pub kernel: &'static str,
}

/// Counts units and tells the caller.
struct Meter<'a> {
    tell: &'a (dyn Fn(Progress) + Sync),
    stage: Stage,
    done: AtomicU64,
    total: u64,
}

impl<'a> Meter<'a> {
    fn new(tell: &'a (dyn Fn(Progress) + Sync), stage: Stage, total: u64) -> Self {
        tell(Progress {
            stage,
            done: 0,
            total,
        });
        Self {
            tell,
            stage,
            done: AtomicU64::new(0),
            total,
        }
    }

    fn add(&self, units: u64) {
        let done = self.done.fetch_add(units, Ordering::Relaxed) + units;
        let (stage, total) = (self.stage, self.total);
        (self.tell)(Progress { stage, done, total });
    }
}

/// Links the records of a data set.
///
/// `progress` is called from worker threads, often.
///
/// # Errors
/// [`MatchError`]: nothing is half done.
pub fn link(
    dataset: &Dataset,
    settings: &Settings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Linkage, MatchError> {
    settings.check()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build()
        .map_err(MatchError::Threads)?
        .install(|| run(dataset, settings, progress))
}

fn run(
    dataset: &Dataset,
    settings: &Settings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Linkage, MatchError> {
    let kernel = selected(settings.kernel).map_err(MatchError::Kernel)?;
    let meter = Meter::new(
        progress,
        Stage::Block,
        dataset.grading().segment_count() as u64,
    );
    let blocks = block::build(dataset, settings, &|_| meter.add(1));
    let engine = Engine {
        dataset,
        blocks: &blocks,
        kernel,
    };
    let exhaustive = blocks.passes.iter().any(|pass| pass.segment.is_none());
    let sweeps = if exhaustive { 1 } else { 2 };
    let meter = Meter::new(progress, Stage::Em, sweeps * blocks.eligible.len() as u64);
    let queries = sample::draw(engine, settings);
    let counts = sample::tally(engine, &queries, &|rows| meter.add(rows));
    let training = Training {
        schema: dataset.schema(),
        grading: dataset.grading(),
        settings,
        records: records_of(dataset, &blocks.eligible),
        present: &blocks.present,
    };
    let model = training.model(&counts)?;
    let scorer = Scorer::new(dataset, &blocks, settings, &model);
    let blocking = if exhaustive {
        (1.0, 1.0, 1.0)
    } else {
        let (of, found) =
            sample::recall(engine, &scorer, settings, &queries, &|rows| meter.add(rows));
        sample::wilson(found, of)
    };
    let (kept, passes) = compare_all(engine, &scorer, settings, progress)?;
    let links = kept
        .iter()
        .filter(|kept| kept.decision == Decision::Link)
        .count() as u64;
    let meter = Meter::new(progress, Stage::Cluster, links);
    let count = |links| meter.add(links);
    let clusters = cluster::cluster(dataset.record_count(), &kept, &scorer, settings, &count);
    let estimates = estimate(&scorer, settings, &counts, &kept, &clusters, blocking);
    let review = reviews(kept, &clusters);
    Ok(Linkage {
        cluster_of_record: clusters.cluster_of_record,
        cluster_count: clusters.count,
        model,
        review_pairs: review.len() as u64,
        review: review.into_iter().take(limits::REVIEW_LIST_MAX).collect(),
        links,
        pairs_compared: passes
            .iter()
            .map(|pass| pass.plan.pairs - pass.pairs_repeated)
            .sum(),
        passes,
        estimates,
        clusters_over_bound: clusters.over_bound,
        kernel: kernel.name(),
    })
}

fn records_of(dataset: &Dataset, eligible: &[u32]) -> usize {
    let records = eligible.chunk_by(|&a, &b| dataset.record_of(a) == dataset.record_of(b));
    records.count()
}

fn compare_all(
    engine: Engine<'_>,
    scorer: &Scorer<'_>,
    settings: &Settings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Vec<Kept>, Vec<PassReport>), MatchError> {
    let plan = plan::of_blocks(engine.dataset, engine.blocks);
    let meter = Meter::new(progress, Stage::Compare, plan.pairs_total);
    let (mut kept, mut reports) = (Vec::new(), Vec::new());
    for (number, plan) in plan.passes.into_iter().enumerate() {
        let found = compare::pass(engine, scorer, settings, number, &|pairs| meter.add(pairs))?;
        kept.extend(found.kept);
        reports.push(PassReport {
            plan,
            pairs_repeated: found.repeated,
            links_first_found: found.links,
        });
    }
    Ok((compare::by_record(engine.dataset, scorer, kept), reports))
}

/// All pairs for review, heaviest first: pairs that are no links, and links that no merge followed.
/// A merely light pair is settled if other links brought its records together; one that a rule held
/// back is not.
fn reviews(kept: Vec<Kept>, clusters: &Clusters) -> Vec<ReviewPair> {
    let cluster = |record: u32| clusters.cluster_of_record[record as usize];
    let held = kept.into_iter().filter(|kept| {
        let settled = kept.rule == Rule::Weight && cluster(kept.a) == cluster(kept.b);
        kept.decision == Decision::Review && !settled
    });
    let refused = &clusters.refused;
    let refused = refused.iter().map(|&link| Kept {
        rule: Rule::Clusters,
        ..link
    });
    let mut review: Vec<ReviewPair> = held
        .chain(refused)
        .map(|kept| ReviewPair {
            a: kept.a,
            b: kept.b,
            weight: kept.weight,
            rule: kept.rule,
        })
        .collect();
    review.sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.weight), pair.a, pair.b));
    review
}

fn estimate(
    scorer: &Scorer<'_>,
    settings: &Settings,
    counts: &[u64],
    kept: &[Kept],
    clusters: &Clusters,
    (blocking_recall, low, high): (f64, f64, f64),
) -> Estimates {
    let cluster = |record: u32| clusters.cluster_of_record[record as usize];
    let inside = kept
        .iter()
        .filter(|kept| kept.decision == Decision::Link && cluster(kept.a) == cluster(kept.b));
    let (sum, links) = inside.fold((0.0, 0_u64), |(sum, links), kept| {
        (sum + probability(kept.weight), links + 1)
    });
    let precision = if links == 0 { 1.0 } else { sum / links as f64 };
    let (mut matches, mut linked) = (0.0, 0.0);
    for (pattern, &pairs) in (0_u32..).zip(counts).filter(|(_, pairs)| **pairs > 0) {
        let weight = scorer.entry(pattern).weight;
        let expected = pairs as f64 * probability(weight);
        matches += expected;
        if weight >= settings.link_threshold && scorer.is_free(pattern) {
            linked += expected;
        }
    }
    let share = if matches > 0.0 { linked / matches } else { 1.0 };
    let recall = share * blocking_recall;
    let f1 = if precision + recall > 0.0 {
        2.0 * precision * recall / (precision + recall)
    } else {
        0.0
    };
    Estimates {
        precision,
        recall,
        f1,
        blocking_recall,
        low,
        high,
    }
}
