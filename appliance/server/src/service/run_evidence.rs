//! What a run leaves for people and for the next run: its model, what each site was like, how good the
//! result is by site and by pass, and what changed since the run before.
//!
//! Names of sites, segments and passes, counts and shares; no values and no records.

use linker_match::{
    Linkage, Model, ModelSettings,
    drift::{DriftKind, Finding, SiteSnapshot, Snapshot, drift},
};
use linker_token::{
    Schema, SiteId, TokenError,
    canonical::{Reader, Writer},
};
use sha2::{Digest as _, Sha256};

use crate::limits;

/// A site's part of the pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteQuality {
    /// The site.
    pub site: String,
    /// Pairs above the review threshold with a record of the site.
    pub pairs: u64,
    /// Estimated precision, recall and their harmonic mean.
    pub estimates: [f64; 3],
}

/// A pass's part of the pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct PassQuality {
    /// The pass.
    pub pass: String,
    /// Pairs of rows that it compared.
    pub compared: u64,
    /// Pairs inside clusters that it was the first to find.
    pub pairs: u64,
    /// Their estimated precision, and their share of all matches inside clusters.
    pub estimates: [f64; 2],
}

/// What a run leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The model's canonical bytes.
    pub model: Vec<u8>,
    /// Records that could be compared.
    pub records: u64,
    /// What the sites were like.
    pub snapshots: Vec<SiteSnapshot>,
    /// Estimates by site.
    pub sites: Vec<SiteQuality>,
    /// Estimates by pass.
    pub passes: Vec<PassQuality>,
    /// What changed since the released run before, the largest change of each kind first.
    pub drift: Vec<Finding>,
}

impl Evidence {
    /// Of a run that was just linked, compared with the one before.
    pub(super) fn new(
        linkage: &Linkage,
        (schema, settings): (&Schema, &ModelSettings),
        sites: &[SiteId],
        before: Option<&Self>,
    ) -> Self {
        let name = |number: u16| {
            let site = sites.get(usize::from(number));
            site.map(ToString::to_string).unwrap_or_default()
        };
        let mut snapshot = linkage.snapshot(name);
        snapshot.sites.truncate(limits::RUN_SITES_MAX);
        let before = before.and_then(|before| before.snapshot(schema));
        let mut findings = before.map_or_else(Vec::new, |before| drift(&before, &snapshot));
        findings.truncate(limits::RUN_FINDINGS_MAX);
        let estimates = linkage.site_estimates.iter().take(limits::RUN_SITES_MAX);
        let passes = linkage.passes.iter().zip(&linkage.pass_estimates);
        Self {
            model: linkage.model.to_bytes(schema, settings),
            records: snapshot.records,
            snapshots: snapshot.sites,
            sites: estimates
                .map(|site| SiteQuality {
                    site: name(site.site),
                    pairs: site.pairs,
                    estimates: [
                        site.estimate.precision,
                        site.estimate.recall,
                        site.estimate.f1,
                    ],
                })
                .collect(),
            passes: passes
                .take(limits::RUN_PASSES_MAX)
                .map(|(report, estimate)| PassQuality {
                    pass: report.plan.name.clone(),
                    compared: report.plan.pairs - report.pairs_repeated,
                    pairs: estimate.pairs,
                    estimates: [estimate.precision, estimate.gain],
                })
                .collect(),
            drift: findings,
        }
    }

    /// SHA-256 of the model's bytes, in hexadecimal.
    #[must_use]
    pub fn model_digest(&self) -> String {
        hex::encode(Sha256::digest(&self.model))
    }

    /// What the run was like; nothing if it was of another schema.
    fn snapshot(&self, schema: &Schema) -> Option<Snapshot> {
        let (model, _settings) = Model::from_bytes(schema, &self.model).ok()?;
        Some(Snapshot {
            model,
            records: self.records,
            sites: self.snapshots.clone(),
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        count(out, self.model.len());
        out.fixed(&self.model);
        out.u64(self.records);
        count(out, self.snapshots.len());
        for site in &self.snapshots {
            out.text(&site.site);
            for value in [site.records, site.linked, site.rows] {
                out.u64(value);
            }
            count(out, site.missing.len());
            site.missing.iter().for_each(|&value| out.u64(value));
            for levels in &site.levels {
                count(out, levels.len());
                levels.iter().for_each(|&value| out.u64(value));
            }
        }
        count(out, self.sites.len());
        for site in &self.sites {
            out.text(&site.site);
            out.u64(site.pairs);
            for value in site.estimates {
                out.u64(value.to_bits());
            }
        }
        count(out, self.passes.len());
        for pass in &self.passes {
            out.text(&pass.pass);
            for value in [pass.compared, pass.pairs] {
                out.u64(value);
            }
            for value in pass.estimates {
                out.u64(value.to_bits());
            }
        }
        count(out, self.drift.len());
        for finding in &self.drift {
            out.text(finding.kind.code());
            out.text(finding.site.as_deref().unwrap_or_default());
            out.text(finding.segment.as_deref().unwrap_or_default());
            for value in [finding.was, finding.is, finding.change] {
                out.u64(value.to_bits());
            }
        }
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, TokenError> {
        let bytes = bounded(input, limits::MODEL_BYTES_MAX)?;
        Ok(Self {
            model: input.take(bytes)?.to_vec(),
            records: input.u64()?,
            snapshots: list(input, limits::RUN_SITES_MAX, snapshot)?,
            sites: list(input, limits::RUN_SITES_MAX, |input| {
                Ok(SiteQuality {
                    site: text(input)?,
                    pairs: input.u64()?,
                    estimates: numbers(input)?,
                })
            })?,
            passes: list(input, limits::RUN_PASSES_MAX, |input| {
                Ok(PassQuality {
                    pass: text(input)?,
                    compared: input.u64()?,
                    pairs: input.u64()?,
                    estimates: numbers(input)?,
                })
            })?,
            drift: list(input, limits::RUN_FINDINGS_MAX, finding)?,
        })
    }
}

fn snapshot(input: &mut Reader<'_>) -> Result<SiteSnapshot, TokenError> {
    let site = text(input)?;
    let (records, linked, rows) = (input.u64()?, input.u64()?, input.u64()?);
    let missing = list(input, limits::RUN_SEGMENTS_MAX, |input| input.u64())?;
    let levels =
        (0..missing.len()).map(|_| list(input, limits::RUN_LEVELS_MAX, |input| input.u64()));
    Ok(SiteSnapshot {
        levels: levels.collect::<Result<_, _>>()?,
        site,
        records,
        linked,
        rows,
        missing,
    })
}

fn finding(input: &mut Reader<'_>) -> Result<Finding, TokenError> {
    let code = text(input)?;
    let kind = DriftKind::ALL.into_iter().find(|kind| kind.code() == code);
    let kind = kind.ok_or_else(|| input.refuse("it has drift of an unknown kind"))?;
    let some = |name: String| Some(name).filter(|name| !name.is_empty());
    let (site, segment) = (some(text(input)?), some(text(input)?));
    let [was, is, change] = numbers(input)?;
    Ok(Finding {
        kind,
        site,
        segment,
        was,
        is,
        change,
    })
}

fn count(out: &mut Writer, count: usize) {
    out.u32(u32::try_from(count).unwrap_or(u32::MAX));
}

fn bounded(input: &mut Reader<'_>, most: usize) -> Result<usize, TokenError> {
    let count = usize::try_from(input.u32()?).unwrap_or(usize::MAX);
    if count > most {
        return Err(input.refuse("it has too many parts"));
    }
    Ok(count)
}

fn list<T>(
    input: &mut Reader<'_>,
    most: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<T, TokenError>,
) -> Result<Vec<T>, TokenError> {
    (0..bounded(input, most)?).map(|_| read(input)).collect()
}

fn text(input: &mut Reader<'_>) -> Result<String, TokenError> {
    Ok(input.text(limits::TEXT_BYTES_MAX)?.to_owned())
}

fn numbers<const N: usize>(input: &mut Reader<'_>) -> Result<[f64; N], TokenError> {
    let mut values = [0.0; N];
    for value in &mut values {
        *value = f64::from_bits(input.u64()?);
    }
    Ok(values)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One of each.
    pub(in crate::service) fn example() -> Evidence {
        Evidence {
            model: vec![1, 2, 3],
            records: 10,
            snapshots: vec![SiteSnapshot {
                site: "hospital".into(),
                records: 10,
                linked: 4,
                rows: 11,
                missing: vec![1, 0],
                levels: vec![vec![3, 1, 0], vec![4, 0]],
            }],
            sites: vec![SiteQuality {
                site: "hospital".into(),
                pairs: 4,
                estimates: [0.99, 0.5, 0.66],
            }],
            passes: vec![PassQuality {
                pass: "birth".into(),
                compared: 9,
                pairs: 2,
                estimates: [0.9, 1.0],
            }],
            drift: vec![Finding {
                kind: DriftKind::SiteMissing,
                site: Some("hospital".into()),
                segment: Some("place".into()),
                was: 0.1,
                is: 0.4,
                change: 0.3,
            }],
        }
    }

    fn read(bytes: &[u8]) -> Result<Evidence, TokenError> {
        let mut input = Reader::new("evidence", *b"TESTTEST", bytes)?;
        let evidence = Evidence::read(&mut input)?;
        input.finish()?;
        Ok(evidence)
    }

    fn write(evidence: &Evidence) -> Vec<u8> {
        let mut out = Writer::new(*b"TESTTEST");
        evidence.write(&mut out);
        out.finish()
    }

    #[test]
    fn evidence_survives_and_bytes_that_were_cut_do_not() {
        let bytes = write(&example());
        assert_eq!(read(&bytes).expect("reads"), example());
        for end in 8..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn one_past_each_bound_is_refused() {
        let site = example().snapshots.remove(0);
        let at = |sites: usize, model: usize, findings: usize| Evidence {
            snapshots: vec![site.clone(); sites],
            model: vec![0; model],
            drift: vec![example().drift.remove(0); findings],
            ..example()
        };
        let (sites, model) = (limits::RUN_SITES_MAX, limits::MODEL_BYTES_MAX);
        let findings = limits::RUN_FINDINGS_MAX;
        assert!(read(&write(&at(sites, model, findings))).is_ok());
        assert!(read(&write(&at(sites + 1, model, findings))).is_err());
        assert!(read(&write(&at(sites, model + 1, findings))).is_err());
        assert!(read(&write(&at(sites, model, findings + 1))).is_err());
    }
}
