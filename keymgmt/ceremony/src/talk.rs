//! Talking with the room: on a terminal, or not at all in a rehearsal without questions.

mod sheets;

use std::{collections::BTreeMap, path::Path};

use keymgmt_custody::{
    Secret,
    backup::{Share, combine},
};
use linker_token::CheckValue;

pub(crate) use sheets::ask_share;
use sheets::{print_share, show_share};

use crate::{
    environment::{Environment, Login},
    error::CeremonyError,
    journal::{BackupRecord, CustodianRecord, unhex},
    limits::{BAG_BYTES_MAX, HASH_GROUPS_TYPED, TRIES_MAX},
    quorum::{Confirmation, Quorum},
    readout,
    recipe::{Recipe, groups_of_four},
    rehearse,
    say::{Language, Text},
    share,
    terminal::Terminal,
    texts,
};

/// How the room is asked.
#[derive(Debug)]
pub(crate) enum Talk {
    /// Nobody is asked; shares lie in files. Only with a test profile.
    Silent,
    /// People answer.
    Terminal(Terminal),
}

/// What the room wants before an action.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    GoOn,
    Exception(String),
    Break(String),
    Abort(String),
}

impl Talk {
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Silent)
    }

    /// Has enough custodians confirm the recipe.
    pub(crate) fn quorum(
        &self,
        recipe: &Recipe,
        environment: &Environment,
    ) -> Result<Quorum, CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return rehearse::confirm(recipe, environment);
        };
        let mut confirmations = Vec::new();
        for custodian in &recipe.custodians {
            if confirms(*terminal, recipe, custodian)? {
                confirmations.push(Confirmation {
                    custodian: custodian.clone(),
                    recipe_hash: recipe.hash,
                });
            }
        }
        let quorum = Quorum::of(recipe, &confirmations)?;
        terminal.say(texts::QUORUM, &[("present", &quorum.present())])?;
        Ok(quorum)
    }

    /// Asks for the PINs that no file holds.
    pub(crate) fn pins(&self, environment: &Environment) -> Result<(), CeremonyError> {
        for place in environment.places() {
            for login in place.untyped() {
                let Self::Terminal(terminal) = self else {
                    return Err(CeremonyError::NoTerminal);
                };
                let text = match login {
                    Login::Officer => texts::ASK_PIN_OFFICER,
                    Login::User => texts::ASK_PIN_USER,
                };
                let typed = terminal.ask_hidden(text, &[("token", &place.label)])?;
                place.type_pin(login, typed);
            }
        }
        Ok(())
    }

    /// Says something that people write down or compare.
    pub(crate) fn tell(&self, text: Text, values: &[(&str, &str)]) -> Result<(), CeremonyError> {
        match self {
            Self::Silent => Ok(()),
            Self::Terminal(terminal) => terminal.say(text, values),
        }
    }

    /// Shows a check value in both short forms.
    pub(crate) fn tell_check(&self, key: &str, check: [u8; 8]) -> Result<(), CeremonyError> {
        let words = readout::check(check, Language::English);
        let digits = readout::check(check, Language::Japanese);
        let key = key.to_uppercase();
        let values = [("key", &*key), ("words", &*words), ("digits", &*digits)];
        self.tell(texts::KEY, &values)
    }

    /// Shows the first groups of a digest. The name of the thing is a sentence of its own.
    pub(crate) fn tell_digest(
        &self,
        what: Text,
        values: &[(&str, &str)],
        digest: &[u8],
    ) -> Result<(), CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return Ok(());
        };
        let what = what.fill(terminal.language, values);
        let groups = groups_of_four(&digest[..digest.len().min(8)]);
        terminal.say(texts::DIGEST, &[("what", &what), ("groups", &groups)])
    }

    /// Asks before an action.
    pub(crate) fn wish(
        &self,
        number: &str,
        action: &str,
        mark: &str,
        step: impl Fn(Language) -> String,
    ) -> Result<Wish, CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return Ok(Wish::GoOn);
        };
        loop {
            let step = step(terminal.language);
            let values = [
                ("number", number),
                ("action", action),
                ("mark", mark),
                ("step", &*step),
            ];
            let typed = terminal.ask(texts::GO, &values)?;
            let wish: fn(String) -> Wish = match readout::plain(&typed).as_str() {
                "" => return Ok(Wish::GoOn),
                "EXCEPTION" => Wish::Exception,
                "BREAK" => Wish::Break,
                "ABORT" => Wish::Abort,
                _ => {
                    terminal.say(texts::GO_UNKNOWN, &[])?;
                    continue;
                }
            };
            return Ok(wish(terminal.ask(texts::ASK_REMARK, &[])?));
        }
    }

    /// Has an object and its check groups typed.
    pub(crate) fn confirm(&self, object: &str, check: [u8; 8]) -> Result<(), CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return Ok(());
        };
        let short = readout::check(check, terminal.language);
        let words = format!("{} {short}", object.to_uppercase());
        let typed = terminal.ask(texts::ASK_OBJECT, &[("words", &words)])?;
        if readout::confirms(&typed, object, check) {
            return Ok(());
        }
        terminal.say(texts::OBJECT_WRONG, &[])?;
        Err(CeremonyError::NotConfirmed {
            what: object.to_owned(),
        })
    }

    /// Tells how many sites stated that they deleted the secret.
    pub(crate) fn statements(
        &self,
        got: usize,
        missing: &[linker_token::SiteId],
    ) -> Result<(), CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return Ok(());
        };
        let all = (got + missing.len()).to_string();
        let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
        let missing = match names.is_empty() {
            true => texts::NOTHING.fill(terminal.language, &[]),
            false => names.join(", "),
        };
        let values = [
            ("got", &*got.to_string()),
            ("all", &all),
            ("missing", &missing),
        ];
        terminal.say(texts::STATEMENTS, &values)
    }

    /// Prints or shows each custodian the own share once, and has each one type it back from the sheet.
    pub(crate) fn hand_over(
        &self,
        recipe: &Recipe,
        printer: Option<&Path>,
        shares: &[Share],
    ) -> Result<(), CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return Ok(());
        };
        for share in shares {
            match printer {
                Some(device) => print_share(*terminal, recipe, device, share)?,
                None => show_share(*terminal, share)?,
            }
        }
        for share in shares {
            ask_share(*terminal, share.custodian(), &share.commitment(), |value| {
                share::with_value(share, value)
            })?;
        }
        Ok(())
    }

    /// The serial of a custodian's bag, read aloud and typed twice. `None` if it stands on paper only.
    pub(crate) fn bag(&self, name: &str) -> Result<Option<String>, CeremonyError> {
        let Self::Terminal(terminal) = self else {
            return Ok(None);
        };
        for _ in 0..TRIES_MAX {
            let first = readout::plain(&terminal.ask(texts::ASK_BAG, &[("name", name)])?);
            if first.is_empty() {
                return Ok(None);
            }
            let second = readout::plain(&terminal.ask(texts::ASK_BAG_AGAIN, &[])?);
            if first == second && is_serial(&first) {
                return Ok(Some(first));
            }
            terminal.say(texts::BAG_WRONG, &[])?;
        }
        Err(CeremonyError::NotConfirmed {
            what: format!("the serial of {name}'s bag"),
        })
    }

    /// Has enough custodians give their shares, and combines them.
    pub(crate) fn combined(
        &self,
        quorum: &Quorum,
        backup: &BackupRecord,
        from_file: impl Fn(&str) -> Result<Share, CeremonyError>,
    ) -> Result<Secret, CeremonyError> {
        let known: BTreeMap<&str, &CustodianRecord> = backup
            .custodians
            .iter()
            .map(|custodian| (custodian.name.as_str(), custodian))
            .collect();
        let (mut shares, mut commitments) = (Vec::new(), BTreeMap::new());
        for name in quorum.names() {
            let Some(record) = known.get(name) else {
                continue;
            };
            let commitment = share::commitment(record)?;
            let share = match self {
                Self::Silent => {
                    let share = from_file(name)?;
                    share::verify(&share, record)?;
                    share
                }
                Self::Terminal(terminal) => ask_share(*terminal, name, &commitment, |value| {
                    share::from_record(backup, record, value)
                })?,
            };
            commitments.insert(name.to_owned(), commitment);
            shares.push(share);
        }
        let check = unhex(&backup.check).ok_or(CeremonyError::WrongFolder {
            rule: "a check value of its journal does not parse",
        })?;
        Ok(combine(&shares, CheckValue(check), &commitments)?)
    }
}

/// Whether something may be the serial of a bag.
fn is_serial(text: &str) -> bool {
    let sign = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=BAG_BYTES_MAX).contains(&text.len()) && text.chars().all(sign)
}

fn confirms(terminal: Terminal, recipe: &Recipe, name: &str) -> Result<bool, CeremonyError> {
    let wanted: Vec<_> = recipe.hash_groups().split(' ').map(str::to_owned).collect();
    let wanted = wanted[..HASH_GROUPS_TYPED].concat().to_uppercase();
    let count = HASH_GROUPS_TYPED.to_string();
    for _ in 0..TRIES_MAX {
        let values = [("name", name), ("count", &count)];
        let typed = readout::plain(&terminal.ask(texts::ASK_HASH, &values)?).replace(' ', "");
        if typed.is_empty() {
            return Ok(false);
        }
        if typed == wanted {
            terminal.say(texts::HASH_RIGHT, &[("name", name)])?;
            return Ok(true);
        }
        terminal.say(texts::HASH_WRONG, &[])?;
    }
    Err(CeremonyError::NotConfirmed {
        what: format!("the recipe, by {name},"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_of_bags_are_short_and_plain() {
        assert!(is_serial("B-0017"));
        assert!(is_serial(&"7".repeat(BAG_BYTES_MAX)));
        for wrong in [&*"7".repeat(BAG_BYTES_MAX + 1), "", "B 17", "袋"] {
            assert!(!is_serial(wrong), "{wrong}");
        }
    }
}
