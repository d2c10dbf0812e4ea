//! A whole run: blocks, sample and model, candidate pairs, clusters, estimates.

use std::sync::atomic::{AtomicU64, Ordering};

use linker_kernels::selected;

use crate::{
    block::{self, Members},
    cluster::{self, Clusters},
    compare::{self, Engine, Kept},
    dataset::Dataset,
    drift::{SiteSnapshot, Snapshot},
    em::Training,
    error::MatchError,
    estimate::{Estimate, Evidence, PassEstimate, Quality, SiteEstimate, estimate},
    incremental::{self, Base, Delta, Retained, Trained},
    limits, lsh,
    model::Model,
    plan,
    recall::{self, BlockingRecall},
    records::{Across, Judge},
    rows::Reach,
    rules::{Decision, Rule},
    sample,
    scratch::Scratch,
    settings::{Cancel, Settings},
    sites, sweep,
    verdict::{Constraints, Decided},
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
    /// Row pairs of this pass that an earlier pass over a segment had already. They are not weighed again,
    /// and many are not even compared.
    pub pairs_repeated: u64,
    /// Row pairs of this pass that are links and that no earlier pass had. Two rows of one
    /// record each may make one record pair count several times, and a link of rows may be none of records.
    pub links_first_found: u64,
}

/// Estimates from the model; no truth is used. With a default model they rest on its assumptions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    /// Mean probability of being a match over the pairs inside clusters.
    pub precision: f64,
    /// Share of all matches that are inside clusters.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Share of the sample's *links* that some pass has: of the pairs that the model would link if
    /// everything were compared with everything, those that the run compared. It does not speak of
    /// matches that are too damaged to be links; those are in `recall` only.
    pub blocking_recall: f64,
    /// Lower end of the 95% interval of `blocking_recall`. It covers the share of links, not the share
    /// of matches, which is lower wherever damaged matches are no links.
    pub low: f64,
    /// Upper end of the same interval.
    pub high: f64,
}

impl Estimates {
    fn new(overall: Estimate, blocking: BlockingRecall) -> Self {
        Self {
            precision: overall.precision,
            recall: overall.recall,
            f1: overall.f1,
            blocking_recall: blocking.share,
            low: blocking.low,
            high: blocking.high,
        }
    }
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
    /// Row pairs compared, test records and the sample left out. A pair counts once, but again in each LSH
    /// table that has it.
    pub pairs_compared: u64,
    /// Pass by pass.
    pub passes: Vec<PassReport>,
    /// How good the result is, as the model sees it.
    pub estimates: Estimates,
    /// The same for the pairs with a record of each site, in order; sites without a pair are left out.
    pub site_estimates: Vec<SiteEstimate>,
    /// What each pass added, in order.
    pub pass_estimates: Vec<PassEstimate>,
    /// What each site was like, by number, for comparison with another run.
    pub sites: Vec<SiteSnapshot>,
    /// Records that could be compared.
    pub records_compared: u64,
    /// Clusters that a merge would have taken beyond the size bound, or that verdicts did.
    pub clusters_over_bound: u64,
    /// Components of the link graph that were too large to be looked at as a whole.
    pub components_cut: u64,
    /// Verdicts that name a record which the run does not have.
    pub verdicts_without_effect: u64,
    /// Rows that more records share than people have; their records were not compared.
    pub rows_quarantined: u64,
    /// Name of the kernel.
    pub kernel: &'static str,
}

impl Linkage {
    /// What the run was like, to be compared with another by [`drift`](fn@crate::drift::drift). `name`
    /// gives a site's name by which runs know it again.
    #[must_use]
    pub fn snapshot(&self, name: impl Fn(u16) -> String) -> Snapshot {
        let sites = (0..).zip(&self.sites);
        Snapshot {
            model: self.model.clone(),
            records: self.records_compared,
            sites: sites
                .map(|(number, site)| SiteSnapshot {
                    site: name(number),
                    ..site.clone()
                })
                .collect(),
        }
    }
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
    let trained = match asked.base {
        Some(base) => base.trained(dataset, settings)?,
        None => train(engine, settings, progress)?,
    };
    let scorer = Scorer::new(dataset, &blocks, settings, &trained.model);
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
    let linkage = Linkage {
        links: links(&kept),
        model: trained.model,
        review_pairs: 0,
        review: Vec::new(),
        pairs_compared: compared_once(&passes),
        passes,
        estimates: Estimates::new(quality.overall, trained.blocking),
        site_estimates: quality.sites,
        pass_estimates: quality.passes,
        sites,
        records_compared: engine.blocks.records,
        cluster_count: clusters.count,
        clusters_over_bound: clusters.over_bound,
        components_cut: clusters.cut,
        verdicts_without_effect: decided.without_effect,
        rows_quarantined: dataset.rows_quarantined(),
        kernel: kernel.name(),
        cluster_of_record: Vec::new(),
    };
    let review = reviews(kept, &clusters, &decided);
    let linkage = Linkage {
        review_pairs: review.len() as u64,
        review: review.into_iter().take(limits::REVIEW_LIST_MAX).collect(),
        cluster_of_record: clusters.cluster_of_record,
        ..linkage
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
fn train(
    engine: Engine<'_>,
    settings: &Settings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Trained, MatchError> {
    let (dataset, blocks) = (engine.dataset, engine.blocks);
    let exhaustive = blocks.passes.iter().any(|pass| pass.everything);
    let sweeps = if exhaustive { 1 } else { 2 };
    let meter = Meter::new(progress, Stage::Em, sweeps * blocks.rows);
    let sample = sample::draw(dataset, engine.stop, settings)?;
    let counts = sweep::tally(engine, &sample, &|rows| meter.add(rows))?;
    let training = Training {
        schema: dataset.schema(),
        grading: dataset.grading(),
        settings,
        records: usize::try_from(blocks.records).expect("rows are bounded"),
        present: &blocks.present,
    };
    let model = training.model(&counts)?;
    let blocking = if exhaustive {
        BlockingRecall::COMPLETE
    } else {
        let scorer = Scorer::new(dataset, blocks, settings, &model);
        recall::estimate(engine, &scorer, &sample, &|rows| meter.add(rows))?
    };
    Ok(Trained {
        model,
        counts,
        blocking,
    })
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

/// All pairs for review, heaviest first: pairs that are no links, and links that no merge followed.
/// A merely light pair is settled if other links brought its records together; one that a rule held
/// back is not. A pair with a verdict of its own is.
fn reviews(kept: Vec<Kept>, clusters: &Clusters, decided: &Decided) -> Vec<ReviewPair> {
    let cluster = |record: u32| clusters.cluster_of_record[record as usize];
    let held = kept.into_iter().filter(|kept| {
        let settled = kept.rule == Rule::Weight && cluster(kept.a) == cluster(kept.b);
        kept.decision == Decision::Review && !settled && !decided.settles(kept.a, kept.b)
    });
    let refused = clusters.refused.iter().copied();
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
