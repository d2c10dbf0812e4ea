//! Wrapping a secret to an enrolled site or under a backup key, and unwrapping it again for a restore.

use cryptoki::{
    error::{Error, RvError},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
};
use linker_token::CheckValue;

use crate::{
    der::{self, RsaNumbers},
    error::CustodyError,
    hierarchy::{Label, check_value_of},
    inventory::{KeyEntry, KeyId, KeyProof},
    limits::{RSA_BYTES, WRAPPED_KEY_BYTES},
    oaep::Oaep,
    pkcs11::{
        officer::{BACKUP_KEY, RESTORE_KEY, new_id},
        session::{failed, find_key},
        templates,
        user::{SecretUse, UserSession},
    },
    profile::Trusted,
};

const BLOB: &str = "a backup blob";

impl UserSession {
    /// Wraps a secret to an enrolled site's RSA key. The secret is never in the host.
    ///
    /// A token that knows `CKA_TRUSTED` lets the secret go to keys of the security officer only. Behind
    /// that, and alone where a token does not know it, stands this: the key in the token must be the
    /// very key of the entry, which comes from a signed inventory.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`], [`CustodyError::KeyMismatch`], or [`CustodyError::Token`] where the
    /// token forbids it.
    pub fn wrap_to_site(
        &self,
        site: &KeyEntry,
        secret: &KeyEntry,
        oaep: Oaep,
    ) -> Result<Vec<u8>, CustodyError> {
        let session = self.open.session();
        let wrapping = find_key(session, ObjectClass::PUBLIC_KEY, &site.name, &site.id)?;
        let public = RsaNumbers {
            modulus: self.attribute(wrapping, AttributeType::Modulus)?,
            exponent: self.attribute(wrapping, AttributeType::PublicExponent)?,
        };
        if site.proof != KeyProof::Rsa(der::rsa_spki(&public)) {
            return Err(CustodyError::KeyMismatch {
                name: site.name.clone(),
                rule: "its public key is another",
            });
        }
        let mechanism = templates::oaep_mechanism(oaep);
        self.wrap(&mechanism, wrapping, secret, RSA_BYTES)
    }

    /// Wraps a secret under a backup key by RFC 3394.
    ///
    /// Where the token does not know `CKA_TRUSTED`, the backup key must at least look like one that the
    /// officer imported: it wraps and does nothing else, and cannot be read or changed.
    /// [`Self::check_backup_key`] tells whether it is the right one.
    ///
    /// # Errors
    /// As [`Self::wrap_to_site`].
    pub fn wrap_for_backup(
        &self,
        backup: &KeyId,
        secret: &KeyEntry,
    ) -> Result<Vec<u8>, CustodyError> {
        let wrapping = self.find_backup_key(backup)?;
        self.wrap(&Mechanism::AesKeyWrap, wrapping, secret, WRAPPED_KEY_BYTES)
    }

    /// Compares a backup key in the token with its check value ([`crate::backup::check_value`]), which
    /// its custodians know, without a right to encrypt: it wraps a public constant.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`], [`CustodyError::KeyMismatch`] or [`CustodyError::Token`].
    pub fn check_backup_key(
        &self,
        backup: &KeyId,
        expected: CheckValue,
    ) -> Result<(), CustodyError> {
        let session = self.open.session();
        let wrapping = self.find_backup_key(backup)?;
        let constant = session.create_object(&templates::public_constant());
        let constant = constant.map_err(|error| failed("create an object", &error))?;
        let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, wrapping, constant);
        let gone = session.destroy_object(constant);
        let wrapped = wrapped.map_err(|error| failed("wrap a key", &error))?;
        gone.map_err(|error| failed("destroy a key", &error))?;
        if wrapped.starts_with(&expected.0) {
            Ok(())
        } else {
            Err(CustodyError::KeyMismatch {
                name: BACKUP_KEY.to_owned(),
                rule: "its check value is another",
            })
        }
    }

    /// Unwraps a backup blob in the token, under a key from
    /// [`OfficerSession::import_restore_key`](super::OfficerSession::import_restore_key), as the key that
    /// it was: the same rights, a new `CKA_ID`. It stays only if its check value is the expected one.
    ///
    /// The caller destroys the restore key when the last blob is unwrapped.
    ///
    /// # Errors
    /// [`CustodyError::NotAuthentic`] for a damaged blob or another backup key,
    /// [`CustodyError::WrongSecret`] for another secret, which is destroyed again,
    /// [`CustodyError::KeyMissing`] or [`CustodyError::Token`].
    pub fn restore(
        &self,
        name: &str,
        backup: &KeyId,
        blob: &[u8],
        context: &[u8],
        expected: CheckValue,
    ) -> Result<KeyEntry, CustodyError> {
        if blob.len() != WRAPPED_KEY_BYTES {
            return Err(CustodyError::Malformed {
                what: BLOB,
                rule: "its length is wrong",
            });
        }
        let session = self.open.session();
        let unwrapping = find_key(session, ObjectClass::SECRET_KEY, RESTORE_KEY, backup)?;
        let id = new_id()?;
        let (extractable, trusted) = self.leaves(SecretUse::of(name));
        let template = templates::restored_secret(&id, name, extractable, trusted);
        if let Err(error) = self.unwrap(unwrapping, blob, &template) {
            // Modules answer a damaged blob like a broken device (CKR_GENERAL_ERROR, CKR_DEVICE_ERROR).
            // A device that still does the same work with a good blob is not broken.
            tracing::info!(reason = %failed("unwrap a key", &error), "a backup blob was refused");
            self.prove_alive()?;
            return Err(CustodyError::NotAuthentic { what: BLOB });
        }
        let entry = KeyEntry {
            name: name.to_owned(),
            id,
            proof: KeyProof::Secret(expected),
        };
        let derived = self.hmac(name, &id, Label::CheckValue, context);
        match derived.map(|derived| check_value_of(&derived)) {
            Ok(check) if check == expected => Ok(entry),
            Ok(_other) => {
                self.destroy(name, &id)?;
                Err(CustodyError::WrongSecret {
                    what: "the restored key",
                })
            }
            Err(error) => {
                self.destroy(name, &id)?;
                Err(error)
            }
        }
    }

    /// Unwraps a key into the token. SoftHSM2 writes the value after the attributes and then refuses,
    /// because what it writes may not be changed any more; there the key is unwrapped for this session
    /// only and copied into the token as unchangeable.
    fn unwrap(
        &self,
        unwrapping: ObjectHandle,
        blob: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle, Error> {
        let session = self.open.session();
        let mechanism = Mechanism::AesKeyWrap;
        match session.unwrap_key(&mechanism, unwrapping, blob, template) {
            Err(Error::Pkcs11(RvError::AttributeReadOnly, _)) => {}
            unwrapped => return unwrapped,
        }
        let staged = templates::of_this_session(template);
        let staged = session.unwrap_key(&mechanism, unwrapping, blob, &staged)?;
        let kept = [Attribute::Token(true), Attribute::Modifiable(false)];
        let copied = session.copy_object(staged, &kept);
        session.destroy_object(staged)?;
        copied
    }

    fn find_backup_key(&self, backup: &KeyId) -> Result<ObjectHandle, CustodyError> {
        let session = self.open.session();
        let wrapping = find_key(session, ObjectClass::SECRET_KEY, BACKUP_KEY, backup)?;
        if self.profile.trusted() == Trusted::Officer {
            return Ok(wrapping);
        }
        let wanted = templates::wrapping_policy();
        let types = [
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::Modifiable,
            AttributeType::Encrypt,
            AttributeType::Decrypt,
            AttributeType::Sign,
            AttributeType::Verify,
            AttributeType::Wrap,
            AttributeType::Unwrap,
        ];
        let told = session.get_attributes(wrapping, &types);
        let told = told.map_err(|error| failed("tell a key's attributes", &error))?;
        if wanted.iter().all(|attribute| told.contains(attribute)) {
            Ok(wrapping)
        } else {
            Err(CustodyError::KeyMismatch {
                name: BACKUP_KEY.to_owned(),
                rule: "it may do more than wrap, or can be read or changed",
            })
        }
    }

    fn wrap(
        &self,
        mechanism: &Mechanism<'_>,
        wrapping: ObjectHandle,
        secret: &KeyEntry,
        length: usize,
    ) -> Result<Vec<u8>, CustodyError> {
        let session = self.open.session();
        let key = find_key(session, ObjectClass::SECRET_KEY, &secret.name, &secret.id)?;
        let wrapped = session.wrap_key(mechanism, wrapping, key);
        let wrapped = wrapped.map_err(|error| failed("wrap a key", &error))?;
        // The library does not cut its buffer to what the module wrote, so the length is checked.
        if wrapped.len() == length {
            Ok(wrapped)
        } else {
            Err(CustodyError::Token {
                operation: "wrap a key",
                reason: "the blob has the wrong length".to_owned(),
            })
        }
    }
}
