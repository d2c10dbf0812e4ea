use linker_token::Schema;

use super::*;
use crate::{
    model::{ModelSource, Parameters},
    random::SplitMix,
};

/// Two sites with a thousand and with twenty thousand records, drawn by a seed. `spoil` is the
/// share of links of the second site whose kanji lose a level, `lack` that of rows without place.
fn run(seed: u64, spoil: f64, lack: f64) -> Snapshot {
    let schema = Schema::jp_1();
    let default = Parameters::default_for(&schema, 21_000);
    let m = default.m.clone();
    let present = vec![21_000; 5];
    let model = Model::new(&schema, ModelSource::Trained, default, &present);
    let mut random = SplitMix::new(seed);
    let mut chance = move || random.below(1 << 32) as f64 / f64::from(u32::MAX);
    let sites = [(1000_u64, 0.0, 0.0), (20_000, spoil, lack)].map(|(records, spoil, lack)| {
        let mut site = SiteSnapshot {
            site: format!("site-{records}"),
            records,
            rows: records,
            missing: vec![0; 5],
            levels: m.iter().map(|m| vec![0; m.len()]).collect(),
            ..SiteSnapshot::default()
        };
        for _ in 0..records {
            site.linked += u64::from(chance() < 0.6);
            for (segment, m) in m.iter().enumerate() {
                let missing = 0.05 + if segment == 3 { lack } else { 0.0 };
                site.missing[segment] += u64::from(chance() < missing);
                let mut at = chance();
                let found = m.iter().position(|p| {
                    at -= p;
                    at < 0.0
                });
                let last = m.len() - 1;
                let mut level = found.unwrap_or(last);
                if segment == 1 && chance() < spoil {
                    level = last;
                }
                site.levels[segment][level] += 1;
            }
        }
        site
    });
    let model = Model {
        sample_pairs: 220_000_000,
        sample_matches: 40_000.0,
        ..model
    };
    Snapshot {
        model,
        records: 21_000,
        sites: sites.into(),
    }
}

#[test]
fn two_runs_of_the_same_sources_drift_nowhere() {
    for seed in 0..20 {
        let findings = drift(&run(seed, 0.0, 0.0), &run(seed + 100, 0.0, 0.0));
        assert_eq!(findings, [], "seed {seed}");
    }
}

#[test]
fn a_broken_segment_of_one_site_is_named() {
    let findings = drift(&run(1, 0.0, 0.0), &run(2, 0.15, 0.0));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind, DriftKind::SiteLevels);
    let text = findings[0].to_string();
    assert!(text.starts_with("kanji of site-20000 disagrees more often than last time"));
    let back = drift(&run(2, 0.15, 0.0), &run(1, 0.0, 0.0));
    assert!(back[0].to_string().contains("less often"));
}

#[test]
fn a_segment_that_a_site_no_longer_sends_is_named() {
    let findings = drift(&run(1, 0.0, 0.0), &run(2, 0.0, 0.1));
    let kinds: Vec<DriftKind> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [DriftKind::SiteMissing]);
    assert_eq!(findings[0].segment.as_deref(), Some("place"));
}

#[test]
fn links_sites_and_models_drift() {
    let (before, mut now) = (run(1, 0.0, 0.0), run(2, 0.0, 0.0));
    now.sites[1].linked /= 2;
    now.sites[0].site = "newcomer".to_owned();
    now.model.prior *= 1.5;
    now.model.segments[0].m.swap(0, 1);
    now.model.segments[2].u[0] += 0.05;
    let findings = drift(&before, &now);
    let mut kinds: Vec<&str> = findings.iter().map(|finding| finding.kind.code()).collect();
    kinds.dedup();
    let expected = [
        "site-linked",
        "matches",
        "strangers",
        "partners",
        "site-set",
    ];
    assert_eq!(kinds, expected);
    assert!(
        findings
            .iter()
            .all(|finding| !finding.to_string().is_empty())
    );
}

#[test]
fn a_change_just_below_the_threshold_is_not_told() {
    let (before, mut now) = (run(1, 0.0, 0.0), run(1, 0.0, 0.0));
    now.model.prior *= limits::DRIFT_PARTNERS - 0.01;
    let (m, least) = (&mut now.model.segments[0].m, limits::DRIFT_LEVELS);
    (m[0], m[1]) = (m[0] - least + 0.001, m[1] + least - 0.001);
    assert_eq!(drift(&before, &now), []);
    let m = &mut now.model.segments[0].m;
    (m[0], m[1]) = (m[0] - 0.002, m[1] + 0.002);
    assert_eq!(drift(&before, &now).len(), 1);
}
