//! The steps: a box, the number, what to do, what to write or compare, the time, initials.

use crate::{
    error::CeremonyError,
    print::{
        canvas::{Canvas, Style},
        flow::{Flow, LEADING, LEFT, RIGHT},
        model::{Booklet, Field, Language, Step},
        wrap::wrap,
    },
};

const TEXT: Style = Style::text(11.5);
const LABEL: Style = Style::text(10.5);
const VALUE: Style = Style::mono(12.0);
const HEAD: Style = Style::text(9.5);
/// Left edges of the columns.
const NUMBER: f32 = LEFT + 26.0;
const WORDS: f32 = LEFT + 56.0;
const TIME: f32 = RIGHT - 112.0;
const INITIALS: f32 = RIGHT - 56.0;
const WORDS_WIDTH: f32 = TIME - WORDS - 10.0;
/// Room around the text of a step, and for a hand's writing.
const PADDING: f32 = 7.0;
const BLANK_HEIGHT: f32 = 26.0;
/// A step is never lower than this, so that time and initials can be written.
const HEIGHT_MIN: f32 = 36.0;
/// A blank is at least this wide beside its label; else it has a line of its own.
const BLANK_WIDTH_MIN: f32 = 110.0;
/// The box for "it is the same", and its word.
const SAME_WIDTH: f32 = 64.0;
const HEAD_HEIGHT: f32 = 18.0;
/// Above a label that has a line of its own.
const LABEL_GAP: f32 = 5.0;

/// One line of a step.
enum Line {
    Words(String),
    Label(String),
    /// A label and the blank beside it.
    Blank(String),
    /// A part of an expected value, and whether the box is beside it.
    Value(String, bool),
}

impl Line {
    fn height(&self) -> f32 {
        match self {
            Self::Words(_) => TEXT.size * LEADING,
            Self::Label(_) => LABEL.size * LEADING + LABEL_GAP,
            Self::Blank(_) => BLANK_HEIGHT,
            Self::Value(..) => VALUE.size * LEADING + 3.0,
        }
    }
}

pub(super) fn draw(
    flow: &mut Flow,
    booklet: &Booklet,
    language: Language,
) -> Result<(), CeremonyError> {
    let mut number = 0;
    for section in &booklet.sections {
        flow.heading(section.title.of(language), HEAD_HEIGHT + 3.0 * HEIGHT_MIN)?;
        head(flow, language)?;
        for step in &section.steps {
            number += 1;
            row(flow, number, step, language)?;
        }
    }
    Ok(())
}

/// The names of the columns, at the section's begin and on every further page.
fn head(flow: &mut Flow, language: Language) -> Result<(), CeremonyError> {
    let names = match language {
        Language::Japanese => ["番号", "手順", "時刻", "イニシャル"],
        Language::English => ["no.", "step", "time", "initials"],
    };
    for (x, name) in [NUMBER, WORDS, TIME + 5.0, INITIALS + 5.0]
        .into_iter()
        .zip(names)
    {
        flow.canvas.show((x, flow.y + 2.0), HEAD, name)?;
    }
    flow.y += HEAD_HEIGHT;
    flow.canvas.line((LEFT, flow.y), (RIGHT, flow.y), 0.8);
    Ok(())
}

fn row(
    flow: &mut Flow,
    number: usize,
    step: &Step,
    language: Language,
) -> Result<(), CeremonyError> {
    let lines = lines(&flow.canvas, step, language)?;
    let filled: f32 = lines.iter().map(Line::height).sum();
    let height = (filled + 2.0 * PADDING).max(HEIGHT_MIN);
    if flow.need(height + HEAD_HEIGHT)? {
        head(flow, language)?;
    }
    let top = flow.y;
    flow.canvas
        .frame(LEFT + 3.0, top + PADDING, (14.0, 14.0), 1.1);
    flow.canvas.show(
        (NUMBER, top + PADDING),
        Style::heavy(11.5),
        &number.to_string(),
    )?;
    flow.y += PADDING;
    for line in &lines {
        put(flow, line, language)?;
        flow.y += line.height();
    }
    flow.y = top + height;
    for x in [TIME, INITIALS] {
        flow.canvas.line((x, top), (x, flow.y), 0.4);
    }
    flow.canvas.line((LEFT, flow.y), (RIGHT, flow.y), 0.6);
    Ok(())
}

/// What a step becomes, line by line.
fn lines(canvas: &Canvas, step: &Step, language: Language) -> Result<Vec<Line>, CeremonyError> {
    let words = wrap(canvas, TEXT, step.text.of(language), WORDS_WIDTH)?;
    let mut lines: Vec<Line> = words.into_iter().map(Line::Words).collect();
    for field in &step.fields {
        match field {
            Field::Write(label) => {
                let label = label.of(language);
                let mut labels = wrap(canvas, LABEL, label, WORDS_WIDTH)?;
                let last = labels.pop().unwrap_or_default();
                lines.extend(labels.into_iter().map(Line::Label));
                if canvas.width(LABEL, &last)? + BLANK_WIDTH_MIN > WORDS_WIDTH {
                    lines.push(Line::Label(last));
                    lines.push(Line::Blank(String::new()));
                } else {
                    lines.push(Line::Blank(last));
                }
            }
            Field::Compare(label, expected) => {
                let label = wrap(canvas, LABEL, label.of(language), WORDS_WIDTH)?;
                lines.extend(label.into_iter().map(Line::Label));
                let style = value_style(expected);
                let values = wrap(canvas, style, expected, WORDS_WIDTH - SAME_WIDTH)?;
                for (place, value) in values.into_iter().enumerate() {
                    lines.push(Line::Value(value, place == 0));
                }
            }
        }
    }
    Ok(lines)
}

/// Fixed width where it can be: hashes and serials line up. Labels may be Japanese.
fn value_style(value: &str) -> Style {
    if value.is_ascii() {
        VALUE
    } else {
        Style::text(VALUE.size)
    }
}

fn put(flow: &mut Flow, line: &Line, language: Language) -> Result<(), CeremonyError> {
    let at = (WORDS, flow.y);
    match line {
        Line::Words(text) => flow.canvas.show(at, TEXT, text),
        Line::Label(text) => flow.canvas.show((WORDS, flow.y + LABEL_GAP), LABEL, text),
        Line::Blank(label) => {
            let base = flow.y + BLANK_HEIGHT - 6.0;
            flow.canvas.show((WORDS, base - LABEL.size), LABEL, label)?;
            let width = flow.canvas.width(LABEL, label)?;
            let gap = if width > 0.0 { 8.0 } else { 0.0 };
            flow.canvas
                .rule(WORDS + width + gap, WORDS + WORDS_WIDTH, base + 2.0);
            Ok(())
        }
        Line::Value(value, boxed) => {
            flow.canvas
                .show((WORDS, flow.y + 1.0), value_style(value), value)?;
            if *boxed {
                same(flow, language)?;
            }
            Ok(())
        }
    }
}

/// The box for "it is the same".
fn same(flow: &mut Flow, language: Language) -> Result<(), CeremonyError> {
    let x = WORDS + WORDS_WIDTH - SAME_WIDTH + 14.0;
    flow.canvas.frame(x, flow.y + 1.0, (12.0, 12.0), 0.9);
    let word = match language {
        Language::Japanese => "一致",
        Language::English => "same",
    };
    flow.canvas.show((x + 17.0, flow.y + 1.5), LABEL, word)
}
