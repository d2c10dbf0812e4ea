//! Which keys a token holds, signed by custody. Keys are found by `CKA_ID`; labels repeat.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use linker_token::{CheckValue, Epoch, ProjectId};

use crate::{
    error::CustodyError,
    limits::{INVENTORY_KEYS_MAX, KEY_ID_BYTES, TOKEN_LABEL_BYTES_MAX},
    note::{self, Lines, parse_hex},
    oaep, p256,
    package::CUSTODY_SIGNER,
};

const KIND: &str = "musubi/inventory/v1";

/// `CKA_ID`: sixteen random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; KEY_ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// By what a key is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProof {
    /// A secret for HMAC: its check value.
    Secret(CheckValue),
    /// A P-256 pair: its `SubjectPublicKeyInfo`.
    P256(Vec<u8>),
    /// An RSA-3072 key: its `SubjectPublicKeyInfo`.
    Rsa(Vec<u8>),
}

/// One key of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// Name in the hierarchy: `tmk`, `dkek`, `psk`, `aik`, `ask`, `csk`, `lek`, `site.<name>`.
    pub name: String,
    /// Where to find it.
    pub id: KeyId,
    /// What it must be.
    pub proof: KeyProof,
}

impl KeyEntry {
    /// The `SubjectPublicKeyInfo` of a key pair.
    ///
    /// # Errors
    /// [`CustodyError::KeyMismatch`] for a secret.
    pub fn public_key(&self) -> Result<&[u8], CustodyError> {
        match &self.proof {
            KeyProof::P256(spki) | KeyProof::Rsa(spki) => Ok(spki),
            KeyProof::Secret(_) => Err(self.wrong_kind()),
        }
    }

    /// The check value of a secret.
    ///
    /// # Errors
    /// [`CustodyError::KeyMismatch`] for a key pair.
    pub fn check_value(&self) -> Result<CheckValue, CustodyError> {
        match &self.proof {
            KeyProof::Secret(check) => Ok(*check),
            KeyProof::P256(_) | KeyProof::Rsa(_) => Err(self.wrong_kind()),
        }
    }

    fn wrong_kind(&self) -> CustodyError {
        CustodyError::KeyMismatch {
            name: self.name.clone(),
            rule: "it is another kind of key",
        }
    }
}

/// The keys of one token for one project and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The token's serial number.
    pub serial: String,
    /// The token's label.
    pub label: String,
    /// The project.
    pub project: ProjectId,
    /// The epoch.
    pub epoch: Epoch,
    /// The keys.
    pub keys: Vec<KeyEntry>,
}

impl Inventory {
    /// The entry of a key.
    ///
    /// # Errors
    /// [`CustodyError::KeyMissing`].
    pub fn key(&self, name: &str) -> Result<&KeyEntry, CustodyError> {
        let entry = self.keys.iter().find(|entry| entry.name == name);
        entry.ok_or_else(|| CustodyError::KeyMissing {
            name: name.to_owned(),
        })
    }

    /// Reads a signed inventory.
    ///
    /// # Errors
    /// [`CustodyError::BadSignature`] unless custody signed it, [`CustodyError::Malformed`].
    pub fn parse_verified(signed: &str, csk_spki: &[u8]) -> Result<Self, CustodyError> {
        let what = "a key inventory";
        let text = note::open(what, signed, CUSTODY_SIGNER, csk_spki)?;
        let mut lines = Lines::new(what, KIND, text)?;
        let mut inventory = Self {
            serial: lines.value("serial")?.to_owned(),
            label: lines.value("label")?.to_owned(),
            project: ProjectId::parse(lines.value("project")?)?,
            epoch: Epoch(lines.number("epoch")?),
            keys: Vec::new(),
        };
        while let Some(line) = lines.optional("key") {
            let entry = parse_key(line)?;
            if inventory.key(&entry.name).is_ok() {
                return Err(lines.refuse("a key is named twice"));
            }
            inventory.keys.push(entry);
            inventory.check_bounds()?;
        }
        lines.finish()?;
        inventory.check_bounds()?;
        Ok(inventory)
    }

    /// Signs the inventory.
    ///
    /// # Errors
    /// [`CustodyError`] from the signer, or [`CustodyError::TooLarge`].
    pub fn sign(
        &self,
        csk_spki: &[u8],
        sign: impl FnOnce(&[u8; 32]) -> Result<[u8; 64], CustodyError>,
    ) -> Result<String, CustodyError> {
        self.check_bounds()?;
        let mut text = format!(
            "{KIND}\nserial {}\nlabel {}\nproject {}\nepoch {}\n",
            self.serial, self.label, self.project, self.epoch
        );
        for KeyEntry { name, id, proof } in &self.keys {
            let proof = match proof {
                KeyProof::Secret(check) => format!("secret {check}"),
                KeyProof::P256(spki) => format!("p256 {}", STANDARD.encode(spki)),
                KeyProof::Rsa(spki) => format!("rsa {}", STANDARD.encode(spki)),
            };
            text.push_str(&format!("key {name} {id} {proof}\n"));
        }
        note::sign(&text, CUSTODY_SIGNER, csk_spki, sign)
    }

    fn check_bounds(&self) -> Result<(), CustodyError> {
        let (what, limit) = if self.keys.len() > INVENTORY_KEYS_MAX {
            ("the number of keys", INVENTORY_KEYS_MAX)
        } else if self.label.len().max(self.serial.len()) > TOKEN_LABEL_BYTES_MAX {
            ("a token's label or serial number", TOKEN_LABEL_BYTES_MAX)
        } else {
            return Ok(());
        };
        Err(CustodyError::TooLarge { what, limit })
    }
}

fn parse_key(line: &str) -> Result<KeyEntry, CustodyError> {
    let malformed = || CustodyError::Malformed {
        what: "a key inventory",
        rule: "a key line does not parse",
    };
    let parts: Vec<_> = line.split(' ').collect();
    let [name, id, kind, value] = parts[..] else {
        return Err(malformed());
    };
    let spki = || STANDARD.decode(value).ok().ok_or_else(malformed);
    let proof = match kind {
        "secret" => KeyProof::Secret(CheckValue(parse_hex(value).ok_or_else(malformed)?)),
        "p256" => KeyProof::P256(spki()?),
        "rsa" => KeyProof::Rsa(spki()?),
        _ => return Err(malformed()),
    };
    match &proof {
        KeyProof::Secret(_) => {}
        KeyProof::P256(spki) => p256::check_spki("a key of the inventory", spki)?,
        KeyProof::Rsa(spki) => oaep::check_spki("a key of the inventory", spki)?,
    }
    Ok(KeyEntry {
        name: name.to_owned(),
        id: KeyId(parse_hex(id).ok_or_else(malformed)?),
        proof,
    })
}
