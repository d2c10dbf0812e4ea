//! The booklet as PDF: first page, people, steps, exception sheets, signatures.

mod cover;
mod exception;
mod people;
mod steps;

use super::{
    file::{About, finish},
    flow::{Edges, Flow},
    model::{Booklet, Language},
};
use crate::error::CeremonyError;

pub(super) const STATEMENT_ENGLISH: &str = "I was present from the first step to the last, or have \
    written down when I was not. What is ticked I saw, and what I saw otherwise is on an exception sheet.";
pub(super) const STATEMENT_JAPANESE: &str = "私は最初の手順から最後の手順まで立ち会いました（不在の時間は記録しました）。\
    印のある手順はすべて自分の目で確認し、異なる点は例外記録票に記しました。";

/// Groups of the recipe's hash in the foot of each page.
const FOOT_GROUPS: usize = 4;
/// What a page reserves; nothing here is secret, so a fuller one just grows.
const PAGE_BYTES: usize = 32 * 1024;

/// The booklet as a PDF file.
///
/// # Errors
/// [`CeremonyError::Unprintable`] names a character that the font lacks.
pub(crate) fn booklet_pdf(booklet: &Booklet, language: Language) -> Result<Vec<u8>, CeremonyError> {
    let mut flow = Flow::new(PAGE_BYTES)?;
    cover::draw(&mut flow, booklet, language)?;
    flow.page();
    people::list(&mut flow, booklet, language)?;
    steps::draw(&mut flow, booklet, language)?;
    for number in 1..=booklet.exceptions {
        exception::draw(&mut flow, number, booklet, language)?;
    }
    people::signatures(&mut flow, booklet, language)?;
    let groups = booklet.hash_groups()[..FOOT_GROUPS].join(" ");
    let foot = match language {
        Language::Japanese => format!("手順書のハッシュ値 (SHA-256): {groups} …"),
        Language::English => format!("SHA-256 of the recipe: {groups} …"),
    };
    let title = format!("{} ({}, {})", booklet.title, booklet.project, booklet.epoch);
    flow.edges(&Edges {
        title: &title,
        mark: booklet.rehearsal.then_some(match language {
            Language::Japanese => "リハーサル",
            Language::English => "REHEARSAL",
        }),
        foot: &foot,
        language,
    })?;
    let about = About {
        title: &booklet.title,
        language,
        secret: false,
    };
    Ok(std::mem::take(&mut *finish(flow.canvas, &about)?))
}
