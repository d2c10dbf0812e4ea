//! The recipe of a row: which fields go into which segment, how, and how agreement is graded.
//!
//! A schema is a TOML file. Its name on the wire is the SHA-256 of its canonical form, so comments
//! and layout of the file do not matter and every number does.

use std::{fmt::Write as _, ops::Range};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{error::TokenError, limits, names::SchemaDigest};

/// A normalised identifier that a segment can encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Family and given name in kana, joined, ladder step K2.
    KanaName,
    /// Family and given name in kanji, joined, strict fold.
    KanjiName,
    /// Given name, Latin script.
    GivenName,
    /// Surname, Latin script.
    Surname,
    /// Birth year, four digits.
    BirthYear,
    /// Birth month, two digits.
    BirthMonth,
    /// Day of birth, two digits.
    BirthDay,
    /// Sex code.
    Sex,
    /// Postal code, digits only.
    PostalCode,
    /// Town: municipality and section of it.
    Town,
    /// Block and house number, digits joined by hyphens.
    Block,
    /// Street, Latin script.
    Street,
    /// Insurer number, eight digits.
    Insurer,
    /// Symbol and number of the insured.
    InsuredNumber,
    /// Branch of the insured, two digits.
    InsuredBranch,
}

impl Field {
    /// The field's tag inside a gram and in the canonical form.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::KanaName => "kana-name",
            Self::KanjiName => "kanji-name",
            Self::GivenName => "given-name",
            Self::Surname => "surname",
            Self::BirthYear => "birth-year",
            Self::BirthMonth => "birth-month",
            Self::BirthDay => "birth-day",
            Self::Sex => "sex",
            Self::PostalCode => "postal-code",
            Self::Town => "town",
            Self::Block => "block",
            Self::Street => "street",
            Self::Insurer => "insurer",
            Self::InsuredNumber => "insured-number",
            Self::InsuredBranch => "insured-branch",
        }
    }
}

/// How a value is cut into grams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GramKind {
    /// Pairs of neighbours, padded at both ends.
    Bigram,
    /// Single characters and padded pairs.
    UnigramBigram,
    /// Each character with its position.
    Positional,
    /// The whole value as one gram.
    Whole,
}

impl GramKind {
    /// The kind's name in the canonical form.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Bigram => "bigram",
            Self::UnigramBigram => "unigram-bigram",
            Self::Positional => "positional",
            Self::Whole => "whole",
        }
    }
}

/// What agreement on a segment means to the matcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A name.
    Name,
    /// Birth date and sex.
    Birth,
    /// Where the person lives. Shared by a household.
    Place,
    /// A number given by an institution. Shared by a household but for its branch.
    Number,
}

impl Role {
    fn tag(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Birth => "birth",
            Self::Place => "place",
            Self::Number => "number",
        }
    }
}

/// One field's part of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FieldPart {
    /// Which identifier.
    pub field: Field,
    /// How it is cut.
    pub grams: GramKind,
    /// Its part of the segment's bit budget, in thousandths. The parts of a segment add up to 1,000.
    pub share_permille: u32,
}

/// One group of identifiers in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name for people.
    pub name: String,
    /// What agreement means.
    pub role: Role,
    /// Which words of the row.
    pub words: Range<usize>,
    /// Expected share of set filter bits before diffusion, in thousandths, when every field is present.
    pub fill_permille: u32,
    /// Filter bits XORed into one output bit; 1 means none.
    pub diffusion: u32,
    /// Largest Hamming distance of each similarity level but the last, in thousandths of the width.
    pub cuts_permille: Vec<u32>,
    /// The fields.
    pub parts: Vec<FieldPart>,
}

impl Segment {
    /// Width in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.words.len() * 64
    }

    /// Positions to draw so that a segment with all its fields is filled as the schema says.
    ///
    /// n draws into m bits leave m·exp(−n/m) empty, so n = −m·ln(1 − fill). Computed in integers
    /// from a table-free series so that every machine gets the same number.
    #[must_use]
    pub fn budget(&self) -> u32 {
        budget(self.bits(), self.fill_permille)
    }

    /// Largest Hamming distance, in bits, of each level but the last.
    #[must_use]
    pub fn cuts(&self) -> Vec<u32> {
        let bits = u32::try_from(self.bits()).unwrap_or(u32::MAX);
        self.cuts_permille
            .iter()
            .map(|cut| bits * cut / 1000)
            .collect()
    }

    /// Number of similarity levels: level 0 is the most similar, the last one is everything else.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.cuts_permille.len() + 1
    }
}

/// −m·ln(1 − f) rounded to the nearest integer, in 1/2^32 fixed point.
/// ln(1 − f) = −Σ f^k / k; 64 terms leave less than 1e-19 for f ≤ 0.5.
fn budget(bits: usize, fill_permille: u32) -> u32 {
    const ONE: u128 = 1 << 32;
    let fill = u128::from(fill_permille) * ONE / 1000;
    let (mut power, mut sum) = (ONE, 0);
    for k in 1..=64 {
        power = power * fill / ONE;
        sum += power / k;
    }
    u32::try_from((bits as u128 * sum + ONE / 2) / ONE).unwrap_or(u32::MAX)
}

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
        Self::parse(include_str!("../schemas/jp-1.toml")).expect("the shipped schema parses")
    }

    /// Latin-script data of the FEBRL kind: name, birth, place, address.
    ///
    /// # Panics
    /// Never: the file ships with this crate and a test parses it.
    #[must_use]
    pub fn en_1() -> Self {
        Self::parse(include_str!("../schemas/en-1.toml")).expect("the shipped schema parses")
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

fn check_segment(segment: &Segment) -> Result<(), &'static str> {
    if crate::names::SiteId::parse(&segment.name).is_err() {
        return Err("a segment's name must be lower-case letters, digits and hyphens");
    }
    if segment.words.is_empty() {
        return Err("a segment has at least one word");
    }
    if !(50..=500).contains(&segment.fill_permille) {
        return Err("a segment's fill is 50 to 500 thousandths");
    }
    if !(1..=limits::DIFFUSION_MAX).contains(&segment.diffusion) {
        return Err("a segment's diffusion is 1 to 16");
    }
    let cuts = &segment.cuts_permille;
    if cuts.is_empty() || cuts.len() > limits::CUTS_MAX || cuts[0] != 0 {
        return Err("a segment has 1 to 7 cut points and the first is 0 (equal bits)");
    }
    if cuts.windows(2).any(|pair| pair[0] >= pair[1]) || cuts.iter().any(|&cut| cut >= 500) {
        return Err("cut points rise strictly and stay below 500 (no better than chance)");
    }
    if segment.parts.is_empty() || segment.parts.len() > limits::FIELDS_MAX {
        return Err("a segment has 1 to 8 fields");
    }
    let shares = segment
        .parts
        .iter()
        .map(|part| u64::from(part.share_permille))
        .sum::<u64>();
    if shares != 1000 || segment.parts.iter().any(|part| part.share_permille == 0) {
        return Err("the shares of a segment's fields are positive and add up to 1000");
    }
    Ok(())
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
    fn budget_follows_the_fill() {
        // −192·ln(0.65) = 82.71
        assert_eq!(budget(192, 350), 83);
        // −1024·ln(0.5) = 709.78
        assert_eq!(budget(1024, 500), 710);
    }

    #[test]
    fn comments_do_not_change_the_digest_and_numbers_do() {
        let text = include_str!("../schemas/jp-1.toml");
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
        let text = include_str!("../schemas/jp-1.toml");
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
