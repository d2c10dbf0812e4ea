//! The definition of clusters, slowly: sets, no cells, no path for pairs, no bitmaps.

use super::*;

struct State<'a> {
    graph: Graph<'a>,
    links: Vec<Kept>,
}

pub(super) fn cluster(graph: Graph<'_>) -> Vec<u32> {
    let links = graph.kept.iter().copied();
    let links = links.filter(|kept| kept.decision == Decision::Link);
    let state = State {
        graph,
        links: links.collect(),
    };
    let mut units: Vec<Vec<u32>> = Vec::new();
    for record in (0..).take(graph.records) {
        let unit = graph.decided.unit(record);
        match units.iter_mut().find(|records| records[0] == unit) {
            Some(records) => records.push(record),
            None => units.push(vec![record]),
        }
    }
    let mut clusters: Vec<Vec<Vec<u32>>> = units.iter().map(|unit| vec![unit.clone()]).collect();
    state.agree(&units, &mut clusters);
    while state.convince(&mut clusters) {}
    let mut cluster_of_record = vec![0; graph.records];
    clusters.sort_by_key(|cluster| cluster.iter().flatten().min().copied());
    for (number, cluster) in (0..).zip(&clusters) {
        for &record in cluster.iter().flatten() {
            cluster_of_record[record as usize] = number;
        }
    }
    cluster_of_record
}

impl State<'_> {
    fn best(&self, a: &[u32], b: &[u32]) -> Option<Evaluation> {
        let pairs = || {
            a.iter()
                .flat_map(|&one| b.iter().map(move |&two| (one, two)))
        };
        if self.barred(a, b) {
            return None;
        }
        let found = pairs().map(|(one, two)| {
            let (one, two) = (one.min(two), one.max(two));
            let kept = self
                .graph
                .kept
                .iter()
                .find(|kept| (kept.a, kept.b) == (one, two));
            kept.map_or_else(
                || (self.graph.weigh)(one, two),
                |kept| Evaluation {
                    weight: kept.weight,
                    decision: kept.decision,
                    rule: kept.rule,
                },
            )
        });
        let free = found.filter(|found| found.rule != Rule::Contradiction);
        free.max_by_key(|found| (found.weight, found.decision))
    }

    fn barred(&self, a: &[u32], b: &[u32]) -> bool {
        let decided = self.graph.decided;
        let apart = decided.are_apart(decided.unit(a[0]), decided.unit(b[0]));
        let mut pairs = a
            .iter()
            .flat_map(|&one| b.iter().map(move |&two| (one, two)));
        apart || pairs.any(|(one, two)| same_site(self.graph, one, two))
    }

    fn is_link(&self, a: &[u32], b: &[u32]) -> bool {
        self.best(a, b)
            .is_some_and(|best| best.decision == Decision::Link)
    }

    /// The heaviest link among the kept pairs of two units.
    fn edge(&self, a: &[u32], b: &[u32]) -> Option<i32> {
        let links = self.links.iter().filter(|link| {
            (a.contains(&link.a) && b.contains(&link.b))
                || (a.contains(&link.b) && b.contains(&link.a))
        });
        let weight = links.map(|link| link.weight).max()?;
        self.best(a, b).map(|_| weight)
    }

    fn likeness(&self, units: &[Vec<u32>], a: &[u32], b: &[u32]) -> usize {
        let near = |unit: &[u32], other: &[u32]| unit == other || self.edge(unit, other).is_some();
        let rival = |unit: &[u32], other: &[u32]| {
            let pairs = unit
                .iter()
                .flat_map(|&one| other.iter().map(move |&two| (one, two)));
            pairs
                .into_iter()
                .any(|(one, two)| same_site(self.graph, one, two))
        };
        let common = units
            .iter()
            .filter(|unit| near(unit, a) && near(unit, b))
            .count();
        let differ = units
            .iter()
            .filter(|unit| near(unit, a) != near(unit, b) && !rival(unit, a) && !rival(unit, b));
        common * 1000 / (common + differ.count())
    }

    fn agree(&self, units: &[Vec<u32>], clusters: &mut Vec<Vec<Vec<u32>>>) {
        let mut edges = Vec::new();
        for (at, a) in units.iter().enumerate() {
            for b in &units[at + 1..] {
                if let Some(weight) = self.edge(a, b) {
                    let likeness = self.likeness(units, a, b);
                    let likeness = i64::try_from(likeness).expect("at most a thousand");
                    let rank = i64::from(weight.min(limits::MERGE_WEIGHT_MAX)) * likeness;
                    edges.push((std::cmp::Reverse((rank, weight)), a, b));
                }
            }
        }
        edges.sort();
        for (_, a, b) in edges {
            let cluster = |unit| clusters.iter().position(|cluster| cluster.contains(unit));
            let (a, b) = (cluster(a).expect("present"), cluster(b).expect("present"));
            if a == b || self.size(&clusters[a]) + self.size(&clusters[b]) > self.bound() {
                continue;
            }
            if self.mean(&clusters[a], &clusters[b]).is_some() {
                merge(clusters, a, b);
            }
        }
    }

    fn bound(&self) -> usize {
        self.graph.settings.cluster_records_max
    }

    fn size(&self, cluster: &[Vec<u32>]) -> usize {
        assert!(self.graph.records >= cluster.len());
        cluster.iter().map(Vec::len).sum()
    }

    fn mean(&self, a: &[Vec<u32>], b: &[Vec<u32>]) -> Option<i64> {
        let linked = a
            .iter()
            .any(|one| b.iter().any(|two| self.edge(one, two).is_some()));
        if !linked || self.size(a) + self.size(b) > self.bound() {
            return None;
        }
        let (mut sum, mut links, mut held, mut pairs) = (0, Vec::new(), 0, 0);
        let mut weights = Vec::new();
        for one in a {
            for two in b {
                let settled = self.vouched(a, b, one, two, &|word| word.len() > 1);
                if settled && !self.is_link(one, two) && !self.barred(one, two) {
                    continue;
                }
                let best = self.best(one, two)?;
                let looks = matches!(best.rule, Rule::Twins | Rule::Relatives);
                let word = |word: &[u32]| word.len() > 1 || (self.graph.several_rows)(word[0]);
                held += usize::from(looks && !self.vouched(a, b, one, two, &word));
                let max = limits::MERGE_WEIGHT_MAX.max(self.graph.settings.link_threshold);
                let weight = best.weight.clamp(-max, max);
                let free = best.rule == Rule::Weight;
                let weight = i64::from(if free { weight } else { weight.min(0) });
                sum += weight;
                weights.push(weight);
                if best.decision == Decision::Link {
                    links.push((one, two));
                }
                pairs += 1;
            }
        }
        let backed = if a.len().min(b.len()) == 1 {
            held <= 2 * links.len()
        } else {
            let apart = |x: &(&Vec<u32>, &Vec<u32>), y: &(_, _)| x.0 != y.0 && x.1 != y.1;
            let two = links.iter().any(|x| links.iter().any(|y| apart(x, y)));
            let verdicts = a.iter().chain(b).filter(|unit| unit.len() > 1);
            let mut stars = verdicts.filter(|unit| {
                let ends = links.iter();
                ends.clone().count() > 0 && ends.clone().all(|x| x.0 == *unit || x.1 == *unit)
            });
            two || stars.next().is_some()
        };
        let threshold = i64::from(self.graph.settings.link_threshold);
        let best = weights.into_iter().max().unwrap_or_default();
        let discount = i64::from(crate::model::units((pairs.max(1) as f64).log2()));
        let alone = a.len().min(b.len()) == 1 && best - discount >= threshold;
        let agreed = alone || sum >= threshold * pairs;
        (backed && pairs > 0 && agreed).then(|| sum.div_euclid(pairs))
    }

    fn vouched(
        &self,
        a: &[Vec<u32>],
        b: &[Vec<u32>],
        one: &[u32],
        two: &[u32],
        is_word: &dyn Fn(&[u32]) -> bool,
    ) -> bool {
        a.iter().chain(b).any(|word| {
            is_word(word)
                && word != one
                && word != two
                && self.is_link(word, one)
                && self.is_link(word, two)
        })
    }

    fn convince(&self, clusters: &mut Vec<Vec<Vec<u32>>>) -> bool {
        let mut ready = Vec::new();
        for (at, a) in clusters.iter().enumerate() {
            for b in &clusters[at + 1..] {
                if let Some(mean) = self.mean(a, b) {
                    let first = |cluster: &Vec<Vec<u32>>| cluster.iter().flatten().min().copied();
                    let ends = (first(a).min(first(b)), first(a).max(first(b)));
                    ready.push((std::cmp::Reverse(mean), ends));
                }
            }
        }
        ready.sort_unstable();
        let mut changed = BTreeSet::new();
        for (_, (a, b)) in &ready {
            if changed.contains(a) || changed.contains(b) {
                continue;
            }
            changed.extend([*a, *b]);
            let cluster = |first: &Option<u32>| {
                let first = first.expect("clusters have records");
                let found = clusters.iter();
                let mut found = found.map(|cluster| cluster.iter().flatten().min());
                found
                    .position(|least| least == Some(&first))
                    .expect("present")
            };
            let (a, b) = (cluster(a), cluster(b));
            merge(clusters, a, b);
        }
        !ready.is_empty()
    }
}

fn merge(clusters: &mut Vec<Vec<Vec<u32>>>, a: usize, b: usize) {
    let moved = std::mem::take(&mut clusters[b]);
    clusters[a].extend(moved);
    clusters.remove(b);
}
