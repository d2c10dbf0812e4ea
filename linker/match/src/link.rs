//! A whole run: blocks, sample and model, candidate pairs, clusters, estimates.

use std::sync::atomic::{AtomicU64, Ordering};

use linker_kernels::selected;

use crate::{
    block::{self, Members},
    cluster::{self, Clusters},
    compare::{self, Engine, Kept},
    dataset::Dataset,
    em::Training,
    error::MatchError,
    estimate::{Evidence, Quality, estimate},
    incremental::{self, Base, Delta, Retained, Trained},
    limits,
    linkage::{Estimates, Linkage, PassReport, Progress, Stage},
    lsh, plan,
    recall::{self, BlockingRecall},
    records::{Across, Judge},
    review,
    rows::Reach,
    rules::Decision,
    sample,
    scratch::Scratch,
    settings::{Cancel, Settings},
    sites, tally,
    verdict::{Constraints, Decided},
    weigh::Scorer,
};

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

/// What a run is given besides rows and settings.
pub struct Tools<'a> {
    /// Called from worker threads, often.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Asks the run to stop.
    pub cancel: &'a Cancel,
    /// What people and sites know.
    pub constraints: &'a Constraints,
    /// Where rows wait that do not fit in memory. Needed only if the data set is not in memory.
    pub scratch: Option<&'a mut dyn Scratch>,
}

impl std::fmt::Debug for Tools<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tools(..)")
    }
}

/// Links the records of a data set that is in memory.
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
    let tools = Tools {
        progress,
        cancel: &Cancel::new(),
        constraints: &Constraints::default(),
        scratch: None,
    };
    link_with(dataset, settings, tools)
}

/// Links the records of a data set, in memory or not. The result is the same.
///
/// # Errors
/// [`MatchError`]: nothing is half done. Parts in the scratch space are the caller's to delete.
pub fn link_with(
    dataset: &Dataset,
    settings: &Settings,
    tools: Tools<'_>,
) -> Result<Linkage, MatchError> {
    let asked = Asked {
        base: None,
        keep: false,
    };
    start(dataset, settings, tools, asked).map(|(linkage, _)| linkage)
}

/// Links the records of a data set and keeps what later delta runs build on.
///
/// # Errors
/// As [`link_with`].
pub fn link_to_base(
    dataset: &Dataset,
    settings: &Settings,
    tools: Tools<'_>,
) -> Result<(Linkage, Base), MatchError> {
    let asked = Asked {
        base: None,
        keep: true,
    };
    start(dataset, settings, tools, asked).map(with_base)
}

/// Links the records of a data set of which `base` knows some rows. The clusters are those of a full
/// run under the base's model; the figures on passes say what was compared anew.
///
/// # Errors
/// As [`link_with`], and [`MatchError::Base`].
pub fn link_delta(
    dataset: &Dataset,
    settings: &Settings,
    base: &Base,
    tools: Tools<'_>,
) -> Result<(Linkage, Base), MatchError> {
    let asked = Asked {
        base: Some(base),
        keep: true,
    };
    start(dataset, settings, tools, asked).map(with_base)
}

/// What a run builds on and what it leaves.
#[derive(Clone, Copy)]
struct Asked<'a> {
    base: Option<&'a Base>,
    keep: bool,
}

fn with_base((linkage, base): (Linkage, Option<Base>)) -> (Linkage, Base) {
    (linkage, base.expect("the run was asked to keep it"))
}

fn start(
    dataset: &Dataset,
    settings: &Settings,
    tools: Tools<'_>,
    asked: Asked<'_>,
) -> Result<(Linkage, Option<Base>), MatchError> {
    settings.check()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build()
        .map_err(MatchError::Threads)?
        .install(|| run(dataset, settings, tools, asked))
}

fn run(
    dataset: &Dataset,
    settings: &Settings,
    tools: Tools<'_>,
    asked: Asked<'_>,
) -> Result<(Linkage, Option<Base>), MatchError> {
    let (progress, stop) = (tools.progress, tools.cancel);
    stop.check()?;
    let mut reach = Reach {
        stop,
        scratch: tools.scratch,
        next_part: 0,
    };
    let kernel = selected(settings.kernel).map_err(MatchError::Kernel)?;
    let segments = dataset.grading().segment_count() as u64;
    let meter = Meter::new(progress, Stage::Block, segments);
    let mut blocks = block::build(dataset, settings, &|_| meter.add(1));
    lsh::add_passes(dataset, settings, stop, &mut blocks)?;
    let members = std::mem::take(&mut blocks.members);
    let engine = Engine {
        dataset,
        blocks: &blocks,
        kernel,
        stop,
    };
    let (trained, scorer) = match asked.base {
        Some(base) => {
            let trained = base.trained(dataset, settings)?;
            let scorer = Scorer::new(dataset, &blocks, settings, &trained.model);
            (trained, scorer)
        }
        None => train(engine, settings, progress)?,
    };
    let judge = Judge {
        engine,
        scorer: &scorer,
    };
    let delta = (asked.keep || asked.base.is_some())
        .then(|| Delta::new(asked.base, dataset, engine.blocks));
    let compared = compare_all(
        judge,
        settings,
        (members, delta.as_ref()),
        &mut reach,
        progress,
    )?;
    let base = delta.map(|delta| {
        let pairs = compared.retained;
        delta.base(engine, trained.clone(), settings, pairs)
    });
    let (mut kept, passes) = (compared.kept, compared.passes);
    let decided = Decided::new(dataset.keys(), tools.constraints);
    if decided.has_sites() {
        let sites: Vec<u16> = dataset.keys().iter().map(|key| key.site).collect();
        cluster::exclusive::compete(&mut kept, &decided, settings, &sites);
    }
    let clusters = cluster_all(judge, settings, (&kept, &decided), &mut reach, progress)?;
    stop.check()?;
    let quality = quality(judge, settings, &trained, (&kept, &clusters), passes.len());
    let sites = sites::snapshots(judge, &kept, &clusters.cluster_of_record)?;
    let review = review::pairs(&kept, &clusters, &decided);
    let linkage = Linkage {
        links: links(&kept),
        model: trained.model,
        review_pairs: review.len() as u64,
        review: review.into_iter().take(limits::REVIEW_LIST_MAX).collect(),
        pairs_compared: compared_once(&passes),
        passes,
        estimates: Estimates::new(quality.overall, trained.blocking),
        site_estimates: quality.sites,
        pass_estimates: quality.passes,
        sites,
        records_compared: engine.blocks.records,
        cluster_of_record: clusters.cluster_of_record,
        cluster_count: clusters.count,
        clusters_over_bound: clusters.over_bound,
        components_cut: clusters.cut,
        verdicts_without_effect: decided.without_effect,
        rows_quarantined: dataset.rows_quarantined(),
        kernel: kernel.name(),
    };
    Ok((linkage, base))
}

fn compared_once(passes: &[PassReport]) -> u64 {
    let passes = passes.iter();
    passes
        .map(|pass| pass.plan.pairs - pass.pairs_repeated)
        .sum()
}

fn quality(
    judge: Judge<'_>,
    settings: &Settings,
    trained: &Trained,
    (kept, clusters): (&[Kept], &Clusters),
    passes: usize,
) -> Quality {
    let dataset = judge.engine.dataset;
    estimate(&Evidence {
        counts: &trained.counts,
        weights: judge.scorer.weights(),
        model: &trained.model,
        grading: dataset.grading(),
        link_threshold: settings.link_threshold,
        pairs: kept,
        cluster_of_record: &clusters.cluster_of_record,
        keys: dataset.keys(),
        blocking_recall: trained.blocking.share,
        passes,
    })
}

fn links(kept: &[Kept]) -> u64 {
    let links = kept.iter().filter(|kept| kept.decision == Decision::Link);
    links.count() as u64
}

/// The sample against everything, training, and the sample again for blocking recall.
fn train<'a>(
    engine: Engine<'a>,
    settings: &'a Settings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Trained, Scorer<'a>), MatchError> {
    let (dataset, blocks) = (engine.dataset, engine.blocks);
    let exhaustive = blocks.passes.iter().any(|pass| pass.everything);
    let sweeps = if exhaustive { 1 } else { 2 };
    let meter = Meter::new(progress, Stage::Em, sweeps * blocks.rows);
    let sample = sample::draw(dataset, engine.stop, settings)?;
    let counts = tally::tally(engine, &sample, &|rows| meter.add(rows))?;
    let training = Training {
        schema: dataset.schema(),
        grading: dataset.grading(),
        settings,
        records: usize::try_from(blocks.records).expect("rows are bounded"),
        present: &blocks.present,
    };
    let model = training.model(&counts)?;
    let scorer = Scorer::new(dataset, blocks, settings, &model);
    let blocking = if exhaustive {
        BlockingRecall::COMPLETE
    } else {
        recall::estimate(engine, &scorer, &sample, &|rows| meter.add(rows))?
    };
    let trained = Trained {
        model,
        counts,
        blocking,
    };
    Ok((trained, scorer))
}

/// What all passes found.
struct Compared {
    kept: Vec<Kept>,
    /// Pairs of rows that may matter to a later delta run, if that was asked for.
    retained: Vec<Retained>,
    passes: Vec<PassReport>,
}

fn compare_all(
    judge: Judge<'_>,
    settings: &Settings,
    (members, delta): (Vec<Members>, Option<&Delta<'_>>),
    reach: &mut Reach<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Compared, MatchError> {
    let Judge { engine, scorer } = judge;
    let plan = plan::of_blocks(engine.dataset, engine.blocks);
    let members = match delta {
        Some(delta) => delta.members(engine.blocks, members),
        None => members,
    };
    let total = members.iter().map(Members::pairs).sum();
    let meter = Meter::new(progress, Stage::Compare, total);
    let mut retained = delta.map_or_else(Vec::new, |delta| delta.survivors(engine));
    let mut kept = incremental::weigh(engine, scorer, &retained);
    let retain = delta.map(|delta| delta.classes.as_slice());
    let mut passes = Vec::new();
    for ((number, plan), members) in plan.passes.into_iter().enumerate().zip(members) {
        let done = |pairs| meter.add(pairs);
        let pass = (number, &members, retain);
        let found = compare::pass(engine, scorer, settings, pass, reach, &done)?;
        kept.extend(found.kept);
        retained.extend(found.retained);
        passes.push(PassReport {
            plan: plan::PassPlan {
                pairs: members.pairs(),
                ..plan
            },
            pairs_repeated: found.repeated,
            links_first_found: found.links,
        });
    }
    Ok(Compared {
        kept: judge.by_record(kept, reach)?,
        retained,
        passes,
    })
}

fn cluster_all(
    judge: Judge<'_>,
    settings: &Settings,
    (kept, decided): (&[Kept], &Decided),
    reach: &mut Reach<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Clusters, MatchError> {
    let dataset = judge.engine.dataset;
    let meter = Meter::new(progress, Stage::Cluster, links(kept));
    let across = Across::new(judge, kept, decided.joined(), reach)?;
    let graph = cluster::Graph {
        records: dataset.record_count(),
        kept,
        weigh: &|a, b| across.weigh(a, b),
        site: &|record| dataset.keys()[record as usize].site,
        several_rows: &|record| dataset.rows_of(record).len() > 1,
        decided,
        settings,
    };
    Ok(cluster::cluster(graph, &|links| meter.add(links)))
}
