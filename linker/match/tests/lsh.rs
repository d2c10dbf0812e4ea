//! What passes over LSH tables find that passes over equal segments do not.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "test code"
)]

#[expect(dead_code, reason = "the other test files use the rest")]
mod world;

use linker_match::{
    Candidates, Dataset, Hits, Linkage, Lsh, Model, Settings, link, lsh::LshVerdict, plan,
};
use linker_token::Schema;
use world::{Dice, Encoder, Values, World, blocked, noisy};

/// jp-1 with this much diffusion. A cut point stands for a share of filter bits that differ, so it moves with
/// the diffusion: a share d of the filter bits makes (1 − (1 − 2d)^t)/2 of the row's. Without that the levels
/// of undiffused birth dates would mean nothing: most of two strangers' digits are the same, and what is far
/// apart after diffusion by five is what any two dates are without it. Households then look like persons, and of
/// the pairs put together less than half are right.
fn schema(diffusion: u32) -> Schema {
    let text = include_str!("../../token/schemas/jp-1.toml");
    let moved = |cut: &str| {
        let near = 1.0 - 2.0 * cut.trim().parse::<f64>().expect("a cut point") / 1000.0;
        let distance = (1.0 - near.powf(f64::from(diffusion) / 5.0)) / 2.0;
        format!("{:.0}", distance * 1000.0)
    };
    let lines = text.lines().map(|line| {
        let cuts = line.strip_prefix("cuts-permille = [");
        let cuts = cuts.and_then(|cuts| cuts.strip_suffix(']'));
        cuts.map_or_else(
            || line.replace("diffusion = 5", &format!("diffusion = {diffusion}")),
            |cuts| {
                let cuts: Vec<String> = cuts.split(',').map(moved).collect();
                format!("cuts-permille = [{}]", cuts.join(", "))
            },
        )
    });
    let text: Vec<String> = lines.collect();
    Schema::parse(&text.join("\n")).expect("the schema parses")
}

/// People at two sites, half of whose records at the second are damaged in all that they have.
fn population(diffusion: u32, count: usize, seed: u64) -> World {
    let mut world = World {
        encoder: Encoder::of(schema(diffusion)),
        ..World::empty()
    };
    let mut dice = Dice::new(seed);
    let people = world::people(count, seed);
    for site in 0..2 {
        let rows = people.iter().enumerate().map(|(person, values)| {
            let mut values = noisy(values, &mut dice);
            if site == 1 && dice.chance(500) {
                damage(&mut values, &mut dice);
            }
            (person, values)
        });
        let rows: Vec<_> = rows.collect();
        world.add(site, &rows);
    }
    world
}

/// One wrong character in everything.
fn damage(values: &mut Values, dice: &mut Dice) {
    let all = [
        (&mut values.kana, 45),
        (&mut values.kanji, 600),
        (&mut values.birth, 10),
        (&mut values.place, 10),
        (&mut values.number, 10),
    ];
    for (symbols, alphabet) in all {
        if let Some(symbols) = symbols {
            let at = dice.below(symbols.len() as u64 - 1) as usize;
            symbols[at] = (symbols[at] + 1 + dice.below(alphabet - 1)) % alphabet;
        }
    }
}

fn run(dataset: &Dataset, settings: &Settings) -> Linkage {
    link(dataset, settings, &|_| ()).expect("the run goes through")
}

fn hits(dataset: &Dataset, settings: &Settings, model: &Model, candidates: Candidates) -> Hits {
    Hits::find(dataset, settings, model, candidates, &|_| ()).expect("it goes through")
}

fn on(target_recall_permille: u16) -> Settings {
    Settings {
        lsh: Lsh::On {
            target_recall_permille,
        },
        ..blocked()
    }
}

#[test]
fn tables_find_links_that_are_equal_nowhere() {
    for (diffusion, target) in [(1, 900), (3, 900)] {
        let world = population(diffusion, 3000, 20 + u64::from(diffusion));
        let dataset = world.dataset();
        let off = Settings {
            lsh: Lsh::Off,
            ..blocked()
        };
        let on = on(target);
        let without = run(&dataset, &off);
        let with = run(&dataset, &on);
        let find = |settings, candidates| hits(&dataset, settings, &with.model, candidates);
        let all = find(&on, Candidates::Everything);
        let some = find(&off, Candidates::Blocks);
        let more = find(&on, Candidates::Blocks);
        assert!(more.contains(&some) && all.contains(&more));
        let share = |hits: &Hits| hits.pairs().len() as f64 / all.pairs().len() as f64;
        let (before, after) = (share(&some), share(&more));
        println!(
            "t = {diffusion}: {} tables, {} links, recall {before:.4}, with tables {after:.4}; \
             estimated {:.4} and {:.4} in {:.4}..{:.4}; {} and {} pairs",
            with.passes.len() - without.passes.len(),
            all.pairs().len(),
            without.estimates.blocking_recall,
            with.estimates.blocking_recall,
            with.estimates.low,
            with.estimates.high,
            without.pairs_compared,
            with.pairs_compared,
        );
        // At least a third of what is missing in this world, in which every field is often damaged.
        assert!(before < 0.97 && 1.0 - after < (1.0 - before) * 2.0 / 3.0);
        let estimates = with.estimates;
        assert!(estimates.low <= after && after <= estimates.high);
        assert!(without.estimates.high < after);
        assert!(with.links > without.links);
        // Every link has one first pass.
        let first = |linkage: &Linkage| {
            let passes = linkage.passes.iter();
            passes.map(|pass| pass.links_first_found).sum::<u64>()
        };
        assert_eq!(first(&with), more.pairs().len() as u64);
        let (precision, recall) = world.quality(&dataset, &with);
        let (_, recall_before) = world.quality(&dataset, &without);
        println!("clusters: {precision:.4}, {recall:.4} after {recall_before:.4}");
        // Tables only find what the model links, and what it links is right.
        assert!(precision > 0.99, "{precision:.4}");
        assert!(recall > recall_before + 0.2, "{recall:.4}");
    }
}

#[test]
fn buckets_above_the_cap_are_split_and_the_loss_is_counted() {
    let world = population(1, 1000, 5);
    let dataset = world.dataset();
    let settings = Settings {
        block_rows_max: 8,
        ..on(800)
    };
    let (capped, free) = (run(&dataset, &settings), run(&dataset, &on(800)));
    let of = |linkage: &Linkage| {
        let tables = linkage.passes.iter().map(|pass| pass.plan.clone());
        let tables = tables.filter(|plan| plan.name.starts_with("lsh-"));
        tables.collect::<Vec<_>>()
    };
    assert!(!of(&free).is_empty());
    for (free, capped) in of(&free).iter().zip(of(&capped)) {
        assert!(capped.largest_block <= 8 && capped.blocks_split > 0);
        assert_eq!(free.pairs, capped.pairs + capped.pairs_dropped);
        assert_eq!(free.pairs_dropped, 0);
    }
    let hits = hits(&dataset, &settings, &capped.model, Candidates::Blocks);
    let first = capped.passes.iter().map(|pass| pass.links_first_found);
    assert_eq!(first.sum::<u64>(), hits.pairs().len() as u64);
}

#[test]
fn the_plan_says_what_it_will_do_and_why() {
    let world = population(1, 500, 6);
    let dataset = world.dataset();
    let verdict = |settings: &Settings| plan(&dataset, settings).lsh.verdict;
    assert_eq!(verdict(&blocked()), LshVerdict::FewRows);
    assert_eq!(verdict(&Settings::standard()), LshVerdict::Exhaustive);
    let on = on(700);
    let told = plan(&dataset, &on);
    assert_eq!(told.lsh.verdict, LshVerdict::Asked);
    assert!(told.lsh.expected_recall >= 0.7 && told.lsh.expected_pairs > 0.0);
    let run = run(&dataset, &on);
    assert_eq!(run.passes.len(), told.passes.len() + told.lsh.tables);
    let few = run.passes.iter().zip(&told.passes);
    assert!(few.fold(true, |same, (pass, plan)| same && pass.plan == *plan));
    let pairs: u64 = run.passes[told.passes.len()..]
        .iter()
        .map(|p| p.plan.pairs)
        .sum();
    let ratio = pairs as f64 / told.lsh.expected_pairs;
    assert!((0.3..3.0).contains(&ratio), "{ratio}");
}
