//! Two packages derive the sub-keys of an encoding secret, because neither may depend on the other: sites
//! in `linker-tokenize`, custody in `keymgmt-custody`. Both must get the same keys.

use std::collections::BTreeSet;

use keymgmt_custody::{
    Secret,
    hierarchy::{Label, derive_in_host, segment_context},
};
use linker_token::{Epoch, Field, Flags, ProjectId, RecordRef, Schema, SchemaDigest};
use linker_tokenize::{Encoder, Identifiers};
use sha2::{Digest as _, Sha256};

const SCHEMA: &str = include_str!("../../linker/token/schemas/jp-1.toml");

const SECRET: [u8; 32] = [0x5a; 32];
const REFERENCE_KEY: [u8; 32] = [0xa5; 32];
const EPOCH: Epoch = Epoch(258);

fn project() -> ProjectId {
    ProjectId::parse("demo").expect("a good name")
}

fn secret(bytes: [u8; 32]) -> Secret {
    Secret::take(&mut { bytes })
}

/// FIPS 198-1 for a key of 32 bytes.
fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| {
        let mut pad = [byte; 64];
        pad.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
        pad
    };
    let inner = Sha256::digest([&pad(0x36)[..], message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).into()
}

/// The endless list of numbers below `bound` (token format, section 4).
fn draws(key: [u8; 32], message: &str, bound: usize) -> impl Iterator<Item = usize> {
    let message = message.to_owned();
    let blocks = (0_u32..)
        .map(move |counter| hmac(&key, &[&counter.to_be_bytes(), message.as_bytes()].concat()));
    let words = blocks.flat_map(|block| {
        block
            .as_chunks()
            .0
            .iter()
            .map(|pair| usize::from(u16::from_be_bytes(*pair)))
            .collect::<Vec<_>>()
    });
    words
        .filter(move |word| *word < 65_536 - 65_536 % bound)
        .map(move |word| word % bound)
}

fn custody_key(label: Label, schema: &SchemaDigest, segment: usize) -> [u8; 32] {
    let segment = u8::try_from(segment).expect("a row has at most eight segments");
    let context = segment_context(&project(), EPOCH, schema, segment);
    *derive_in_host(&secret(SECRET), label, &context).expose()
}

/// Sections 4 and 5 of the token format for a value that is one gram, from custody's keys.
fn expected(schema: &Schema, segment: usize, field: Field, value: &str) -> Vec<u64> {
    let part = &schema.segments()[segment];
    let bits = part.words.len() * 64;
    let key = |label| custody_key(label, &schema.digest(), segment);
    let message = format!("{}\u{1f}{value}\u{1f}0", field.tag());
    let filter: BTreeSet<usize> = draws(key(Label::Filter), &message, bits)
        .take(part.budget() as usize)
        .collect();
    let mut choices = draws(key(Label::Diffusion), "", bits);
    let mut row = vec![0; part.words.len()];
    for bit in 0..bits {
        let mut chosen = BTreeSet::new();
        while chosen.len() < part.diffusion as usize {
            chosen.insert(choices.next().expect("the list is endless"));
        }
        let set = chosen.intersection(&filter).count() % 2 == 1;
        row[bit / 64] |= u64::from(set) << (bit % 64);
    }
    row
}

#[test]
fn filter_and_diffusion_keys_are_custodys() {
    // One gram per value, so that a segment is two lists of draws and nothing else.
    let schema = SCHEMA.replace("\"unigram-bigram\"", "\"whole\"");
    let schema = Schema::parse(&schema).expect("a good schema");
    let values = [
        (Field::KanaName, "\u{30a2}"),
        (Field::KanjiName, "\u{4e9c}"),
    ];
    let mut encoder = Encoder::new(&schema, &SECRET, &REFERENCE_KEY, &project(), EPOCH);
    let identifiers = Identifiers::from_normal(&values);
    let token = encoder.encode_one(&identifiers, RecordRef([0; 16]), Flags::default());
    let row = token.expect("two segments are present").row;
    for (segment, (field, value)) in values.into_iter().enumerate() {
        let words = schema.segments()[segment].words.clone();
        assert_eq!(
            row[words],
            expected(&schema, segment, field, value),
            "segment {segment}"
        );
    }
}

#[test]
fn record_references_are_custodys() {
    let schema = Schema::jp_1();
    let encoder = Encoder::new(&schema, &SECRET, &REFERENCE_KEY, &project(), EPOCH);
    let derived = derive_in_host(&secret(REFERENCE_KEY), Label::Reference, b"00000001");
    assert_eq!(encoder.reference("00000001").0, derived.expose()[..16]);
}
