//! Whether two clusters merge: what the pairs across them say together.

use super::{Bond, Growing};
use crate::model::units;

/// What the pairs across two clusters say together.
#[derive(Default)]
struct Opinion {
    sum: i64,
    /// The heaviest pair.
    best: i64,
    pairs: i64,
    links: Vec<(u32, u32)>,
    held: Vec<(u32, u32)>,
}

impl Growing<'_, '_> {
    /// The mean weight across two clusters that may merge.
    pub(super) fn mean(&mut self, a: u32, b: u32) -> Option<i64> {
        if !self.fits(a, b) {
            return None;
        }
        let opinion = self.opinion(a, b)?;
        let sizes = [a, b].map(|cluster| self.bench.size[cluster as usize]);
        let backed = if sizes.contains(&1) {
            let held = opinion.held.iter();
            let word = |unit: u32| self.bench.words[unit as usize];
            let held = held.filter(|&&(one, other)| !self.vouched((a, b), (one, other), word));
            held.count() <= 2 * opinion.links.len()
        } else {
            have_disjoint(&opinion.links) || self.is_star_of_verdict(&opinion.links)
        };
        let threshold = i64::from(self.graph.settings.link_threshold);
        let agreed = opinion.sum >= opinion.pairs * threshold
            || (sizes.contains(&1) && opinion.best - chances(opinion.pairs) >= threshold);
        (backed && opinion.pairs > 0 && agreed).then(|| opinion.sum.div_euclid(opinion.pairs))
    }

    fn opinion(&mut self, a: u32, b: u32) -> Option<Opinion> {
        let mut opinion = Opinion {
            best: i64::from(i16::MIN),
            ..Opinion::default()
        };
        let (mut one, mut other) = (a, b);
        loop {
            let bond = self.bond(one, other);
            let settled = self.bench.verdicts
                && !matches!(bond, Bond::Link | Bond::Barred)
                && self.settled((a, b), (one, other));
            if !settled {
                match bond {
                    Bond::Barred | Bond::Contradiction => return None,
                    Bond::Link => opinion.links.push((one, other)),
                    Bond::Held => opinion.held.push((one, other)),
                    Bond::Weak | Bond::Unknown => {}
                }
                opinion.pairs += 1;
                let support = i64::from(self.bench.cells[self.place(one, other)].support);
                opinion.sum += support;
                opinion.best = opinion.best.max(support);
            }
            other = self.bench.next[other as usize];
            if other == b {
                one = self.bench.next[one as usize];
                if one == a {
                    return Some(opinion);
                }
            }
        }
    }

    /// Whether a unit that verdicts made, in either cluster, links to both.
    fn settled(&mut self, clusters: (u32, u32), (one, other): (u32, u32)) -> bool {
        let units = self
            .bench
            .ring(clusters.0)
            .chain(self.bench.ring(clusters.1));
        let made: Vec<u32> = units.filter(|&unit| self.is_verdict(unit)).collect();
        for &unit in &made {
            self.bond(unit, one);
            self.bond(unit, other);
        }
        self.vouched(clusters, (one, other), |unit| made.contains(&unit))
    }

    /// Whether a word in either cluster links to both. What it links to has been weighed.
    fn vouched(
        &self,
        (a, b): (u32, u32),
        (one, other): (u32, u32),
        word: impl Fn(u32) -> bool,
    ) -> bool {
        let linked = |unit, end| self.bench.cells[self.place(unit, end)].bond == Bond::Link;
        let mut units = self.bench.ring(a).chain(self.bench.ring(b));
        units.any(|unit| word(unit) && linked(unit, one) && linked(unit, other))
    }

    fn is_verdict(&self, unit: u32) -> bool {
        let name = self.bench.units[unit as usize];
        !self.graph.decided.members(name).is_empty()
    }

    /// Whether all links have one end in common that verdicts made.
    fn is_star_of_verdict(&self, links: &[(u32, u32)]) -> bool {
        self.bench.verdicts
            && links.first().is_some_and(|&(a, b)| {
                let common = |end: u32| links.iter().all(|link| link.0 == end || link.1 == end);
                [a, b]
                    .iter()
                    .any(|&end| self.is_verdict(end) && common(end))
            })
    }
}

/// What the best of several pairs is discounted by, in 1/256 bit: a stranger has as many chances to look
/// like the person as the person has units.
pub(super) fn chances(pairs: i64) -> i64 {
    i64::from(units((pairs.max(1) as f64).log2()))
}

/// Whether two of the links have no common end: if all share an end with the first and with each
/// other, they are a star, since clusters have no links inside.
fn have_disjoint(links: &[(u32, u32)]) -> bool {
    let Some(&(a, b)) = links.first() else {
        return false;
    };
    let (mut at_a, mut at_b) = (false, false);
    for &(one, other) in links {
        match (one == a, other == b) {
            (false, false) => return true,
            (true, false) => at_a = true,
            (false, true) => at_b = true,
            (true, true) => {}
        }
    }
    at_a && at_b
}
