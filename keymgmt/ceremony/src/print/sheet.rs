//! One custodian's share on one sheet of paper: words, decimal groups and a QR code of the same share,
//! what it is part of, and how it is verified and kept.
//!
//! What is wiped afterwards: words, groups, the share's text, the QR code, the page, and the file that is
//! given back. What is not: the few numbers that the PDF writer and the QR encoder hold while they work
//! (registers and stack), and everything beyond this program (a spooler, a printer's memory). So the sheet
//! goes to a printer that is attached directly, and the file to memory, not to a disk.

use keymgmt_custody::backup::Share;
use zeroize::Zeroizing;

use super::{
    canvas::Style,
    file::{About, finish},
    flow::{BOTTOM, Edges, Flow, LEFT, RIGHT},
    model::{Language, groups_of_four},
    qr,
    sheet_text::{ENGLISH, JAPANESE, Said},
    words::{groups_of, to_groups, to_words},
};
use crate::error::CeremonyError;

const WIDTH: f32 = RIGHT - LEFT;
/// The page's content is about 60 kilobytes, most of them the QR code. It never moves within this.
const PAGE_BYTES: usize = 512 * 1024;
/// A side of the QR code with its quiet zone: 0.8 mm a module.
const QR_SIDE: f32 = 172.0;
const LABEL: Style = Style::text(10.0);

/// What a share's sheet says.
pub(crate) struct ShareSheet<'a> {
    pub(crate) title: &'a str,
    pub(crate) project: &'a str,
    pub(crate) epoch: u32,
    pub(crate) share: &'a Share,
    /// SHA-256 of the recipe that the custodians confirmed.
    pub(crate) ceremony_sha256: [u8; 32],
}

/// The sheet as a PDF file of one page.
///
/// # Errors
/// [`CeremonyError::Unprintable`] names a character that the font lacks.
pub(crate) fn share_sheet_pdf(
    sheet: &ShareSheet<'_>,
    language: Language,
) -> Result<Zeroizing<Vec<u8>>, CeremonyError> {
    let said = match language {
        Language::Japanese => &JAPANESE,
        Language::English => &ENGLISH,
    };
    let share = sheet.share;
    let mut flow = Flow::new(PAGE_BYTES)?;
    heading(&mut flow, sheet, said)?;
    facts(&mut flow, sheet, said)?;
    words(&mut flow, share, said)?;
    digits(&mut flow, share, said)?;
    code_and_rules(&mut flow, sheet, said)?;
    if flow.canvas.pages.len() > 1 || flow.y > BOTTOM {
        return Err(CeremonyError::Print {
            rule: "the share's sheet does not fit on one page",
        });
    }
    let title = format!("{} ({}, {})", sheet.title, sheet.project, sheet.epoch);
    let groups = groups_of_four(&sheet.ceremony_sha256)[..4].join(" ");
    flow.edges(&Edges {
        title: &title,
        mark: Some(said.secret),
        foot: &format!("{}: {groups} …", said.recipe),
        language,
    })?;
    let about = About {
        title: sheet.title,
        language,
        secret: true,
    };
    finish(flow.canvas, &about)
}

fn heading(flow: &mut Flow, sheet: &ShareSheet<'_>, said: &Said) -> Result<(), CeremonyError> {
    flow.y -= 2.0;
    let heading = format!("{}: {}", said.heading, sheet.share.custodian());
    // A custodian's name has up to 64 letters; the sheet has room for one line.
    let full = flow.canvas.width(Style::heavy(18.0), &heading)?;
    let size = (18.0 * WIDTH / full).min(18.0);
    flow.canvas
        .show((LEFT, flow.y), Style::heavy(size), &heading)?;
    flow.y += 28.0;
    Ok(())
}

/// Two columns of what the share is, and its commitment below.
fn facts(flow: &mut Flow, sheet: &ShareSheet<'_>, said: &Said) -> Result<(), CeremonyError> {
    let epoch = sheet.epoch.to_string();
    let share = sheet.share;
    let (set, threshold) = (hex::encode(share.set()), share.threshold().to_string());
    let index = format!("{} / {}", share.index(), share.shares());
    let pairs = [
        [(said.project, sheet.project), (said.epoch, epoch.as_str())],
        [(said.set, set.as_str()), (said.index, index.as_str())],
        [
            (said.threshold, threshold.as_str()),
            (said.custodian, sheet.share.custodian()),
        ],
    ];
    for row in pairs {
        for (x, (label, value)) in [LEFT, LEFT + WIDTH / 2.0].into_iter().zip(row) {
            flow.canvas.show((x, flow.y + 1.5), LABEL, label)?;
            fitted(flow, (x + 98.0, flow.y), 12.0, value, WIDTH / 2.0 - 106.0)?;
        }
        flow.y += 18.0;
    }
    flow.canvas
        .show((LEFT, flow.y + 1.5), LABEL, said.commitment)?;
    for row in groups_of_four(&sheet.share.commitment()).chunks(8) {
        let style = Style::mono(11.5);
        flow.canvas
            .show((LEFT + 142.0, flow.y + 0.5), style, &row.join(" "))?;
        flow.y += 16.0;
    }
    flow.y += 8.0;
    Ok(())
}

/// A public value in fixed width, smaller where it is long: names have up to 64 letters.
fn fitted(
    flow: &mut Flow,
    at: (f32, f32),
    size: f32,
    value: &str,
    width: f32,
) -> Result<(), CeremonyError> {
    let full = flow.canvas.width(Style::mono(size), value)?;
    let size = if full > width {
        size * width / full
    } else {
        size
    };
    flow.canvas.show(at, Style::mono(size), value)
}

/// Twenty-four numbered boxes, four in a row.
fn words(flow: &mut Flow, share: &Share, said: &Said) -> Result<(), CeremonyError> {
    title(flow, said.words)?;
    let words = to_words(share.value().expose());
    let size = (WIDTH / 4.0, 27.0);
    for (place, word) in words.iter().enumerate() {
        boxed(flow, (place, 4), size, word)?;
    }
    flow.y += 6.0 * size.1 + 12.0;
    Ok(())
}

/// Twenty numbered groups, five in a row.
fn digits(flow: &mut Flow, share: &Share, said: &Said) -> Result<(), CeremonyError> {
    title(flow, said.digits)?;
    let groups = to_groups(share.value().expose());
    let size = (WIDTH / 5.0, 27.0);
    for (place, group) in groups_of(&groups).enumerate() {
        boxed(flow, (place, 5), size, group)?;
    }
    flow.y += 4.0 * size.1 + 12.0;
    Ok(())
}

fn title(flow: &mut Flow, text: &str) -> Result<(), CeremonyError> {
    flow.canvas.show((LEFT, flow.y), Style::heavy(11.0), text)?;
    flow.y += 17.0;
    Ok(())
}

/// One of the boxes that start at the flow's place, so many in a row.
fn boxed(
    flow: &mut Flow,
    (place, columns): (usize, usize),
    size: (f32, f32),
    text: &str,
) -> Result<(), CeremonyError> {
    let mut x = LEFT;
    for _before in 0..place % columns {
        x += size.0;
    }
    let mut y = flow.y;
    for _before in 0..place / columns {
        y += size.1;
    }
    flow.canvas.frame(x, y, size, 0.7);
    let number = (place + 1).to_string();
    flow.canvas
        .show((x + 4.0, y + 4.0), Style::text(8.5), &number)?;
    flow.canvas
        .show((x + 24.0, y + 6.0), Style::mono(15.0), text)
}

/// The code at the left, how to verify and keep the sheet at its right, the bag's serial below.
fn code_and_rules(
    flow: &mut Flow,
    sheet: &ShareSheet<'_>,
    said: &Said,
) -> Result<(), CeremonyError> {
    let top = flow.y;
    let text = sheet.share.to_text();
    qr::draw(
        &mut flow.canvas,
        text.as_bytes(),
        (LEFT - 8.0, top - 4.0),
        QR_SIDE,
    )?;
    let x = LEFT + QR_SIDE;
    for (number, rule) in (1..).zip(said.rules) {
        let style = Style::text(10.0);
        flow.canvas
            .show((x, flow.y), style, &format!("{number}."))?;
        flow.paragraph(style, rule, (x + 15.0, RIGHT - x - 15.0))?;
        flow.y += 3.0;
    }
    flow.y = flow.y.max(top + QR_SIDE - 10.0) + 12.0;
    let style = Style::text(10.5);
    let mut x = LEFT;
    for (label, width) in [(said.bag, WIDTH * 0.62), (said.initials, WIDTH * 0.38)] {
        flow.canvas.show((x, flow.y), style, label)?;
        let from = x + flow.canvas.width(style, label)? + 8.0;
        x += width;
        flow.canvas.rule(from, x - 8.0, flow.y + 13.0);
    }
    flow.y += 18.0;
    Ok(())
}
