//! The user of a token in ceremonies: makes and uses keys. Officer and user are different sessions,
//! never open together.

use std::fmt;

use cryptoki::{
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::UserType,
};

use crate::{
    der::{self, RsaNumbers},
    error::CustodyError,
    hierarchy::{Label, check_value_of, derivation_block},
    inventory::{Inventory, KeyEntry, KeyId, KeyProof},
    oaep, p256,
    pkcs11::{
        appliance::{fixed_signature, hmac, sign},
        module::{self, OpenSession, Owner},
        officer::new_id,
        session::{self, Pin, TokenFacts, TokenName, failed, find_key},
        templates,
    },
    profile::{Profile, Trusted},
    secret::Secret,
};

/// What a generated secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// HMAC in this token only (TMK, DKEK, PSK).
    Fixed,
    /// HMAC here, and wrapped to enrolled sites (LEK).
    Delivered,
}

impl SecretUse {
    /// What the hierarchy makes a secret for: only the encoding secret ever leaves its token.
    pub(super) fn of(name: &str) -> Self {
        if name == "lek" {
            Self::Delivered
        } else {
            Self::Fixed
        }
    }
}

/// The user's session: makes and uses keys.
pub struct UserSession {
    pub(super) open: OpenSession,
    facts: TokenFacts,
    pub(super) profile: Profile,
}

impl UserSession {
    /// Logs the user in once.
    ///
    /// # Errors
    /// [`CustodyError::WrongPin`], [`CustodyError::TokenNotFound`] and what the token says.
    pub fn open(profile: &Profile, token: &TokenName, pin: &Pin) -> Result<Self, CustodyError> {
        Self::open_expecting(profile, token, None, pin)
    }

    /// Logs the user in once, to the very token of an inventory: another one is never offered the PIN.
    ///
    /// # Errors
    /// [`CustodyError::KeyMismatch`] for a token with another serial number, and as [`Self::open`].
    pub fn open_listed(
        profile: &Profile,
        token: &TokenName,
        inventory: &Inventory,
        pin: &Pin,
    ) -> Result<Self, CustodyError> {
        Self::open_expecting(profile, token, Some(&inventory.serial), pin)
    }

    fn open_expecting(
        profile: &Profile,
        token: &TokenName,
        serial: Option<&str>,
        pin: &Pin,
    ) -> Result<Self, CustodyError> {
        let steady = module::steady();
        let (user, owner) = (UserType::User, Owner::Keeps);
        let (open, facts) = session::open(profile, token, serial, user, pin, owner, *steady)?;
        Ok(Self {
            open,
            facts,
            profile: profile.clone(),
        })
    }

    /// The token's label and serial number.
    #[must_use]
    pub fn facts(&self) -> &TokenFacts {
        &self.facts
    }

    /// Random bytes of the token.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn random<const N: usize>(&self) -> Result<[u8; N], CustodyError> {
        let mut bytes = [0; N];
        let drawn = self.open.session().generate_random_slice(&mut bytes);
        drawn.map_err(|error| failed("give random bytes", &error))?;
        Ok(bytes)
    }

    /// Generates a secret and computes its check value under `context`.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn generate_secret(
        &self,
        name: &str,
        purpose: SecretUse,
        context: &[u8],
    ) -> Result<KeyEntry, CustodyError> {
        let id = new_id()?;
        let (extractable, trusted) = self.leaves(purpose);
        let template = templates::hmac_secret(&id, name, extractable, trusted);
        let mechanism = Mechanism::GenericSecretKeyGen;
        let made = self.open.session().generate_key(&mechanism, &template);
        made.map_err(|error| failed("generate a secret", &error))?;
        let derived = self.hmac(name, &id, Label::CheckValue, context)?;
        Ok(KeyEntry {
            name: name.to_owned(),
            id,
            proof: KeyProof::Secret(check_value_of(&derived)),
        })
    }

    /// Whether a secret may leave the token, and whether the token lets it go to trusted keys only.
    pub(super) fn leaves(&self, purpose: SecretUse) -> (bool, bool) {
        let delivered = purpose == SecretUse::Delivered;
        let trusted = self.profile.trusted() == Trusted::Officer;
        (delivered, delivered && trusted)
    }

    /// Generates a P-256 pair for signatures.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn generate_p256(&self, name: &str) -> Result<KeyEntry, CustodyError> {
        let id = new_id()?;
        let (public, private) = templates::p256_pair(&id, name);
        let pair =
            self.open
                .session()
                .generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private);
        let (public, _) = pair.map_err(|error| failed("generate a P-256 pair", &error))?;
        let point = self.attribute(public, AttributeType::EcPoint)?;
        // The standard says a DER octet string; some modules give the point as it is.
        let point = der::octet_string(&point).unwrap_or(&point);
        let point = point.try_into().ok().ok_or_else(|| CustodyError::Token {
            operation: "tell a public key",
            reason: "the point is not uncompressed".to_owned(),
        })?;
        Ok(KeyEntry {
            name: name.to_owned(),
            id,
            proof: KeyProof::P256(p256::spki_of_point(point)),
        })
    }

    /// Generates an RSA-3072 pair for decryption.
    ///
    /// # Errors
    /// [`CustodyError::Token`].
    pub fn generate_rsa(&self, name: &str) -> Result<KeyEntry, CustodyError> {
        let id = new_id()?;
        let (public, private) = templates::rsa_pair(&id, name);
        let mechanism = Mechanism::RsaPkcsKeyPairGen;
        let pair = self
            .open
            .session()
            .generate_key_pair(&mechanism, &public, &private);
        let (public, _) = pair.map_err(|error| failed("generate an RSA pair", &error))?;
        let spki = der::rsa_spki(&RsaNumbers {
            modulus: self.attribute(public, AttributeType::Modulus)?,
            exponent: self.attribute(public, AttributeType::PublicExponent)?,
        });
        oaep::check_spki("a generated key", &spki)?;
        Ok(KeyEntry {
            name: name.to_owned(),
            id,
            proof: KeyProof::Rsa(spki),
        })
    }

    /// HMAC-SHA-256 over a derivation block, in the token.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`] or [`CustodyError::Token`].
    pub fn hmac(
        &self,
        name: &str,
        id: &KeyId,
        label: Label,
        context: &[u8],
    ) -> Result<Secret, CustodyError> {
        let key = find_key(self.open.session(), ObjectClass::SECRET_KEY, name, id)?;
        let mac = hmac(self.open.session(), key, &derivation_block(label, context));
        let mut mac = mac.map_err(|error| failed("compute an HMAC", &error))?;
        Secret::take_slice("an HMAC", &mut mac)
    }

    /// Signs a SHA-256 digest: ECDSA P-256, r ‖ s.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`] or [`CustodyError::Token`].
    pub fn sign(
        &self,
        name: &str,
        id: &KeyId,
        digest: &[u8; 32],
    ) -> Result<[u8; 64], CustodyError> {
        let key = find_key(self.open.session(), ObjectClass::PRIVATE_KEY, name, id)?;
        let signature = sign(self.open.session(), key, digest);
        fixed_signature(signature.map_err(|error| failed("sign", &error))?)
    }

    /// One attribute; the library leaves out what the token does not tell.
    pub(super) fn attribute(
        &self,
        object: ObjectHandle,
        wanted: AttributeType,
    ) -> Result<Vec<u8>, CustodyError> {
        let told = self.open.session().get_attributes(object, &[wanted]);
        let told = told.map_err(|error| failed("tell a public key", &error))?;
        let value = match told.into_iter().next() {
            Some(
                Attribute::EcPoint(value)
                | Attribute::Modulus(value)
                | Attribute::PublicExponent(value),
            ) => Some(value),
            _ => None,
        };
        value.ok_or_else(|| CustodyError::Token {
            operation: "tell a public key",
            reason: "the attribute is absent".to_owned(),
        })
    }
}

impl fmt::Debug for UserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserSession({})", self.facts.label)
    }
}
