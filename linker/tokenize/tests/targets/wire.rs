//! What crosses the trust boundary: decoders are strict, and write what they read.

use std::sync::LazyLock;

use linker_token::{Manifest, ProjectId, Schema, SiteId, TokenBatch, hostile};

use super::harmless;

/// Parsed once: a schema's text takes longer than what is tried here.
static SCHEMAS: LazyLock<[Schema; 2]> = LazyLock::new(|| [Schema::jp_1(), Schema::en_1()]);

/// Bytes of a batch or a manifest by their magic, else the text of a schema.
pub(super) fn run(bytes: &[u8]) {
    for schema in &*SCHEMAS {
        match TokenBatch::from_bytes(schema, bytes) {
            Err(error) => harmless(&error, ""),
            Ok(batch) => {
                assert_eq!(batch.to_bytes(), bytes, "one form, and no other");
                assert_eq!(hostile::inspect(schema, &batch).len(), batch.len());
                assert_eq!(batch.retain(|_| true), batch);
            }
        }
    }
    match Manifest::from_bytes(bytes) {
        Err(error) => harmless(&error, ""),
        Ok(manifest) => {
            assert_eq!(manifest.to_bytes(), bytes, "one form, and no other");
            assert_eq!(Some(manifest.batch_id()), id_of(&manifest.to_bytes()));
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for line in text.lines() {
        let names = (SiteId::parse(line), ProjectId::parse(line));
        assert_eq!(names.0.is_ok(), names.1.is_ok());
        assert!(names.0.is_ok_and(|name| name.as_str() == line) || names.1.is_err());
    }
    // A schema is public, and its errors may repeat it.
    if let Ok(schema) = Schema::parse(text) {
        let words = schema.segments().iter().map(|segment| segment.words.len());
        assert_eq!(words.sum::<usize>(), schema.row_words());
        let other = Schema::parse(text).expect("it was parsed before");
        assert_eq!(
            (other.digest(), other.canonical()),
            (schema.digest(), schema.canonical())
        );
    }
}

fn id_of(bytes: &[u8]) -> Option<linker_token::BatchId> {
    Manifest::from_bytes(bytes)
        .ok()
        .map(|manifest| manifest.batch_id())
}
