//! Destroying keys, and proving that they are gone.

use cryptoki::object::{Attribute, ObjectHandle};

use crate::{
    der,
    error::CustodyError,
    hierarchy::Label,
    inventory::{KeyEntry, KeyId, KeyProof},
    pkcs11::{
        appliance::{hmac, sign},
        session::failed,
        user::{SecretUse, UserSession},
    },
};

impl UserSession {
    /// Destroys every object with this `CKA_ID` and sees that they are gone: none is found, and the old
    /// handles do nothing.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`] or [`CustodyError::Token`].
    pub fn destroy(&self, name: &str, id: &KeyId) -> Result<(), CustodyError> {
        let session = self.open.session();
        let objects = self.objects(id)?;
        if objects.is_empty() {
            return Err(CustodyError::KeyMissing {
                name: name.to_owned(),
            });
        }
        for object in &objects {
            let gone = session.destroy_object(*object);
            gone.map_err(|error| failed("destroy a key", &error))?;
        }
        let works = |object: &ObjectHandle| {
            hmac(session, *object, b"gone").is_ok() || sign(session, *object, &[0; 32]).is_ok()
        };
        if self.objects(id)?.is_empty() && !objects.iter().any(works) {
            Ok(())
        } else {
            Err(CustodyError::Token {
                operation: "destroy a key",
                reason: "it is still there".to_owned(),
            })
        }
    }

    /// Proves that a destroyed key is gone: no object of any class has its `CKA_ID`, nor its public key
    /// where it has one, and using it is refused for that reason and no other.
    ///
    /// A token that has silently logged out or lost its store also finds nothing; so the same session
    /// first makes, finds, uses and destroys a scratch key. What this cannot see is a copy under another
    /// `CKA_ID` in the same or another token: for that there is the inventory.
    ///
    /// # Errors
    /// [`CustodyError::StillThere`], or [`CustodyError::Token`] if the token proves nothing.
    pub fn prove_destroyed(&self, entry: &KeyEntry) -> Result<(), CustodyError> {
        self.prove_alive()?;
        let still_there = || CustodyError::StillThere {
            name: entry.name.clone(),
        };
        if !self.objects(&entry.id)?.is_empty() {
            return Err(still_there());
        }
        let used = match &entry.proof {
            KeyProof::Secret(_) => self
                .hmac(&entry.name, &entry.id, Label::CheckValue, b"gone")
                .map(drop),
            KeyProof::P256(_) => self.sign(&entry.name, &entry.id, &[0; 32]).map(drop),
            KeyProof::Rsa(spki) => {
                let numbers = der::rsa_numbers("a destroyed key", spki)?;
                let found = self.find(&[Attribute::Modulus(numbers.modulus)])?;
                if !found.is_empty() {
                    return Err(still_there());
                }
                return self.prove_alive();
            }
        };
        match used {
            Err(CustodyError::KeyMissing { .. }) => self.prove_alive(),
            Err(other) => Err(other),
            Ok(()) => Err(still_there()),
        }
    }

    /// Makes, finds, uses and destroys a scratch key: what this session does not find is not there.
    pub(super) fn prove_alive(&self) -> Result<(), CustodyError> {
        let name = "scratch";
        let scratch = self.generate_secret(name, SecretUse::Fixed, b"scratch")?;
        let found = self.objects(&scratch.id)?.len();
        self.destroy(name, &scratch.id)?;
        if found == 1 {
            Ok(())
        } else {
            Err(CustodyError::Token {
                operation: "find a key",
                reason: "it does not find what it has just made".to_owned(),
            })
        }
    }

    fn objects(&self, id: &KeyId) -> Result<Vec<ObjectHandle>, CustodyError> {
        self.find(&[Attribute::Id(id.0.to_vec())])
    }

    fn find(&self, template: &[Attribute]) -> Result<Vec<ObjectHandle>, CustodyError> {
        let found = self.open.session().find_objects(template);
        found.map_err(|error| failed("find a key", &error))
    }
}
