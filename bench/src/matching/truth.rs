//! The clusters of a run against the people of the set.

use linker_match::RecordKey;

use crate::{error::BenchError, evaluate::Score, tokens::set::TokenSet};

/// Scores clusters. `keys` are the run's records in canonical order, each with its cluster.
pub(super) fn score(
    set: &TokenSet,
    keys: &[RecordKey],
    cluster_of_record: &[u32],
) -> Result<Score, BenchError> {
    let people = set.truth()?;
    let mut rows: Vec<(RecordKey, u32)> = Vec::with_capacity(people.len());
    let mut people = people.into_iter();
    for index in 0..set.batches().len() {
        let (site, batch) = set.read(index)?;
        let references = batch.references().iter();
        let keys = references.map(|&reference| RecordKey { site, reference });
        rows.extend(keys.zip(&mut people));
    }
    rows.sort_unstable();
    rows.dedup();
    let missing = || BenchError::Check {
        what: "the run has not exactly the records of the set, or one of two people".to_owned(),
    };
    if !rows.iter().map(|row| &row.0).eq(keys) {
        return Err(missing());
    }
    let people: Vec<u32> = rows.into_iter().map(|(_, person)| person).collect();
    Score::by_record(cluster_of_record, &people).ok_or_else(missing)
}
