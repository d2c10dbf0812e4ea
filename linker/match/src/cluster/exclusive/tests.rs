use linker_token::RecordRef;

use super::*;
use crate::{dataset::RecordKey, limits::WEIGHT_UNIT, random::SplitMix, verdict::Constraints};

const SIDE: u32 = 400;

/// Two sites of `SIDE` records and these pairs of left and right records with weights in bits.
fn run(pairs: &[(u32, u32, i32)], free: &[u16]) -> Vec<Kept> {
    let keys = (0..2 * SIDE).map(|record| {
        let mut reference = [0; 16];
        reference[..4].copy_from_slice(&record.to_be_bytes());
        RecordKey {
            site: u16::from(record >= SIDE),
            reference: RecordRef(reference),
        }
    });
    let keys: Vec<RecordKey> = keys.collect();
    let constraints = Constraints {
        sites_without_duplicates: free.to_vec(),
        ..Constraints::default()
    };
    let decided = Decided::new(&keys, &constraints);
    let settings = Settings::standard();
    let sites: Vec<u16> = keys.iter().map(|key| key.site).collect();
    let mut kept: Vec<Kept> = pairs
        .iter()
        .map(|&(a, b, bits)| Kept {
            a,
            b: SIDE + b,
            weight: bits * WEIGHT_UNIT,
            decision: if bits >= 2 {
                Decision::Link
            } else {
                Decision::Review
            },
            rule: Rule::Weight,
            pass: 0,
        })
        .collect();
    kept.sort_unstable();
    compete(&mut kept, &decided, &settings, &sites);
    kept
}

/// Of so many records in a thousand with a partner, true pairs at 6 bits and strangers at −2 bits.
fn planted(permille: u64) -> Vec<(u32, u32, i32)> {
    let mut random = SplitMix::new(permille);
    let mut pairs = Vec::new();
    for record in 0..SIDE {
        if random.below(1000) < permille {
            pairs.push((record, record, 6));
        }
        let other = u32::try_from(random.below(SIDE.into())).expect("small");
        if other != record {
            pairs.push((record, other, -2));
        }
    }
    pairs
}

#[test]
fn planted_pairs_are_found_and_strangers_are_not_linked() {
    for permille in [300, 900, 1000] {
        let pairs = planted(permille);
        let kept = run(&pairs, &[0, 1]);
        let links = kept.iter().filter(|kept| kept.decision == Decision::Link);
        let (right, wrong): (Vec<&Kept>, Vec<&Kept>) =
            links.partition(|kept| kept.a + SIDE == kept.b);
        let planted = pairs.iter().filter(|pair| pair.2 == 6).count();
        assert_eq!(right.len(), planted, "{permille}");
        if permille != 900 {
            assert!(wrong.is_empty(), "{permille}: {}", wrong.len());
        }
        assert!(wrong.len() * 50 <= planted, "{permille}: {}", wrong.len());
        assert_eq!(kept, run(&pairs, &[1, 0]), "the same again");
    }
}

#[test]
fn nothing_changes_unless_both_sites_are_free_of_duplicates() {
    let pairs = planted(900);
    let plain = run(&pairs, &[]);
    assert_eq!(plain, run(&pairs, &[1]));
    assert_ne!(plain, run(&pairs, &[0, 1]));
}

/// Two candidates that are equally good are for a person to look at; one of four bits more wins.
#[test]
fn candidates_compete() {
    let of = |bits: i32| {
        // Few others have partners, so that to be alone is nothing special.
        let mut pairs: Vec<_> = (20..30).map(|at| (at, at, 20)).collect();
        pairs.extend([(7, 7, 12), (7, 8, bits)]);
        let kept = run(&pairs, &[0, 1]);
        let found = kept.into_iter().filter(|kept| kept.a == 7);
        found.map(|kept| kept.decision).collect::<Vec<_>>()
    };
    assert_eq!(of(12), [Decision::Review; 2]);
    assert_eq!(of(2)[0], Decision::Link);
    assert_eq!(of(2)[1], Decision::NonMatch);
}
