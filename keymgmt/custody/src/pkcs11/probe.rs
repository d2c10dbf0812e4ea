//! Using keys to see whether they are what they should be.

use cryptoki::object::{AttributeType, ObjectClass};
use sha2::{Digest as _, Sha256};

use crate::{
    der::{self, RsaNumbers},
    error::CustodyError,
    hierarchy::{Label, check_value_of},
    inventory::{KeyEntry, KeyProof},
    oaep, p256,
    pkcs11::{
        session::{check_policy, failed, find_key},
        templates,
        user::{SecretUse, UserSession},
    },
    secret::Secret,
};

impl UserSession {
    /// Does every operation of the portable core once with scratch keys, compares the results with
    /// the host's, and destroys the keys. A mechanism list proves nothing.
    ///
    /// # Errors
    /// [`CustodyError`] of the first operation that fails.
    pub fn probe(&self) -> Result<(), CustodyError> {
        let context = b"musubi/selftest/v1";
        let secret = self.generate_secret("selftest", SecretUse::Fixed, context)?;
        let checked = self.check(&secret, context);
        self.destroy("selftest", &secret.id)?;
        checked?;
        let pair = self.generate_p256("selftest")?;
        let checked = self.check(&pair, context);
        self.destroy("selftest", &pair.id)?;
        checked?;
        let pair = self.generate_rsa("selftest")?;
        let checked = self.probe_decryption(&pair);
        self.destroy("selftest", &pair.id)?;
        checked
    }

    fn probe_decryption(&self, pair: &KeyEntry) -> Result<(), CustodyError> {
        let KeyProof::Rsa(spki) = &pair.proof else {
            return Err(CustodyError::KeyMissing {
                name: pair.name.clone(),
            });
        };
        let secret = Secret::random()?;
        let sealed = oaep::seal(spki, self.profile.oaep(), &secret)?;
        let session = self.open.session();
        let key = find_key(session, ObjectClass::PRIVATE_KEY, &pair.name, &pair.id)?;
        let opened = session.decrypt(
            &templates::oaep_mechanism(self.profile.oaep()),
            key,
            &sealed,
        );
        let mut opened = opened.map_err(|error| failed("decrypt with RSA-OAEP", &error))?;
        if Secret::take_slice("a probe", &mut opened)? == secret {
            Ok(())
        } else {
            Err(CustodyError::KeyMismatch {
                name: pair.name.clone(),
                rule: "it decrypts to something else",
            })
        }
    }

    /// Uses a key and compares it with its inventory entry.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`] or [`CustodyError::KeyMismatch`].
    pub fn check(&self, entry: &KeyEntry, context: &[u8]) -> Result<(), CustodyError> {
        let mismatch = |rule| CustodyError::KeyMismatch {
            name: entry.name.clone(),
            rule,
        };
        let session = self.open.session();
        let find = |class| find_key(session, class, &entry.name, &entry.id);
        match &entry.proof {
            KeyProof::Secret(expected) => {
                let key = find(ObjectClass::SECRET_KEY)?;
                let leaves = SecretUse::of(&entry.name) == SecretUse::Delivered;
                check_policy(session, key, &entry.name, leaves)?;
                let derived = self.hmac(&entry.name, &entry.id, Label::CheckValue, context)?;
                if check_value_of(&derived) != *expected {
                    return Err(mismatch("its check value is another"));
                }
            }
            KeyProof::P256(spki) => {
                check_policy(session, find(ObjectClass::PRIVATE_KEY)?, &entry.name, false)?;
                let message = b"musubi/key-probe/v1\n";
                let digest = Sha256::digest(message).into();
                let signature = self.sign(&entry.name, &entry.id, &digest)?;
                p256::verify_fixed("a probe", spki, message, &signature)
                    .map_err(|_opaque| mismatch("its public key is another"))?;
            }
            KeyProof::Rsa(spki) => {
                let public = RsaNumbers {
                    modulus: self
                        .attribute(find(ObjectClass::PUBLIC_KEY)?, AttributeType::Modulus)?,
                    exponent: self.attribute(
                        find(ObjectClass::PUBLIC_KEY)?,
                        AttributeType::PublicExponent,
                    )?,
                };
                if der::rsa_spki(&public) != *spki {
                    return Err(mismatch("its public key is another"));
                }
            }
        }
        Ok(())
    }
}
