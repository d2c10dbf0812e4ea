//! Proof that a site holds the wrapping key that it asks to enrol.
//!
//! An enrol request is signed, which proves the signing key and nothing about the wrapping key. Without a
//! challenge a mistaken or malicious request could name a key that somebody else holds, and the encoding
//! secret would be wrapped to that. So the custodians seal a random secret to the requested key, and the
//! site answers with an HMAC under it over the request's digest.
//!
//! The custodians keep no secret between the two: what they note is SHA-256 of the right answer, which
//! tells nothing about it, so it can stand in the transcript. The answer is bound to one request and has a
//! label of its own, so nobody can use a site that answers as an oracle for another blob: of a wrapped
//! encoding secret the site would give an HMAC that is used nowhere else.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use linker_token::SiteId;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    error::CustodyError,
    hierarchy::{Label, derive_in_host},
    limits::{CHALLENGE_BYTES_MAX, RSA_BYTES},
    note::{self, Lines},
    oaep::{self, Oaep},
    secret::Secret,
    site::{EnrolRequest, SiteKeys},
};

const KIND: &str = "musubi/challenge/v1";
const ANSWER_KIND: &str = "musubi/challenge-answer/v1";
const WHAT: &str = "a challenge";
const WHAT_ANSWER: &str = "a challenge's answer";

/// A challenge as the custodians make it.
pub struct IssuedChallenge {
    /// The file for the site. It is not secret: only the requested key opens it.
    pub file: String,
    /// SHA-256 of the right answer, for the transcript.
    pub commitment: [u8; 32],
}

impl fmt::Debug for IssuedChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedChallenge(..)")
    }
}

/// Makes a challenge to the wrapping key of a request.
///
/// # Errors
/// [`CustodyError`] if the operating system gives no random bytes or the key is none.
pub fn issue(request: &EnrolRequest, oaep: Oaep) -> Result<IssuedChallenge, CustodyError> {
    let secret = Secret::random()?;
    let sealed = oaep::seal(&request.wrap_spki, oaep, &secret)?;
    let file = format!(
        "{KIND}\nsite {}\nrequest {}\noaep {oaep}\nsealed {}\n",
        request.site,
        hex::encode(request.digest),
        STANDARD.encode(sealed),
    );
    let answer = answer_of(&secret, &request.site, &request.digest);
    Ok(IssuedChallenge {
        file,
        commitment: Sha256::digest(answer.expose()).into(),
    })
}

/// Verifies a site's answer: signed with the requested key, for this request, and right.
///
/// # Errors
/// [`CustodyError::BadSignature`], [`CustodyError::ForeignChallenge`], [`CustodyError::WrongSecret`] or
/// [`CustodyError::Malformed`].
pub fn verify(
    answer: &str,
    request: &EnrolRequest,
    commitment: &[u8; 32],
) -> Result<(), CustodyError> {
    let text = note::open(
        WHAT_ANSWER,
        answer,
        request.site.as_str(),
        &request.sign_spki,
    )?;
    let mut lines = Lines::new(WHAT_ANSWER, ANSWER_KIND, text)?;
    let site = SiteId::parse(lines.value("site")?)?;
    let digest: [u8; 32] = lines.hex("request")?;
    let mac = Secret::take(&mut lines.hex("mac")?);
    lines.finish()?;
    if site != request.site || digest != request.digest {
        return Err(CustodyError::ForeignChallenge);
    }
    let found: [u8; 32] = Sha256::digest(mac.expose()).into();
    if bool::from(found.ct_eq(commitment)) {
        Ok(())
    } else {
        Err(CustodyError::WrongSecret { what: WHAT_ANSWER })
    }
}

impl SiteKeys {
    /// Answers the custodians' challenge to this site's request.
    ///
    /// # Errors
    /// [`CustodyError::ForeignChallenge`] if it was made for another site or request,
    /// [`CustodyError::NotAuthentic`] if it is sealed to another key, [`CustodyError::Malformed`] or
    /// [`CustodyError::TooLarge`].
    pub fn answer_challenge(
        &self,
        challenge: &str,
        request: &EnrolRequest,
    ) -> Result<String, CustodyError> {
        if challenge.len() > CHALLENGE_BYTES_MAX {
            return Err(CustodyError::TooLarge {
                what: WHAT,
                limit: CHALLENGE_BYTES_MAX,
            });
        }
        let mut lines = Lines::new(WHAT, KIND, challenge)?;
        let site = SiteId::parse(lines.value("site")?)?;
        let digest: [u8; 32] = lines.hex("request")?;
        let oaep = Oaep::parse(lines.value("oaep")?)?;
        let sealed = lines.base64("sealed")?;
        if sealed.len() != RSA_BYTES {
            return Err(lines.refuse("the sealed value has the wrong length"));
        }
        lines.finish()?;
        if site != request.site || digest != request.digest {
            return Err(CustodyError::ForeignChallenge);
        }
        let secret = self.open_wrapped(oaep, WHAT, &sealed)?;
        let mac = answer_of(&secret, &site, &digest);
        let text = format!(
            "{ANSWER_KIND}\nsite {site}\nrequest {}\nmac {}\n",
            hex::encode(digest),
            hex::encode(mac.expose()),
        );
        self.sign_note(&text, &site)
    }
}

/// HMAC(secret, block(challenge, site ‖ 00 ‖ request digest)).
fn answer_of(secret: &Secret, site: &SiteId, request: &[u8; 32]) -> Secret {
    let context = [site.as_str().as_bytes(), &[0], request].concat();
    derive_in_host(secret, Label::Challenge, &context)
}
