//! What each site was like in a run, for [`crate::drift`].
//!
//! Levels are looked at on some of each site's links only: chosen by a hash of the pair, so that the
//! same run chooses the same, and for each site by its own share, so that a link which a small site
//! brought in does not count for a large one.

use crate::{
    compare::Kept, dataset::Dataset, drift::SiteSnapshot, error::MatchError, limits,
    random::SplitMix, records::Judge, rules::Decision,
};

/// Site by site, by number. The sites have no names here.
pub(crate) fn snapshots(
    judge: Judge<'_>,
    kept: &[Kept],
    cluster_of_record: &[u32],
) -> Result<Vec<SiteSnapshot>, MatchError> {
    let dataset = judge.engine.dataset;
    let grading = dataset.grading();
    let count = dataset.keys().iter().map(|key| usize::from(key.site) + 1);
    let levels = (0..grading.segment_count()).map(|s| vec![0; grading.levels(s)]);
    let none = SiteSnapshot {
        missing: vec![0; grading.segment_count()],
        levels: levels.collect(),
        ..SiteSnapshot::default()
    };
    let mut sites = vec![none; count.max().unwrap_or(0)];
    count_records(dataset, cluster_of_record, &mut sites);
    count_levels(judge, kept, &mut sites)?;
    Ok(sites)
}

fn count_records(dataset: &Dataset, cluster_of_record: &[u32], sites: &mut [SiteSnapshot]) {
    let several = several(cluster_of_record);
    let records = (0_u32..).zip(dataset.keys()).zip(cluster_of_record);
    for ((record, key), &cluster) in records {
        if !dataset.is_compared(record) {
            continue;
        }
        let site = &mut sites[usize::from(key.site)];
        site.records += 1;
        site.linked += u64::from(several.has(cluster));
        for row in dataset.rows_of(record) {
            let missing = dataset.flags(row).missing_mask();
            site.rows += 1;
            for (segment, lacking) in site.missing.iter_mut().enumerate() {
                *lacking += u64::from(missing >> segment & 1);
            }
        }
    }
}

/// One bit per number.
struct Bits(Vec<u64>);

impl Bits {
    fn has(&self, number: u32) -> bool {
        self.0[number as usize / 64] >> (number % 64) & 1 == 1
    }

    /// Whether it was there already.
    fn insert(&mut self, number: u32) -> bool {
        let had = self.has(number);
        self.0[number as usize / 64] |= 1 << (number % 64);
        had
    }
}

/// The clusters of two records or more.
fn several(cluster_of_record: &[u32]) -> Bits {
    let clusters = cluster_of_record.iter().max().map_or(0, |&last| last + 1);
    let none = || Bits(vec![0; clusters as usize / 64 + 1]);
    let (mut one, mut several) = (none(), none());
    for &cluster in cluster_of_record {
        if one.insert(cluster) {
            several.insert(cluster);
        }
    }
    several
}

/// A link that was chosen, and for which of its ends' sites.
struct Chosen {
    records: (u32, u32),
    sites: [Option<u16>; 2],
}

fn count_levels(
    judge: Judge<'_>,
    kept: &[Kept],
    sites: &mut [SiteSnapshot],
) -> Result<(), MatchError> {
    let dataset = judge.engine.dataset;
    let chosen = choose(dataset, kept, sites.len());
    let mut rows: Vec<u32> = chosen
        .iter()
        .flat_map(|link| [link.records.0, link.records.1])
        .flat_map(|record| dataset.rows_of(record))
        .collect();
    rows.sort_unstable();
    rows.dedup();
    let words = dataset.fetch(judge.engine.stop, &rows)?;
    let width = dataset.grading().row_words();
    let row = |row: u32| {
        let at = rows.partition_point(|&other| other < row) * width;
        &words[at..at + width]
    };
    for link in chosen {
        let pattern = judge.pattern(link.records, row);
        for site in link.sites.into_iter().flatten() {
            let site = &mut sites[usize::from(site)];
            for (segment, levels) in site.levels.iter_mut().enumerate() {
                if let Some(level) = dataset.grading().level(pattern, segment) {
                    levels[level] += 1;
                }
            }
        }
    }
    Ok(())
}

/// At most about [`limits::DRIFT_SITE_LINKS`] links of each site, and [`limits::DRIFT_LINKS`] in all.
fn choose(dataset: &Dataset, kept: &[Kept], sites: usize) -> Vec<Chosen> {
    let site = |record: u32| dataset.keys()[record as usize].site;
    let ends = |pair: &Kept| {
        let (a, b) = (site(pair.a), site(pair.b));
        [Some(a), (a != b).then_some(b)]
    };
    let links = || kept.iter().filter(|pair| pair.decision == Decision::Link);
    let mut of_site = vec![0_u64; sites];
    for site in links().flat_map(ends).flatten() {
        of_site[usize::from(site)] += 1;
    }
    let with_links = of_site.iter().filter(|&&links| links > 0).count() as u64;
    let quota = limits::DRIFT_SITE_LINKS.min(limits::DRIFT_LINKS / with_links.max(1));
    let wanted = |pair: &Kept| {
        let mut random = SplitMix::new(u64::from(pair.a) << 32 | u64::from(pair.b));
        let dice = random.below(1 << 32);
        let taken = |site: &u16| {
            let links = of_site[usize::from(*site)];
            // Both factors are below 2^33.
            dice * links < quota << 32
        };
        ends(pair).map(|site| site.filter(taken))
    };
    let chosen = links().map(|pair| Chosen {
        records: (pair.a, pair.b),
        sites: wanted(pair),
    });
    chosen.filter(|link| link.sites != [None, None]).collect()
}
