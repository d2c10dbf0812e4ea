//! The plan against what it says, and what a run makes of it.

use std::collections::BTreeMap;

use super::*;
use crate::world::{self, Dice, Encoder, Values};

fn jp_1(diffusion: u32) -> Schema {
    let text = include_str!("../../../token/schemas/jp-1.toml");
    let text = text.replace("diffusion = 5", &format!("diffusion = {diffusion}"));
    Schema::parse(&text).expect("the schema parses")
}

fn row(encoder: &Encoder, values: &Values) -> (Vec<u64>, u8) {
    let token = values.token(encoder, 0);
    (token.row, token.flags.missing_mask())
}

/// One wrong digit of the birth date and one wrong character in each name.
fn damaged(values: &Values, dice: &mut Dice) -> Values {
    let mut values = values.clone();
    let spoil = |symbols: &mut Option<Vec<u64>>, alphabet: u64, dice: &mut Dice| {
        let symbols = symbols.as_mut().expect("people have everything");
        let at = dice.below(symbols.len() as u64 - 1);
        let at = usize::try_from(at).expect("a short list");
        symbols[at] = (symbols[at] + 1 + dice.below(alphabet - 1)) % alphabet;
    };
    spoil(&mut values.birth, 10, dice);
    spoil(&mut values.kana, 45, dice);
    spoil(&mut values.kanji, 600, dice);
    values
}

/// Measured recall of damaged pairs and pairs in buckets, beside the plan's.
fn measure(diffusion: u32, people: usize, tables: usize) -> (LshPlan, f64, f64) {
    let schema = jp_1(diffusion);
    let encoder = Encoder::of(schema.clone());
    let mut plan = plan(&schema, people as u64, 1.0, f64::INFINITY);
    plan.tables = plan.tables.min(tables);
    let made = make(&schema, 1, &plan);
    let per_table = 1.0 - (1.0 - plan.expected_recall).powf(1.0 / limits::LSH_TABLES_MAX as f64);
    plan.expected_recall = 1.0 - (1.0 - per_table).powf(plan.tables as f64);
    plan.expected_pairs *= plan.tables as f64 / limits::LSH_TABLES_MAX as f64;
    let mut dice = Dice::new(3);
    let people = world::people(people, 4);
    let (mut found, tried) = (0, 1500);
    for values in &people[..tried] {
        let (a, b) = (
            row(&encoder, values),
            row(&encoder, &damaged(values, &mut dice)),
        );
        let shared = |table: &LshTable| table.key(&a.0, a.1) == table.key(&b.0, b.1);
        found += usize::from(made.iter().any(shared));
    }
    let rows: Vec<_> = people.iter().map(|values| row(&encoder, values)).collect();
    let mut pairs = 0;
    for table in &made {
        let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
        for (row, missing) in &rows {
            if let Some(key) = table.key(row, *missing) {
                *buckets.entry(key).or_default() += 1;
            }
        }
        pairs += buckets.values().map(|&n| n * (n - 1) / 2).sum::<u64>();
    }
    (plan, found as f64 / tried as f64, pairs as f64)
}

#[test]
fn recall_and_buckets_are_as_planned() {
    for (diffusion, tables) in [(1, 12), (3, 12), (5, 32)] {
        let (plan, recall, pairs) = measure(diffusion, 20_000, tables);
        println!("t = {diffusion}: {plan:?}, measured {recall:.3}, {pairs:.0} pairs");
        assert!((recall - plan.expected_recall).abs() < 0.12);
        let ratio = pairs / plan.expected_pairs;
        assert!((0.3..3.0).contains(&ratio), "{ratio}");
    }
}

#[test]
fn it_pays_without_diffusion_and_not_with_it() {
    for rows in [1_000_000, 10_000_000] {
        let plain = plan(&jp_1(1), rows, TARGET_RECALL, f64::INFINITY);
        let diffused = plan(&jp_1(5), rows, TARGET_RECALL, f64::INFINITY);
        println!("{rows}: plain {plain:?}\n diffused {diffused:?}");
        assert_eq!(plain.verdict, LshVerdict::Pays);
        assert_eq!(diffused.verdict, LshVerdict::TooManyPairs);
        assert!(diffused.expected_recall < plain.expected_recall);
        let settings = Settings::standard();
        let decided = |diffusion| decide(&jp_1(diffusion), &settings, rows, false);
        assert_eq!(decided(1), plain);
        assert_eq!(decided(1).tables_used(), plain.tables);
        assert_eq!((decided(5), decided(5).tables_used()), (diffused, 0));
    }
}

#[test]
fn bounds_and_missing_segments() {
    let schema = jp_1(1);
    let none = plan(&schema, 1_000_000, TARGET_RECALL, 1.0);
    assert_eq!((none.tables, none.verdict), (0, LshVerdict::NoRoom));
    let free = plan(&schema, 1_000_000, 1.0, f64::INFINITY);
    assert_eq!(free.tables, limits::LSH_TABLES_MAX);
    let half = plan(&schema, 1_000_000, 1.0, free.expected_pairs / 2.0);
    assert!(half.tables < free.tables && half.expected_pairs <= free.expected_pairs / 2.0);
    let huge = plan(&schema, u64::MAX, TARGET_RECALL, f64::INFINITY);
    assert!(huge.bits <= limits::LSH_BITS_MAX);
    let made = make(&schema, 1, &free);
    assert_ne!(made[0], made[2]);
    assert_eq!(make(&schema, 1, &free), made);
    for table in &made {
        assert_eq!(table.bits.len(), free.bits);
        assert_eq!(table.segments.count_ones(), 2);
        assert!(table.key(&[0; 16], table.segments & 0b11).is_none());
        assert_eq!(table.key(&[0; 16], 0), Some(0));
    }
    let text = include_str!("../../../token/schemas/jp-1.toml");
    let nameless = text.replace("role = \"name\"", "role = \"place\"");
    let nameless = Schema::parse(&nameless).expect("the schema parses");
    let off = plan(&nameless, 1_000_000, TARGET_RECALL, f64::INFINITY);
    assert_eq!(off.verdict, LshVerdict::NoSegments);
}

#[test]
fn settings_decide_before_the_plan_does() {
    let decided = |lsh, rows, exhaustive| {
        let settings = Settings {
            lsh,
            ..Settings::standard()
        };
        decide(&jp_1(1), &settings, rows, exhaustive)
    };
    let on = Lsh::On {
        target_recall_permille: 500,
    };
    let few = limits::LSH_ROWS_MIN;
    for (lsh, rows, exhaustive, verdict) in [
        (Lsh::Auto, few, false, LshVerdict::Pays),
        (Lsh::Auto, few - 1, false, LshVerdict::FewRows),
        (Lsh::Auto, few, true, LshVerdict::Exhaustive),
        (Lsh::Off, few, false, LshVerdict::NotAsked),
        (on, few - 1, false, LshVerdict::Asked),
        (on, few, true, LshVerdict::Exhaustive),
    ] {
        let plan = decided(lsh, rows, exhaustive);
        assert_eq!(plan.verdict, verdict);
        assert_eq!(plan.tables_used() > 0, verdict.is_on());
        assert_eq!(verdict.reason().starts_with("on"), verdict.is_on());
    }
    let some = decided(on, 1_000_000, false);
    assert!((0.5..0.7).contains(&some.expected_recall));
    let most = limits::ROWS_MAX as u64;
    let tables = decided(Lsh::Auto, most, false).tables as u64;
    assert_eq!(tables, limits::LSH_TABLE_ROWS_MAX / most);
}
