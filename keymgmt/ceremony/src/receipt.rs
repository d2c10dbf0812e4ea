//! `receipt`: verifies the sites' receipts in the custody token and signs the enrolment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    enrolment::{Enrolment, SiteEntry, Stage},
    hierarchy::{Label, epoch_context},
    inventory::Inventory,
    package::{PackageReceipt, receipt_context},
    pkcs11::UserSession,
};
use linker_token::SiteId;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Clock,
    environment::Environment,
    error::CeremonyError,
    folder,
    limits::NOTE_BYTES_MAX,
    recipe::Recipe,
    start,
    steps::{CustodyOfFolder, custody_of_folder},
    talk::Talk,
    transcript::{self, Transcript},
};

/// Verifies all files or refuses all. Sites enrolled by an earlier call stay enrolled; a site without a
/// verified receipt is not in the enrolment. Returns the sites that are.
pub(crate) fn receipts(
    environment: &Path,
    out: &Path,
    files: &[PathBuf],
    clock: Clock,
    talk: impl FnOnce(bool) -> Result<Talk, CeremonyError>,
) -> Result<Vec<SiteId>, CeremonyError> {
    let environment = Environment::load(environment)?;
    let recipe = Recipe::load(&out.join("recipe.toml"))?;
    let _lock = folder::lock(out)?;
    // Whom the environment calls present need not be asked again in a rehearsal.
    let talk = talk(environment.profile.is_test() && !environment.present.is_empty())?;
    let quorum = talk.quorum(&recipe, &environment)?;
    quorum.require(&recipe)?;
    talk.pins(&environment)?;
    let CustodyOfFolder {
        csk,
        inventory,
        user,
    } = custody_of_folder(&environment, out)?;
    let path_of_transcript = out.join("transcript.jsonl");
    check_recipe(&recipe, &path_of_transcript, &csk)?;
    check_closed(&path_of_transcript, &csk)?;

    let signed = |name| folder::read_text(&out.join(name), NOTE_BYTES_MAX);
    let issued = Enrolment::parse_stage(Stage::Issued, &signed("issued.signed")?, &csk)?;
    let path = out.join("enrolment.signed");
    let mut sites = BTreeMap::new();
    if path.exists() {
        let before = Enrolment::parse_verified(&signed("enrolment.signed")?, &csk)?;
        check_continues(&before, &issued)?;
        sites = before.sites;
    }
    let context = epoch_context(&inventory.project, inventory.epoch);
    user.check(inventory.key("lek")?, &context)?;

    let mut verified = Vec::new();
    for file in files {
        let text = folder::read_text(file, NOTE_BYTES_MAX)?;
        let (site, entry) = verify(&text, &issued, &inventory, &user)?;
        if sites.contains_key(&site) {
            return Err(CeremonyError::Receipt {
                site: site.to_string(),
                rule: "it was enrolled already",
            });
        }
        verified.push((site, entry));
    }
    sites.extend(verified.iter().cloned());
    let csk_id = inventory.key("csk")?.id;
    let sign = |digest: &[u8; 32]| user.sign("csk", &csk_id, digest);
    let enrolment = Enrolment { sites, ..issued };
    let text = enrolment.sign(Stage::Enrolled, &csk, sign)?;

    // The record is closed before the enrolment is published: who finds an enrolment finds its record,
    // and what is interrupted earlier can be done again.
    let mode = start::mode(&environment);
    let mut transcript = Transcript::resume(&path_of_transcript, mode, clock, &csk)?;
    for (site, _) in &verified {
        let facts = [("site", site.as_str()), ("present", &quorum.present())];
        transcript.line("receipt", "receipt verified in the token", &facts)?;
    }
    let facts = [
        ("sites", enrolment.sites.len().to_string()),
        ("sha256", hex::encode(Sha256::digest(&text))),
    ];
    let facts = facts.each_ref().map(|(key, value)| (*key, value.as_str()));
    transcript.line("receipt", "enrolment signed", &facts)?;
    transcript.close(sign)?;
    folder::replace(&path, text.as_bytes())?;
    Ok(enrolment.sites.into_keys().collect())
}

/// An enrolment of another epoch or secret is never carried on.
fn check_continues(before: &Enrolment, issued: &Enrolment) -> Result<(), CeremonyError> {
    let same = before.project == issued.project
        && before.epoch == issued.epoch
        && before.secret_check == issued.secret_check;
    if same {
        Ok(())
    } else {
        Err(CeremonyError::Config {
            file: "the enrolment in the folder",
            rule: "it belongs to another ceremony".to_owned(),
        })
    }
}

/// The recipe beside the transcript must be the one that the quorum confirmed.
fn check_recipe(recipe: &Recipe, path: &Path, csk: &[u8]) -> Result<(), CeremonyError> {
    let summary = transcript::verify_closed(path, csk)?;
    if summary.opening.get("recipe-sha256") == Some(&hex::encode(recipe.hash)) {
        Ok(())
    } else {
        Err(CeremonyError::NoQuorum {
            rule: "the recipe in the folder is not the one that was confirmed",
        })
    }
}

/// An open ceremony's lines would be set aside as an unsigned end, so it is finished first.
fn check_closed(path: &Path, csk: &[u8]) -> Result<(), CeremonyError> {
    let closed = transcript::verify_closed(path, csk)?;
    match transcript::walk(path, Some(csk)) {
        Ok(all) if all.journal != closed.journal => Err(CeremonyError::Open {
            rule: "a later ceremony was not finished",
        }),
        // A damaged line after the last signed one is what an interrupted call of this verb may leave.
        _ => Ok(()),
    }
}

fn verify(
    text: &str,
    issued: &Enrolment,
    inventory: &Inventory,
    user: &UserSession,
) -> Result<(SiteId, SiteEntry), CeremonyError> {
    let site = PackageReceipt::claimed_site(text)?;
    let refuse = |rule| CeremonyError::Receipt {
        site: site.to_string(),
        rule,
    };
    let entry = issued.sites.get(&site);
    let entry = entry.ok_or_else(|| refuse("no package was issued to it"))?;
    let receipt = PackageReceipt::parse_verified(text, &site, &entry.sign_spki)
        .map_err(|_source| refuse("the enrolled key did not sign it"))?;
    if entry.revoked_unix_s.is_some() {
        return Err(refuse("it was revoked"));
    }
    let current = receipt.project == issued.project
        && receipt.epoch == issued.epoch
        && receipt.nonce == entry.receipt_nonce;
    if !current {
        return Err(refuse("it answers another package"));
    }
    let context = receipt_context(&issued.project, issued.epoch, &site, &receipt.nonce);
    let lek = inventory.key("lek")?;
    if user.hmac(&lek.name, &lek.id, Label::Receipt, &context)? != receipt.mac {
        return Err(refuse("it was not computed with this encoding secret"));
    }
    let entry = entry.clone();
    Ok((site, entry))
}
