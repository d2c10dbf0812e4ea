//! A slow encoder, written straight from `linker/token/SPEC.md` without looking at the fast one. Both must
//! give the same rows for anything.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit as _, Mac as _};
use linker_token::{
    Epoch, Field, Flags, GramKind, ProjectId, Schema, Segment, Token, TokenBatch, hostile,
};
use linker_tokenize::{Encoder, Identifiers, SourceRecord};
use proptest::prelude::*;
use sha2::Sha256;

const FIELDS: [Field; 15] = [
    Field::KanaName,
    Field::KanjiName,
    Field::GivenName,
    Field::Surname,
    Field::BirthYear,
    Field::BirthMonth,
    Field::BirthDay,
    Field::Sex,
    Field::PostalCode,
    Field::Town,
    Field::Block,
    Field::Street,
    Field::Insurer,
    Field::InsuredNumber,
    Field::InsuredBranch,
];

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Section 4.
fn derive(key: &[u8], label: &str, context: &[u8]) -> Vec<u8> {
    let block = [
        &[0, 0, 0, 1],
        label.as_bytes(),
        &[0],
        context,
        &[0, 0, 1, 0],
    ]
    .concat();
    hmac(key, &block)
}

/// Section 4, draws: the first numbers of the list, as many as are asked for.
fn draws(key: &[u8], message: &[u8], m: usize, count: usize) -> Vec<usize> {
    let mut list = Vec::new();
    for j in 0_u32.. {
        let block = hmac(key, &[&j.to_be_bytes()[..], message].concat());
        for pair in block.chunks(2) {
            let w = usize::from(pair[0]) * 256 + usize::from(pair[1]);
            if w < 65536 - 65536 % m {
                list.push(w % m);
            }
        }
        if list.len() >= count {
            list.truncate(count);
            return list;
        }
    }
    unreachable!("blocks never end");
}

/// Section 3.
fn grams(kind: GramKind, value: &str) -> Vec<String> {
    let v: Vec<char> = value.chars().take(128).collect();
    let mut padded = vec!['\u{2}'];
    padded.extend(&v);
    padded.push('\u{3}');
    let pairs = padded
        .windows(2)
        .map(|pair| pair.iter().collect::<String>());
    match kind {
        GramKind::Whole => vec![value.to_owned()],
        GramKind::Positional => v
            .iter()
            .enumerate()
            .map(|(i, c)| format!("{i}:{c}"))
            .collect(),
        GramKind::Bigram => pairs.collect(),
        GramKind::UnigramBigram => v.iter().map(char::to_string).chain(pairs).collect(),
    }
}

/// Section 5.
fn segment(
    schema: &Schema,
    index: usize,
    segment: &Segment,
    key: &[u8],
    project: &str,
    epoch: u32,
    values: &[(Field, String)],
) -> Option<Vec<u64>> {
    let value = |field| {
        values
            .iter()
            .find(|(f, _)| *f == field)
            .map(|(_, v)| v.as_str())
    };
    let present: u64 = segment
        .parts
        .iter()
        .filter(|part| value(part.field).is_some())
        .map(|part| u64::from(part.share_permille))
        .sum();
    if present < 400 {
        return None;
    }
    let context = [
        project.as_bytes(),
        &[0],
        &epoch.to_be_bytes(),
        &schema.digest().0,
        &[u8::try_from(index).expect("small")],
    ]
    .concat();
    let m = segment.words.len() * 64;
    let filter_key = derive(key, "pprl/bf/v1", &context);
    let mut filter = vec![false; m];
    let mut earlier: Vec<String> = Vec::new();
    for part in &segment.parts {
        let Some(value) = value(part.field) else {
            continue;
        };
        let (b, w) = (u64::from(segment.budget()), u64::from(part.share_permille));
        // Halves up: twice the quotient, plus one, halved.
        let twice = 2 * b * w * present.max(700) / (1000 * present);
        let d = usize::try_from(twice.div_ceil(2)).expect("small");
        let is_latin_name = matches!(part.field, Field::GivenName | Field::Surname);
        let tag = if is_latin_name {
            "latin-name"
        } else {
            part.field.tag()
        };
        let grams = grams(part.grams, value);
        for (g, gram) in grams.iter().enumerate() {
            let name = format!("{tag}\u{1f}{gram}");
            let repeat = earlier.iter().filter(|e| **e == name).count();
            earlier.push(name.clone());
            let message = format!("{name}\u{1f}{repeat}");
            let k = d / grams.len() + usize::from(g < d % grams.len());
            for position in draws(&filter_key, message.as_bytes(), m, k) {
                filter[position] = true;
            }
        }
    }
    Some(words(&diffused(
        segment,
        m,
        &derive(key, "pprl/diffusion/v1", &context),
        filter,
    )))
}

/// Section 5, step 5.
fn diffused(segment: &Segment, m: usize, key: &[u8], filter: Vec<bool>) -> Vec<bool> {
    if segment.diffusion == 1 {
        return filter;
    }
    let mut list = draws(key, b"", m, 4 * m * segment.diffusion as usize).into_iter();
    (0..m)
        .map(|_| {
            let mut chosen = BTreeSet::new();
            while chosen.len() < segment.diffusion as usize {
                chosen.insert(list.next().expect("the list is long enough"));
            }
            chosen.iter().fold(false, |bit, &at| bit ^ filter[at])
        })
        .collect()
}

fn words(bits: &[bool]) -> Vec<u64> {
    bits.chunks(64)
        .map(|word| {
            word.iter()
                .rev()
                .fold(0, |value, &bit| value << 1 | u64::from(bit))
        })
        .collect()
}

fn slow(
    schema: &Schema,
    key: &[u8; 32],
    project: &str,
    epoch: u32,
    values: &[(Field, String)],
) -> Option<(Vec<u64>, u8)> {
    let (mut row, mut missing) = (Vec::new(), 0);
    for (index, part) in schema.segments().iter().enumerate() {
        match segment(schema, index, part, key, project, epoch, values) {
            Some(words) => row.extend(words),
            None => {
                row.extend(vec![0; part.words.len()]);
                missing |= 1 << index;
            }
        }
    }
    row.iter().any(|&word| word != 0).then_some((row, missing))
}

fn encoder(schema: &Schema, key: &[u8; 32], epoch: u32) -> Encoder {
    let project = ProjectId::parse("demo").expect("a good name");
    Encoder::new(schema, key, &[9; 32], &project, Epoch(epoch))
}

fn record(values: &[(Field, String)]) -> SourceRecord {
    let values: Vec<(Field, &str)> = values.iter().map(|(f, v)| (*f, v.as_str())).collect();
    SourceRecord::from_normal("1", Identifiers::from_normal(&values), Flags::default())
}

/// Schemas of other widths, without diffusion, with the vault's diffusion.
fn schemas() -> Vec<Schema> {
    let jp = include_str!("../../token/schemas/jp-1.toml");
    let wide = jp
        .replace("row-words = 16", "row-words = 32")
        .replace("words = 5", "words = 21")
        .replace("diffusion = 5", "diffusion = 10");
    let plain = jp
        .replace("diffusion = 5", "diffusion = 1")
        .replace("fill-permille = 350", "fill-permille = 500");
    let parse = |text: &str| Schema::parse(text).expect("a good schema");
    vec![Schema::jp_1(), Schema::en_1(), parse(&wide), parse(&plain)]
}

fn values() -> impl Strategy<Value = Vec<(Field, String)>> {
    let value =
        "[ア-ンー]{1,12}|[一-十亜-黙]{1,6}|[0-9]{1,8}|[a-z]{1,14}|[1-9]-[1-9]{1,3}|ア{1,20}";
    proptest::collection::vec(proptest::option::weighted(0.8, value), FIELDS.len()).prop_map(
        |all| {
            let present = FIELDS.iter().zip(all);
            present
                .filter_map(|(&field, value)| Some((field, value?)))
                .collect()
        },
    )
}

/// Any schema: widths, segments, budgets, diffusions, which field stands where and how it is cut.
fn any_schema() -> impl Strategy<Value = Schema> {
    let segment = (1_u32..50, 50_u32..=500, 1_u32..=10, 1_usize..=5);
    (
        proptest::sample::select(vec![8_usize, 16, 32]),
        proptest::collection::vec(segment, 1..=5),
        proptest::collection::vec((0_u32..4, 1_u32..9), FIELDS.len()),
        Just(FIELDS.to_vec()).prop_shuffle(),
    )
        .prop_map(|(row_words, segments, kinds, fields)| {
            let mut fields = fields.into_iter().zip(kinds);
            let mut left = row_words;
            let count = segments.len();
            let mut text = format!("name = \"any\"\nversion = 1\nrow-words = {row_words}\n");
            for (index, (words, fill, diffusion, parts)) in segments.into_iter().enumerate() {
                let words = if index + 1 == count {
                    left
                } else {
                    (words as usize % left).clamp(1, left - (count - index - 1))
                };
                left -= words;
                text.push_str(&format!(
                    "[[segment]]\nname = \"s{index}\"\nrole = \"name\"\nwords = {words}\n\
                     fill-permille = {fill}\ndiffusion = {diffusion}\ncuts-permille = [0]\n"
                ));
                let parts: Vec<_> = fields.by_ref().take(parts.min(3)).collect();
                let total: u32 = parts.iter().map(|(_, (_, weight))| weight).sum();
                let mut rest = 1000;
                for (at, (field, (kind, weight))) in parts.iter().enumerate() {
                    let share = if at + 1 == parts.len() {
                        rest
                    } else {
                        1000 * weight / total
                    };
                    rest -= share;
                    let kind = ["whole", "positional", "bigram", "unigram-bigram"][*kind as usize];
                    text.push_str(&format!(
                        "[[segment.part]]\nfield = \"{}\"\ngrams = \"{kind}\"\n\
                         share-permille = {share}\n",
                        field.tag()
                    ));
                }
            }
            Schema::parse(&text).expect("a good schema")
        })
}

fn agree(
    schema: &Schema,
    encoder: &mut Encoder,
    key: &[u8; 32],
    epoch: u32,
    values: &[(Field, String)],
) {
    let fast = encoder.encode(&record(values));
    let fast = fast.iter();
    let fast: Vec<_> = fast
        .map(|token| (token.row.clone(), token.flags.missing_mask()))
        .collect();
    let slow = slow(schema, key, "demo", epoch, values);
    assert_eq!(fast, Vec::from_iter(slow));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn fast_and_slow_agree_under_any_schema(
        schema in any_schema(),
        records in proptest::collection::vec(values(), 1..4),
        key in any::<[u8; 32]>(),
    ) {
        let mut encoder = encoder(&schema, &key, 1);
        // Twice: what is cached must not matter.
        for values in records.iter().chain(&records) {
            agree(&schema, &mut encoder, &key, 1, values);
        }
    }
}

/// Given name and surname share a tag, so their grams count as repeats of one another, however each is cut.
#[test]
fn grams_of_fields_with_one_tag_are_repeats_of_one_another() {
    let text = include_str!("../../token/schemas/en-1.toml");
    for (given, surname) in [
        ("whole", "bigram"),
        ("unigram-bigram", "whole"),
        ("whole", "whole"),
        ("positional", "whole"),
    ] {
        let mut kinds = [given, surname].into_iter();
        let text: Vec<String> = text
            .split_inclusive("grams = \"bigram\"")
            .map(|piece| match kinds.next() {
                Some(kind) => piece.replace("grams = \"bigram\"", &format!("grams = \"{kind}\"")),
                None => piece.to_owned(),
            })
            .collect();
        let schema = Schema::parse(&text.concat()).expect("a good schema");
        let mut encoder = encoder(&schema, &[5; 32], 1);
        for (given, surname) in [
            ("an", "anan"),
            ("anna", "anna"),
            ("a", "a"),
            ("ab", "0:a"),
            ("ab", "00:a"),
            ("ab", "1:b"),
        ] {
            let values = [
                (Field::GivenName, given.to_owned()),
                (Field::Surname, surname.to_owned()),
            ];
            agree(&schema, &mut encoder, &[5; 32], 1, &values);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fast_and_slow_agree(
        records in proptest::collection::vec(values(), 1..4),
        key in any::<[u8; 32]>(),
        epoch in any::<u32>(),
        which in 0_usize..4,
    ) {
        let schema = &schemas()[which];
        // One encoder for all: what is cached must not matter.
        let mut encoder = encoder(schema, &key, epoch);
        for values in &records {
            agree(schema, &mut encoder, &key, epoch, values);
        }
    }

    /// Whatever is present, an honest row is admitted.
    #[test]
    fn honest_rows_are_admitted(values in values(), key in any::<[u8; 32]>(), which in 0_usize..4) {
        let schema = &schemas()[which];
        let tokens = encoder(schema, &key, 1).encode(&record(&values));
        let mut batch = TokenBatch::new(schema);
        for token in &tokens {
            batch.push(token).expect("the row has the schema's width");
        }
        let verdicts = hostile::inspect(schema, &batch);
        prop_assert!(verdicts.iter().all(Option::is_none), "{:?}", verdicts);
    }
}

fn distance(one: &Token, other: &Token, segment: &Segment) -> u32 {
    let words = segment.words.clone();
    one.row[words.clone()]
        .iter()
        .zip(&other.row[words])
        .map(|(a, b)| (a ^ b).count_ones())
        .sum()
}

#[test]
fn similar_names_lie_nearer_than_strangers() {
    let schema = Schema::jp_1();
    let mut encoder = encoder(&schema, &[5; 32], 1);
    let mut encode = |kana: &str| {
        let values = [
            (Field::KanaName, kana.to_owned()),
            (Field::BirthYear, "1970".to_owned()),
        ];
        encoder.encode(&record(&values)).remove(0)
    };
    let kana = &schema.segments()[0];
    let base = encode("タカハシイチロウ");
    let equal = distance(&base, &encode("タカハシイチロウ"), kana);
    let near = distance(&base, &encode("タカハシイチロ"), kana);
    let far = distance(&base, &encode("サトウハナコ"), kana);
    assert_eq!(equal, 0);
    assert!(near < far, "{near} against {far}");
    // Strangers differ in about half of the bits.
    assert!((120..200).contains(&far), "{far} of 320");
}

#[test]
fn key_epoch_project_and_schema_all_matter() {
    let values = [(Field::KanaName, "タカハシイチロウ".to_owned())];
    let row = |schema: &Schema, key: u8, project: &str, epoch: u32| {
        let project = ProjectId::parse(project).expect("a good name");
        let mut encoder = Encoder::new(schema, &[key; 32], &[9; 32], &project, Epoch(epoch));
        encoder.encode(&record(&values)).remove(0).row
    };
    let jp = Schema::jp_1();
    let text = include_str!("../../token/schemas/jp-1.toml");
    let changed = Schema::parse(&text.replacen("version = 1", "version = 2", 1)).expect("good");
    let base = row(&jp, 1, "demo", 1);
    assert_eq!(base, row(&jp, 1, "demo", 1));
    for other in [
        row(&jp, 2, "demo", 1),
        row(&jp, 1, "other", 1),
        row(&jp, 1, "demo", 2),
        row(&changed, 1, "demo", 1),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn a_former_name_gives_a_second_row_under_the_same_reference() {
    use linker_tokenize::{RawField as R, RawRecord, normalize};
    let raw = RawRecord::new()
        .with(R::RecordId, "42")
        .with(R::KanjiName, "山田 花子")
        .with(R::KanaName, "ヤマダ ハナコ")
        .with(R::FormerKanjiFamily, "佐藤")
        .with(R::FormerKanaFamily, "サトウ")
        .with(R::BirthDate, "19700302");
    let schema = Schema::jp_1();
    let mut encoder = encoder(&schema, &[5; 32], 1);
    let tokens = encoder.encode(&normalize::normalize(&raw).expect("usable"));
    assert_eq!(tokens.len(), 2);
    assert_eq!(tokens[0].reference, tokens[1].reference);
    assert_eq!(tokens[0].reference, encoder.reference("42"));
    assert_ne!(tokens[0].reference, encoder.reference("43"));
    let birth = &schema.segments()[2];
    assert_eq!(distance(&tokens[0], &tokens[1], birth), 0);
    assert_ne!(tokens[0].row, tokens[1].row);
}
