//! Links become clusters, and one bad link must not glue two persons together.
//!
//! Links are taken from the heaviest to the lightest. If a link joins two clusters, *all* pairs
//! across them are weighed, candidates or not. The clusters merge only if no pair contradicts (names
//! and birth dates both different) and the mean weight reaches the link threshold. A pair adds at
//! most 24 bits and takes at most 24, and a pair that a rule holds back adds nothing, so a single
//! link between two clusters of ten adds a quarter of a bit to a mean of −24. A merge beyond the
//! size bound is refused. Refused links go to review.
//!
//! Components of the link graph are independent of each other, so they run in parallel and the
//! result does not depend on the number of threads.

use rayon::prelude::*;

use crate::{
    compare::Kept,
    limits,
    rules::{Decision, Rule},
    settings::Settings,
    weigh::{Evaluation, Scorer},
};

/// The clusters of a run.
#[derive(Debug)]
pub(crate) struct Clusters {
    /// For each record its cluster; clusters are numbered by their first record.
    pub(crate) cluster_of_record: Vec<u32>,
    pub(crate) count: u32,
    /// Links between different clusters.
    pub(crate) refused: Vec<Kept>,
    /// Clusters that a merge would have taken beyond the size bound.
    pub(crate) over_bound: u64,
}

/// What one component of the link graph became: a representative per record.
struct Component {
    /// (record, first record of its cluster)
    heads: Vec<(u32, u32)>,
    over_bound: u64,
}

pub(crate) fn cluster(
    records: usize,
    kept: &[Kept],
    scorer: &Scorer<'_>,
    settings: &Settings,
    done: &(dyn Fn(u64) + Sync),
) -> Clusters {
    let links: Vec<Kept> = kept
        .iter()
        .copied()
        .filter(|k| k.decision == Decision::Link)
        .collect();
    let mut links = with_roots(records, links);
    links.par_sort_unstable_by_key(|&(root, link)| {
        (root, std::cmp::Reverse(link.weight), link.a, link.b)
    });
    let groups: Vec<&[(u32, Kept)]> = links.chunk_by(|a, b| a.0 == b.0).collect();
    let components: Vec<Component> = groups
        .par_iter()
        .map(|links| {
            let component = Growing::new(links, scorer, settings).finish(links);
            done(links.len() as u64);
            component
        })
        .collect();
    let mut head: Vec<u32> = (0..).take(records).collect();
    for &(record, first) in components.iter().flat_map(|component| &component.heads) {
        head[record as usize] = first;
    }
    let mut cluster_of_record = vec![0; records];
    let mut count = 0;
    for (record, first) in (0_u32..).zip(&head) {
        cluster_of_record[record as usize] = if *first == record {
            count += 1;
            count - 1
        } else {
            cluster_of_record[*first as usize]
        };
    }
    let apart = |link: &Kept| head[link.a as usize] != head[link.b as usize];
    Clusters {
        refused: links.iter().map(|&(_, link)| link).filter(apart).collect(),
        over_bound: components
            .iter()
            .map(|component| component.over_bound)
            .sum(),
        cluster_of_record,
        count,
    }
}

/// The links, each with the first record of its component.
fn with_roots(records: usize, links: Vec<Kept>) -> Vec<(u32, Kept)> {
    let mut parent: Vec<u32> = (0..).take(records).collect();
    for link in &links {
        let (a, b) = (find(&mut parent, link.a), find(&mut parent, link.b));
        parent[a.max(b) as usize] = a.min(b);
    }
    let rooted = links
        .into_iter()
        .map(|link| (find(&mut parent, link.a), link));
    rooted.collect()
}

fn find(parent: &mut [u32], mut record: u32) -> u32 {
    while parent[record as usize] != record {
        let up = parent[parent[record as usize] as usize];
        parent[record as usize] = up;
        record = up;
    }
    record
}

/// Clusters of one component while they grow.
struct Growing<'a> {
    scorer: &'a Scorer<'a>,
    settings: &'a Settings,
    /// Sorted records of the component.
    records: Vec<u32>,
    /// For each of them its cluster.
    cluster_of: Vec<usize>,
    /// Members of each cluster; empty once merged away.
    members: Vec<Vec<u32>>,
    over_bound: Vec<bool>,
}

impl<'a> Growing<'a> {
    fn new(links: &[(u32, Kept)], scorer: &'a Scorer<'a>, settings: &'a Settings) -> Self {
        let ends = links.iter().flat_map(|(_, link)| [link.a, link.b]);
        let mut records: Vec<u32> = ends.collect();
        records.sort_unstable();
        records.dedup();
        Self {
            scorer,
            settings,
            cluster_of: (0..records.len()).collect(),
            members: records.iter().map(|&record| vec![record]).collect(),
            over_bound: vec![false; records.len()],
            records,
        }
    }

    fn finish(mut self, links: &[(u32, Kept)]) -> Component {
        for (_, link) in links {
            let (a, b) = (self.cluster(link.a), self.cluster(link.b));
            if a != b && self.may_merge(a, b) {
                self.merge(a.min(b), a.max(b));
            }
        }
        let firsts = self
            .members
            .iter()
            .map(|members| members.iter().min().copied());
        let firsts: Vec<Option<u32>> = firsts.collect();
        let heads = self.records.iter().zip(&self.cluster_of);
        Component {
            heads: heads
                .filter_map(|(&record, &cluster)| firsts[cluster].map(|first| (record, first)))
                .collect(),
            over_bound: self.over_bound.iter().map(|&over| u64::from(over)).sum(),
        }
    }

    fn cluster(&self, record: u32) -> usize {
        let at = self.records.partition_point(|&other| other < record);
        self.cluster_of[at]
    }

    fn may_merge(&mut self, a: usize, b: usize) -> bool {
        let (ones, others) = (&self.members[a], &self.members[b]);
        if ones.len() + others.len() > self.settings.cluster_records_max {
            let larger = if ones.len() >= others.len() { a } else { b };
            self.over_bound[larger] = true;
            return false;
        }
        let mut sum = 0_i64;
        for &one in ones {
            for &other in others {
                let Some(support) = support(self.scorer.records(one, other)) else {
                    return false;
                };
                sum += i64::from(support);
            }
        }
        let pairs = i64::try_from(ones.len() * others.len()).expect("clusters are bounded");
        sum >= pairs * i64::from(self.settings.link_threshold)
    }

    fn merge(&mut self, into: usize, from: usize) {
        let moved = std::mem::take(&mut self.members[from]);
        for &record in &moved {
            let at = self.records.partition_point(|&other| other < record);
            self.cluster_of[at] = into;
        }
        self.members[into].extend(moved);
        self.over_bound[into] |= std::mem::take(&mut self.over_bound[from]);
    }
}

/// What a pair across two clusters adds to a merge; `None` forbids it.
fn support(evaluation: Evaluation) -> Option<i32> {
    let max = limits::MERGE_WEIGHT_MAX;
    let weight = evaluation.weight.clamp(-max, max);
    match evaluation.rule {
        Rule::Contradiction | Rule::TestRecord => None,
        Rule::Weight => Some(weight),
        Rule::Twins | Rule::Relatives | Rule::ThinEvidence | Rule::Clusters => Some(weight.min(0)),
    }
}

#[cfg(test)]
mod tests {
    use linker_token::{Flags, RecordRef, Schema, Token, TokenBatch};

    use super::*;
    use crate::{
        block,
        dataset::Dataset,
        model::{Model, ModelSource, Parameters},
        random::SplitMix,
    };

    /// Two persons with ten equal records each; `shared` segments are the same for both persons.
    fn persons(shared: &[usize]) -> Dataset {
        let schema = Schema::jp_1();
        let mut random = SplitMix::new(3);
        let mut draw = || (0..16).map(|_| random.next()).collect::<Vec<u64>>();
        let (one, mut other) = (draw(), draw());
        for &segment in shared {
            let words = schema.segments()[segment].words.clone();
            other[words.clone()].copy_from_slice(&one[words]);
        }
        let parts = (0..20).map(|site: u16| {
            let mut batch = TokenBatch::new(&schema);
            let token = Token {
                reference: RecordRef([7; 16]),
                flags: Flags::default(),
                row: if site < 10 {
                    one.clone()
                } else {
                    other.clone()
                },
            };
            batch.push(&token).expect("the row fits");
            (site, batch)
        });
        Dataset::build(&schema, parts).expect("the rows fit")
    }

    /// Clusters after every true link and one planted link of huge weight.
    fn check(shared: &[usize]) -> (u32, usize) {
        let dataset = persons(shared);
        let settings = Settings::standard();
        let blocks = block::build(&dataset, &settings, &|_| ());
        let default = Parameters::default_for(dataset.schema(), 10_000);
        let source = ModelSource::DefaultFewRecords;
        let model = Model::new(dataset.schema(), source, default, &blocks.present);
        let scorer = Scorer::new(&dataset, &blocks, &settings, &model);
        let link = |a, b, weight| Kept {
            a,
            b,
            weight,
            decision: Decision::Link,
            rule: Rule::Weight,
        };
        let pairs = (0..20).flat_map(|a| (a + 1..20).map(move |b| (a, b)));
        let mut links: Vec<Kept> = pairs
            .filter(|(a, b)| a / 10 == b / 10)
            .map(|(a, b)| link(a, b, scorer.records(a, b).weight))
            .collect();
        assert!(
            links
                .iter()
                .all(|link| link.weight > settings.link_threshold)
        );
        // Planted as the heaviest, as the lightest and in the middle.
        let mut results = Vec::new();
        for weight in [i32::MAX / 2, links[0].weight, settings.link_threshold] {
            links.push(link(9, 10, weight));
            let clusters = cluster(20, &links, &scorer, &settings, &|_| ());
            results.push((clusters.count, clusters.refused.len()));
            links.pop();
        }
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        results[0]
    }

    #[test]
    fn one_bad_link_never_merges_two_clean_clusters() {
        assert_eq!(check(&[]), (2, 1), "contradiction");
        assert_eq!(check(&[2]), (2, 1), "equal birth dates");
        assert_eq!(check(&[3, 4]), (2, 1), "a household");
        assert_eq!(check(&[2, 3, 4]), (2, 1), "twins");
    }

    #[test]
    fn clean_links_make_one_cluster() {
        assert_eq!(check(&[0, 1, 2, 3, 4]), (1, 0));
    }
}
