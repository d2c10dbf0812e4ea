//! Tokens, PINs, logins, and what PKCS#11 errors mean.

use std::{
    fmt,
    fs::{File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use cryptoki::{
    context::Pkcs11,
    error::{Error, RvError},
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::Slot,
    types::AuthPin,
};
use zeroize::Zeroizing;

use crate::{
    error::CustodyError,
    inventory::KeyId,
    limits::PIN_BYTES_MAX,
    pkcs11::module::{self, OpenSession, Owner},
    profile::Profile,
};

/// A PIN. Never printed, wiped on drop.
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// Takes a PIN over.
    ///
    /// # Errors
    /// [`CustodyError::BadPinFile`] if it is empty, too long or has control characters.
    pub fn new(text: Zeroizing<String>) -> Result<Self, CustodyError> {
        let good = (1..=PIN_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
        if good {
            Ok(Self(text))
        } else {
            Err(CustodyError::BadPinFile)
        }
    }

    /// Reads a PIN from the first and only line of a file that nobody but its owner may read.
    ///
    /// # Errors
    /// [`CustodyError::KeyFile`] if the file cannot be read, [`CustodyError::OpenPinFile`] if others may
    /// read it, [`CustodyError::BadPinFile`].
    pub fn from_file(path: &Path) -> Result<Self, CustodyError> {
        let failed = |source| CustodyError::KeyFile {
            operation: "read",
            path: path.display().to_string(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        if !is_private(&file.metadata().map_err(failed)?) {
            return Err(CustodyError::OpenPinFile {
                path: path.display().to_string(),
            });
        }
        let mut text = Zeroizing::new(String::with_capacity(PIN_BYTES_MAX + 3));
        let limit = PIN_BYTES_MAX as u64 + 3;
        let read = file.by_ref().take(limit).read_to_string(&mut text);
        if read.map_err(failed)? as u64 == limit {
            return Err(CustodyError::BadPinFile);
        }
        Self::new(Zeroizing::new(
            text.trim_end_matches(['\r', '\n']).to_owned(),
        ))
    }

    pub(super) fn auth(&self) -> AuthPin {
        AuthPin::from(self.0.as_str())
    }
}

/// Whether only the owner may read a file. systemd hands a credential to a service as root's own file of
/// mode 0400 with one access-list entry, which shows as 0440; that is the one exception.
fn is_private(file: &Metadata) -> bool {
    let credential = (file.uid(), file.gid(), file.mode() & 0o777) == (0, 0, 0o440);
    file.mode() & 0o077 == 0 || credential
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// How a token is named. Slot numbers move, so they name nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenName {
    /// By its label, which must be the only one of its kind.
    Label(String),
    /// By its serial number.
    Serial(String),
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) | Self::Serial(name) => f.write_str(name),
        }
    }
}

/// What a token says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Label.
    pub label: String,
    /// Serial number.
    pub serial: String,
    /// Maker.
    pub manufacturer: String,
    /// Model.
    pub model: String,
}

/// Finds a token without logging in.
///
/// # Errors
/// [`CustodyError::TokenNotFound`], [`CustodyError::TokenAmbiguous`] or
/// [`CustodyError::ModuleUnavailable`].
pub fn find_token(profile: &Profile, token: &TokenName) -> Result<TokenFacts, CustodyError> {
    module::with_context(profile.module(), |context| find(context, profile, token))
        .map(|(_, facts)| facts)
}

pub(super) fn find(
    context: &Pkcs11,
    profile: &Profile,
    token: &TokenName,
) -> Result<(Slot, TokenFacts), CustodyError> {
    let slots = context.get_slots_with_initialized_token();
    let slots = slots.map_err(|error| failed("list its slots", &error))?;
    let mut found = Vec::new();
    for slot in slots {
        let info = context.get_token_info(slot);
        let info = info.map_err(|error| failed("describe itself", &error))?;
        let facts = TokenFacts {
            label: info.label().to_owned(),
            serial: info.serial_number().to_owned(),
            manufacturer: info.manufacturer_id().to_owned(),
            model: info.model().to_owned(),
        };
        let wanted = match token {
            TokenName::Label(label) => *label == facts.label,
            TokenName::Serial(serial) => *serial == facts.serial,
        };
        if wanted {
            found.push((slot, facts));
        }
    }
    let name = token.to_string();
    match (found.pop(), found.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(CustodyError::TokenAmbiguous { token: name }),
        (None, _) => Err(CustodyError::TokenNotFound {
            token: name,
            test: profile.is_test(),
        }),
    }
}

/// Opens a session and logs in once; the caller holds [`module::steady`] and says what it says. A token
/// whose serial number is not the expected one is never
/// offered the PIN: labels are anyone's to choose.
pub(super) fn open(
    profile: &Profile,
    token: &TokenName,
    serial: Option<&str>,
    user: UserType,
    pin: &Pin,
    owner: Owner,
    steady: u64,
) -> Result<(OpenSession, TokenFacts), CustodyError> {
    let (slot, facts) =
        module::with_context(profile.module(), |context| find(context, profile, token))?;
    if serial.is_some_and(|serial| serial != facts.serial) {
        return Err(CustodyError::KeyMismatch {
            name: "token".to_owned(),
            rule: "its serial number is not the inventory's",
        });
    }
    let open = module::open_session(profile, slot, owner == Owner::Keeps, owner, steady)?;
    match open.session().login(user, Some(&pin.auth())) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok((open, facts)),
        Err(Error::Pkcs11(rv, _)) if is_wrong_pin(&rv) => Err(CustodyError::WrongPin {
            token: token.to_string(),
        }),
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(CustodyError::PinLocked {
            token: token.to_string(),
        }),
        Err(error) => Err(failed("log in", &error)),
    }
}

fn is_wrong_pin(rv: &RvError) -> bool {
    matches!(
        rv,
        RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange
    )
}

/// Finds the one object of this class with this `CKA_ID`.
pub(super) fn find_key(
    session: &Session,
    class: ObjectClass,
    name: &str,
    id: &KeyId,
) -> Result<ObjectHandle, CustodyError> {
    let template = [Attribute::Class(class), Attribute::Id(id.0.to_vec())];
    let found = session.find_objects(&template);
    let found = found.map_err(|error| failed("find a key", &error))?;
    match found[..] {
        [handle] => Ok(handle),
        _ => Err(CustodyError::KeyMissing {
            name: name.to_owned(),
        }),
    }
}

/// Checks that a key is sensitive and, unless it is to be wrapped, cannot leave the token. An attribute
/// that the token does not tell counts as wrong.
pub(super) fn check_policy(
    session: &Session,
    handle: ObjectHandle,
    name: &str,
    extractable: bool,
) -> Result<(), CustodyError> {
    let wanted = [
        Attribute::Sensitive(true),
        Attribute::Extractable(extractable),
    ];
    let types = [AttributeType::Sensitive, AttributeType::Extractable];
    let told = session.get_attributes(handle, &types);
    let told = told.map_err(|error| failed("tell a key's attributes", &error))?;
    if wanted.iter().all(|attribute| told.contains(attribute)) {
        Ok(())
    } else {
        Err(CustodyError::KeyMismatch {
            name: name.to_owned(),
            rule: "its sensitive or extractable attribute is wrong",
        })
    }
}

/// A failed operation with the PKCS#11 code by name; other causes are named by kind.
pub(super) fn failed(operation: &'static str, error: &Error) -> CustodyError {
    let reason = match error {
        Error::Pkcs11(rv, _) => format!("CKR {rv:?}"),
        Error::NullFunctionPointer | Error::NotSupported => "the function is missing".to_owned(),
        Error::LibraryLoading(_) | Error::MissingSymbol(_) => "the module is damaged".to_owned(),
        Error::TryFromInt(_)
        | Error::TryFromSlice(_)
        | Error::ParseInt(_)
        | Error::Utf8(_)
        | Error::NulError(_)
        | Error::InvalidValue
        | Error::PinNotSet => "the answer makes no sense".to_owned(),
    };
    CustodyError::Token { operation, reason }
}

/// Whether a new session may help. Modules give all of these for a device or store that went away.
pub(super) fn is_transient(error: &Error) -> bool {
    let Error::Pkcs11(rv, _) = error else {
        return false;
    };
    matches!(
        rv,
        RvError::GeneralError
            | RvError::FunctionFailed
            | RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::SessionHandleInvalid
            | RvError::SessionClosed
            | RvError::ObjectHandleInvalid
            | RvError::KeyHandleInvalid
            | RvError::UserNotLoggedIn
            | RvError::CryptokiNotInitialized
    )
}
