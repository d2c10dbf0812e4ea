//! Golden vectors: what must come out, for ever, of what goes in.
//!
//! A vector that changes means another normaliser, table or encoder version, and that every site must encode
//! anew. The files are data for other implementations too; `README.md` beside them says how to read them.

use linker_token::{Epoch, Flags, ProjectId, Schema, schema::Field};
use linker_tokenize::{
    Encoder, Identifiers, NORMALISER_VERSION, RawField, RawRecord, SourceRecord, TABLES_VERSION,
    normalize,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    schema: String,
    schema_digest: String,
    normaliser: String,
    tables: String,
    project: String,
    epoch: u32,
    secret: String,
    reference_key: String,
    vector: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Vector {
    name: String,
    local_id: String,
    #[serde(default)]
    raw: Vec<(RawField, String)>,
    normal: Vec<(Field, String)>,
    reference: String,
    flags: u32,
    row: String,
}

fn key(text: &str) -> [u8; 32] {
    hex::decode(text)
        .expect("hex")
        .try_into()
        .expect("32 bytes")
}

/// Words in row order, each in big-endian hex.
fn row_hex(row: &[u64]) -> String {
    row.iter().map(|word| format!("{word:016x}")).collect()
}

fn check(text: &str, schema: &Schema) {
    let file: File = toml::from_str(text).expect("a vector file");
    assert_eq!(
        (file.schema.as_str(), file.schema_digest),
        (schema.name(), schema.digest().to_string())
    );
    assert_eq!(
        (file.normaliser.as_str(), file.tables.as_str()),
        (NORMALISER_VERSION, TABLES_VERSION)
    );
    let project = ProjectId::parse(&file.project).expect("a good name");
    let (secret, reference_key) = (key(&file.secret), key(&file.reference_key));
    let mut encoder = Encoder::new(schema, &secret, &reference_key, &project, Epoch(file.epoch));
    let mut wrong = Vec::new();
    for vector in &file.vector {
        let normal: Vec<(Field, &str)> = vector
            .normal
            .iter()
            .map(|(field, value)| (*field, value.as_str()))
            .collect();
        let normal = Identifiers::from_normal(&normal);
        let mut record =
            SourceRecord::from_normal(&vector.local_id, normal.clone(), Flags::default());
        if !vector.raw.is_empty() {
            let mut raw = RawRecord::new().with(RawField::RecordId, vector.local_id.as_str());
            for (field, value) in &vector.raw {
                raw.set(*field, value.as_str());
            }
            record = normalize::normalize(&raw).expect("a usable record");
            for (field, value) in &vector.normal {
                assert_eq!(
                    record.identifiers().get(*field),
                    Some(value.as_str()),
                    "{}",
                    vector.name
                );
            }
            assert_eq!(
                record.identifiers().iter().count(),
                vector.normal.len(),
                "{}",
                vector.name
            );
        }
        let tokens = encoder.encode(&record);
        let token = tokens.first().expect("a row");
        let reference = hex::encode(token.reference.0);
        let (flags, row) = (token.flags.bits(), row_hex(&token.row));
        if (&reference, flags, &row) != (&vector.reference, vector.flags, &vector.row) {
            wrong.push(format!(
                "{}:\nreference = \"{reference}\"\nflags = {flags}\nrow = \"{row}\"",
                vector.name
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "these came out differently:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn japanese_vectors() {
    check(include_str!("../vectors/jp-1.toml"), &Schema::jp_1());
}

#[test]
fn latin_vectors() {
    check(include_str!("../vectors/en-1.toml"), &Schema::en_1());
}
