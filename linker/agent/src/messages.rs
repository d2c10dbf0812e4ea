//! What people read of an error: one table, and how a row of it becomes text.

mod causes;
mod table;

use std::error::Error;

pub use self::table::TABLE;
use crate::{
    error::{AgentError, Fault},
    language::Language,
    say,
    say::Text,
};

/// What a person or a script sees of one fault.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// Which fault.
    pub fault: Fault,
    /// Stable code, for scripts and for the telephone.
    pub code: &'static str,
    /// Exit code of the process.
    pub exit: u8,
    /// What happened.
    pub what: Text,
    /// What to do.
    pub advice: Text,
}

/// The row of the table for one fault.
///
/// # Panics
/// Never: a test compares the table with the faults.
#[must_use]
pub fn message(fault: Fault) -> &'static Message {
    TABLE
        .iter()
        .find(|row| row.fault == fault)
        .expect("every fault has a row; a test holds it")
}

/// An error as the command line prints it: code, what happened, what to try, then the causes.
#[must_use]
pub fn render(error: &AgentError, language: Language) -> String {
    let line = |said: say::Say| clean(&said.to(language)) + "\n";
    let mut out = line(say!(
        "error [{code}]: {what}",
        code = error.code(),
        what = error.said()
    ));
    out += &line(say!("  try: {advice}", advice = error.advice()));
    let mut cause = error.source();
    while let Some(inner) = cause {
        out += &line(say!("  because: {cause}", cause = causes::of(inner)));
        cause = inner.source();
    }
    out
}

/// An error as `--json` prints it: one object, the same facts. Keys and codes are the same in all
/// languages.
#[must_use]
pub fn render_json(error: &AgentError, language: Language) -> String {
    let object = serde_json::json!({
        "result": "error",
        "code": error.code(),
        "message": clean(&error.said().to(language)),
        "advice": clean(&error.advice().to(language)),
        "exit": error.exit(),
    });
    format!("{object}\n")
}

/// The table as Markdown, for the manual.
#[must_use]
pub fn markdown() -> String {
    let mut out = "| code | exit | what happened · 内容 | what to do · 対処 |\n|---|---|---|---|\n"
        .to_owned();
    for row in TABLE {
        out += &format!(
            "| `{}` | {} | {}<br>{} | {}<br>{} |\n",
            row.code, row.exit, row.what.en, row.what.ja, row.advice.en, row.advice.ja
        );
    }
    out
}

/// Text that cannot move the cursor or start a new line of the log.
#[must_use]
pub fn clean(text: &str) -> String {
    text.trim_end()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        let codes: BTreeSet<_> = TABLE.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), TABLE.len(), "codes differ");
        assert!(TABLE.windows(2).all(|pair| pair[0].fault < pair[1].fault));
        assert_eq!(TABLE.len(), Fault::Internal as usize + 1);
        let exits = [1, 2, 64, 65, 69, 74, 75, 77];
        assert!(TABLE.iter().all(|row| exits.contains(&row.exit)));
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        for language in [Language::En, Language::Ja] {
            let error = AgentError::new(Fault::RemoteRefused, "a\u{1b}[2Jb\nc");
            let text = render(&error, language);
            assert!(text.contains("[REMOTE_REFUSED]: "), "{text}");
            assert_eq!(text.lines().count(), 2);
            assert!(!text.contains('\u{1b}'));
        }
    }

    #[test]
    fn both_languages_have_the_same_facts() {
        let error = AgentError::new(Fault::StateIo, "outbox")
            .because(std::io::Error::from_raw_os_error(13));
        assert_eq!(
            render(&error, Language::En),
            "error [STATE_IO]: the state folder cannot be read or written: outbox\n  \
             try: check site.state: it must be a folder of this user on a local disk\n  \
             because: Permission denied (os error 13)\n"
        );
        assert_eq!(
            render(&error, Language::Ja),
            "エラー [STATE_IO]: 状態フォルダーを読み書きできません: outbox\n  \
             対処: site.state を確認してください。実行ユーザーが所有するローカルディスク上のフォルダーが必要です\n  \
             原因: アクセスが許可されていません（os error 13）\n"
        );
    }

    #[test]
    fn json_differs_in_its_sentences_only() {
        for row in TABLE {
            let error = AgentError::new(row.fault, "");
            let object = |language| -> serde_json::Value {
                serde_json::from_str(&render_json(&error, language)).unwrap()
            };
            let (mut english, mut japanese) = (object(Language::En), object(Language::Ja));
            for key in ["message", "advice"] {
                assert_ne!(english[key], japanese[key], "{}", row.code);
                english[key].take();
                japanese[key].take();
            }
            assert_eq!(english, japanese);
        }
    }

    #[test]
    fn the_manual_has_this_table() {
        let manual = include_str!("../README.md");
        assert!(
            manual.contains(&markdown()),
            "put this into README.md:\n{}",
            markdown()
        );
    }
}
