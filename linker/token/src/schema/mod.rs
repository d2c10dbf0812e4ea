//! The recipe of a row: which fields go into which segment, how, and how agreement is graded.
//!
//! A schema is a TOML file. Its name on the wire is the SHA-256 of its canonical form, so comments
//! and layout of the file do not matter and every number does.

mod field;
mod segment;

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::segment::check_segment;
use crate::{error::TokenError, limits, names::SchemaDigest};

pub use self::{
    field::{Field, GramKind, Role},
    segment::{FieldPart, Segment},
};

/// A checked schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    name: String,
    version: u32,
    row_words: usize,
    segments: Vec<Segment>,
    digest: SchemaDigest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSchema {
    name: String,
    version: u32,
    row_words: usize,
    segment: Vec<RawSegment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawSegment {
    name: String,
    role: Role,
    words: usize,
    fill_permille: u32,
    diffusion: u32,
    cuts_permille: Vec<u32>,
    part: Vec<FieldPart>,
}

impl Schema {
    /// Parses and checks a schema file.
    ///
    /// # Errors
    /// [`TokenError::SchemaSyntax`], [`TokenError::SchemaRule`] or [`TokenError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        if text.len() > limits::SCHEMA_BYTES_MAX {
            return Err(TokenError::TooLarge {
                what: "a schema file",
                limit: limits::SCHEMA_BYTES_MAX,
            });
        }
        let raw: RawSchema = toml::from_str(text).map_err(|error| TokenError::SchemaSyntax {
            reason: error.message().to_owned(),
        })?;
        let mut start = 0;
        let segments = raw.segment.into_iter().map(|raw| {
            let words = start..start.min(1 << 20) + raw.words.min(1 << 20);
            start = words.end;
            Segment {
                name: raw.name,
                role: raw.role,
                words,
                fill_permille: raw.fill_permille,
                diffusion: raw.diffusion,
                cuts_permille: raw.cuts_permille,
                parts: raw.part,
            }
        });
        let mut schema = Self {
            name: raw.name,
            version: raw.version,
            row_words: raw.row_words,
            segments: segments.collect(),
            digest: SchemaDigest([0; 32]),
        };
        schema
            .check()
            .map_err(|rule| TokenError::SchemaRule { rule })?;
        schema.digest = SchemaDigest(Sha256::digest(schema.canonical()).into());
        Ok(schema)
    }

    /// The Japanese default: kana, kanji, birth, place, insurance.
    ///
    /// # Panics
    /// Never: the file ships with this crate and a test parses it.
    #[must_use]
    pub fn jp_1() -> Self {
        Self::parse(include_str!("../../schemas/jp-1.toml")).expect("the shipped schema parses")
    }

    /// Latin-script data of the FEBRL kind: name, birth, place, address.
    ///
    /// # Panics
    /// Never: the file ships with this crate and a test parses it.
    #[must_use]
    pub fn en_1() -> Self {
        Self::parse(include_str!("../../schemas/en-1.toml")).expect("the shipped schema parses")
    }

    /// Name for people, such as `jp-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Words of a row.
    #[must_use]
    pub fn row_words(&self) -> usize {
        self.row_words
    }

    /// Segments in row order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// SHA-256 of the canonical form.
    #[must_use]
    pub fn digest(&self) -> SchemaDigest {
        self.digest
    }

    /// The canonical form: one line per fact, in row order.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = format!(
            "musubi-schema/1\n{} {} {}\n",
            self.name, self.version, self.row_words
        );
        for segment in &self.segments {
            let cuts: Vec<String> = segment.cuts_permille.iter().map(u32::to_string).collect();
            let _infallible = writeln!(
                out,
                "segment {} {} {} {} {} {}",
                segment.name,
                segment.role.tag(),
                segment.words.len(),
                segment.fill_permille,
                segment.diffusion,
                cuts.join(",")
            );
            for part in &segment.parts {
                let (field, grams) = (part.field.tag(), part.grams.tag());
                let _infallible = writeln!(out, "part {field} {grams} {}", part.share_permille);
            }
        }
        out
    }

    fn check(&self) -> Result<(), &'static str> {
        if crate::names::SiteId::parse(&self.name).is_err() {
            return Err("its name must be lower-case letters, digits and hyphens");
        }
        if !limits::ROW_WORDS_ALLOWED.contains(&self.row_words) {
            return Err("a row has 8, 16 or 32 words");
        }
        if self.segments.is_empty() || self.segments.len() > limits::SEGMENTS_MAX {
            return Err("a row has 1 to 8 segments");
        }
        if self
            .segments
            .last()
            .is_none_or(|segment| segment.words.end != self.row_words)
        {
            return Err("the segments' words must add up to the row's words");
        }
        let mut fields = Vec::new();
        for segment in &self.segments {
            check_segment(segment)?;
            fields.extend(segment.parts.iter().map(|part| part.field));
        }
        fields.sort_unstable();
        if fields.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("a field may stand in one segment only");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_schemas_parse_and_differ() {
        assert_eq!(Schema::jp_1().segments().len(), 5);
        assert_ne!(Schema::jp_1().digest(), Schema::en_1().digest());
    }

    #[test]
    fn comments_do_not_change_the_digest_and_numbers_do() {
        let text = include_str!("../../schemas/jp-1.toml");
        let commented = format!("# a comment\n{text}");
        let digest = Schema::jp_1().digest();
        assert_eq!(
            Schema::parse(&commented).map(|schema| schema.digest()),
            Ok(digest)
        );
        let changed = text.replacen("diffusion = 5", "diffusion = 6", 1);
        assert_ne!(
            Schema::parse(&changed).map(|schema| schema.digest()),
            Ok(digest)
        );
    }

    #[test]
    fn contradictions_are_refused() {
        let text = include_str!("../../schemas/jp-1.toml");
        for (from, to) in [
            ("row-words = 16", "row-words = 12"),
            ("row-words = 16", "row-words = 32"),
            ("diffusion = 5", "diffusion = 17"),
            ("diffusion = 5", "diffusion = 0"),
            ("fill-permille = 350", "fill-permille = 501"),
            ("cuts-permille = [0,", "cuts-permille = [1,"),
            ("share-permille = 1000", "share-permille = 999"),
            ("name = \"jp-1\"", "name = \"JP 1\""),
            ("words = 5", "words = 0"),
            ("words = 5", "words = 99999999999"),
            ("version = 1", "version = 1\nunknown = 2"),
        ] {
            assert!(
                text.contains(from),
                "the test must change something: {from}"
            );
            assert!(
                Schema::parse(&text.replacen(from, to, 1)).is_err(),
                "{from} -> {to}"
            );
        }
    }
}
