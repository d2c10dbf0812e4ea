//! The research IDs that records had before a run: by the newest run, and through a change of key epoch.
//!
//! Tokens of two epochs cannot be compared, and need not be: a record's reference is the site's own and does
//! not depend on the epoch. So the older epoch's last list says which ID each record had, and the first runs
//! under the newer epoch carry it on. A site that moves over late finds its records' IDs as well, for as
//! long as the older store is there.

use std::collections::BTreeMap;

use appliance_store::{Assignments, GenerationRow, IdEvent, Store};
use linker_match::{RecordKey, ResearchId};
use linker_token::SiteId;

use crate::{error::ServiceError, service::Appliance};

type Lines = Vec<(RecordKey, ResearchId)>;

/// What every record had before, under the present numbers of the sites.
pub(super) fn previous(appliance: &Appliance, sites: &[SiteId]) -> Result<Lines, ServiceError> {
    let own = appliance.store().assignments()?;
    let mut lines = numbered(&own, sites, &|_missing| {
        Err(ServiceError::Damaged {
            what: "the list of assignments",
        })
    })?;
    drop(own);
    let Some(before) = &appliance.before else {
        return Ok(lines);
    };
    // A site that has not moved yet has no number here. Its lines stay in the older store until it has.
    let older = numbered(&before.assignments()?, sites, &|_missing| Ok(()))?;
    let ended = ended(appliance.store(), !older.is_empty())?;
    lines = joined(lines, older, &ended);
    Ok(lines)
}

/// Lines of the newer list, and those of the older one for records that the newer one does not have. An ID
/// that has ended meanwhile goes on as the one that it was merged into.
fn joined(newer: Lines, older: Lines, ended: &BTreeMap<[u8; 16], [u8; 16]>) -> Lines {
    if newer.is_empty() {
        return older;
    }
    let mut all = Vec::with_capacity(newer.len().max(older.len()));
    let mut newer = newer.into_iter().peekable();
    for (record, id) in older {
        while let Some(line) = newer.next_if(|(key, _)| *key < record) {
            all.push(line);
        }
        match newer.next_if(|(key, _)| *key == record) {
            Some(line) => all.push(line),
            None => all.push((record, ResearchId::from_bytes(last(id.to_bytes(), ended)))),
        }
    }
    all.extend(newer);
    all
}

/// The ID that an ended one goes on as. Merges come in the order of the runs, so an ID may end that others
/// ended in before; each step leads to a later merge, so the way has no circle longer than the map.
fn last(id: [u8; 16], ended: &BTreeMap<[u8; 16], [u8; 16]>) -> [u8; 16] {
    let mut id = id;
    for _ in 0..=ended.len() {
        match ended.get(&id) {
            Some(&kept) if kept != id => id = kept,
            Some(_) | None => break,
        }
    }
    id
}

/// Which IDs have ended in the runs of a store, and in which.
fn ended(store: &Store, wanted: bool) -> Result<BTreeMap<[u8; 16], [u8; 16]>, ServiceError> {
    let mut ended = BTreeMap::new();
    if !wanted {
        return Ok(ended);
    }
    let generations: Vec<GenerationRow> = store.generations()?;
    for generation in &generations {
        for event in store.id_events(generation)? {
            match event {
                IdEvent::Merge { kept, ended: gone } => {
                    // An ID that goes on has not ended, whatever an earlier run said.
                    ended.remove(&kept);
                    ended.extend(gone.into_iter().map(|id| (id, kept)));
                }
                IdEvent::Mint { .. } | IdEvent::Split { .. } => {}
            }
        }
    }
    Ok(ended)
}

/// Lines under the present numbers of the sites; `missing` judges a site that has none.
fn numbered(
    former: &Assignments,
    sites: &[SiteId],
    missing: &dyn Fn(&SiteId) -> Result<(), ServiceError>,
) -> Result<Lines, ServiceError> {
    let number = |site: &SiteId| {
        let place = sites.binary_search(site).ok();
        let number = place.and_then(|place| u16::try_from(place).ok());
        if number.is_none() {
            missing(site)?;
        }
        Ok(number)
    };
    let numbers = former.sites.iter().map(number);
    let numbers = numbers.collect::<Result<Vec<_>, ServiceError>>()?;
    let mut lines = Vec::with_capacity(former.lines.len());
    for line in &former.lines {
        let number = numbers.get(usize::from(line.site));
        let number = number.ok_or(ServiceError::Damaged {
            what: "the list of assignments",
        })?;
        if let Some(site) = *number {
            let reference = line.reference;
            let key = RecordKey { site, reference };
            lines.push((key, ResearchId::from_bytes(line.research_id)));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use appliance_store::Assignment;
    use linker_token::RecordRef;

    use super::*;

    fn line(site: u16, record: u8, id: u8) -> (RecordKey, ResearchId) {
        let reference = RecordRef([record; 16]);
        let key = RecordKey { site, reference };
        (key, ResearchId::from_bytes([id; 16]))
    }

    #[test]
    fn the_newer_list_counts_and_the_older_one_fills_in() {
        let newer = vec![line(0, 2, 20), line(1, 1, 11)];
        let older = vec![line(0, 1, 1), line(0, 2, 2), line(1, 1, 3), line(2, 1, 4)];
        let ended = BTreeMap::from([([4; 16], [5; 16]), ([5; 16], [6; 16])]);
        let all = joined(newer.clone(), older.clone(), &ended);
        let expected = vec![line(0, 1, 1), line(0, 2, 20), line(1, 1, 11), line(2, 1, 6)];
        assert_eq!(all, expected);
        assert_eq!(joined(newer.clone(), Vec::new(), &ended), newer);
        assert_eq!(joined(Vec::new(), older.clone(), &BTreeMap::new()), older);
    }

    #[test]
    fn a_circle_of_merges_ends() {
        let ended = BTreeMap::from([([1; 16], [2; 16]), ([2; 16], [1; 16])]);
        let end = last([1; 16], &ended);
        assert!(end == [1; 16] || end == [2; 16]);
    }

    #[test]
    fn a_site_without_a_number_is_left_out_or_refused() {
        let site = |name: &str| SiteId::parse(name).expect("a name");
        let assignment = |site: u16, record: u8| Assignment {
            site,
            reference: RecordRef([record; 16]),
            research_id: [record; 16],
        };
        let former = Assignments {
            sites: vec![site("hospital"), site("town")],
            lines: vec![assignment(0, 1), assignment(1, 2)],
        };
        let present = [site("clinic"), site("town")];
        let left = numbered(&former, &present, &|_| Ok(())).expect("goes through");
        assert_eq!(left, [line(1, 2, 2)]);
        let refused = numbered(&former, &present, &|_| Err(ServiceError::Internal));
        assert!(refused.is_err());
    }
}
