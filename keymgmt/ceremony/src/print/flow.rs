//! Pages filled from top to bottom, with a head and a foot on each.

use super::{
    canvas::{Canvas, HEIGHT, Style, WIDTH},
    model::Language,
    wrap::wrap,
};
use crate::error::CeremonyError;

/// Edges of what is printed; the left one leaves room for two holes.
pub(super) const LEFT: f32 = 60.0;
pub(super) const RIGHT: f32 = WIDTH - 42.0;
pub(super) const TOP: f32 = 64.0;
pub(super) const BOTTOM: f32 = HEIGHT - 62.0;
/// From one line's upper edge to the next one's, in sizes.
pub(super) const LEADING: f32 = 1.42;
const SMALL: Style = Style::text(9.0);

/// What stands on every page.
pub(super) struct Edges<'a> {
    pub(super) title: &'a str,
    /// In a frame at the head's right end, if anything.
    pub(super) mark: Option<&'a str>,
    /// At the left of the foot.
    pub(super) foot: &'a str,
    pub(super) language: Language,
}

/// A canvas and how far its last page is filled.
pub(super) struct Flow {
    pub(super) canvas: Canvas,
    pub(super) y: f32,
}

impl Flow {
    pub(super) fn new(page_bytes: usize) -> Result<Self, CeremonyError> {
        Ok(Self {
            canvas: Canvas::new(page_bytes)?,
            y: TOP,
        })
    }

    /// Starts a page.
    pub(super) fn page(&mut self) {
        self.canvas.page();
        self.y = TOP;
    }

    /// Starts a page unless this much fits on the present one; whether it did.
    pub(super) fn need(&mut self, height: f32) -> Result<bool, CeremonyError> {
        if height > BOTTOM - TOP {
            return Err(CeremonyError::Print {
                rule: "something is higher than a page",
            });
        }
        let full = self.y + height > BOTTOM;
        if full {
            self.page();
        }
        Ok(full)
    }

    /// Sets a text in lines of at most a width from `x` on, and moves below it.
    pub(super) fn paragraph(
        &mut self,
        style: Style,
        text: &str,
        (x, width): (f32, f32),
    ) -> Result<(), CeremonyError> {
        for line in wrap(&self.canvas, style, text, width)? {
            self.need(style.size * LEADING)?;
            self.canvas.show((x, self.y), style, &line)?;
            self.y += style.size * LEADING;
        }
        Ok(())
    }

    /// A heading with a line below it; at least `follows` of what it heads stays on its page.
    pub(super) fn heading(&mut self, text: &str, follows: f32) -> Result<(), CeremonyError> {
        let style = Style::heavy(15.0);
        self.need(40.0 + follows)?;
        if self.y > TOP {
            self.y += 14.0;
        }
        self.paragraph(style, text, (LEFT, RIGHT - LEFT))?;
        self.canvas
            .line((LEFT, self.y + 1.0), (RIGHT, self.y + 1.0), 1.2);
        self.y += 8.0;
        Ok(())
    }

    /// Head and foot of all pages, when their number is known.
    pub(super) fn edges(&mut self, edges: &Edges<'_>) -> Result<(), CeremonyError> {
        let pages = self.canvas.pages.len();
        let title = shortened(&self.canvas, edges.title, RIGHT - LEFT - 130.0)?;
        for page in 0..pages {
            let number = match edges.language {
                Language::Japanese => format!("{} / {pages} ページ", page + 1),
                Language::English => format!("page {} of {pages}", page + 1),
            };
            self.canvas.on_page(page, |canvas| {
                canvas.show((LEFT, 36.0), SMALL, &title)?;
                if let Some(mark) = edges.mark {
                    let style = Style::heavy(11.0);
                    let width = canvas.width(style, mark)?;
                    canvas.frame(RIGHT - width - 12.0, 29.0, (width + 12.0, 20.0), 1.4);
                    canvas.show((RIGHT - width - 6.0, 33.5), style, mark)?;
                }
                canvas.line((LEFT, 52.0), (RIGHT, 52.0), 0.5);
                canvas.line((LEFT, HEIGHT - 50.0), (RIGHT, HEIGHT - 50.0), 0.5);
                canvas.show((LEFT, HEIGHT - 44.0), Style::text(9.5), edges.foot)?;
                let style = Style::heavy(9.5);
                let width = canvas.width(style, &number)?;
                canvas.show((RIGHT - width, HEIGHT - 44.0), style, &number)
            })?;
        }
        Ok(())
    }
}

/// The first line of a text, with three dots where it goes on.
fn shortened(canvas: &Canvas, text: &str, width: f32) -> Result<String, CeremonyError> {
    let mut lines = wrap(canvas, SMALL, text, width)?.into_iter();
    let first = lines.next().unwrap_or_default();
    Ok(match lines.next() {
        Some(_more) => format!("{first}…"),
        None => first,
    })
}
