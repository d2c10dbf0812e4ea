//! Every pass against its definition.

use linker_kernels::available;
use linker_token::{Flags, RecordRef, Schema, Token, TokenBatch};

use super::*;
use crate::{
    block::{self, RowKey, key_pass, keys},
    lsh,
    model::{Model, ModelSource, Parameters},
    random::SplitMix,
    settings::{Lsh, Settings},
};

/// Rows whose segments come from small pools, so that many are equal, some nearly, some missing.
fn rows(count: u32, seed: u64) -> Dataset {
    let schema = Schema::jp_1();
    let mut random = SplitMix::new(seed);
    let pools = [2, 30, 60, 15, 40];
    let mut batch = TokenBatch::new(&schema);
    for number in 0..count {
        let (mut row, mut flags) = (vec![0; schema.row_words()], Flags::default());
        for (index, segment) in schema.segments().iter().enumerate() {
            if random.below(8) == 0 {
                flags = flags.with_missing(index);
                continue;
            }
            let mut value = SplitMix::new(random.below(pools[index]) << 8 | index as u64);
            row[segment.words.clone()].fill_with(|| value.next());
            if random.below(4) == 0 {
                row[segment.words.start] ^= random.next() & random.next() & random.next();
            }
        }
        let mut reference = [0; 16];
        reference[..4].copy_from_slice(&(number / 10 * 9 + number % 9).to_be_bytes());
        let reference = RecordRef(reference);
        let token = Token {
            reference,
            flags,
            row,
        };
        batch.push(&token).expect("the batch is small");
    }
    Dataset::build(&schema, [(0, batch)]).expect("the rows fit")
}

/// What a pass finds, by its definition: every pair of every block, pair by pair. Pairs of an earlier pass
/// over a key are compared again and kept once.
fn slowly(hunt: &Hunt<'_>, earlier: &[Pass]) -> Found {
    let (mut found, dataset) = (Found::default(), hunt.engine.dataset);
    for block in 0..hunt.members.starts.len() - 1 {
        let rows = &hunt.members.rows[hunt.members.block(block)];
        for (at, &a) in rows.iter().enumerate() {
            for &b in &rows[at + 1..] {
                let mut had = earlier.iter().filter(|pass| pass.has(dataset, a, b));
                if let Some(pass) = had.next() {
                    found.repeated += u64::from(pass.segment.is_some());
                    continue;
                }
                let words = |row| (row, dataset.held_row(row));
                let pattern = hunt.engine.pattern(words(a), words(b));
                hunt.keep(&mut found, (a, b), pattern);
            }
        }
    }
    found.kept.sort_unstable();
    found
}

fn check(dataset: &Dataset, settings: &Settings) {
    let mut blocks = block::build(dataset, settings, &|_| ());
    lsh::add_passes(dataset, settings, &Cancel::new(), &mut blocks).expect("nothing stops it");
    let members = std::mem::take(&mut blocks.members);
    let default = Parameters::default_for(dataset.schema(), 1_000_000);
    let source = ModelSource::DefaultFewRecords;
    let model = Model::new(dataset.schema(), source, default, &blocks.present);
    let scorer = Scorer::new(dataset, &blocks, settings, &model);
    let mut sifted = 0;
    for &kernel in available() {
        let stop = &Cancel::new();
        let engine = Engine {
            dataset,
            blocks: &blocks,
            kernel,
            stop,
        };
        let mut reach = Reach {
            stop,
            scratch: None,
            next_part: 0,
        };
        for (number, members) in members.iter().enumerate() {
            let job = (number, members);
            let whole = (number, members, None);
            let found = pass(engine, &scorer, settings, whole, &mut reach, &|_| ());
            let mut found = found.expect("nothing stops it");
            found.kept.sort_unstable();
            let hunt = Hunt::new(engine, &scorer, settings, job);
            let slow = slowly(&hunt, &blocks.passes[..number]);
            assert_eq!(found.kept, slow.kept, "pass {number}");
            assert_eq!((found.repeated, found.links), (slow.repeated, slow.links));
            sifted += u32::from(
                hunt.actions
                    .iter()
                    .any(|actions| actions.watch(0, &[0]).is_some()),
            );
        }
    }
    assert!(sifted > 0, "some pass can be sifted");
}

#[test]
fn a_pass_finds_what_its_definition_says() {
    let dataset = rows(900, 1);
    for block_rows_max in [4096, 200, 7, 2] {
        let settings = Settings {
            block_rows_max,
            exhaustive_pairs_max: 0,
            ..Settings::standard()
        };
        check(&dataset, &settings);
        let lsh = Lsh::On {
            target_recall_permille: 500,
        };
        check(&dataset, &Settings { lsh, ..settings });
    }
    check(&dataset, &Settings::standard());
    // Blocks of more than a tile.
    let settings = Settings {
        exhaustive_pairs_max: 0,
        ..Settings::standard()
    };
    check(&rows(8000, 2), &settings);
}

#[test]
fn a_pass_over_a_key_has_the_pairs_of_equal_keys() {
    let dataset = rows(500, 3);
    let key = |words: &[u64], missing: u8| (missing & 1 == 0).then_some(words[1] % 50);
    let settings = Settings::standard();
    let columns = keys(&dataset, &Cancel::new(), &[&key]).expect("nothing stops it");
    for column in columns {
        let name = ("key".to_owned(), 7);
        let (pass, members) = key_pass(&dataset, &settings, name, column);
        check_key(&dataset, &key, &pass, &members);
    }
    // Keys of more than 31 bits.
    let long = |words: &[u64], missing: u8| key(words, missing).map(|key| key << 40 | 1);
    let columns = keys(&dataset, &Cancel::new(), &[&long]).expect("nothing stops it");
    for column in columns {
        let name = ("long".to_owned(), 8);
        let (pass, members) = key_pass(&dataset, &settings, name, column);
        check_key(&dataset, &long, &pass, &members);
    }
}

fn check_key(dataset: &Dataset, key: RowKey<'_>, pass: &Pass, members: &Members) {
    let of = |row: u32| key(dataset.held_row(row), dataset.flags(row).missing_mask());
    let all = || (0_u32..).take(dataset.row_count());
    let pairs = all().flat_map(|a| all().filter(move |&b| b > a).map(move |b| (a, b)));
    let equal = pairs
        .filter(|&(a, b)| of(a).is_some() && of(a) == of(b))
        .count();
    assert_eq!(pass.pairs, equal as u64);
    for (a, b) in all().flat_map(|a| all().filter(move |&b| b > a).map(move |b| (a, b))) {
        let alike = of(a).is_some() && of(a) == of(b);
        assert_eq!(pass.has(dataset, a, b), alike);
    }
    for block in 0..members.starts.len() - 1 {
        let mut rows = members.rows[members.block(block)].iter();
        let first = rows.next().map(|&row| of(row));
        assert!(rows.all(|&row| Some(of(row)) == first));
    }
}
