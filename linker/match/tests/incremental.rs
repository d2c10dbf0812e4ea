//! A delta run ends where a full run under the same model ends.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "the other test files use the rest")]
mod world;

use linker_match::{
    Base, Cancel, Constraints, Dataset, Linkage, Lsh, MatchError, Settings, Tools, Verdict,
    VerdictKind, Verdicts, limits, link, link_delta, link_to_base,
};
use linker_token::{Schema, TokenBatch};
use world::{Dice, World, blocked};

/// Runs something with tools that carry these constraints.
fn with<T>(constraints: &Constraints, work: impl FnOnce(Tools<'_>) -> T) -> T {
    work(Tools {
        progress: &|_| (),
        cancel: &Cancel::new(),
        constraints,
        scratch: None,
    })
}

/// All rows of a world, each in a batch of its own.
fn rows(world: &World) -> Vec<(u16, TokenBatch)> {
    let mut rows = Vec::new();
    for (site, batch) in &world.batches {
        for row in 0..batch.len() {
            rows.push((*site, batch.retain(|other| other == row)));
        }
    }
    rows
}

/// A world of few names and places, in which values are frequent and their frequency decides.
fn crowded(seed: u64) -> World {
    let mut dice = Dice::new(seed ^ 0x77);
    let pool = world::people(12, seed ^ 0x99);
    let mut world = World::empty();
    let mut people = world::people(300, seed);
    for person in &mut people {
        let mut from = || &pool[(dice.below(144) as f64).sqrt() as usize];
        (person.kana, person.kanji) = (from().kana.clone(), from().kanji.clone());
        person.place = from().place.clone();
        if from().number == pool[11].number {
            person.birth = pool[0].birth.clone();
        }
    }
    for site in 0..3 {
        let some = people.iter().enumerate().filter(|_| dice.chance(600));
        let some: Vec<_> = some.collect();
        let noisy = some
            .into_iter()
            .map(|(at, person)| (at, world::noisy(person, &mut dice)));
        world.add(site, &noisy.collect::<Vec<_>>());
    }
    if seed % 4 == 1 {
        // Around the number of equal rows above which none of them is compared.
        let copies = limits::SAME_ROW_RECORDS_MAX + 20;
        let placeholder = vec![(people.len(), people[0].clone()); copies];
        world.add(3, &placeholder);
    }
    world
}

/// A third of the schedules have LSH tables, and more of them than honest runs of this schema.
fn lsh(seed: u64) -> Lsh {
    match seed % 6 {
        1 | 4 => Lsh::On {
            target_recall_permille: 100 + 30 * (seed as u16 % 20),
        },
        _ => Lsh::Off,
    }
}

struct Schedule {
    schema: Schema,
    rows: Vec<(u16, TokenBatch)>,
    /// Which rows are there.
    there: Vec<bool>,
    settings: Settings,
    verdicts: Vec<Verdict>,
    dice: Dice,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let world = if seed.is_multiple_of(2) {
            World::new(250 + (seed as usize % 5) * 60, seed)
        } else {
            crowded(seed)
        };
        let mut dice = Dice::new(seed ^ 0x1234);
        let rows = rows(&world);
        let share = 100 + dice.below(800);
        let there = rows.iter().map(|_| dice.chance(share)).collect();
        let cap = [2, 3, 5, 9, 40, 4096][dice.below(6) as usize];
        // Some schedules go over the border between all pairs and blocks and back.
        let exhaustive = [0, 0, 0, 60_000][dice.below(4) as usize];
        Self {
            schema: world.encoder.schema.clone(),
            rows,
            there,
            settings: Settings {
                block_rows_max: cap,
                exhaustive_pairs_max: exhaustive,
                lsh: lsh(seed),
                ..Settings::standard()
            },
            verdicts: Vec::new(),
            dice,
        }
    }

    fn dataset(&self) -> Dataset {
        let rows = self.rows.iter().zip(&self.there);
        let rows = rows
            .filter(|(_, there)| **there)
            .map(|(row, _)| row.clone());
        Dataset::build(&self.schema, rows).expect("batches fit")
    }

    /// From one row to 60% come or go.
    fn change(&mut self) {
        let (coming, going) = match self.dice.below(6) {
            0 => (0, 0),
            1 => (self.dice.below(50), 0),
            2 => (0, self.dice.below(50)),
            3 => (self.dice.below(600), self.dice.below(100)),
            4 => (self.dice.below(100), self.dice.below(600)),
            _ => (self.dice.below(600), self.dice.below(600)),
        };
        for there in &mut self.there {
            let share = if *there { going } else { coming };
            *there ^= self.dice.chance(share);
        }
        let one = self.dice.below(self.there.len() as u64) as usize;
        self.there[one] ^= true;
    }

    /// A pair for review is decided, or two records that are apart are joined.
    fn decide(&mut self, dataset: &Dataset, linkage: &Linkage) {
        let mut list = self.verdicts.clone();
        for pair in linkage.review.iter().take(self.dice.below(4) as usize) {
            let kind = if self.dice.chance(500) {
                VerdictKind::MustLink
            } else {
                VerdictKind::DoNotLink
            };
            let [a, b] = [pair.a, pair.b].map(|record| dataset.keys()[record as usize]);
            list.push(Verdict { a, b, kind });
        }
        if Verdicts::new(list.clone()).is_ok() {
            self.verdicts = list;
        }
    }

    fn constraints(&self) -> Constraints {
        let verdicts = Verdicts::new(self.verdicts.clone()).expect("conflicts were left out");
        Constraints {
            verdicts,
            ..Constraints::default()
        }
    }
}

fn assert_same(delta: &Linkage, full: &Linkage, what: &str) {
    assert_eq!(delta.cluster_of_record, full.cluster_of_record, "{what}");
    assert_eq!(delta.review, full.review, "{what}");
    assert_eq!(delta.links, full.links, "{what}");
    assert_eq!(delta.estimates, full.estimates, "{what}");
}

#[test]
fn fifty_schedules_of_deltas_end_like_full_runs() {
    let (mut compared, mut in_full, mut tables) = (0, 0, 0);
    for seed in 0..50 {
        let mut schedule = Schedule::new(seed);
        let dataset = schedule.dataset();
        let mut settings = schedule.settings;
        let none = Constraints::default();
        let run = with(&none, |tools| link_to_base(&dataset, &settings, tools));
        let (linkage, mut base) = run.expect("the run goes through");
        let plain = link(&dataset, &settings, &|_| ()).expect("the run goes through");
        assert_eq!(linkage, plain, "a base costs nothing but memory");
        let forgotten = with(&none, |tools| {
            link_delta(&dataset, &settings, &base.forgotten(), tools)
        });
        let (linkage, again) = forgotten.expect("the run goes through");
        assert_eq!(linkage, plain, "a base without rows is a full run");
        assert!(again == base);
        for step in 0..4 {
            schedule.change();
            settings = schedule.settings;
            let what = format!("schedule {seed}, step {step}, {settings:?}");
            let dataset = schedule.dataset();
            let constraints = schedule.constraints();
            let kept = base.to_bytes(&Schema::jp_1());
            let base_read = Base::from_bytes(&schedule.schema, &kept).expect("it was just written");
            assert!(base_read == base, "{what}");
            let run = |base: &Base| {
                let run = with(&constraints, |tools| {
                    link_delta(&dataset, &settings, base, tools)
                });
                run.expect("the run goes through")
            };
            let (delta, next) = run(&base_read);
            let (full, _) = run(&base.forgotten());
            assert_same(&delta, &full, &what);
            compared += delta.pairs_compared;
            in_full += full.pairs_compared;
            schedule.decide(&dataset, &delta);
            base = next;
            // Tables come and go from run to run.
            if seed % 12 == 4 {
                schedule.settings.lsh = lsh(step + 3);
            }
            tables += u64::from(delta.passes.iter().any(|pass| pass.plan.name == "lsh-1"));
        }
    }
    assert!(tables > 30, "{tables} deltas with tables");
    println!("{compared} pairs compared of {in_full}");
    assert!(compared < in_full);
}

#[test]
fn a_small_delta_compares_little() {
    let world = World::new(4000, 3);
    let all = rows(&world);
    let schema = &world.encoder.schema;
    let some = Dataset::build(schema, all[5..].to_vec()).expect("batches fit");
    let none = Constraints::default();
    let run = with(&none, |tools| link_to_base(&some, &blocked(), tools));
    let (first, base) = run.expect("the run goes through");
    let dataset = Dataset::build(schema, all).expect("batches fit");
    let run = with(&none, |tools| {
        link_delta(&dataset, &blocked(), &base, tools)
    });
    let (delta, next) = run.expect("the run goes through");
    println!(
        "{} of {} pairs; {} rows, {} pairs kept, {} bytes",
        delta.pairs_compared,
        first.pairs_compared,
        base.row_count(),
        base.pair_count(),
        base.to_bytes(&Schema::jp_1()).len()
    );
    assert!(delta.pairs_compared * 20 < first.pairs_compared);
    assert_eq!(next.row_count(), base.row_count() + 5);
}

/// Also where most blocks are buckets of LSH tables.
#[test]
fn a_small_delta_compares_few_pairs_of_tables() {
    let world = World::new(1500, 3);
    let all = rows(&world);
    let schema = &world.encoder.schema;
    let settings = Settings {
        lsh: Lsh::On {
            target_recall_permille: 500,
        },
        ..blocked()
    };
    let some = Dataset::build(schema, all[5..].to_vec()).expect("batches fit");
    let none = Constraints::default();
    let run = with(&none, |tools| link_to_base(&some, &settings, tools));
    let (first, base) = run.expect("the run goes through");
    let dataset = Dataset::build(schema, all).expect("batches fit");
    let run = with(&none, |tools| link_delta(&dataset, &settings, &base, tools));
    let (delta, _) = run.expect("the run goes through");
    assert!(first.passes.len() > 8);
    assert!(delta.pairs_compared * 20 < first.pairs_compared);
}

#[test]
fn a_base_that_does_not_fit_is_refused() {
    let world = World::new(300, 4);
    let dataset = world.dataset();
    let none = Constraints::default();
    let run = with(&none, |tools| link_to_base(&dataset, &blocked(), tools));
    let (_, base) = run.expect("the run goes through");
    let lower = Settings {
        review_threshold: blocked().review_threshold - limits::WEIGHT_UNIT,
        ..blocked()
    };
    let refused = with(&none, |tools| link_delta(&dataset, &lower, &base, tools));
    assert!(matches!(refused, Err(MatchError::Base { .. })));
    let bytes = base.to_bytes(&Schema::jp_1());
    let schema = &world.encoder.schema;
    let refused = |schema: &Schema, bytes: &[u8]| {
        matches!(
            Base::from_bytes(schema, bytes),
            Err(MatchError::Base { .. })
        )
    };
    assert!(refused(&Schema::en_1(), &bytes));
    assert!(refused(schema, &[&bytes[..], &[0]].concat()));
    let mut dice = Dice::new(5);
    for _ in 0..200 {
        let cut = dice.below(bytes.len() as u64) as usize;
        assert!(refused(schema, &bytes[..cut]));
        // A damaged base is refused or is another sound base: it never panics. Seals find the damage.
        let mut damaged = bytes.clone();
        damaged[cut] ^= 1 << dice.below(8);
        if let Ok(base) = Base::from_bytes(schema, &damaged) {
            let _run = with(&none, |tools| {
                link_delta(&dataset, &blocked(), &base, tools)
            });
        }
    }
}
