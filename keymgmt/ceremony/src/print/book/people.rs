//! Who is in the room, at the begin, and their signatures, at the end.

use crate::{
    error::CeremonyError,
    print::{
        canvas::Style,
        flow::{Flow, LEADING, LEFT, RIGHT},
        model::{Booklet, Language},
        wrap::wrap,
    },
};

const WIDTH: f32 = RIGHT - LEFT;
const ROLE: Style = Style::text(11.0);
const HEAD: Style = Style::text(9.5);
/// A row that a name or a signature is written into.
const ROW: f32 = 36.0;

/// Left edges of a table's columns, and their names. The first column holds the roles.
struct Table<'a> {
    columns: &'a [(f32, &'a str)],
}

pub(super) fn list(
    flow: &mut Flow,
    booklet: &Booklet,
    language: Language,
) -> Result<(), CeremonyError> {
    let (title, note, names) = match language {
        Language::Japanese => (
            "出席者",
            "一人一役。身分証は種類だけを記し、番号は書きません。",
            [
                "役割",
                "氏名（楷書）",
                "所属",
                "確認した身分証",
                "イニシャル",
            ],
        ),
        Language::English => (
            "People in the room",
            "One person, one role. Of the identity document its kind is written, never its number.",
            [
                "role",
                "name, in print",
                "organisation",
                "document seen",
                "initials",
            ],
        ),
    };
    flow.heading(title, 100.0)?;
    flow.paragraph(Style::text(10.5), note, (LEFT, WIDTH))?;
    flow.y += 6.0;
    let edges = [0.0, 122.0, 238.0, 350.0, 434.0];
    let columns: Vec<_> = edges.into_iter().zip(names).collect();
    table(flow, booklet, language, &Table { columns: &columns })
}

pub(super) fn signatures(
    flow: &mut Flow,
    booklet: &Booklet,
    language: Language,
) -> Result<(), CeremonyError> {
    let (title, statement, digest, names) = match language {
        Language::Japanese => (
            "署名",
            super::STATEMENT_JAPANESE,
            "記録を閉じたときに画面に表示された SHA-256。全員で読み合わせて書き写します。",
            ["役割", "氏名（楷書）", "署名", "日付・時刻"],
        ),
        Language::English => (
            "Signatures",
            super::STATEMENT_ENGLISH,
            "SHA-256 that the screen showed when the transcript was closed. It is read aloud and copied here.",
            ["role", "name, in print", "signature", "date, time"],
        ),
    };
    flow.page();
    flow.heading(title, 200.0)?;
    flow.paragraph(Style::text(11.5), statement, (LEFT, WIDTH))?;
    flow.y += 12.0;
    flow.paragraph(Style::text(10.5), digest, (LEFT, WIDTH))?;
    flow.y += 4.0;
    digest_boxes(flow);
    flow.y += 16.0;
    let edges = [0.0, 122.0, 238.0, 398.0];
    let columns: Vec<_> = edges.into_iter().zip(names).collect();
    table(flow, booklet, language, &Table { columns: &columns })
}

/// Sixteen boxes for groups of four digits.
fn digest_boxes(flow: &mut Flow) {
    for _row in 0..2 {
        let mut x = LEFT;
        for _column in 0..8 {
            flow.canvas.frame(x, flow.y, (WIDTH / 8.0 - 6.0, 28.0), 0.8);
            x += WIDTH / 8.0;
        }
        flow.y += 34.0;
    }
}

/// One row for each person.
fn table(
    flow: &mut Flow,
    booklet: &Booklet,
    language: Language,
    table: &Table<'_>,
) -> Result<(), CeremonyError> {
    names(flow, table)?;
    let role_width = table.columns.get(1).map_or(WIDTH, |(edge, _)| *edge) - 10.0;
    for person in &booklet.people {
        let lines = wrap(&flow.canvas, ROLE, person.role.of(language), role_width)?;
        let mut y = 10.0;
        let mut height = ROW;
        for _line in &lines {
            height = height.max(y + ROLE.size * LEADING + 4.0);
            y += ROLE.size * LEADING;
        }
        if flow.need(height)? {
            names(flow, table)?;
        }
        let mut y = flow.y + 10.0;
        for line in &lines {
            flow.canvas.show((LEFT + 4.0, y), ROLE, line)?;
            y += ROLE.size * LEADING;
        }
        for (edge, _name) in table.columns.iter().skip(1) {
            let x = LEFT + edge;
            flow.canvas.line((x, flow.y), (x, flow.y + height), 0.4);
        }
        flow.y += height;
        flow.canvas.line((LEFT, flow.y), (RIGHT, flow.y), 0.6);
    }
    Ok(())
}

fn names(flow: &mut Flow, table: &Table<'_>) -> Result<(), CeremonyError> {
    flow.need(18.0 + ROW)?;
    for (edge, name) in table.columns {
        flow.canvas
            .show((LEFT + edge + 4.0, flow.y + 2.0), HEAD, name)?;
    }
    flow.y += 17.0;
    flow.canvas.line((LEFT, flow.y), (RIGHT, flow.y), 1.0);
    Ok(())
}
