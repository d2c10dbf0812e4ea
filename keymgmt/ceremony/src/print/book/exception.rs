//! Exception sheets: a page for whatever did not go as written.

use crate::{
    error::CeremonyError,
    print::{
        canvas::Style,
        flow::{BOTTOM, Flow, LEFT, RIGHT},
        model::{Booklet, Language},
        wrap::wrap,
    },
};

const WIDTH: f32 = RIGHT - LEFT;
const LABEL: Style = Style::text(10.5);
/// Between two lines to write on, where there is room, and where many people need boxes for initials.
const WRITING: (f32, f32) = (19.0, 27.0);
/// A person's box for initials; six in a row.
const INITIALS: (f32, f32) = (WIDTH / 6.0, 42.0);

struct Said {
    title: &'static str,
    short: [&'static str; 3],
    /// What is written, and on how many lines.
    long: [(&'static str, usize); 4],
    initials: &'static str,
}

const ENGLISH: Said = Said {
    title: "Exception sheet",
    short: ["Step no.", "Time", "Video mark"],
    long: [
        ("What was expected", 2),
        ("What happened instead", 5),
        ("What was decided, by whom, and why", 4),
        (
            "What was done; does the ceremony go on, stop, or start anew?",
            3,
        ),
    ],
    initials: "Initials of everybody in the room",
};
const JAPANESE: Said = Said {
    title: "例外記録票",
    short: ["手順番号", "時刻", "映像マーク"],
    long: [
        ("期待された結果", 2),
        ("実際に起きたこと", 5),
        ("誰が、何を、なぜ決めたか", 4),
        ("行った処置。続行・中断・やり直しのいずれか", 3),
    ],
    initials: "出席者全員のイニシャル",
};

pub(super) fn draw(
    flow: &mut Flow,
    number: usize,
    booklet: &Booklet,
    language: Language,
) -> Result<(), CeremonyError> {
    let said = match language {
        Language::Japanese => &JAPANESE,
        Language::English => &ENGLISH,
    };
    flow.page();
    flow.heading(
        &format!("{} {number} / {}", said.title, booklet.exceptions),
        0.0,
    )?;
    flow.y += 6.0;
    let mut x = LEFT;
    for label in said.short {
        flow.canvas.show((x, flow.y), LABEL, label)?;
        let from = x + flow.canvas.width(LABEL, label)? + 6.0;
        x += WIDTH / 3.0;
        flow.canvas.rule(from, x - 12.0, flow.y + 13.0);
    }
    flow.y += 36.0;
    let writing = writing(flow, booklet, said);
    for (label, lines) in said.long {
        flow.paragraph(Style::text(11.5), label, (LEFT, WIDTH))?;
        for _line in 0..lines {
            flow.y += writing;
            flow.canvas.rule(LEFT, RIGHT, flow.y);
        }
        flow.y += 16.0;
    }
    initials(flow, booklet, said, language)
}

/// The distance of lines that leaves room for everybody's initials on the same page.
fn writing(flow: &Flow, booklet: &Booklet, said: &Said) -> f32 {
    let mut room = BOTTOM - flow.y - 24.0;
    for _row in booklet.people.chunks(6) {
        room -= INITIALS.1;
    }
    let mut lines = 0.0;
    for (_label, count) in said.long {
        room -= 33.0;
        for _line in 0..count {
            lines += 1.0;
        }
    }
    (room / lines).clamp(WRITING.0, WRITING.1)
}

/// A box for each person.
fn initials(
    flow: &mut Flow,
    booklet: &Booklet,
    said: &Said,
    language: Language,
) -> Result<(), CeremonyError> {
    flow.paragraph(Style::text(11.5), said.initials, (LEFT, WIDTH))?;
    flow.y += 4.0;
    let label = Style::text(9.0);
    for people in booklet.people.chunks(6) {
        let mut x = LEFT;
        flow.need(INITIALS.1)?;
        for person in people {
            flow.canvas.frame(x, flow.y, INITIALS, 0.6);
            let role = person.role.of(language);
            let mut y = flow.y + 3.0;
            for line in wrap(&flow.canvas, label, role, INITIALS.0 - 6.0)? {
                flow.canvas.show((x + 3.0, y), label, &line)?;
                y += 11.0;
            }
            x += INITIALS.0;
        }
        flow.y += INITIALS.1;
    }
    Ok(())
}
