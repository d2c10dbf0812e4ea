//! What a run says while it works, and what it ends with.

use crate::{
    drift::{SiteSnapshot, Snapshot},
    estimate::{Estimate, PassEstimate, SiteEstimate},
    model::Model,
    plan,
    recall::BlockingRecall,
    rules::Rule,
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
    pub(crate) fn new(overall: Estimate, blocking: BlockingRecall) -> Self {
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
    /// A record number, an index into [`Dataset::keys`](crate::Dataset::keys).
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
    /// The first of them, heaviest first, at most [`limits::REVIEW_LIST_MAX`](crate::limits::REVIEW_LIST_MAX).
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
