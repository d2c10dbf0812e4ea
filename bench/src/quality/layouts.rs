//! Layouts of a Japanese row that are compared with the shipped one.
//!
//! Every candidate is jp-1 with one thing changed. Where the fill or the diffusion changes, the cut points are moved
//! so that a level begins at the same share of common grams as before; or else the candidates would differ in
//! what their levels mean.

use std::fmt::Write as _;

use linker_token::{Field, GramKind, Schema, Segment, schema::Role};

/// A candidate.
pub(super) struct Layout {
    pub(super) name: &'static str,
    /// What is different.
    pub(super) what: &'static str,
    change: fn(&mut Vec<Segment>),
}

impl Layout {
    /// Its schema. All candidates have one name, so that their keys differ by what they are.
    pub(super) fn schema(&self) -> Schema {
        let mut segments = Schema::jp_1().segments().to_vec();
        (self.change)(&mut segments);
        // The name is part of the digest and so of every key: the control differs in nothing else.
        let name = match self.name {
            CONTROL => "jp-control",
            _ => "jp-1",
        };
        Schema::parse(&text(name, &segments)).expect("a candidate is a schema")
    }
}

/// The shipped layout under other keys: what the keys alone do.
pub(super) const CONTROL: &str = "other-keys";

/// The shipped layout first.
pub(super) const LAYOUTS: &[Layout] = &[
    Layout {
        name: "jp-1",
        what: "as shipped",
        change: |_| {},
    },
    Layout {
        name: CONTROL,
        what: "as shipped, under other keys: what chance does",
        change: |_| {},
    },
    Layout {
        name: "before",
        what: "kana as pairs and fewer levels: where the search for a layout began",
        change: |segments| {
            grams(segments, Field::KanaName, GramKind::Bigram);
            fewer(segments);
        },
    },
    Layout {
        name: "kana-bigrams",
        what: "kana as pairs only",
        change: |segments| grams(segments, Field::KanaName, GramKind::Bigram),
    },
    Layout {
        name: "cuts-fewer",
        what: "levels begin at 0, 120, 220, 320, 400 of the kana; 0, 130, 230, 320, 390 elsewhere; 0, 140, 240, 320, 380 of the insurance",
        change: |segments| fewer(segments),
    },
    Layout {
        name: "cuts-one-less",
        what: "levels begin at 0, 120, 220, 320, 400, 435 of the kana; 0, 130, 230, 320, 390, 430 elsewhere",
        change: |segments| {
            fewer(segments);
            for (at, segment) in segments.iter_mut().enumerate() {
                segment.cuts_permille.push(if at == 0 { 435 } else { 430 });
            }
        },
    },
    Layout {
        name: "cuts-evener",
        what: "levels begin at 0, 100, 180, 260, 330, 390, 435 everywhere",
        change: |segments| {
            for segment in segments.iter_mut() {
                segment.cuts_permille = vec![0, 100, 180, 260, 330, 390, 435];
            }
        },
    },
    Layout {
        name: "fill-200",
        what: "fill 0.20",
        change: |segments| fill(segments, 200),
    },
    Layout {
        name: "fill-300",
        what: "fill 0.30",
        change: |segments| fill(segments, 300),
    },
    Layout {
        name: "fill-400",
        what: "fill 0.40",
        change: |segments| fill(segments, 400),
    },
    Layout {
        name: "fill-500",
        what: "fill 0.50",
        change: |segments| fill(segments, 500),
    },
    Layout {
        name: "t-1",
        what: "no diffusion",
        change: |segments| diffusion(segments, 1),
    },
    Layout {
        name: "t-3",
        what: "diffusion 3",
        change: |segments| diffusion(segments, 3),
    },
    Layout {
        name: "t-4",
        what: "diffusion 4",
        change: |segments| diffusion(segments, 4),
    },
    Layout {
        name: "t-8",
        what: "diffusion 8",
        change: |segments| diffusion(segments, 8),
    },
    Layout {
        name: "kana-4-kanji-4",
        what: "kana 4 words, kanji 4",
        change: |segments| words(segments, [4, 4, 3, 3, 2]),
    },
    Layout {
        name: "birth-2-kanji-4",
        what: "birth 2 words, kanji 4",
        change: |segments| words(segments, [5, 4, 2, 3, 2]),
    },
    Layout {
        name: "birth-2-place-4",
        what: "birth 2 words, place 4",
        change: |segments| words(segments, [5, 3, 2, 4, 2]),
    },
    Layout {
        name: "kana-4-birth-4",
        what: "kana 4 words, birth 4",
        change: |segments| words(segments, [4, 3, 4, 3, 2]),
    },
    Layout {
        name: "kana-4-place-4",
        what: "kana 4 words, place 4",
        change: |segments| words(segments, [4, 3, 3, 4, 2]),
    },
    Layout {
        name: "kana-4-insurance-3",
        what: "kana 4 words, insurance 3",
        change: |segments| words(segments, [4, 3, 3, 3, 3]),
    },
    Layout {
        name: "kana-6-place-2",
        what: "kana 6 words, place 2",
        change: |segments| words(segments, [6, 3, 3, 2, 2]),
    },
    Layout {
        name: "kanji-bigrams",
        what: "kanji as pairs only",
        change: |segments| grams(segments, Field::KanjiName, GramKind::Bigram),
    },
    Layout {
        name: "block-positional",
        what: "house number by position",
        change: |segments| grams(segments, Field::Block, GramKind::Positional),
    },
    Layout {
        name: "number-positional",
        what: "insured's number by position",
        change: |segments| grams(segments, Field::InsuredNumber, GramKind::Positional),
    },
    Layout {
        name: "birth-even",
        what: "year 300, month 280, day 280, sex 140",
        change: |segments| shares(segments, 2, &[300, 280, 280, 140]),
    },
    Layout {
        name: "birth-little-sex",
        what: "year 440, month 250, day 250, sex 60",
        change: |segments| shares(segments, 2, &[440, 250, 250, 60]),
    },
    Layout {
        name: "place-postal",
        what: "postal code 500, town 250, house number 250",
        change: |segments| shares(segments, 3, &[500, 250, 250]),
    },
    Layout {
        name: "place-town",
        what: "postal code 300, town 500, house number 200",
        change: |segments| shares(segments, 3, &[300, 500, 200]),
    },
    Layout {
        name: "insurance-number",
        what: "insurer 300, number 600, branch 100",
        change: |segments| shares(segments, 4, &[300, 600, 100]),
    },
    Layout {
        name: "insurance-even",
        what: "insurer 400, number 400, branch 200",
        change: |segments| shares(segments, 4, &[400, 400, 200]),
    },
];

fn fewer(segments: &mut [Segment]) {
    for (at, segment) in segments.iter_mut().enumerate() {
        segment.cuts_permille = match at {
            0 => vec![0, 120, 220, 320, 400],
            4 => vec![0, 140, 240, 320, 380],
            _ => vec![0, 130, 230, 320, 390],
        };
    }
}

fn fill(segments: &mut [Segment], permille: u32) {
    for segment in segments {
        move_cuts(segment, permille, segment.diffusion);
        segment.fill_permille = permille;
    }
}

fn diffusion(segments: &mut [Segment], t: u32) {
    for segment in segments {
        move_cuts(segment, segment.fill_permille, t);
        segment.diffusion = t;
    }
}

fn words(segments: &mut [Segment], words: [usize; 5]) {
    for (segment, words) in segments.iter_mut().zip(words) {
        segment.words = 0..words;
    }
}

fn grams(segments: &mut [Segment], field: Field, kind: GramKind) {
    let mut parts = segments.iter_mut().flat_map(|segment| &mut segment.parts);
    let part = parts.find(|part| part.field == field);
    part.expect("jp-1 has the field").grams = kind;
}

fn shares(segments: &mut [Segment], at: usize, shares: &[u32]) {
    for (part, share) in segments[at].parts.iter_mut().zip(shares) {
        part.share_permille = *share;
    }
}

/// Moves the cut points to where the same shares of common grams lie under another fill and diffusion.
fn move_cuts(segment: &mut Segment, fill_permille: u32, t: u32) {
    let (fill, old_t) = (f64::from(segment.fill_permille) / 1000.0, segment.diffusion);
    for cut in &mut segment.cuts_permille {
        let common = common_grams(f64::from(*cut) / 1000.0, fill, old_t);
        let moved = distance(common, f64::from(fill_permille) / 1000.0, t);
        *cut = permille(moved);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a distance is between 0 and a half"
)]
fn permille(share: f64) -> u32 {
    (share * 1000.0).round() as u32
}

/// Expected distance, as a share of the bits, of two values that have `common` of their grams in common. With
/// fill f the common grams have set 1 − (1 − f)^c of the filter bits and those of one value alone
/// q = 1 − (1 − f)^(1−c), so a bit differs with d = (1 − f)^c · 2q(1 − q), and after diffusion by t with
/// (1 − (1 − 2d)^t)/2.
fn distance(common: f64, fill: f64, t: u32) -> f64 {
    let empty = 1.0 - fill;
    let own = 1.0 - empty.powf(1.0 - common);
    let differ = empty.powf(common) * 2.0 * own * (1.0 - own);
    let t = i32::try_from(t).expect("diffusion is at most 16");
    (1.0 - (1.0 - 2.0 * differ).powi(t)) / 2.0
}

/// The share of common grams at which a distance is expected: the other way round, by halving.
fn common_grams(at: f64, fill: f64, t: u32) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if distance(middle, fill, t) > at {
            low = middle;
        } else {
            high = middle;
        }
    }
    if at == 0.0 { 1.0 } else { high }
}

/// A schema file.
fn text(name: &str, segments: &[Segment]) -> String {
    let words: usize = segments.iter().map(|segment| segment.words.len()).sum();
    let mut out = format!("name = \"{name}\"\nversion = 1\nrow-words = {words}\n");
    for segment in segments {
        let role = match segment.role {
            Role::Name => "name",
            Role::Birth => "birth",
            Role::Place => "place",
            Role::Number => "number",
        };
        let _infallible = write!(
            out,
            "[[segment]]\nname = \"{}\"\nrole = \"{role}\"\nwords = {}\nfill-permille = {}\ndiffusion = {}\n\
             cuts-permille = {:?}\n",
            segment.name,
            segment.words.len(),
            segment.fill_permille,
            segment.diffusion,
            segment.cuts_permille,
        );
        for part in &segment.parts {
            let _infallible = write!(
                out,
                "[[segment.part]]\nfield = \"{}\"\ngrams = \"{}\"\nshare-permille = {}\n",
                part.field.tag(),
                part.grams.tag(),
                part.share_permille,
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_candidate_is_a_schema_of_its_own_and_the_first_is_the_shipped_one() {
        assert_eq!(LAYOUTS[0].schema().digest(), Schema::jp_1().digest());
        let digests: BTreeSet<_> = LAYOUTS
            .iter()
            .map(|layout| layout.schema().digest().to_string())
            .collect();
        assert_eq!(digests.len(), LAYOUTS.len());
        let names: BTreeSet<_> = LAYOUTS.iter().map(|layout| layout.name).collect();
        assert_eq!(names.len(), LAYOUTS.len());
    }

    #[test]
    fn cuts_move_with_what_they_mean() {
        // 380 of 1,000 after diffusion by five is where the filters differ in an eighth.
        let mut segment = Schema::jp_1().segments()[0].clone();
        let before = segment.cuts_permille.clone();
        move_cuts(&mut segment, 350, 5);
        assert_eq!(segment.cuts_permille, before);
        move_cuts(&mut segment, 350, 1);
        assert!((120..130).contains(&segment.cuts_permille[4]));
        assert_eq!(segment.cuts_permille[0], 0);
        assert!((distance(0.0, 0.35, 1) - 2.0 * 0.35 * 0.65).abs() < 1e-12);
    }
}
