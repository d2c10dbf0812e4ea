//! The first page: what the ceremony is for, and the hash that everybody confirms.

use crate::{
    error::CeremonyError,
    print::{
        canvas::Style,
        flow::{Flow, LEADING, LEFT, RIGHT},
        model::{Booklet, Language},
        words::{check_groups, check_words},
        wrap::wrap,
    },
};

const WIDTH: f32 = RIGHT - LEFT;
/// Where the values of the list of facts begin.
const VALUES: f32 = LEFT + 150.0;

struct Said {
    kind: &'static str,
    occasion: [&'static str; 2],
    blanks: [&'static str; 4],
    hash: &'static str,
    short: &'static str,
    project: &'static str,
    epoch: &'static str,
}

const ENGLISH: Said = Said {
    kind: "Key ceremony: booklet",
    occasion: ["rehearsal", "production"],
    blanks: ["Place", "Date", "Begun at", "Ended at"],
    hash: "SHA-256 of the recipe. Everybody compares it with the own copy, group by group.",
    short: "Its first eight bytes, to be read aloud",
    project: "Project",
    epoch: "Key epoch",
};
const JAPANESE: Said = Said {
    kind: "鍵セレモニー冊子",
    occasion: ["リハーサル", "本番"],
    blanks: ["場所", "日付", "開始時刻", "終了時刻"],
    hash: "手順書のハッシュ値 (SHA-256)。全員が手元の控えと一組ずつ照合します。",
    short: "先頭 8 バイトの短縮形（読み上げ用）",
    project: "プロジェクト",
    epoch: "鍵世代",
};

pub(super) fn draw(
    flow: &mut Flow,
    booklet: &Booklet,
    language: Language,
) -> Result<(), CeremonyError> {
    let said = match language {
        Language::Japanese => &JAPANESE,
        Language::English => &ENGLISH,
    };
    flow.y += 16.0;
    flow.paragraph(Style::text(14.0), said.kind, (LEFT, WIDTH))?;
    flow.y += 6.0;
    flow.paragraph(Style::heavy(25.0), &booklet.title, (LEFT, WIDTH))?;
    flow.y += 8.0;
    flow.canvas.line((LEFT, flow.y), (RIGHT, flow.y), 2.0);
    flow.y += 16.0;
    occasion(flow, booklet, said)?;
    blanks(flow, said)?;
    hash(flow, booklet, said)?;
    fact(flow, said.project, &booklet.project)?;
    fact(flow, said.epoch, &booklet.epoch.to_string())?;
    for (what, value) in &booklet.facts {
        fact(flow, what.of(language), value.of(language))?;
    }
    Ok(())
}

/// Two boxes to tick; in a rehearsal's booklet the first is ticked in print.
fn occasion(flow: &mut Flow, booklet: &Booklet, said: &Said) -> Result<(), CeremonyError> {
    let style = Style::heavy(14.0);
    let mut x = LEFT;
    for (place, word) in said.occasion.iter().enumerate() {
        flow.canvas.frame(x, flow.y, (15.0, 15.0), 1.2);
        if booklet.rehearsal && place == 0 {
            flow.canvas.fill(x + 3.0, flow.y + 3.0, (9.0, 9.0), 0.0);
        }
        flow.canvas.show((x + 22.0, flow.y), style, word)?;
        x += 22.0 + flow.canvas.width(style, word)? + 36.0;
    }
    flow.y += 34.0;
    Ok(())
}

/// Place, date and times, two in a row.
fn blanks(flow: &mut Flow, said: &Said) -> Result<(), CeremonyError> {
    let style = Style::text(11.0);
    for pair in said.blanks.chunks(2) {
        for (x, label) in [LEFT, LEFT + WIDTH / 2.0 + 10.0].into_iter().zip(pair) {
            flow.canvas.show((x, flow.y), style, label)?;
            let from = x + flow.canvas.width(style, label)? + 8.0;
            let to = x + WIDTH / 2.0 - 10.0;
            flow.canvas.rule(from, to, flow.y + 13.0);
        }
        flow.y += 30.0;
    }
    flow.y += 4.0;
    Ok(())
}

fn hash(flow: &mut Flow, booklet: &Booklet, said: &Said) -> Result<(), CeremonyError> {
    let top = flow.y;
    let inner = (LEFT + 12.0, WIDTH - 24.0);
    flow.y += 10.0;
    flow.paragraph(Style::text(10.5), said.hash, inner)?;
    flow.y += 5.0;
    let style = Style::mono(17.0);
    for row in booklet.hash_groups().chunks(8) {
        let mut x = LEFT + 14.0;
        for group in row {
            flow.canvas.show((x, flow.y), style, group)?;
            x += inner.1 / 8.0;
        }
        flow.y += 26.0;
    }
    flow.y += 4.0;
    flow.paragraph(Style::text(10.5), said.short, inner)?;
    let short = booklet.short_hash();
    let style = Style::mono(14.0);
    flow.y += 4.0;
    flow.paragraph(
        style,
        &check_words(&short).join("   "),
        (LEFT + 14.0, inner.1),
    )?;
    flow.y += 2.0;
    flow.paragraph(
        style,
        &check_groups(&short).replace(' ', "   "),
        (LEFT + 14.0, inner.1),
    )?;
    flow.y += 6.0;
    flow.canvas.frame(LEFT, top, (WIDTH, flow.y - top), 1.2);
    flow.y += 18.0;
    Ok(())
}

/// A label, its value, and a line below both.
fn fact(flow: &mut Flow, label: &str, value: &str) -> Result<(), CeremonyError> {
    let style = Style::text(11.0);
    let labels = wrap(&flow.canvas, style, label, VALUES - LEFT - 10.0)?;
    let values = wrap(&flow.canvas, style, value, RIGHT - VALUES)?;
    for row in 0..labels.len().max(values.len()) {
        flow.need(style.size * LEADING + 7.0)?;
        for (x, lines) in [(LEFT, &labels), (VALUES, &values)] {
            if let Some(line) = lines.get(row) {
                flow.canvas.show((x, flow.y), style, line)?;
            }
        }
        flow.y += style.size * LEADING;
    }
    flow.canvas
        .line((LEFT, flow.y + 1.0), (RIGHT, flow.y + 1.0), 0.4);
    flow.y += 6.0;
    Ok(())
}
