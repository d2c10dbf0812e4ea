//! Pages to draw on. Lengths are points; places are counted from the page's upper left corner.

use std::collections::BTreeMap;

use pdf_writer::{Content, Name, Str, types::TextRenderingMode};
use subsetter::GlyphRemapper;
use zeroize::Zeroizing;

use super::face::{Face, Metrics};
use crate::error::CeremonyError;

/// A4.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;
/// Where a line's upper edge is above its baseline, in sizes.
const ASCENT: f32 = 0.88;
/// How much wider strokes make a heavy text, in sizes. One weight is embedded: a second one of Japanese is
/// two megabytes more.
const HEAVY: f32 = 0.028;

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub(super) face: Face,
    pub(super) size: f32,
    pub(super) heavy: bool,
}

impl Style {
    pub(super) const fn text(size: f32) -> Self {
        Self {
            face: Face::Text,
            size,
            heavy: false,
        }
    }

    pub(super) const fn heavy(size: f32) -> Self {
        Self {
            face: Face::Text,
            size,
            heavy: true,
        }
    }

    pub(super) const fn mono(size: f32) -> Self {
        Self {
            face: Face::Mono,
            size,
            heavy: false,
        }
    }
}

/// Which glyphs a document uses of one font, by their numbers in the smaller font, and what they stand for.
pub(super) struct Used {
    pub(super) face: Face,
    pub(super) metrics: Metrics,
    pub(super) remapper: GlyphRemapper,
    pub(super) characters: BTreeMap<u16, (char, f32)>,
}

impl Used {
    fn new(face: Face) -> Result<Self, CeremonyError> {
        Ok(Self {
            face,
            metrics: Metrics::of(face)?,
            remapper: GlyphRemapper::new(),
            characters: BTreeMap::new(),
        })
    }

    fn advance(&self, character: char) -> Result<(u16, f32), CeremonyError> {
        let glyph = self.metrics.glyph(character);
        let glyph = glyph.ok_or(CeremonyError::Unprintable { character })?;
        Ok((glyph, self.metrics.advance(glyph)))
    }
}

/// A document being drawn.
pub(super) struct Canvas {
    pub(super) pages: Vec<Content>,
    pub(super) fonts: [Used; 2],
    /// What every page reserves at once. A page that holds a secret must not outgrow it: the buffer would
    /// move and leave a copy behind.
    page_bytes: usize,
}

impl Canvas {
    pub(super) fn new(page_bytes: usize) -> Result<Self, CeremonyError> {
        let [text, mono] = Face::ALL;
        let mut canvas = Self {
            pages: Vec::new(),
            fonts: [Used::new(text)?, Used::new(mono)?],
            page_bytes,
        };
        // All of ASCII, in its order: the numbers of glyphs must not tell in which order a share's letters
        // came.
        for character in ' '..='~' {
            canvas.glyph(mono, character)?;
        }
        canvas.page();
        Ok(canvas)
    }

    /// Starts a page.
    pub(super) fn page(&mut self) {
        self.pages.push(Content::with_capacity(self.page_bytes));
    }

    /// Draws on an earlier page again, for what is known only at the end.
    pub(super) fn on_page(
        &mut self,
        page: usize,
        draw: impl FnOnce(&mut Self) -> Result<(), CeremonyError>,
    ) -> Result<(), CeremonyError> {
        let later = self.pages.split_off(page + 1);
        let drawn = draw(self);
        self.pages.extend(later);
        drawn
    }

    /// Whether some page holds more than it reserved.
    pub(super) fn outgrown(&self) -> bool {
        self.pages.iter().any(|page| page.len() > self.page_bytes)
    }

    /// How wide a text is.
    pub(super) fn width(&self, style: Style, text: &str) -> Result<f32, CeremonyError> {
        let font = self.font(style.face);
        let mut width = 0.0;
        for character in text.chars() {
            width += font.advance(character)?.1;
        }
        Ok(width * style.size / 1000.0)
    }

    /// Sets one line of text; its upper edge is at `y`.
    ///
    /// # Errors
    /// [`CeremonyError::Unprintable`] for a character without a glyph: a document that lacks a character is
    /// worse than none.
    pub(super) fn show(
        &mut self,
        (x, y): (f32, f32),
        style: Style,
        text: &str,
    ) -> Result<(), CeremonyError> {
        let mut codes = Zeroizing::new(Vec::with_capacity(2 * text.len()));
        for character in text.chars() {
            codes.extend(self.glyph(style.face, character)?.to_be_bytes());
        }
        let baseline = HEIGHT - y - ASCENT * style.size;
        let content = self.current();
        content.save_state().begin_text();
        content.set_font(font_name(style.face), style.size);
        if style.heavy {
            content.set_text_rendering_mode(TextRenderingMode::FillStroke);
            content.set_line_width(style.size * HEAVY);
        }
        content.next_line(x, baseline).show(Str(&codes));
        content.end_text().restore_state();
        Ok(())
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32) {
        let content = self.current();
        content.set_line_width(width);
        content.move_to(from.0, HEIGHT - from.1);
        content.line_to(to.0, HEIGHT - to.1).stroke();
    }

    /// A dotted line to write on.
    pub(super) fn rule(&mut self, from: f32, to: f32, y: f32) {
        let content = self.current();
        content.save_state().set_dash_pattern([0.8, 2.0], 0.0);
        content.set_line_width(0.8);
        content.move_to(from, HEIGHT - y);
        content.line_to(to, HEIGHT - y).stroke().restore_state();
    }

    /// The outline of a box.
    pub(super) fn frame(&mut self, x: f32, y: f32, (width, height): (f32, f32), stroke: f32) {
        let content = self.current();
        content.set_line_width(stroke);
        content.rect(x, HEIGHT - y - height, width, height).stroke();
    }

    /// A box filled with grey (0 is black).
    pub(super) fn fill(&mut self, x: f32, y: f32, (width, height): (f32, f32), grey: f32) {
        let content = self.current();
        content.save_state().set_fill_gray(grey);
        content.rect(x, HEIGHT - y - height, width, height);
        content.fill_nonzero().restore_state();
    }

    fn glyph(&mut self, face: Face, character: char) -> Result<u16, CeremonyError> {
        let font = &mut self.fonts[usize::from(face == Face::Mono)];
        let (glyph, advance) = font.advance(character)?;
        let small = font.remapper.remap(glyph);
        // Two characters may share a glyph; the first one is what a reader of the file will see.
        font.characters.entry(small).or_insert((character, advance));
        Ok(small)
    }

    fn font(&self, face: Face) -> &Used {
        &self.fonts[usize::from(face == Face::Mono)]
    }

    fn current(&mut self) -> &mut Content {
        self.pages.last_mut().expect("a canvas has a page")
    }
}

/// What pages call a font.
pub(super) fn font_name(face: Face) -> Name<'static> {
    match face {
        Face::Text => Name(b"T"),
        Face::Mono => Name(b"M"),
    }
}
