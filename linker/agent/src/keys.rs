//! Keys of the site: made once, and enrolled by the custodians. The packages that they send back are in
//! [`crate::packages`].

use std::{
    fs,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    CustodyError,
    limits::{CHALLENGE_BYTES_MAX, PROFILE_BYTES_MAX},
    package::OpenedPackage,
    pkcs11::{Pin, SiteToken, TokenName},
    profile::Profile,
    site::{EnrolRequest, SiteKeys},
};
use linker_token::Schema;

use crate::{
    config::{Config, KeyToken, read_bounded, read_named},
    error::{AgentError, Fault},
    say,
    state::{self, State},
};

const REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// Makes the site's keys and the enrolment request, or only what is missing of them. Keys that are
/// there are never replaced.
///
/// # Errors
/// A fault of the state folder.
pub fn enrol(config: &Config, state: &State) -> Result<EnrolRequest, AgentError> {
    if !state.keys().exists() {
        make_keys(config, &state.keys())?;
    }
    let keys = load(config, state)?;
    if !state.request().exists() {
        let software = concat!("tokenizer/", env!("CARGO_PKG_VERSION"));
        let request = keys
            .enrol_request(&config.site, software)
            .map_err(|error| AgentError::new(Fault::Internal, "enrol request").because(error))?;
        state::write_atomic(&state.request(), request.as_bytes())?;
    }
    let request = read_request(state)?;
    if request.site != config.site || request.sign_spki != keys.sign_public_key() {
        let detail = "request.note is not for this site's name and keys";
        return Err(AgentError::new(Fault::StateDamaged, detail));
    }
    Ok(request)
}

/// Makes keys in a folder of another name first, so that a crash never leaves half of them.
fn make_keys(config: &Config, folder: &Path) -> Result<(), AgentError> {
    let unfinished = folder.with_extension("tmp");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|error| AgentError::state("keys", error))?;
    }
    state::make_folder(&unfinished)?;
    let keys = match &config.token {
        Some(token) => {
            let (profile, name, pin) = named(token)?;
            let made = SiteToken::generate(&profile, name, pin).map_err(of_token)?;
            SiteKeys::with_token(made)
        }
        None => SiteKeys::generate(),
    };
    let keys =
        keys.map_err(|error| AgentError::new(Fault::Internal, "key generation").because(error))?;
    keys.save(&unfinished).map_err(of_key_file)?;
    state::sync_folder(&unfinished)?;
    fs::rename(&unfinished, folder).map_err(|error| AgentError::state("keys", error))?;
    state::sync_folder(folder.parent().unwrap_or(Path::new(".")))
}

/// What the configuration names of a token.
fn named(token: &KeyToken) -> Result<(Profile, TokenName, Pin), AgentError> {
    let text = read_named("keys.module", &token.profile, PROFILE_BYTES_MAX as u64)?;
    let text = String::from_utf8_lossy(&text);
    let profile = Profile::parse(&text).map_err(of_token)?;
    let pin = Pin::from_file(&token.pin_file).map_err(of_token)?;
    Ok((profile, TokenName::Label(token.label.clone()), pin))
}

/// A fault of the token, with custody's own advice.
fn of_token(error: CustodyError) -> AgentError {
    let advice = error.advice();
    AgentError::new(Fault::TokenFailed, error.code())
        .advise(advice)
        .because(error)
}

fn of_key_file(error: CustodyError) -> AgentError {
    if let CustodyError::KeyFile { source, .. } = error {
        AgentError::state("keys", source)
    } else {
        AgentError::new(Fault::Internal, "keys").because(error)
    }
}

/// The site's keys.
///
/// # Errors
/// [`Fault::NotInitialised`] or [`Fault::KeysDamaged`].
pub fn load(config: &Config, state: &State) -> Result<SiteKeys, AgentError> {
    if !state.keys().exists() {
        return Err(AgentError::new(Fault::NotInitialised, ""));
    }
    let folder = state.keys();
    let refused = |rule| Err(AgentError::new(Fault::KeysDamaged, rule));
    match (&config.token, SiteKeys::are_in_token(&folder)) {
        (Some(token), true) => {
            let (profile, name, pin) = named(token)?;
            SiteKeys::load_with_token(&folder, &profile, name, pin).map_err(of_token)
        }
        (None, false) => SiteKeys::load(&folder)
            .map_err(|error| AgentError::new(Fault::KeysDamaged, "keys").because(error)),
        (None, true) => refused(say!(
            "the site's keys are in a token; name it in keys.module, keys.label and keys.pin_file"
        )),
        (Some(_), false) => refused(say!(
            "the site's keys are files; take keys.module, keys.label and keys.pin_file out, or enrol anew"
        )),
    }
}

/// The enrolment request in the state folder.
///
/// # Errors
/// [`Fault::NotInitialised`] or [`Fault::StateDamaged`].
pub fn read_request(state: &State) -> Result<EnrolRequest, AgentError> {
    let bytes = state::read_if_there(&state.request(), REQUEST_BYTES_MAX)?
        .ok_or_else(|| AgentError::new(Fault::NotInitialised, ""))?;
    let damaged = || AgentError::new(Fault::StateDamaged, "request.note");
    let text = String::from_utf8(bytes).map_err(|error| damaged().because(error))?;
    EnrolRequest::parse_verified(&text).map_err(|error| damaged().because(error))
}

/// Why custody refuses a package: a site that was revoked, or a package that is not for it.
pub(crate) fn refused(error: CustodyError) -> AgentError {
    AgentError::new(Fault::PackageRefused, error.code()).because(error)
}

/// Answers the custodians' challenge to this site's request. Returns the answer's place.
///
/// # Errors
/// [`Fault::ChallengeRefused`], or a fault of the files.
pub fn answer(config: &Config, state: &State, challenge: &Path) -> Result<PathBuf, AgentError> {
    let keys = load(config, state)?;
    let request = read_request(state)?;
    let shown = || challenge.display().to_string();
    let bytes = read_bounded(challenge, CHALLENGE_BYTES_MAX as u64)
        .map_err(|error| AgentError::new(Fault::FileUnreadable, shown()).because(error))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| AgentError::new(Fault::ChallengeRefused, shown()).because(error))?;
    let answer = keys
        .answer_challenge(&text, &request)
        .map_err(|error| AgentError::new(Fault::ChallengeRefused, error.code()).because(error))?;
    state::write_atomic(&state.challenge_answer(), answer.as_bytes())?;
    Ok(state.challenge_answer())
}

/// The schema that a package names.
///
/// # Errors
/// [`Fault::SchemaUnknown`].
pub fn schema(package: &OpenedPackage) -> Result<Schema, AgentError> {
    let digest = package.content().schema;
    [Schema::jp_1(), Schema::en_1()]
        .into_iter()
        .find(|schema| schema.digest() == digest)
        .ok_or_else(|| AgentError::new(Fault::SchemaUnknown, digest.to_string()))
}
