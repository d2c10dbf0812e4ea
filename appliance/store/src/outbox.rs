//! The outbox: audit entries that are in the database and may not be in the log file yet.
//!
//! A change and its entries are one transaction, so neither is ever there without the other. The rows stay
//! until the next transaction, which knows that the log holds them.

use linker_token::canonical::{Reader, Writer};

use crate::{
    database::{Changes, Rows, Table},
    error::StoreError,
    limits,
    log::{Log, Recorded},
    rows::{put_bytes, take_bytes, take_u64},
    store::rows_of,
    tree::{Hash, Tree},
};

const AUDIT: [u8; 8] = *b"MSBROWA1";
/// A row of several entries. A row of one is the entry itself, which is text and never begins like this.
const SEVERAL: [u8; 8] = *b"MSBROWE\0";

/// What the database says about the log.
pub(crate) fn recorded(rows: &Rows) -> Result<Recorded, StoreError> {
    let mut pending = Vec::new();
    for (_, row) in rows_of(rows, Table::Outbox) {
        read(row, &mut pending)?;
    }
    let Some(row) = rows.get(&Table::Audit.key(b"")) else {
        return Ok(Recorded {
            logged: 0,
            root: Tree::default().root(0),
            pending,
        });
    };
    let mut input = Reader::new("an audit row", AUDIT, row)?;
    let (logged, root) = (take_u64(&mut input)?, input.fixed()?);
    input.finish()?;
    Ok(Recorded {
        logged,
        root,
        pending,
    })
}

/// Puts entries into the outbox and takes out those that are in the log by now.
pub(crate) fn note(rows: &Rows, log: &Log, changes: &mut Changes, entries: &[Vec<u8>]) {
    let tag = Table::Outbox.tag();
    let logged = rows_of(rows, Table::Outbox).map(|(name, _)| [&[tag], name].concat());
    changes.extend(logged.map(|name| (name, None)));
    let size = log.len();
    for (first, row) in pack(size, entries) {
        changes.insert(Table::Outbox.key(&first.to_be_bytes()), Some(row));
    }
    let root = log.tree().root(log.tree().len());
    changes.insert(Table::Audit.key(b""), Some(audit_row(size, &root)));
}

/// Rows of as many entries as fit, each under the number of its first.
fn pack(first: u64, entries: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
    if let [entry] = entries {
        return vec![(first, entry.clone())];
    }
    let mut rows = Vec::new();
    let (mut at, mut rest) = (first, entries);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|entry| {
            bytes += 4 + entry.len();
            bytes <= limits::OUTBOX_ROW_BYTES
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let mut out = Writer::new(SEVERAL);
        now.iter().for_each(|entry| put_bytes(&mut out, entry));
        rows.push((at, out.finish()));
        (at, rest) = (at + now.len() as u64, later);
    }
    rows
}

fn read(row: &[u8], pending: &mut Vec<Vec<u8>>) -> Result<(), StoreError> {
    if !row.starts_with(&SEVERAL) {
        pending.push(row.to_vec());
        return Ok(());
    }
    let mut left = row.len() - SEVERAL.len();
    let mut input = Reader::new("an outbox row", SEVERAL, row)?;
    while left > 0 {
        let entry = take_bytes(&mut input, limits::AUDIT_ENTRY_BYTES_MAX)?;
        left = left.saturating_sub(4 + entry.len());
        pending.push(entry);
    }
    Ok(input.finish()?)
}

fn audit_row(logged: u64, root: &Hash) -> Vec<u8> {
    let mut out = Writer::new(AUDIT);
    out.u64(logged);
    out.fixed(root);
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(rows: &[(u64, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut pending = Vec::new();
        for (_, row) in rows {
            read(row, &mut pending).expect("reads");
        }
        pending
    }

    #[test]
    fn rows_hold_their_entries_in_order() {
        for count in [0, 1, 2, 3, 500] {
            let entries: Vec<Vec<u8>> = (0..count)
                .map(|number: usize| vec![b'x'; 1 + number * 16])
                .collect();
            let rows = pack(7, &entries);
            assert_eq!(back(&rows), entries, "{count}");
            assert!(
                rows.iter()
                    .all(|(_, row)| row.len() <= limits::ROW_BYTES_MAX)
            );
            let firsts: Vec<u64> = rows.iter().map(|(first, _)| *first).collect();
            assert!(firsts.is_sorted() && firsts.first().is_none_or(|first| *first == 7));
        }
        assert_eq!(pack(3, &[b"one".to_vec()]), [(3, b"one".to_vec())]);
    }

    #[test]
    fn the_longest_entries_fit() {
        let longest = vec![vec![b'x'; limits::AUDIT_ENTRY_BYTES_MAX]; 200];
        let rows = pack(0, &longest);
        assert!(rows.len() > 1, "one row would be too long");
        assert!(
            rows.iter()
                .all(|(_, row)| row.len() <= limits::ROW_BYTES_MAX)
        );
        assert_eq!(back(&rows), longest);
        let mut cut = rows[0].1.clone();
        cut.pop();
        assert!(read(&cut, &mut Vec::new()).is_err());
    }
}
