//! The security officer of a token: initialises it and makes wrapping keys trusted.

use std::fmt;

use cryptoki::{
    object::{Attribute, ObjectHandle},
    session::UserType,
};
use zeroize::Zeroizing;

use crate::{
    der,
    error::CustodyError,
    inventory::{KeyEntry, KeyId, KeyProof},
    limits::{KEY_ID_BYTES, TOKEN_LABEL_BYTES_MAX},
    oaep,
    pkcs11::{
        module::{self, OpenSession, Owner},
        session::{self, Pin, TokenFacts, TokenName, failed, find},
        templates,
    },
    profile::{Profile, Trusted},
    secret::Secret,
};

/// Label of a backup key in a token.
pub const BACKUP_KEY: &str = "bk";
/// Label of a combined backup key that is in a token for a restore.
pub const RESTORE_KEY: &str = "bk.restore";

/// Initialises a free slot's token and sets both PINs.
///
/// # Errors
/// [`CustodyError::TokenAmbiguous`] if the label is taken already, [`CustodyError::TokenNotFound`] if
/// no slot is free.
pub fn init_token(
    profile: &Profile,
    label: &str,
    officer: &Pin,
    user: &Pin,
) -> Result<TokenFacts, CustodyError> {
    if label.is_empty() || label.len() > TOKEN_LABEL_BYTES_MAX {
        return Err(CustodyError::TooLarge {
            what: "a token's label",
            limit: TOKEN_LABEL_BYTES_MAX,
        });
    }
    let name = TokenName::Label(label.to_owned());
    let taken = || CustodyError::TokenAmbiguous {
        token: label.to_owned(),
    };
    module::with_context(profile.module(), |context| {
        match find(context, profile, &name) {
            Ok(_) => return Err(taken()),
            Err(CustodyError::TokenNotFound { .. }) => {}
            Err(other) => return Err(other),
        }
        let slots = context.get_slots_with_token();
        let slots = slots.map_err(|error| failed("list its slots", &error))?;
        let free = slots.into_iter().find(|slot| {
            let info = context.get_token_info(*slot);
            info.is_ok_and(|info| !info.token_initialized())
        });
        let free = free.ok_or_else(|| CustodyError::TokenNotFound {
            token: "(a free slot)".to_owned(),
            test: profile.is_test(),
        })?;
        let done = context.init_token(free, &officer.auth(), label);
        done.map_err(|error| failed("initialise a token", &error))
    })?;
    let steady = module::steady();
    let so = UserType::So;
    let (open, facts) = session::open(profile, &name, None, so, officer, Owner::Keeps, *steady)?;
    let set = open.session().init_pin(&user.auth());
    set.map_err(|error| failed("set the user PIN", &error))?;
    Ok(facts)
}

/// A new random `CKA_ID`.
///
/// # Errors
/// [`CustodyError::RandomUnavailable`].
pub(super) fn new_id() -> Result<KeyId, CustodyError> {
    let mut id = [0; KEY_ID_BYTES];
    getrandom::fill(&mut id).map_err(|_source| CustodyError::RandomUnavailable)?;
    Ok(KeyId(id))
}

/// The security officer's session: the quorum.
pub struct OfficerSession {
    open: OpenSession,
    trusted: bool,
}

impl OfficerSession {
    /// Logs the security officer in once.
    ///
    /// # Errors
    /// [`CustodyError::WrongPin`], [`CustodyError::TokenNotFound`] and what the token says.
    pub fn open(profile: &Profile, token: &TokenName, pin: &Pin) -> Result<Self, CustodyError> {
        let steady = module::steady();
        let so = UserType::So;
        let (open, _facts) = session::open(profile, token, None, so, pin, Owner::Keeps, *steady)?;
        Ok(Self {
            open,
            trusted: profile.trusted() == Trusted::Officer,
        })
    }

    /// A secret from the token's random generator.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn random(&self) -> Result<Secret, CustodyError> {
        let drawn = self.open.session().generate_random_vec(32);
        let mut drawn = drawn.map_err(|error| failed("give random bytes", &error))?;
        Secret::take_slice("random bytes", &mut drawn)
    }

    /// Enrols a site's RSA-3072 key: from now on encoding secrets may be wrapped to it.
    ///
    /// # Errors
    /// [`CustodyError::Token`] or [`CustodyError::Malformed`].
    pub fn import_site_key(&self, site: &str, spki: &[u8]) -> Result<KeyEntry, CustodyError> {
        oaep::check_spki("a site's wrapping key", spki)?;
        let numbers = der::rsa_numbers("a site's wrapping key", spki)?;
        let name = format!("site.{site}");
        let id = new_id()?;
        self.create(templates::wrapping_rsa(&id, &name, &numbers, self.trusted))?;
        Ok(KeyEntry {
            name,
            id,
            proof: KeyProof::Rsa(spki.to_vec()),
        })
    }

    /// Puts a backup key into the token, to wrap with and nothing else.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn import_backup_key(&self, key: &Secret) -> Result<KeyId, CustodyError> {
        let id = new_id()?;
        self.create(templates::wrapping_aes(
            &id,
            BACKUP_KEY,
            key.expose(),
            self.trusted,
        ))?;
        Ok(id)
    }

    /// Puts a combined backup key into the token, to unwrap with and nothing else. While it is there,
    /// whoever is logged in as the user can unwrap a blob as a readable key; so it is there only from
    /// here to [`UserSession::destroy`](super::UserSession::destroy) with the name
    /// [`RESTORE_KEY`](super::RESTORE_KEY), in the same ceremony step.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn import_restore_key(&self, key: &Secret) -> Result<KeyId, CustodyError> {
        let id = new_id()?;
        self.create(templates::unwrapping_aes(&id, RESTORE_KEY, key.expose()))?;
        Ok(id)
    }

    /// Creates an object and wipes the template, which may hold a key's value.
    fn create(&self, template: Vec<Attribute>) -> Result<ObjectHandle, CustodyError> {
        let created = self.open.session().create_object(&template);
        for attribute in template {
            if let Attribute::Value(value) = attribute {
                drop(Zeroizing::new(value));
            }
        }
        created.map_err(|error| failed("create an object", &error))
    }
}

impl fmt::Debug for OfficerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfficerSession(..)")
    }
}
