//! Shares: shown or printed once, and typed back.

use std::path::Path;

use keymgmt_custody::{
    CustodyError, Secret,
    backup::{Share, verify_share},
};

use crate::{
    error::CeremonyError,
    folder,
    limits::TRIES_MAX,
    print::{
        ShareSheet, share_sheet_pdf,
        words::{WordsError, wrong_word},
    },
    readout,
    recipe::Recipe,
    terminal::Terminal,
    texts,
};

pub(super) fn show_share(terminal: Terminal, share: &Share) -> Result<(), CeremonyError> {
    let name = share.custodian();
    terminal.ask(texts::SHARE_ALONE, &[("name", name)])?;
    terminal.wipe()?;
    let (index, shares) = (share.index().to_string(), share.shares().to_string());
    let set = hex::encode(share.set());
    let values = [
        ("name", name),
        ("index", &*index),
        ("shares", &*shares),
        ("set", &*set),
    ];
    terminal.say(texts::SHARE_SHOWN, &values)?;
    let groups = readout::share(share.value().expose(), terminal.language);
    for (number, group) in (1..).zip(groups.split(' ')) {
        terminal.show(&zeroize::Zeroizing::new(format!("  {number:2}  {group}")))?;
    }
    terminal.ask(texts::SHARE_WRITTEN, &[])?;
    terminal.wipe()
}

/// Prints a share on a printer that is attached to this machine. A file would keep it, so only a device or
/// a pipe is written to.
pub(super) fn print_share(
    terminal: Terminal,
    recipe: &Recipe,
    device: &Path,
    share: &Share,
) -> Result<(), CeremonyError> {
    let name = share.custodian();
    terminal.ask(texts::SHARE_PRINTED, &[("name", name)])?;
    let sheet = ShareSheet {
        title: &recipe.title,
        project: recipe.project.as_str(),
        epoch: recipe.epoch.0,
        share,
        ceremony_sha256: recipe.hash,
    };
    let sheet = share_sheet_pdf(&sheet, terminal.language.printed())?;
    folder::write_to_device(device, &sheet)?;
    terminal.ask(texts::SHARE_TAKEN, &[("name", name)])?;
    Ok(())
}

/// Asks one custodian for the own share until it is right; says which word or group is wrong.
pub(crate) fn ask_share(
    terminal: Terminal,
    name: &str,
    commitment: &[u8; 32],
    whole: impl Fn(Secret) -> Result<Share, CeremonyError>,
) -> Result<Share, CeremonyError> {
    let right = |share: &Share| verify_share(share, commitment).is_ok();
    for _ in 0..TRIES_MAX {
        let typed = terminal.ask_hidden(texts::SHARE_AGAIN, &[("name", name)])?;
        match readout::parse_share(&typed) {
            Ok(value) => {
                let share = whole(value)?;
                if right(&share) {
                    terminal.wipe()?;
                    terminal.say(texts::SHARE_RIGHT, &[("name", name)])?;
                    return Ok(share);
                }
            }
            Err(wrong @ (WordsError::UnknownWord { .. } | WordsError::Group { .. })) => {
                say_wrong(terminal, &wrong)?;
                continue;
            }
            Err(wrong @ (WordsError::Count { .. } | WordsError::TooLong)) => {
                say_wrong(terminal, &wrong)?;
                continue;
            }
            Err(WordsError::Checksum | WordsError::Groups | WordsError::OtherCheckValue) => {}
        }
        // All words are words. The commitment tells which single one is another than it should be.
        let accepted = |value: &Secret| {
            let value = Secret::take(&mut value.expose().to_owned());
            whole(value).is_ok_and(|share| right(&share))
        };
        match wrong_word(&typed, accepted) {
            Some(position) => {
                let values = [("position", &*position.to_string())];
                terminal.say(texts::SHARE_MISTAKEN, &values)?;
            }
            None => terminal.say(texts::SHARE_OTHER, &[("name", name)])?,
        }
    }
    Err(CustodyError::WrongShare {
        custodian: name.to_owned(),
    }
    .into())
}

/// Says which word or group is wrong, and which words are near, to the one who typed it. The screen is
/// wiped before anybody else comes to it.
fn say_wrong(terminal: Terminal, wrong: &WordsError) -> Result<(), CeremonyError> {
    match wrong {
        WordsError::UnknownWord { position, nearest } => {
            let nearest: Vec<_> = nearest.iter().collect();
            let values = [
                ("position", &*position.to_string()),
                ("nearest", &*nearest.join(", ")),
            ];
            terminal.say(texts::SHARE_WORD, &values)
        }
        WordsError::Group { group, .. } => {
            terminal.say(texts::SHARE_GROUP, &[("position", &group.to_string())])
        }
        WordsError::Count { expected, found } => {
            let (expected, found) = (expected.to_string(), found.to_string());
            let values = [("expected", &*expected), ("count", &*found)];
            terminal.say(texts::SHARE_COUNT, &values)
        }
        WordsError::Checksum
        | WordsError::Groups
        | WordsError::OtherCheckValue
        | WordsError::TooLong => terminal.say(texts::SHARE_LONG, &[]),
    }
}
