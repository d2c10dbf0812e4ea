//! What a PKCS#11 token gives: envelopes of data keys, deliveries of the encoding secret.

use std::{fs, path::Path};

use keymgmt_custody::{
    Secret,
    envelope::{open_data_key, seal_data_key},
    hierarchy::epoch_context,
    inventory::Inventory,
    package::{PackageContent, SitePackage, issue},
    pkcs11::{AppliancePkcs11, OfficerSession, Pin, SecretUse, TokenName, UserSession, init_token},
    profile::Profile,
    site::{EnrolRequest, SiteKeys},
};
use linker_token::{Epoch, ProjectId, Schema, SiteId};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Options, failed, rate};
use crate::error::{BenchError, file};

const PROFILE: &str = include_str!("../../../keymgmt/custody/profiles/softhsm2.toml");
const APPLIANCE: &str = "bench-appliance";
const CUSTODY: &str = "bench-custody";
const EPOCH: Epoch = Epoch(1);
const NOW: u64 = 1_800_000_000;

/// Writes the configurations of both software tokens; the variables that name them.
pub(super) fn prepare(folder: &Path) -> Result<[(&'static str, String); 2], BenchError> {
    let tokens = folder.join("tokens");
    fs::create_dir(&tokens).map_err(file("make the tokens' folder"))?;
    let softhsm = folder.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    fs::write(&softhsm, text).map_err(file("write the tokens' configuration"))?;
    let kryoptic = folder.join("kryoptic.conf");
    let slot = |number: u8| {
        let store = tokens.join(format!("slot-{number}.sql"));
        format!(
            "[[slots]]\nslot = {number}\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
            store.display()
        )
    };
    fs::write(&kryoptic, slot(0) + &slot(1)).map_err(file("write the tokens' configuration"))?;
    Ok([
        ("SOFTHSM2_CONF", softhsm.display().to_string()),
        ("KRYOPTIC_CONF", kryoptic.display().to_string()),
    ])
}

/// Measures on fresh tokens in a folder that [`prepare`] made.
pub(super) fn run(_folder: &Path, options: &Options) -> Result<Value, BenchError> {
    let text = match &options.profile {
        Some(path) => fs::read_to_string(path).map_err(file("read the profile"))?,
        None => PROFILE.to_owned(),
    };
    let profile = Profile::parse(&text).map_err(failed)?;
    let seconds = f64::from(options.seconds);
    let appliance = appliance(&profile)?;
    let data_key = Secret::random().map_err(failed)?;
    let sealed = seal_data_key(&appliance, b"bench", &data_key).map_err(failed)?;
    let seal = rate(seconds, || {
        seal_data_key(&appliance, b"bench", &data_key)
            .map(drop)
            .map_err(failed)
    })?;
    let open = rate(seconds, || {
        open_data_key(&appliance, b"bench", &sealed)
            .map(drop)
            .map_err(failed)
    })?;
    let (issued, opened) = deliveries(&profile, &appliance, seconds)?;
    Ok(json!({
        "profile": profile.name(),
        "oaep": profile.oaep().to_string(),
        "per_second": {
            "envelopes sealed": seal,
            "envelopes opened": open,
            "secrets issued": issued,
            "secrets opened by a site": opened,
            "secrets delivered": 1.0 / (1.0 / issued + 1.0 / opened),
        },
    }))
}

fn pin(text: &str) -> Result<Pin, BenchError> {
    Pin::new(Zeroizing::new(text.to_owned())).map_err(failed)
}

fn project() -> Result<ProjectId, BenchError> {
    ProjectId::parse("bench").map_err(failed)
}

fn user(profile: &Profile, label: &str) -> Result<UserSession, BenchError> {
    let token = TokenName::Label(label.to_owned());
    UserSession::open(profile, &token, &pin("user-pin")?).map_err(failed)
}

/// An appliance's token with its five keys.
fn appliance(profile: &Profile) -> Result<AppliancePkcs11, BenchError> {
    let facts = init_token(profile, APPLIANCE, &pin("officer-pin")?, &pin("user-pin")?);
    let facts = facts.map_err(failed)?;
    let session = user(profile, APPLIANCE)?;
    let context = epoch_context(&project()?, EPOCH);
    let mut keys = Vec::new();
    for name in ["tmk", "dkek", "psk"] {
        let key = session.generate_secret(name, SecretUse::Fixed, &context);
        keys.push(key.map_err(failed)?);
    }
    keys.push(session.generate_rsa("aik").map_err(failed)?);
    keys.push(session.generate_p256("ask").map_err(failed)?);
    drop(session);
    let inventory = Inventory {
        serial: facts.serial,
        label: facts.label,
        project: project()?,
        epoch: EPOCH,
        keys,
    };
    let token = TokenName::Label(APPLIANCE.to_owned());
    let pin = pin("user-pin")?;
    AppliancePkcs11::open(profile, token, pin, &inventory, &project()?, EPOCH).map_err(failed)
}

/// Packages that custody issues a second, and that a site opens a second.
fn deliveries(
    profile: &Profile,
    appliance: &dyn keymgmt_custody::Custody,
    seconds: f64,
) -> Result<(f64, f64), BenchError> {
    init_token(profile, CUSTODY, &pin("officer-pin")?, &pin("user-pin")?).map_err(failed)?;
    let context = epoch_context(&project()?, EPOCH);
    let session = user(profile, CUSTODY)?;
    let secret = session.generate_secret("lek", SecretUse::Delivered, &context);
    let secret = secret.map_err(failed)?;
    let signer = session.generate_p256("csk").map_err(failed)?;
    drop(session);
    let keys = SiteKeys::generate().map_err(failed)?;
    let site = SiteId::parse("hospital").map_err(failed)?;
    let token = TokenName::Label(CUSTODY.to_owned());
    let officer = OfficerSession::open(profile, &token, &pin("officer-pin")?).map_err(failed)?;
    let wrapping = officer
        .import_site_key(site.as_str(), keys.wrap_public_key())
        .map_err(failed)?;
    drop(officer);
    let session = user(profile, CUSTODY)?;
    let request = keys.enrol_request(&site, "bench").map_err(failed)?;
    let request = EnrolRequest::parse_verified(&request).map_err(failed)?;
    let pinned = signer.public_key().map_err(failed)?;
    let package = || -> Result<Vec<u8>, BenchError> {
        let wrapped = session.wrap_to_site(&wrapping, &secret, profile.oaep());
        let content = PackageContent {
            project: project()?,
            epoch: EPOCH,
            site: site.clone(),
            schema: Schema::jp_1().digest(),
            check: secret.check_value().map_err(failed)?,
            oaep: profile.oaep(),
            wrapped_secret: wrapped.map_err(failed)?,
            wrap_digest: Sha256::digest(keys.wrap_public_key()).into(),
            ingest_spki: appliance.ingest_public_key().to_vec(),
            audit_spki: appliance.audit_public_key().to_vec(),
            issued_unix_s: NOW,
            expires_unix_s: NOW + 86_400,
            receipt_nonce: session.random().map_err(failed)?,
        };
        let sign = |digest: &[u8; 32]| session.sign("csk", &signer.id, digest);
        issue(&content, &request.outer_point, pinned, sign).map_err(failed)
    };
    let sample = package()?;
    let issued = rate(seconds, || package().map(drop))?;
    let opened = rate(seconds, || {
        SitePackage::open(&sample, &keys, &site, pinned, NOW)
            .map(drop)
            .map_err(failed)
    })?;
    Ok((issued, opened))
}
