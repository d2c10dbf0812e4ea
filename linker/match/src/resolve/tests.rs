//! Who keeps which ID, on small lists, and the fast version against the slow one.

use linker_token::RecordRef;
use proptest::{collection::vec, prelude::*};

use super::*;

fn record(number: u8) -> RecordKey {
    RecordKey {
        site: 0,
        reference: RecordRef([number; 16]),
    }
}

fn id(number: u8) -> ResearchId {
    ResearchId([number; 16])
}

/// Lists of (record, ID) and (record, cluster) in; who has which ID and what changed out.
fn check(previous: &[(u8, u8)], current: &[(u8, u32)]) -> (Vec<u8>, Vec<IdEvent>) {
    let previous: Vec<_> = previous.iter().map(|&(r, i)| (record(r), id(i))).collect();
    let current: Vec<_> = current.iter().map(|&(r, c)| (record(r), c)).collect();
    let mut next = 100;
    let mut mint = || {
        next += 1;
        id(next)
    };
    let resolution =
        resolve(&previous, &current, &|id| id.0[0].into(), &mut mint).expect("the lists are sound");
    let ids = resolution.assignments.iter().map(|(_, id)| id.0[0]);
    (ids.collect(), resolution.events)
}

#[test]
fn a_first_run_mints_and_a_second_changes_nothing() {
    let (ids, events) = check(&[], &[(1, 7), (2, 7), (3, 5)]);
    assert_eq!(ids, [101, 101, 102]);
    assert_eq!(events.len(), 2);
    let (ids, events) = check(&[(1, 9), (2, 9), (3, 4)], &[(3, 0), (1, 1), (2, 1)]);
    assert_eq!((ids, events), (vec![9, 9, 4], vec![]));
}

#[test]
fn a_merge_keeps_the_largest_then_the_oldest() {
    let merged = [(1, 0), (2, 0), (3, 0)];
    let (ids, events) = check(&[(1, 5), (2, 6), (3, 6)], &merged);
    assert_eq!(ids, [6, 6, 6]);
    let (kept, absorbed, records) = (id(6), id(5), 1);
    assert_eq!(
        events,
        [IdEvent::Merge {
            kept,
            absorbed,
            records
        }]
    );
    let (ids, _) = check(&[(1, 6), (2, 5)], &merged[..2]);
    assert_eq!(ids, [5, 5], "of equal parts the older ID stays");
}

#[test]
fn a_split_leaves_the_id_with_the_largest_piece() {
    let (ids, events) = check(&[(1, 5), (2, 5), (3, 5)], &[(1, 0), (2, 1), (3, 1)]);
    assert_eq!(ids, [101, 5, 5]);
    let (from, into, records) = (id(5), id(101), 1);
    let minted = IdEvent::Mint { id: into, records };
    assert_eq!(
        events,
        [
            minted,
            IdEvent::Split {
                from,
                into,
                records
            }
        ]
    );
}

#[test]
fn records_that_leave_retire_their_id() {
    let (ids, events) = check(&[(1, 5), (2, 6)], &[(2, 0)]);
    assert_eq!(ids, [6]);
    assert_eq!(
        events,
        [IdEvent::Retire {
            id: id(5),
            records: 1
        }]
    );
}

#[test]
fn a_mint_that_repeats_and_a_record_twice_are_refused() {
    let age = |_| 0;
    let previous = [(record(1), id(1))];
    let current = [(record(1), 0), (record(2), 1)];
    let repeats = resolve(&previous, &current, &age, &mut || id(1));
    assert!(matches!(repeats, Err(MatchError::MintRepeats)));
    let twice = [current[0], current[0]];
    let refused = resolve(&previous, &twice, &age, &mut || id(1));
    assert!(matches!(refused, Err(MatchError::RecordTwice { .. })));
}

/// Records with previous IDs, records with clusters, IDs to mint.
type Lists = (Vec<(u8, u8)>, Vec<(u8, u32)>, Vec<u8>);

/// Numbers that repeat often, so that parts, merges, splits and repeated mints meet.
fn lists() -> impl Strategy<Value = Lists> {
    let previous = vec((0_u8..60, 0_u8..12), 0..40);
    let current = vec((0_u8..60, prop_oneof![0_u32..9, Just(u32::MAX)]), 0..40);
    (previous, current, vec(0_u8..40, 160))
}

proptest! {
    #[test]
    fn it_does_what_the_slow_one_does((previous, current, mints) in lists(), ages in 1_u64..4) {
        let previous: Vec<_> = previous.iter().map(|&(r, i)| (record(r), id(i))).collect();
        let current: Vec<_> = current.iter().map(|&(r, c)| (record(r), c)).collect();
        let once = |seen: &mut BTreeSet<RecordKey>, key| seen.insert(key);
        let mut seen = BTreeSet::new();
        let previous: Vec<_> = previous.into_iter().filter(|p| once(&mut seen, p.0)).collect();
        seen.clear();
        let current: Vec<_> = current.into_iter().filter(|c| once(&mut seen, c.0)).collect();
        let age = |id: ResearchId| u64::from(id.0[0]) % ages;
        let outcome = |resolve: Resolve| {
            let mut mints = mints.iter().map(|&number| id(number)).cycle();
            let outcome = resolve(&previous, &current, &age, &mut || mints.next().expect("a cycle"));
            outcome.map_err(|error| error.to_string())
        };
        let fast = outcome(resolve);
        prop_assert_eq!(&fast, &outcome(reference::resolve));
        let mut ordered = current.clone();
        ordered.sort_unstable();
        let keys: Vec<RecordKey> = ordered.iter().map(|c| c.0).collect();
        let cluster_of = renumber(&ordered);
        let mut mints = mints.iter().map(|&number| id(number)).cycle();
        let mut mint = || mints.next().expect("a cycle");
        let clusters = resolve_clusters(&previous, &keys, &cluster_of, &age, &mut mint);
        if let (Ok(fast), Ok(clusters)) = (&fast, &clusters) {
            let ids = cluster_of.iter().map(|&cluster| clusters.ids()[cluster as usize]);
            let assignments: Vec<_> = keys.into_iter().zip(ids).collect();
            prop_assert_eq!(&assignments, &fast.assignments);
            prop_assert_eq!(&clusters.events().collect::<Vec<_>>(), &fast.events);
        }
        prop_assert_eq!(fast.is_err(), clusters.is_err());
    }
}

type Resolve = fn(
    &[(RecordKey, ResearchId)],
    &[(RecordKey, u32)],
    &dyn Fn(ResearchId) -> u64,
    &mut dyn FnMut() -> ResearchId,
) -> Result<Resolution, MatchError>;

#[test]
fn ids_that_share_a_half_are_told_apart() {
    let twin = |half: u8, rest: u8| {
        let mut bytes = [rest; 16];
        bytes[..8].fill(half);
        ResearchId(bytes)
    };
    let previous = [(record(1), twin(7, 2)), (record(2), twin(7, 1))];
    let current = [
        (record(1), 0),
        (record(2), 0),
        (record(3), 1),
        (record(4), 2),
    ];
    let outcome = |resolve: Resolve| {
        let mut draws = [twin(7, 1), twin(7, 9), twin(7, 9), twin(7, 8)].into_iter();
        let mut mint = || draws.next().expect("enough draws");
        resolve(&previous, &current, &|_| 0, &mut mint).expect("the lists are sound")
    };
    assert_eq!(outcome(resolve), outcome(reference::resolve));
    assert_eq!(outcome(resolve).assignments[3].1, twin(7, 8));
}

#[test]
fn arrays_in_another_order_are_refused() {
    let keys = [record(1), record(2), record(3)];
    let mut mint = || unreachable!("nothing is minted");
    for (keys, clusters) in [
        (&keys[..2], &[0, 1, 2][..]),
        (&[keys[1], keys[0]], &[0, 1]),
        (&[keys[0], keys[0]], &[0, 1]),
        (&keys, &[0, 2, 1]),
        (&keys, &[1, 1, 1]),
    ] {
        let refused = resolve_clusters(&[], keys, clusters, &|_| 0, &mut mint);
        assert!(matches!(refused, Err(MatchError::Clusters { .. })));
    }
    assert!(bounded(limits::ASSIGNMENTS_MAX).is_ok());
    assert!(bounded(limits::ASSIGNMENTS_MAX + 1).is_err());
}
