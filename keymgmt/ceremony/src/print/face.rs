//! The two embedded fonts: which glyph a character has, and how wide it is.
//!
//! The fonts are files of this repository, so only what they hold is read: a character map of format 4,
//! horizontal advances, no variations, no shaping (Japanese and Latin need none).

use crate::error::CeremonyError;

/// Which font a text is set in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    /// Proportional: Japanese, Latin.
    Text,
    /// Fixed width, ASCII only: words, digits, hashes.
    Mono,
}

impl Face {
    pub(super) const ALL: [Self; 2] = [Self::Text, Self::Mono];

    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Text => include_bytes!("../../fonts/musubi-print.ttf"),
            Self::Mono => include_bytes!("../../fonts/musubi-print-mono.ttf"),
        }
    }

    /// Its name within documents.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "MusubiPrint",
            Self::Mono => "MusubiPrintMono",
        }
    }
}

/// The tables of one font that layout needs.
pub(super) struct Metrics {
    map: &'static [u8],
    advances: &'static [u8],
    advance_count: usize,
    units: f32,
}

impl Metrics {
    pub(super) fn of(face: Face) -> Result<Self, CeremonyError> {
        let unreadable = CeremonyError::Print {
            rule: "an embedded font cannot be read",
        };
        Self::read(face.bytes()).ok_or(unreadable)
    }

    fn read(font: &'static [u8]) -> Option<Self> {
        let units = number(table(font, *b"head")?, 18)?;
        let advance_count = number(table(font, *b"hhea")?, 34)?;
        Some(Self {
            map: windows_map(table(font, *b"cmap")?)?,
            advances: table(font, *b"hmtx")?,
            advance_count: advance_count.into(),
            units: units.into(),
        })
    }

    /// The glyph of a character; `None` if the font has none.
    pub(super) fn glyph(&self, character: char) -> Option<u16> {
        let code = u16::try_from(u32::from(character)).ok()?;
        let segments = usize::from(number(self.map, 6)? / 2);
        let (ends, starts) = (14, 16 + 2 * segments);
        let (deltas, offsets) = (starts + 2 * segments, starts + 4 * segments);
        let at = |table: usize, segment: usize| number(self.map, table + 2 * segment);
        // The first segment that ends at the code or behind it; segments are sorted.
        let (mut segment, mut behind) = (0, segments);
        while segment < behind {
            let middle = segment.midpoint(behind);
            if at(ends, middle)? < code {
                segment = middle + 1;
            } else {
                behind = middle;
            }
        }
        let start = at(starts, segment)?;
        if code < start {
            return None;
        }
        let (delta, offset) = (at(deltas, segment)?, at(offsets, segment)?);
        let glyph = if offset == 0 {
            code.wrapping_add(delta)
        } else {
            // The offset counts from its own place in the table.
            let place = offsets + 2 * segment + usize::from(offset) + 2 * usize::from(code - start);
            match number(self.map, place)? {
                0 => 0,
                glyph => glyph.wrapping_add(delta),
            }
        };
        (glyph != 0).then_some(glyph)
    }

    /// How far a glyph moves the pen, in thousandths of the size.
    pub(super) fn advance(&self, glyph: u16) -> f32 {
        let last = self.advance_count.saturating_sub(1);
        let place = usize::from(glyph).min(last) * 4;
        let advance = number(self.advances, place).unwrap_or(0);
        f32::from(advance) * 1000.0 / self.units
    }
}

fn table(font: &'static [u8], tag: [u8; 4]) -> Option<&'static [u8]> {
    let count = usize::from(number(font, 4)?);
    let directory = font.get(12..12 + 16 * count)?;
    let entry = directory.chunks(16).find(|entry| entry.starts_with(&tag))?;
    let start = usize::try_from(long(entry, 8)?).ok()?;
    let length = usize::try_from(long(entry, 12)?).ok()?;
    font.get(start..start.checked_add(length)?)
}

/// The character map for Windows, Unicode's first plane.
fn windows_map(maps: &'static [u8]) -> Option<&'static [u8]> {
    let count = usize::from(number(maps, 2)?);
    let records = maps.get(4..4 + 8 * count)?;
    let wanted = |record: &&[u8]| number(record, 0) == Some(3) && number(record, 2) == Some(1);
    let record = records.chunks(8).find(wanted)?;
    let map = maps.get(usize::try_from(long(record, 4)?).ok()?..)?;
    (number(map, 0) == Some(4)).then_some(map)
}

fn number(bytes: &[u8], place: usize) -> Option<u16> {
    let two = bytes.get(place..place + 2)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

fn long(bytes: &[u8], place: usize) -> Option<u32> {
    let four = bytes.get(place..place + 4)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use encoding_rs::SHIFT_JIS;

    use super::*;

    #[test]
    fn widths_are_the_fonts() {
        let text = Metrics::of(Face::Text).expect("reads");
        let mono = Metrics::of(Face::Mono).expect("reads");
        let width = |metrics: &Metrics, character| {
            let glyph = metrics.glyph(character).expect("a glyph");
            metrics.advance(glyph)
        };
        // As another reader of fonts (fonttools) gives them: 2,048 units a size.
        for (character, units) in [('0', 1556.0), ('A', 1556.0), ('i', 655.0), ('漢', 2048.0)] {
            let known = units * 1000.0 / 2048.0;
            assert!(
                (width(&text, character) - known).abs() < 0.001,
                "{character}"
            );
        }
        for character in ' '..='~' {
            assert!(
                (width(&mono, character) - 500.0).abs() < 0.001,
                "{character}"
            );
        }
    }

    /// Every character that Japanese Windows can write, and Latin-1: 7,000 and more.
    #[test]
    fn the_text_font_has_every_character_of_code_page_932() {
        let text = Metrics::of(Face::Text).expect("reads");
        let mut known = 0;
        for first in 0x81..=0xfc_u8 {
            for second in 0x40..=0xfc_u8 {
                let pair = [first, second];
                let (decoded, broken) = SHIFT_JIS.decode_without_bom_handling(&pair);
                let mut characters = decoded.chars();
                let (Some(character), None, false) = (characters.next(), characters.next(), broken)
                else {
                    continue;
                };
                if !('\u{e000}'..'\u{f900}').contains(&character) {
                    assert!(text.glyph(character).is_some(), "{character}");
                    known += 1;
                }
            }
        }
        assert!(known > 7_000, "{known}");
        for character in (' '..='~')
            .chain('\u{a1}'..='\u{ff}')
            .filter(|c| *c != '\u{ad}')
        {
            assert!(text.glyph(character).is_some(), "{character}");
        }
    }

    #[test]
    fn what_a_font_lacks_has_no_glyph() {
        let text = Metrics::of(Face::Text).expect("reads");
        let mono = Metrics::of(Face::Mono).expect("reads");
        for character in ['\n', '\u{3099}', '\u{e000}', '\u{ffff}', '😀', '𠮷', 'ก'] {
            assert_eq!(text.glyph(character), None, "{character:?}");
        }
        for character in ['あ', 'é', '\u{7f}', '\0'] {
            assert_eq!(mono.glyph(character), None, "{character:?}");
        }
    }
}
