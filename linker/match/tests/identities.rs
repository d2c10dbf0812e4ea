//! How research IDs scale. `MUSUBI_MATCH_RECORDS` sets the number of records; times are printed.
#![expect(
    clippy::disallowed_methods,
    reason = "test code: it measures, and takes its size from the environment"
)]

use std::time::Instant;

use linker_match::{
    RecordKey, ResearchId,
    resolve::{IdEvent, resolve, resolve_clusters},
};
use linker_token::RecordRef;

/// A counter through a mixing function: the same numbers every time.
fn mix(number: u64) -> u64 {
    let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ word >> 31
}

fn sixteen(number: u64) -> [u8; 16] {
    let half = |salt: u64| u128::from(mix(number.wrapping_add(salt)));
    (half(1) << 64 | half(1 << 40)).to_be_bytes()
}

/// Records in order, and clusters of one to three of them, numbered by their first record.
fn run(records: u64) -> (Vec<RecordKey>, Vec<u32>) {
    let mut keys: Vec<RecordKey> = (0..records)
        .map(|record| RecordKey {
            site: u16::from(record % 2 == 0),
            reference: RecordRef(sixteen(record)),
        })
        .collect();
    keys.sort_unstable();
    let mut number_of = vec![u32::MAX; keys.len()];
    let mut next = 0;
    let clusters = (0..records).map(|record| {
        let person = usize::try_from(mix(record) % (records * 3 / 5).max(1)).expect("small");
        if number_of[person] == u32::MAX {
            number_of[person] = next;
            next += 1;
        }
        number_of[person]
    });
    let clusters = clusters.collect();
    (keys, clusters)
}

#[test]
fn ids_of_many_records_take_seconds() {
    let records = std::env::var("MUSUBI_MATCH_RECORDS").ok();
    let records = records.and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let (keys, clusters) = run(records);
    let mut serial = 0;
    let mut mint = || {
        serial += 1;
        ResearchId::from_bytes(sixteen(1 << 50 | serial))
    };

    let start = Instant::now();
    let first = resolve_clusters(&[], &keys, &clusters, &|_| 0, &mut mint).expect("sound");
    println!("{records} records, first run: {:.2?}", start.elapsed());
    assert_eq!(first.events().count(), first.ids().len());
    assert_eq!(first.minted(), first.ids().len());

    let ids = clusters
        .iter()
        .map(|&cluster| first.ids()[cluster as usize]);
    let previous: Vec<(RecordKey, ResearchId)> = keys.iter().copied().zip(ids).collect();
    let start = Instant::now();
    let same = resolve_clusters(&previous, &keys, &clusters, &|_| 0, &mut mint).expect("sound");
    println!("the same again: {:.2?}", start.elapsed());
    assert_eq!((same.ids(), same.events().count()), (first.ids(), 0));

    // A twentieth of the records leave their cluster.
    let alone = |record: usize| mix(record as u64) % 20 == 7;
    let current: Vec<(RecordKey, u32)> = keys
        .iter()
        .zip(&clusters)
        .enumerate()
        .map(|(record, (&key, &cluster))| {
            let apart = u32::MAX - u32::try_from(record).expect("small");
            (key, if alone(record) { apart } else { cluster })
        })
        .collect();
    let start = Instant::now();
    let changed = resolve(&previous, &current, &|_| 0, &mut mint).expect("sound");
    println!("with changes: {:.2?}", start.elapsed());
    let moved: u32 = changed
        .events
        .iter()
        .map(|event| match event {
            IdEvent::Split { records, .. } | IdEvent::Merge { records, .. } => *records,
            IdEvent::Mint { .. } | IdEvent::Retire { .. } => 0,
        })
        .sum();
    let differ = changed.assignments.iter().zip(&previous);
    let differ = differ.filter(|(now, was)| now.1 != was.1).count();
    assert_eq!(differ, moved as usize, "every changed ID is in an event");
}
