//! `verify-share`: does a custodian still hold the right share? It needs no token.

use std::path::Path;

use keymgmt_custody::{CustodyError, backup::Share};

use crate::{
    error::CeremonyError, folder, journal::Journal, limits::CONFIG_BYTES_MAX, share,
    start::TRANSCRIPT, talk, terminal::Terminal, transcript,
};

/// Compares a share, from a file or typed, with the commitment that the signed record holds.
pub(crate) fn verify_share(
    out: &Path,
    custodian: &str,
    file: Option<&Path>,
    terminal: impl FnOnce() -> Result<Terminal, CeremonyError>,
) -> Result<String, CeremonyError> {
    let csk = folder::read_bytes(&out.join("csk.spki"))?;
    let summary = transcript::verify_closed(&out.join(TRANSCRIPT), &csk)?;
    let journal = Journal::load(out, summary.journal.as_deref())?;
    let backup = journal.backup.ok_or(CeremonyError::WrongFolder {
        rule: "its journal names no backup",
    })?;
    let record = backup.custodians.iter().find(|one| one.name == custodian);
    let record = record.ok_or_else(|| CustodyError::WrongShare {
        custodian: custodian.to_owned(),
    })?;
    match file {
        Some(file) => {
            let text = zeroize::Zeroizing::new(folder::read_text(file, CONFIG_BYTES_MAX)?);
            share::verify(&Share::parse(&text)?, record)?;
        }
        None => {
            let commitment = share::commitment(record)?;
            let whole = |value| share::from_record(&backup, record, value);
            drop(talk::ask_share(terminal()?, custodian, &commitment, whole)?);
        }
    }
    Ok(format!("the share of {custodian} is right\n"))
}
