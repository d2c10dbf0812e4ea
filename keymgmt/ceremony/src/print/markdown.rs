//! A booklet as Markdown: for reviewers, and for whoever keeps texts in a repository.

use std::fmt::Write as _;

use super::{
    model::{Booklet, Field, Language, Step},
    words::{check_groups, check_words},
};

const BLANK: &str = "______________";

/// The booklet as Markdown.
pub(crate) fn booklet_markdown(booklet: &Booklet, language: Language) -> String {
    let mut text = String::new();
    head(&mut text, booklet, language);
    let mut number = 0;
    for section in &booklet.sections {
        heading(&mut text, section.title.of(language));
        for step in &section.steps {
            number += 1;
            line(&mut text, number, step, language);
        }
    }
    tail(&mut text, booklet, language);
    text
}

fn head(text: &mut String, booklet: &Booklet, language: Language) {
    let hash = booklet.hash_groups().join(" ");
    append(text, format_args!("# {}\n\n", booklet.title));
    if booklet.rehearsal {
        append(text, format_args!("**REHEARSAL / リハーサル**\n\n"));
    }
    let short = booklet.short_hash();
    let (words, digits) = (check_words(&short).join(" "), check_groups(&short));
    let said = match language {
        Language::Japanese => [
            "プロジェクト",
            "鍵世代",
            "手順書のハッシュ値 (SHA-256)",
            "短縮形（読み上げ用）",
        ],
        Language::English => [
            "Project",
            "Epoch",
            "SHA-256 of the recipe",
            "Short form, to be read aloud",
        ],
    };
    append(text, format_args!("- {}: {}\n", said[0], booklet.project));
    append(text, format_args!("- {}: {}\n", said[1], booklet.epoch));
    for (what, value) in &booklet.facts {
        let (what, value) = (what.of(language), value.of(language));
        append(text, format_args!("- {what}: {value}\n"));
    }
    append(text, format_args!("- {}: {hash}\n", said[2]));
    append(text, format_args!("- {}: {words} / {digits}\n\n", said[3]));
    let occasion = match language {
        Language::Japanese => "( ) リハーサル ( ) 本番　場所・日付:",
        Language::English => "This is ( ) a rehearsal ( ) a production ceremony. Place, date:",
    };
    append(text, format_args!("{occasion} {BLANK}\n"));
}

/// A step, and below it what is written or compared.
fn line(text: &mut String, number: usize, step: &Step, language: Language) {
    let what = step.text.of(language);
    append(text, format_args!("- [ ] {number}. {what}\n"));
    for field in &step.fields {
        match field {
            Field::Write(label) => {
                append(text, format_args!("  - {}: {BLANK}\n", label.of(language)));
            }
            Field::Compare(label, expected) => {
                let label = label.of(language);
                append(text, format_args!("  - [ ] {label}: {expected}\n"));
            }
        }
    }
}

fn tail(text: &mut String, booklet: &Booklet, language: Language) {
    let (exceptions, blank, signatures, statement) = match language {
        Language::Japanese => (
            "例外",
            "時刻、手順、起きたこと、誰が何を決めたか:",
            "署名",
            super::book::STATEMENT_JAPANESE,
        ),
        Language::English => (
            "Exceptions",
            "Time, step, what happened, who decided what:",
            "Signatures",
            super::book::STATEMENT_ENGLISH,
        ),
    };
    heading(text, exceptions);
    for number in 1..=booklet.exceptions {
        append(text, format_args!("{number}. {blank} {BLANK}\n"));
    }
    heading(text, signatures);
    append(text, format_args!("{statement}\n\n"));
    for person in &booklet.people {
        append(
            text,
            format_args!("- {}: {BLANK}\n", person.role.of(language)),
        );
    }
}

fn heading(text: &mut String, title: &str) {
    append(text, format_args!("\n## {title}\n\n"));
}

fn append(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line)
        .expect("writing into a string cannot fail");
}
