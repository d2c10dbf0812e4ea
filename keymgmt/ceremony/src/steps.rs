//! The steps that make keys. Each takes the quorum, does its work in the tokens, and writes the
//! transcript.

use std::path::Path;

use keymgmt_custody::{
    CustodyError, backup,
    hierarchy::epoch_context,
    inventory::{Inventory, KeyEntry, KeyProof},
    pkcs11::{OfficerSession, SecretUse, TokenFacts, UserSession, init_token},
};
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Clock,
    environment::Environment,
    error::CeremonyError,
    folder::{self, Readers},
    limits::NOTE_BYTES_MAX,
    quorum::Quorum,
    recipe::Recipe,
    transcript::Transcript,
};

/// What every step needs.
pub(crate) struct Room<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) environment: &'a Environment,
    pub(crate) out: &'a Path,
    pub(crate) clock: Clock,
    pub(crate) transcript: Transcript,
}

/// The keys that `generate` made.
#[derive(Debug)]
pub(crate) struct MadeKeys {
    pub(crate) custody: TokenFacts,
    pub(crate) appliance: TokenFacts,
    pub(crate) csk: KeyEntry,
    pub(crate) lek: KeyEntry,
    pub(crate) appliance_keys: Vec<KeyEntry>,
}

/// Initialises both tokens.
pub(crate) fn token_init(quorum: &Quorum, room: &mut Room<'_>) -> Result<(), CeremonyError> {
    quorum.require(room.recipe)?;
    for place in [&room.environment.custody, &room.environment.appliance] {
        let officer = place.officer_pin()?;
        let user = place.user_pin()?;
        let facts = init_token(&room.environment.profile, &place.label, &officer, &user)
            .map_err(|source| step_failed("token-init", &place.label, source))?;
        let facts = [
            ("label", facts.label.as_str()),
            ("serial", &facts.serial),
            ("manufacturer", &facts.manufacturer),
            ("model", &facts.model),
        ];
        room.transcript
            .line("token-init", "token initialised", &facts)?;
    }
    Ok(())
}

/// Generates the keys of both tokens and backs the encoding secret up.
pub(crate) fn generate(quorum: &Quorum, room: &mut Room<'_>) -> Result<MadeKeys, CeremonyError> {
    quorum.require(room.recipe)?;
    let context = epoch_context(&room.recipe.project, room.recipe.epoch);
    let failed = |what: &'static str| move |source| step_failed("generate", what, source);
    let user = custody_user(room.environment)?;
    let csk = user.generate_p256("csk").map_err(failed("csk"))?;
    let lek = user.generate_secret("lek", SecretUse::Delivered, &context);
    let lek = lek.map_err(failed("lek"))?;
    let custody = user.facts().clone();
    drop(user);
    for key in [&csk, &lek] {
        note_key(room, &custody.label, key)?;
    }
    back_up(room, &lek)?;

    let place = &room.environment.appliance;
    let user = UserSession::open(&room.environment.profile, &place.name(), &place.user_pin()?)?;
    let appliance = user.facts().clone();
    let mut appliance_keys = Vec::new();
    for name in ["tmk", "dkek", "psk"] {
        let key = user.generate_secret(name, SecretUse::Fixed, &context);
        appliance_keys.push(key.map_err(failed(name))?);
    }
    appliance_keys.push(user.generate_rsa("aik").map_err(failed("aik"))?);
    appliance_keys.push(user.generate_p256("ask").map_err(failed("ask"))?);
    for key in &appliance_keys {
        note_key(room, &appliance.label, key)?;
    }
    Ok(MadeKeys {
        custody,
        appliance,
        csk,
        lek,
        appliance_keys,
    })
}

/// Makes a backup key, splits it among the custodians, wraps the encoding secret under it in the
/// token, and destroys the token's copy: from then on the key exists only as shares.
fn back_up(room: &mut Room<'_>, lek: &KeyEntry) -> Result<(), CeremonyError> {
    let failed = |source| step_failed("generate", "backup", source);
    let place = &room.environment.custody;
    let officer = OfficerSession::open(
        &room.environment.profile,
        &place.name(),
        &place.officer_pin()?,
    )
    .map_err(failed)?;
    let key = officer.random().map_err(failed)?;
    let check = backup::check_value(&key).map_err(failed)?;
    let shares = backup::split(&key, room.recipe.threshold, &room.recipe.custodians);
    let shares = shares.map_err(failed)?;
    let in_token = officer.import_backup_key(&key).map_err(failed)?;
    drop((officer, key));

    let user = custody_user(room.environment)?;
    let blob = user.wrap_for_backup(&in_token, lek).map_err(failed)?;
    user.destroy("bk", &in_token).map_err(failed)?;
    drop(user);

    folder::make(&room.out.join("shares"))?;
    for share in &shares {
        let path = room
            .out
            .join("shares")
            .join(format!("{}.share", share.custodian()));
        folder::write_new(&path, share.to_text().as_bytes(), Readers::Owner)?;
        let facts = [
            ("custodian", share.custodian()),
            ("commitment", &hex::encode(share.commitment())),
        ];
        room.transcript
            .line("generate", "backup share handed over", &facts)?;
    }
    folder::make(&room.out.join("backup"))?;
    folder::write_new(
        &room.out.join("backup").join("lek.blob"),
        &blob,
        Readers::Owner,
    )?;
    let facts = [
        ("key", "bk"),
        ("check", &check.to_string()),
        ("blob-sha256", &hex::encode(Sha256::digest(&blob))),
    ];
    room.transcript.line(
        "generate",
        "encoding secret backed up, token copy of bk destroyed",
        &facts,
    )
}

/// Ends the ceremony: the closing line is signed in the custody token.
pub(crate) fn close(room: Room<'_>, made: &MadeKeys) -> Result<(), CeremonyError> {
    let user = custody_user(room.environment)?;
    room.transcript
        .close(|digest| user.sign(&made.csk.name, &made.csk.id, digest))
}

pub(crate) fn custody_user(environment: &Environment) -> Result<UserSession, CeremonyError> {
    let place = &environment.custody;
    let pin = place.user_pin()?;
    Ok(UserSession::open(
        &environment.profile,
        &place.name(),
        &pin,
    )?)
}

/// What a folder and the custody token say together, once the token proved that it is the folder's.
pub(crate) struct CustodyOfFolder {
    pub(crate) csk: Vec<u8>,
    pub(crate) inventory: Inventory,
    pub(crate) user: UserSession,
}

/// Opens the custody token for a folder. Anyone can make a folder whose documents agree with its own
/// `csk.spki`; so the token itself must sign afresh with the key of that file, and a token with another
/// serial number than the inventory's is not even offered the PIN. Nothing else of the folder is to be
/// believed earlier.
pub(crate) fn custody_of_folder(
    environment: &Environment,
    out: &Path,
) -> Result<CustodyOfFolder, CeremonyError> {
    let csk = folder::read_bytes(&out.join("csk.spki"))?;
    let signed = folder::read_text(&out.join("custody.inventory"), NOTE_BYTES_MAX)?;
    let inventory = Inventory::parse_verified(&signed, &csk)?;
    let entry = inventory.key("csk")?;
    if entry.public_key()? != csk {
        return Err(CustodyError::KeyMismatch {
            name: entry.name.clone(),
            rule: "the folder's csk.spki is another key",
        }
        .into());
    }
    let place = &environment.custody;
    let pin = place.user_pin()?;
    let user = UserSession::open_listed(&environment.profile, &place.name(), &inventory, &pin)?;
    let context = epoch_context(&inventory.project, inventory.epoch);
    user.check(entry, &context)?;
    Ok(CustodyOfFolder {
        csk,
        inventory,
        user,
    })
}

fn note_key(room: &mut Room<'_>, token: &str, key: &KeyEntry) -> Result<(), CeremonyError> {
    let proof = match &key.proof {
        KeyProof::Secret(check) => check.to_string(),
        KeyProof::P256(spki) | KeyProof::Rsa(spki) => hex::encode(Sha256::digest(spki)),
    };
    let facts = [
        ("token", token),
        ("key", &key.name),
        ("id", &key.id.to_string()),
        ("proof", &proof),
    ];
    room.transcript.line("generate", "key generated", &facts)
}

pub(crate) fn step_failed(step: &'static str, what: &str, source: CustodyError) -> CeremonyError {
    CeremonyError::Step {
        step,
        what: format!("{what} failed"),
        source,
    }
}
