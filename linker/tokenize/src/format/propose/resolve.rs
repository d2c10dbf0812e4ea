//! Which column gives which field, when headers and values have been read.

use super::{
    Certainty, Column, Ground,
    content::Content,
    header::{self, Part, Reading, Script},
};
use crate::record::RawField;

/// What one column may be, best first.
struct Candidate {
    place: usize,
    field: RawField,
    certainty: Certainty,
    ground: Ground,
}

/// The columns of a table, each with its field and ground.
pub(super) fn resolve(headers: Vec<String>, contents: &[Content]) -> Vec<Column> {
    let readings: Vec<_> = headers.iter().map(|header| header::read(header)).collect();
    let repeated = |header: &String| headers.iter().filter(|other| *other == header).count() > 1;
    let repeated: Vec<bool> = headers.iter().map(repeated).collect();
    let mut columns: Vec<_> = headers
        .into_iter()
        .zip(&readings)
        .zip(&repeated)
        .map(|((header, reading), &repeated)| Column {
            header,
            field: None,
            certainty: Certainty::Sure,
            ground: if repeated {
                Ground::Repeated
            } else if *reading == Reading::NotUsed {
                Ground::NotUsed
            } else {
                Ground::Unknown
            },
            width: None,
        })
        .collect();
    let usable = |place: &usize| !repeated[*place];
    let by_header = (0..columns.len()).filter(usable);
    let mut candidates: Vec<_> = by_header
        .filter_map(|place| by_header_of(place, &readings, contents))
        .collect();
    candidates.sort_by_key(|candidate| (candidate.certainty, candidate.place));
    for candidate in candidates {
        take(&mut columns, &contents[candidate.place], &candidate);
    }
    guess(&mut columns, &readings, contents);
    columns
}

/// Gives a column its field, or says that another has it.
fn take(columns: &mut [Column], content: &Content, candidate: &Candidate) {
    let Candidate {
        place,
        field,
        certainty,
        ground,
    } = *candidate;
    if columns.iter().any(|column| column.field == Some(field)) {
        columns[place].ground = Ground::Taken(field);
        return;
    }
    let column = &mut columns[place];
    // The normaliser pads the numbers of insurance itself.
    column.width = content.width().filter(|_| field == RawField::RecordId);
    column.field = Some(field);
    column.certainty = certainty;
    column.ground = ground;
}

fn by_header_of(place: usize, readings: &[Reading], contents: &[Content]) -> Option<Candidate> {
    let content = &contents[place];
    let (field, certainty) = match readings[place] {
        Reading::Exact(RawField::Address | RawField::Street)
            if content.script() == Some(Script::Latin) =>
        {
            (RawField::Street, Certainty::Likely)
        }
        Reading::Exact(field) => (field, Certainty::Sure),
        Reading::Inside(field) => (field, Certainty::Likely),
        Reading::Vague(field, other) => vague(field, other, readings),
        Reading::Name {
            part,
            script,
            former,
        } => name(part, script, former, readings, content)?,
        Reading::NotUsed | Reading::Unknown => return None,
    };
    let (certainty, ground) = if content.fits(field) {
        (certainty, Ground::Header)
    } else {
        (Certainty::Unsure, Ground::Contradiction)
    };
    Some(Candidate {
        place,
        field,
        certainty,
        ground,
    })
}

/// A bare number is that of the insured where a symbol stands beside it.
fn vague(field: RawField, other: Option<RawField>, readings: &[Reading]) -> (RawField, Certainty) {
    let symbol = readings.contains(&Reading::Exact(RawField::InsuredSymbol));
    match other {
        Some(other) if symbol => (other, Certainty::Likely),
        _ => (field, Certainty::Unsure),
    }
}

/// A name: the values say its script better than the header, which is often wrong about it.
fn name(
    part: Part,
    script: Option<Script>,
    former: bool,
    readings: &[Reading],
    content: &Content,
) -> Option<(RawField, Certainty)> {
    let family = readings.iter().any(|reading| {
        matches!(reading, Reading::Name { part: Part::Family, former: at, .. } if *at == former)
    });
    // Without a family name beside it, a given name is mostly a whole one.
    let (part, mut certainty) = match part {
        Part::Given if !family => (Part::Whole, Certainty::Unsure),
        Part::Whole | Part::Family | Part::Given => (part, Certainty::Sure),
    };
    let shown = content.script();
    let script = match (script, shown) {
        (Some(script), Some(shown)) if script != shown => {
            certainty = Certainty::Unsure;
            shown
        }
        (Some(script), _) | (None, Some(script)) => script,
        (None, None) => {
            certainty = certainty.max(Certainty::Likely);
            Script::Kanji
        }
    };
    header::field(part, script, former).map(|field| (field, certainty))
}

/// Fills what the headers left open by what the values look like.
fn guess(columns: &mut [Column], readings: &[Reading], contents: &[Content]) {
    let open = |columns: &[Column], place: usize| {
        columns[place].ground == Ground::Unknown
            && columns[place].field.is_none()
            && readings[place] == Reading::Unknown
    };
    for (place, content) in contents.iter().enumerate() {
        let whole_name = |field| matches!(field, RawField::KanjiName | RawField::KanaName);
        let Some(field) = content.guess().filter(|_| open(columns, place)) else {
            continue;
        };
        let parts = columns.iter().filter_map(|column| column.field);
        let mut parts = parts.filter(|field| {
            matches!(
                field,
                RawField::KanjiFamily | RawField::KanaFamily | RawField::Surname
            )
        });
        let taken = columns.iter().any(|column| column.field == Some(field));
        // Beside names in two columns a third name is somebody else's.
        if !(taken || whole_name(field) && parts.next().is_some()) {
            let certainty = Certainty::Unsure;
            let ground = Ground::Values;
            let candidate = Candidate {
                place,
                field,
                certainty,
                ground,
            };
            take(columns, content, &candidate);
        }
    }
    let numbered = columns
        .iter()
        .any(|column| column.field == Some(RawField::RecordId));
    let first =
        (0..columns.len()).find(|&place| open(columns, place) && contents[place].numbers_records());
    if let Some(place) = first.filter(|_| !numbered) {
        let candidate = Candidate {
            place,
            field: RawField::RecordId,
            certainty: Certainty::Unsure,
            ground: Ground::Values,
        };
        take(columns, &contents[place], &candidate);
    }
}
