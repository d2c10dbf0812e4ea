//! A site's own keys in the site's own token: one RSA key that opens packages, one P-256 key that signs.
//!
//! The keys are found by `CKA_ID` and are believed only after each was used once against the public half
//! that was enrolled. A token that went away is logged in to again; a PIN that was refused is never offered
//! again.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use cryptoki::{
    error::{Error, RvError},
    mechanism::Mechanism,
    object::{ObjectClass, ObjectHandle},
    session::UserType,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::CustodyError,
    inventory::KeyEntry,
    limits::RSA_BYTES,
    oaep::{self, Oaep},
    p256,
    pkcs11::{
        UserSession,
        module::{self, OpenSession, Owner},
        session::{self, Pin, TokenName, failed, find_key, is_transient},
        templates::oaep_mechanism,
    },
    profile::Profile,
    secret::Secret,
};

/// What the signing key signs to show that it is the key of the list.
const SIGN_PROBE: &[u8] = b"musubi/site-key-probe/v1\n";

/// Which keys a site has in its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteTokenKeys {
    /// The token's serial number.
    pub serial: String,
    /// RSA-3072, opens packages and challenges.
    pub wrap: KeyEntry,
    /// P-256, signs requests, manifests and statements.
    pub sign: KeyEntry,
}

/// A site's token with its two keys.
pub struct SiteToken {
    profile: Profile,
    token: TokenName,
    pin: Pin,
    keys: SiteTokenKeys,
    state: Mutex<State>,
}

enum State {
    Live(OpenSession),
    /// The device was gone at the last try. The next call tries again.
    Lost,
    /// The token refused the PIN; it is never offered again by this process.
    Barred,
}

impl SiteToken {
    /// Makes both keys in the token.
    ///
    /// # Errors
    /// [`CustodyError::WrongPin`], [`CustodyError::TokenNotFound`], [`CustodyError::ModuleUnavailable`] or
    /// what the token says.
    pub fn generate(profile: &Profile, token: TokenName, pin: Pin) -> Result<Self, CustodyError> {
        let user = UserSession::open(profile, &token, &pin)?;
        let keys = SiteTokenKeys {
            serial: user.facts().serial.clone(),
            wrap: user.generate_rsa("site-wrap")?,
            sign: user.generate_p256("site-sign")?,
        };
        drop(user);
        Self::open(profile, token, pin, keys)
    }

    /// Logs in once, finds both keys and uses each.
    ///
    /// # Errors
    /// [`CustodyError::WrongPin`], [`CustodyError::ModuleUnavailable`], [`CustodyError::TokenNotFound`],
    /// [`CustodyError::KeyMissing`] or [`CustodyError::KeyMismatch`].
    pub fn open(
        profile: &Profile,
        token: TokenName,
        pin: Pin,
        keys: SiteTokenKeys,
    ) -> Result<Self, CustodyError> {
        let opened = Self {
            profile: profile.clone(),
            token,
            pin,
            keys,
            state: Mutex::new(State::Lost),
        };
        opened.check()?;
        Ok(opened)
    }

    /// Which keys they are.
    #[must_use]
    pub fn keys(&self) -> &SiteTokenKeys {
        &self.keys
    }

    /// Uses both keys once and compares with their public halves.
    fn check(&self) -> Result<(), CustodyError> {
        let mismatch = |name: &str| CustodyError::KeyMismatch {
            name: name.to_owned(),
            rule: "it answers otherwise than the enrolled public key",
        };
        let signature = self.sign(&Sha256::digest(SIGN_PROBE).into())?;
        let spki = self.keys.sign.public_key()?;
        p256::verify_fixed("a probe", spki, SIGN_PROBE, &signature)
            .map_err(|_opaque| mismatch("site-sign"))?;
        let probe = Secret::random()?;
        let oaep = self.profile.oaep();
        let sealed = oaep::seal(self.keys.wrap.public_key()?, oaep, &probe)?;
        match self.decrypt(oaep, "a probe", &sealed) {
            Ok(opened) if opened == probe => Ok(()),
            Ok(_) | Err(CustodyError::NotAuthentic { .. }) => Err(mismatch("site-wrap")),
            Err(error) => Err(error),
        }
    }

    /// Signs a SHA-256 digest: ECDSA P-256, r ‖ s.
    pub(crate) fn sign(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
        let signature = self.call(|open| {
            let key = find(open, &self.keys.sign)?;
            let signed = open.session().sign(&Mechanism::Ecdsa, key, digest);
            signed.map_err(|error| Failed::of("sign", &error))
        })?;
        signature.try_into().map_err(|_other| CustodyError::Token {
            operation: "sign",
            reason: "the signature is not r and s of 32 bytes".to_owned(),
        })
    }

    /// Opens what was sealed to the wrapping key. What a module says to a blob that is not its own differs
    /// from maker to maker, so a token that is there and refuses means that the blob is not for it.
    pub(crate) fn decrypt(
        &self,
        oaep: Oaep,
        what: &'static str,
        sealed: &[u8],
    ) -> Result<Secret, CustodyError> {
        if sealed.len() != RSA_BYTES {
            let rule = "its length is wrong";
            return Err(CustodyError::Malformed { what, rule });
        }
        let mechanism = oaep_mechanism(oaep);
        let opened = self.call(|open| {
            let key = find(open, &self.keys.wrap)?;
            match open.session().decrypt(&mechanism, key, sealed) {
                Ok(opened) => Ok(Some(Zeroizing::new(opened))),
                Err(error) if is_gone(&error) => Err(Failed::of("open a wrapped secret", &error)),
                Err(_refused) => Ok(None),
            }
        })?;
        let mut opened = opened.ok_or(CustodyError::NotAuthentic { what })?;
        Secret::take_slice(what, &mut opened)
    }

    /// Runs `work`; if the device seems gone, logs in anew and runs it once more.
    fn call<T>(&self, work: impl Fn(&OpenSession) -> Result<T, Failed>) -> Result<T, CustodyError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Live(open) => match steadily(open, &work) {
                Some(Ok(value)) => return Ok(value),
                Some(Err(failed)) if !failed.again => return Err(failed.error),
                Some(Err(_)) | None => {}
            },
            State::Lost => {}
            State::Barred => {
                return Err(CustodyError::WrongPin {
                    token: self.token.to_string(),
                });
            }
        }
        *state = State::Lost;
        match self.reconnect() {
            Ok(open) => {
                let value = steadily(&open, &work);
                let value = value.unwrap_or_else(|| Err(Failed::restarted()));
                let value = value.map_err(|failed| failed.error);
                *state = State::Live(open);
                value
            }
            Err(error) => {
                let barred = matches!(
                    error,
                    CustodyError::WrongPin { .. } | CustodyError::PinLocked { .. }
                );
                *state = if barred { State::Barred } else { State::Lost };
                Err(error)
            }
        }
    }

    fn connect(&self) -> Result<OpenSession, CustodyError> {
        let steady = module::steady();
        let serial = Some(self.keys.serial.as_str());
        let (user, owner) = (UserType::User, Owner::LogsInAnew);
        let (profile, token, pin) = (&self.profile, &self.token, &self.pin);
        let opened = session::open(profile, token, serial, user, pin, owner, *steady);
        opened.map(|(open, _facts)| open)
    }

    /// Connects; a module that failed or forgot its device is restarted once. A refused PIN ends it.
    fn reconnect(&self) -> Result<OpenSession, CustodyError> {
        let seen = *module::steady();
        let broken = match self.connect() {
            Err(CustodyError::Token { .. }) => true,
            Err(CustodyError::TokenNotFound { .. }) => false,
            connected => return connected,
        };
        module::restart(self.profile.module(), seen, broken)?;
        self.connect()
    }
}

impl fmt::Debug for SiteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteToken({})", self.token)
    }
}

/// The private key of an entry. One that is not found may be one that a lost session no longer shows.
fn find(open: &OpenSession, entry: &KeyEntry) -> Result<ObjectHandle, Failed> {
    let class = ObjectClass::PRIVATE_KEY;
    let found = find_key(open.session(), class, &entry.name, &entry.id);
    found.map_err(|error| Failed { error, again: true })
}

/// Runs `work`, unless the module was restarted since the login: then handles are anyone's.
fn steadily<T>(
    open: &OpenSession,
    work: impl Fn(&OpenSession) -> Result<T, Failed>,
) -> Option<Result<T, Failed>> {
    let steady = module::steady();
    open.is_of(*steady).then(|| work(open))
}

/// A failed call, and whether a new login may help.
struct Failed {
    error: CustodyError,
    again: bool,
}

impl Failed {
    fn restarted() -> Self {
        Self {
            error: CustodyError::Token {
                operation: "answer",
                reason: "the module was restarted".to_owned(),
            },
            again: true,
        }
    }

    fn of(operation: &'static str, error: &Error) -> Self {
        Self {
            again: is_transient(error),
            error: failed(operation, error),
        }
    }
}

/// Whether the session is certainly gone, whatever was asked.
fn is_gone(error: &Error) -> bool {
    is_transient(error)
        && !matches!(
            error,
            Error::Pkcs11(
                RvError::GeneralError | RvError::FunctionFailed | RvError::DeviceError,
                _
            )
        )
}
