//! What changed since the last run: a source that broke its kanji, forgot its postal codes or sends
//! another population is seen before its links are trusted.
//!
//! Counts and probabilities only. A change is told if it is large enough to matter and larger than
//! chance explains (see [`limits::DRIFT_ERRORS`]); distributions of levels are compared by total
//! variation, half the sum of the absolute differences.

use std::fmt;

use crate::{limits, model::Model};

/// What one site did in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteSnapshot {
    /// The site's name or number for people. Sites are compared by it.
    pub site: String,
    /// Records.
    pub records: u64,
    /// Records that have at least one partner.
    pub linked: u64,
    /// Per segment: rows.
    pub rows: u64,
    /// Per segment: rows without it.
    pub missing: Vec<u64>,
    /// Per segment and level: links with a record of the site, both rows having the segment.
    pub levels: Vec<Vec<u64>>,
}

/// What a run was like.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The model that the run trained or was given.
    pub model: Model,
    /// Records that could be compared.
    pub records: u64,
    /// Its sites.
    pub sites: Vec<SiteSnapshot>,
}

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriftKind {
    /// Links of a site disagree more often, or less often, on a segment.
    SiteLevels,
    /// A site lacks a segment more or less often.
    SiteMissing,
    /// More or fewer of a site's records find a partner.
    SiteLinked,
    /// All matches agree otherwise on a segment.
    Matches,
    /// Strangers agree otherwise on a segment: other people, another encoding, or placeholders.
    Strangers,
    /// Records have more or fewer partners.
    Partners,
    /// A site was there last time and is not now, or the other way round.
    SiteSet,
}

impl DriftKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::SiteLevels,
        Self::SiteMissing,
        Self::SiteLinked,
        Self::Matches,
        Self::Strangers,
        Self::Partners,
        Self::SiteSet,
    ];

    /// Stable name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SiteLevels => "site-levels",
            Self::SiteMissing => "site-missing",
            Self::SiteLinked => "site-linked",
            Self::Matches => "matches",
            Self::Strangers => "strangers",
            Self::Partners => "partners",
            Self::SiteSet => "site-set",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which kind.
    pub kind: DriftKind,
    /// The site, if it is one site's.
    pub site: Option<String>,
    /// The segment, if it is one segment's.
    pub segment: Option<String>,
    /// What it was: a share, or partners per record. For levels the share that disagreed.
    pub was: f64,
    /// What it is.
    pub is: f64,
    /// How large the change is: total variation, difference of shares, or factor.
    pub change: f64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.site.as_deref().unwrap_or("all sites");
        let segment = self.segment.as_deref().unwrap_or("row");
        let more = if self.is > self.was { "more" } else { "less" };
        match self.kind {
            DriftKind::SiteLevels => {
                write!(
                    f,
                    "{segment} of {site} disagrees {more} often than last time"
                )?;
            }
            DriftKind::SiteMissing => {
                write!(
                    f,
                    "{segment} of {site} is missing {more} often than last time"
                )?;
            }
            DriftKind::SiteLinked => {
                write!(
                    f,
                    "records of {site} find a partner {more} often than last time"
                )?;
            }
            DriftKind::Matches => {
                write!(
                    f,
                    "{segment} of matches disagrees {more} often than last time"
                )?;
            }
            DriftKind::Strangers => {
                write!(
                    f,
                    "{segment} of strangers is spread otherwise than last time"
                )?;
            }
            DriftKind::Partners => write!(f, "records have {more} partners than last time")?,
            DriftKind::SiteSet => {
                return write!(f, "{site} was there in one of the two runs only");
            }
        }
        write!(f, " ({:.3}, was {:.3})", self.is, self.was)
    }
}

/// Compares two runs of one schema, the largest change of each kind first.
#[must_use]
pub fn drift(previous: &Snapshot, present: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    models(previous, present, &mut findings);
    for site in &present.sites {
        match previous.sites.iter().find(|other| other.site == site.site) {
            Some(before) => compare(before, site, &present.model, &mut findings),
            None => findings.push(only_once(&site.site, 0.0, 1.0)),
        }
    }
    let now = |name: &str| present.sites.iter().any(|site| site.site == name);
    let gone = previous.sites.iter().filter(|site| !now(&site.site));
    findings.extend(gone.map(|site| only_once(&site.site, 1.0, 0.0)));
    findings.sort_by(|a, b| a.kind.cmp(&b.kind).then(b.change.total_cmp(&a.change)));
    findings
}

fn only_once(site: &str, was: f64, is: f64) -> Finding {
    Finding {
        kind: DriftKind::SiteSet,
        site: Some(site.to_owned()),
        segment: None,
        was,
        is,
        change: 1.0,
    }
}

/// What is not one site's. Models that were not trained say nothing about their run.
fn models(previous: &Snapshot, present: &Snapshot, findings: &mut Vec<Finding>) {
    let (before, now) = (&previous.model, &present.model);
    if before.sample_matches == 0.0 || now.sample_matches == 0.0 {
        return;
    }
    let segments = before.segments.iter().zip(&now.segments);
    for (before_segment, segment) in segments {
        let matches = (before.sample_matches, now.sample_matches);
        let strangers = (before.sample_pairs as f64, now.sample_pairs as f64);
        for (kind, was, is, sizes, least) in [
            (
                DriftKind::Matches,
                &before_segment.m,
                &segment.m,
                matches,
                limits::DRIFT_LEVELS,
            ),
            (
                DriftKind::Strangers,
                &before_segment.u,
                &segment.u,
                strangers,
                limits::DRIFT_STRANGERS,
            ),
        ] {
            let change = variation(was, is);
            if change > least.max(chance(was.len(), sizes)) {
                findings.push(Finding {
                    kind,
                    site: None,
                    segment: Some(segment.name.clone()),
                    was: was[was.len() - 1],
                    is: is[is.len() - 1],
                    change,
                });
            }
        }
    }
    let partners = |snapshot: &Snapshot| snapshot.model.prior * snapshot.records as f64;
    let (was, is) = (partners(previous), partners(present));
    let change = (is / was).max(was / is);
    let noise = (1.0 / before.sample_matches + 1.0 / now.sample_matches).sqrt();
    if change > limits::DRIFT_PARTNERS.max(1.0 + limits::DRIFT_ERRORS * noise) {
        findings.push(Finding {
            kind: DriftKind::Partners,
            site: None,
            segment: None,
            was,
            is,
            change,
        });
    }
}

fn compare(before: &SiteSnapshot, now: &SiteSnapshot, model: &Model, findings: &mut Vec<Finding>) {
    let finding = |kind, segment: Option<usize>, was, is, change| Finding {
        kind,
        site: Some(now.site.clone()),
        segment: segment.and_then(|index| Some(model.segments.get(index)?.name.clone())),
        was,
        is,
        change,
    };
    let linked = Share::of(before.linked, before.records);
    if let Some((was, is, change)) = linked.against(Share::of(now.linked, now.records)) {
        findings.push(finding(DriftKind::SiteLinked, None, was, is, change));
    }
    for (index, (&was, &is)) in before.missing.iter().zip(&now.missing).enumerate() {
        let missing = Share::of(was, before.rows).against(Share::of(is, now.rows));
        if let Some((was, is, change)) = missing {
            findings.push(finding(
                DriftKind::SiteMissing,
                Some(index),
                was,
                is,
                change,
            ));
        }
    }
    for (index, (was, is)) in before.levels.iter().zip(&now.levels).enumerate() {
        let sizes = (total(was), total(is));
        if sizes.0 == 0.0 || sizes.1 == 0.0 || was.len() != is.len() {
            continue;
        }
        let (was, is) = (shares(was), shares(is));
        let change = variation(&was, &is);
        if change > limits::DRIFT_LEVELS.max(chance(was.len(), sizes)) {
            // What is told is how often the segment is not equal.
            let (was, is) = (1.0 - was[0], 1.0 - is[0]);
            findings.push(finding(DriftKind::SiteLevels, Some(index), was, is, change));
        }
    }
}

/// A share of something counted.
#[derive(Clone, Copy)]
struct Share {
    share: f64,
    of: f64,
}

impl Share {
    fn of(part: u64, whole: u64) -> Self {
        let of = whole as f64;
        Self {
            share: part as f64 / of.max(1.0),
            of,
        }
    }

    /// What it was, is, and the difference, if that is large and no chance.
    fn against(self, now: Self) -> Option<(f64, f64, f64)> {
        let change = (self.share - now.share).abs();
        let whole = self.of + now.of;
        if self.of == 0.0 || now.of == 0.0 {
            return None;
        }
        let pooled = (self.share * self.of + now.share * now.of) / whole;
        let error = (pooled * (1.0 - pooled) * (1.0 / self.of + 1.0 / now.of)).sqrt();
        let told = change > limits::DRIFT_SHARE.max(limits::DRIFT_ERRORS * error);
        told.then_some((self.share, now.share, change))
    }
}

fn total(counts: &[u64]) -> f64 {
    counts.iter().sum::<u64>() as f64
}

fn shares(counts: &[u64]) -> Vec<f64> {
    let all = total(counts);
    counts.iter().map(|&count| count as f64 / all).collect()
}

/// Half the sum of the absolute differences.
fn variation(was: &[f64], is: &[f64]) -> f64 {
    let differences = was.iter().zip(is).map(|(was, is)| (was - is).abs());
    differences.sum::<f64>() / 2.0
}

/// Total variation that chance hardly reaches between samples of these sizes: the sum of k absolute
/// differences is at most √k times their length, whose square has mean 1/n + 1/n' or less; half of that,
/// and the tail of one difference.
fn chance(levels: usize, (was, is): (f64, f64)) -> f64 {
    let error = (1.0 / was + 1.0 / is).sqrt();
    error / 2.0 * ((levels as f64).sqrt() + limits::DRIFT_ERRORS)
}

#[cfg(test)]
mod tests;
