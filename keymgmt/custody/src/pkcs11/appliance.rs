//! The appliance's token: one session, reopened when the device comes back.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use cryptoki::{
    error::{Error, RvError},
    mechanism::Mechanism,
    object::{ObjectClass, ObjectHandle},
    session::{Session, UserType},
};
use linker_token::{Epoch, ProjectId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    custody::Custody,
    error::CustodyError,
    hierarchy::{DerivingKey, Label, check_value_of, derivation_block, epoch_context},
    inventory::{Inventory, KeyEntry, KeyProof},
    limits::RSA_BYTES,
    oaep, p256,
    pkcs11::{
        module::{self, OpenSession, Owner},
        session::{self, Pin, TokenName, check_policy, failed, find_key, is_transient},
        templates::oaep_mechanism,
    },
    profile::Profile,
    secret::Secret,
};

/// What ASK signs to show that it is the key of the inventory.
const SIGN_PROBE: &[u8] = b"musubi/key-probe/v1\n";

/// The appliance's keys in a PKCS#11 token.
pub struct AppliancePkcs11 {
    profile: Profile,
    token: TokenName,
    serial: String,
    pin: Pin,
    keys: Keys,
    context: Vec<u8>,
    audit_spki: Vec<u8>,
    ingest_spki: Vec<u8>,
    state: Mutex<State>,
}

/// The five keys, as the inventory describes them.
struct Keys {
    tmk: KeyEntry,
    dkek: KeyEntry,
    psk: KeyEntry,
    aik: KeyEntry,
    ask: KeyEntry,
}

enum State {
    Live(Live),
    /// The device was gone at the last try. The next call tries again.
    Lost,
    /// The token refused the PIN, or has locked it; it is never offered again by this process.
    Barred {
        locked: bool,
    },
}

/// A logged-in session and the handles found in it. Handles die with the login.
struct Live {
    tmk: ObjectHandle,
    dkek: ObjectHandle,
    psk: ObjectHandle,
    aik: ObjectHandle,
    ask: ObjectHandle,
    open: OpenSession,
}

impl AppliancePkcs11 {
    /// Logs in once, finds the five keys by `CKA_ID` and checks each against the inventory.
    ///
    /// # Errors
    /// [`CustodyError::WrongPin`], [`CustodyError::ModuleUnavailable`],
    /// [`CustodyError::TokenNotFound`], [`CustodyError::KeyMissing`] or
    /// [`CustodyError::KeyMismatch`].
    pub fn open(
        profile: &Profile,
        token: TokenName,
        pin: Pin,
        inventory: &Inventory,
        project: &ProjectId,
        epoch: Epoch,
    ) -> Result<Self, CustodyError> {
        if inventory.project != *project || inventory.epoch != epoch {
            return Err(CustodyError::KeyMismatch {
                name: "inventory".to_owned(),
                rule: "it is for another project or epoch",
            });
        }
        let keys = Keys {
            tmk: inventory.key("tmk")?.clone(),
            dkek: inventory.key("dkek")?.clone(),
            psk: inventory.key("psk")?.clone(),
            aik: inventory.key("aik")?.clone(),
            ask: inventory.key("ask")?.clone(),
        };
        let mut opened = Self {
            audit_spki: keys.ask.public_key()?.to_vec(),
            ingest_spki: keys.aik.public_key()?.to_vec(),
            serial: inventory.serial.clone(),
            context: epoch_context(project, epoch),
            profile: profile.clone(),
            token,
            pin,
            keys,
            state: Mutex::new(State::Lost),
        };
        let live = opened.connect()?;
        opened.state = Mutex::new(State::Live(live));
        Ok(opened)
    }

    /// Opens a session, logs in once, finds and checks the keys.
    fn connect(&self) -> Result<Live, CustodyError> {
        let steady = module::steady();
        let (open, _facts) = session::open(
            &self.profile,
            &self.token,
            Some(&self.serial),
            UserType::User,
            &self.pin,
            Owner::LogsInAnew,
            *steady,
        )?;
        let secret = |entry| find_entry(open.session(), ObjectClass::SECRET_KEY, entry);
        let private = |entry| find_entry(open.session(), ObjectClass::PRIVATE_KEY, entry);
        let live = Live {
            tmk: secret(&self.keys.tmk)?,
            dkek: secret(&self.keys.dkek)?,
            psk: secret(&self.keys.psk)?,
            aik: private(&self.keys.aik)?,
            ask: private(&self.keys.ask)?,
            open,
        };
        self.check_keys(&live)?;
        Ok(live)
    }

    /// Uses every key once and compares with the inventory.
    fn check_keys(&self, live: &Live) -> Result<(), CustodyError> {
        for (handle, entry) in [
            (live.tmk, &self.keys.tmk),
            (live.dkek, &self.keys.dkek),
            (live.psk, &self.keys.psk),
        ] {
            self.check_secret(live, handle, entry)?;
        }
        let digest = Sha256::digest(SIGN_PROBE).into();
        let signature = sign(live.open.session(), live.ask, &digest)
            .map_err(|error| failed("sign", &error))
            .and_then(fixed_signature)?;
        let verified = p256::verify_fixed("a probe", &self.audit_spki, SIGN_PROBE, &signature);
        verified.map_err(|_opaque| mismatch(&self.keys.ask))?;
        let probe = Secret::random()?;
        let sealed = oaep::seal(&self.ingest_spki, self.profile.oaep(), &probe)?;
        let mechanism = oaep_mechanism(self.profile.oaep());
        let opened = live.open.session().decrypt(&mechanism, live.aik, &sealed);
        let opened = opened.map_err(|_opaque| mismatch(&self.keys.aik));
        if Secret::take_slice("a probe", &mut opened?)? == probe {
            Ok(())
        } else {
            Err(mismatch(&self.keys.aik))
        }
    }

    fn check_secret(
        &self,
        live: &Live,
        handle: ObjectHandle,
        entry: &KeyEntry,
    ) -> Result<(), CustodyError> {
        let block = derivation_block(Label::CheckValue, &self.context);
        let mac = hmac(live.open.session(), handle, &block);
        let mut mac = mac.map_err(|error| failed("compute an HMAC", &error))?;
        let check = check_value_of(&Secret::take_slice("a check value", &mut mac)?);
        if entry.proof == KeyProof::Secret(check) {
            Ok(())
        } else {
            Err(mismatch(entry))
        }
    }

    /// Runs `work`; if the device seems gone, logs in anew, checks the keys and runs it once more.
    fn call<T>(
        &self,
        operation: &'static str,
        work: impl Fn(&Live) -> Result<T, Error>,
    ) -> Result<T, CustodyError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Live(live) => match steadily(live, &work) {
                Some(Ok(value)) => return Ok(value),
                Some(Err(error)) if !is_transient(&error) => return Err(failed(operation, &error)),
                Some(Err(error)) => {
                    tracing::warn!(operation, reason = ?error, "the token failed; logging in anew");
                }
                None => tracing::info!(operation, "the module was restarted; logging in anew"),
            },
            State::Lost => {}
            State::Barred { locked } => {
                let token = self.token.to_string();
                return Err(if *locked {
                    CustodyError::PinLocked { token }
                } else {
                    CustodyError::WrongPin { token }
                });
            }
        }
        *state = State::Lost;
        match self.reconnect() {
            Ok(live) => {
                let done = steadily(&live, &work);
                *state = State::Live(live);
                let done = done.ok_or_else(|| CustodyError::Token {
                    operation,
                    reason: "the module was restarted meanwhile".to_owned(),
                });
                done?.map_err(|error| failed(operation, &error))
            }
            Err(error) => {
                let locked = matches!(error, CustodyError::PinLocked { .. });
                if locked || matches!(error, CustodyError::WrongPin { .. }) {
                    *state = State::Barred { locked };
                }
                Err(error)
            }
        }
    }

    /// Connects; a module that failed or forgot its device is restarted once. A refused PIN ends it.
    fn reconnect(&self) -> Result<Live, CustodyError> {
        let seen = *module::steady();
        let broken = match self.connect() {
            Err(CustodyError::Token { .. }) => true,
            Err(CustodyError::TokenNotFound { .. } | CustodyError::KeyMissing { .. }) => false,
            connected => return connected,
        };
        module::restart(self.profile.module(), seen, broken)?;
        self.connect()
    }
}

impl Custody for AppliancePkcs11 {
    fn derive(
        &self,
        key: DerivingKey,
        label: Label,
        context: &[u8],
    ) -> Result<Secret, CustodyError> {
        let block = derivation_block(label, context);
        let mut mac = self.call("compute an HMAC", |live| {
            let handle = match key {
                DerivingKey::Tmk => live.tmk,
                DerivingKey::Dkek => live.dkek,
                DerivingKey::Psk => live.psk,
            };
            hmac(live.open.session(), handle, &block)
        })?;
        Secret::take_slice("an HMAC", &mut mac)
    }

    fn open_content_key(&self, sealed: &[u8]) -> Result<Secret, CustodyError> {
        let what = "a content key";
        if sealed.len() != RSA_BYTES {
            return Err(CustodyError::Malformed {
                what,
                rule: "its length is wrong",
            });
        }
        let mechanism = oaep_mechanism(self.profile.oaep());
        // Modules answer a blob that is not theirs like a broken device. The answer is separated from
        // the device's state, which is probed with a key instead.
        let opened = self.call("open a content key", |live| {
            match live.open.session().decrypt(&mechanism, live.aik, sealed) {
                Ok(opened) => Ok(Some(opened)),
                Err(error) if is_dead(&error) => Err(error),
                Err(_refused) => {
                    let block = derivation_block(Label::CheckValue, &self.context);
                    hmac(live.open.session(), live.dkek, &block).map(|_alive| None)
                }
            }
        })?;
        let mut opened = opened.ok_or(CustodyError::NotAuthentic { what })?;
        Secret::take_slice(what, &mut opened)
    }

    fn sign_audit(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
        self.call("sign", |live| sign(live.open.session(), live.ask, digest))
            .and_then(fixed_signature)
    }

    fn audit_public_key(&self) -> &[u8] {
        &self.audit_spki
    }

    fn ingest_public_key(&self) -> &[u8] {
        &self.ingest_spki
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), CustodyError> {
        let count = u32::try_from(bytes.len()).map_err(|_source| CustodyError::TooLarge {
            what: "a request for random bytes",
            limit: u32::MAX as usize,
        })?;
        let drawn = self.call("give random bytes", |live| {
            live.open.session().generate_random_vec(count)
        })?;
        // What is drawn becomes data keys.
        bytes.copy_from_slice(&Zeroizing::new(drawn));
        Ok(())
    }

    fn check_health(&self) -> Result<(), CustodyError> {
        let check =
            check_value_of(&self.derive(DerivingKey::Dkek, Label::CheckValue, &self.context)?);
        if self.keys.dkek.proof == KeyProof::Secret(check) {
            Ok(())
        } else {
            Err(mismatch(&self.keys.dkek))
        }
    }
}

impl fmt::Debug for AppliancePkcs11 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppliancePkcs11({})", self.token)
    }
}

/// Runs `work`, unless the module was restarted since the login: then handles are anyone's.
fn steadily<T>(live: &Live, work: impl Fn(&Live) -> Result<T, Error>) -> Option<Result<T, Error>> {
    let steady = module::steady();
    live.open.is_of(*steady).then(|| work(live))
}

/// Whether the session is certainly gone, whatever was asked. A blob that does not open is a general
/// error to SoftHSM2 and a device error to Kryoptic.
fn is_dead(error: &Error) -> bool {
    is_transient(error)
        && !matches!(
            error,
            Error::Pkcs11(
                RvError::GeneralError | RvError::FunctionFailed | RvError::DeviceError,
                _
            )
        )
}

fn find_entry(
    session: &Session,
    class: ObjectClass,
    entry: &KeyEntry,
) -> Result<ObjectHandle, CustodyError> {
    let handle = find_key(session, class, &entry.name, &entry.id)?;
    check_policy(session, handle, &entry.name, false)?;
    Ok(handle)
}

fn mismatch(entry: &KeyEntry) -> CustodyError {
    CustodyError::KeyMismatch {
        name: entry.name.clone(),
        rule: "it answers otherwise than the inventory says",
    }
}

pub(super) fn hmac(session: &Session, key: ObjectHandle, block: &[u8]) -> Result<Vec<u8>, Error> {
    session.sign(&Mechanism::Sha256Hmac, key, block)
}

pub(super) fn sign(
    session: &Session,
    key: ObjectHandle,
    digest: &[u8; 32],
) -> Result<Vec<u8>, Error> {
    session.sign(&Mechanism::Ecdsa, key, digest)
}

pub(super) fn fixed_signature(signature: Vec<u8>) -> Result<[u8; 64], CustodyError> {
    signature.try_into().map_err(|_other| CustodyError::Token {
        operation: "sign",
        reason: "the signature is not r and s of 32 bytes".to_owned(),
    })
}
