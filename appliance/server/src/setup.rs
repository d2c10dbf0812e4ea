//! From a checked configuration to opened keys, store and trust.

use std::{sync::Arc, time::Instant};

use appliance_store::{Scope, Store, StoreError};
use keymgmt_custody::{
    Custody, CustodyError, Secret,
    enrolment::Enrolment,
    hierarchy::{DerivingKey, Label},
    inventory::Inventory,
    pkcs11::{AppliancePkcs11, Pin, TokenName},
    profile::Profile,
};
use linker_token::{Epoch, ProjectId, SchemaDigest};

use crate::{
    config::{Config, ConfigError, read_file},
    metrics,
    service::Trust,
};

/// The custodians' files, read and verified.
#[derive(Debug)]
pub struct CustodyFiles {
    profile: Profile,
    inventory: Inventory,
    pin: Pin,
}

impl CustodyFiles {
    /// Reads what the configuration names and verifies it with the custodians' key, without touching the
    /// token.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(config: &Config, custody_key: &[u8]) -> Result<Self, ConfigError> {
        let profile = text(&config.hsm.profile, "hsm.profile")?;
        let profile = Profile::parse(&profile).map_err(refused("hsm.profile"))?;
        let inventory = text(&config.hsm.inventory, "hsm.inventory")?;
        let inventory =
            Inventory::parse_verified(&inventory, custody_key).map_err(refused("hsm.inventory"))?;
        let pin = Pin::from_file(&config.hsm.pin_file).map_err(refused("hsm.pin_file"))?;
        if inventory.project != config.project || inventory.epoch != config.epoch {
            let rule = "it is for another project or key epoch than [linkage]";
            return Err(ConfigError::rule("hsm.inventory", rule));
        }
        Ok(Self {
            profile,
            inventory,
            pin,
        })
    }

    /// Logs in to the token, once, and checks every key.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn open(self, config: &Config) -> Result<Arc<dyn Custody>, CustodyError> {
        let token = TokenName::Label(config.hsm.token.clone());
        let token = AppliancePkcs11::open(
            &self.profile,
            token,
            self.pin,
            &self.inventory,
            &config.project,
            config.epoch,
        )?;
        Ok(Arc::new(Timed(token)))
    }
}

/// Two epochs' tokens must have the same key for pseudonyms: a person's pseudonym in a project would
/// change with the epoch, and every recipient would hold another person.
///
/// # Errors
/// [`ConfigError`] if they differ.
pub fn check_pseudonyms(current: &dyn Custody, next: &dyn Custody) -> Result<(), ConfigError> {
    let of = |custody: &dyn Custody| {
        let derived = custody.derive(DerivingKey::Psk, Label::CheckValue, b"epochs/v1");
        derived.map_err(refused("next.inventory"))
    };
    if of(current)? == of(next)? {
        return Ok(());
    }
    let rule = "its psk is another key than that of hsm.inventory: pseudonyms would change";
    Err(ConfigError::rule("next.inventory", rule))
}

/// What a running service stands on. Another value belongs to another service, which is started anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Name of the audit log.
    pub origin: String,
    /// The linkage project.
    pub project: ProjectId,
    /// The key epoch.
    pub epoch: Epoch,
    /// The schema.
    pub schema: SchemaDigest,
    /// The custodians' public key, DER.
    pub custody_key: Vec<u8>,
    /// The same of the next epoch, if there is one.
    pub next: Option<Box<Self>>,
}

impl Pinned {
    /// What a configuration names.
    ///
    /// # Errors
    /// [`ConfigError`] if the custodians' key cannot be read.
    pub fn of(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            origin: config.origin.clone(),
            project: config.project.clone(),
            epoch: config.epoch,
            schema: config.schema.digest(),
            custody_key: custody_key(config)?,
            next: match config.of_next() {
                Some(next) => Some(Box::new(Self::of(&next)?)),
                None => None,
            },
        })
    }

    /// Refuses values that differ from these.
    ///
    /// # Errors
    /// [`ConfigError`] names the first that differs.
    pub fn compare(&self, other: &Self) -> Result<(), ConfigError> {
        let rule =
            "it differs from that of the running service; start the service anew to change it";
        let facts = [
            ("service.origin", self.origin == other.origin),
            ("linkage.project", self.project == other.project),
            ("linkage.epoch", self.epoch == other.epoch),
            ("linkage.schema", self.schema == other.schema),
            ("hsm.custody_key", self.custody_key == other.custody_key),
            ("next", self.next == other.next),
        ];
        let differs = facts.into_iter().find(|(_, same)| !same);
        differs.map_or(Ok(()), |(key, _)| Err(ConfigError::rule(key, rule)))
    }
}

/// The custodians' public key.
///
/// # Errors
/// [`ConfigError`] if it cannot be read.
pub fn custody_key(config: &Config) -> Result<Vec<u8>, ConfigError> {
    read_file(&config.hsm.custody_key, "hsm.custody_key")
}

/// The audit key that the signed inventory names; no token is touched.
///
/// # Errors
/// [`ConfigError`] if the inventory cannot be read or is not the custodians'.
pub fn audit_key(config: &Config, custody_key: &[u8]) -> Result<Vec<u8>, ConfigError> {
    const KEY: &str = "hsm.inventory";
    let inventory = text(&config.hsm.inventory, KEY)?;
    let inventory = Inventory::parse_verified(&inventory, custody_key).map_err(refused(KEY))?;
    let key = inventory.key("ask").map_err(refused(KEY))?;
    Ok(key.public_key().map_err(refused(KEY))?.to_vec())
}

/// Callers and the signed enrolment, which must be for this project, epoch and schema.
///
/// # Errors
/// [`ConfigError`].
pub fn trust(config: &Config, custody_key: &[u8]) -> Result<Trust, ConfigError> {
    const KEY: &str = "linkage.enrolment";
    let enrolment = text(&config.enrolment, KEY)?;
    let enrolment = Enrolment::parse_verified(&enrolment, custody_key).map_err(refused(KEY))?;
    if enrolment.project != config.project || enrolment.epoch != config.epoch {
        return Err(ConfigError::rule(
            KEY,
            "it is for another project or key epoch than [linkage]",
        ));
    }
    if enrolment.schema != config.schema.digest() {
        return Err(ConfigError::rule(
            KEY,
            "it is for another schema than linkage.schema",
        ));
    }
    Ok(Trust {
        callers: config.callers.clone(),
        enrolment,
    })
}

/// Opens the store for the service.
///
/// # Errors
/// [`StoreError`].
pub fn store(config: &Config, custody: Arc<dyn Custody>) -> Result<Store, StoreError> {
    Store::open(&config.data, custody, scope(config), &config.origin)
}

/// Opens the store for a tool, for reading only.
///
/// # Errors
/// [`StoreError`].
pub fn store_read_only(config: &Config, custody: Arc<dyn Custody>) -> Result<Store, StoreError> {
    Store::open_read_only(&config.data, custody, scope(config), &config.origin)
}

/// What the store is for.
#[must_use]
pub fn scope(config: &Config) -> Scope {
    Scope {
        project: config.project.clone(),
        epoch: config.epoch,
        schema: config.schema.clone(),
    }
}

fn text(path: &std::path::Path, key: &'static str) -> Result<String, ConfigError> {
    String::from_utf8(read_file(path, key)?)
        .map_err(|_opaque| ConfigError::rule(key, "the file is not UTF-8"))
}

fn refused(key: &'static str) -> impl Fn(CustodyError) -> ConfigError {
    move |source| ConfigError::Custody { key, source }
}

/// Keys whose calls are timed by operation.
struct Timed<C>(C);

impl<C: Custody> Timed<C> {
    fn time<T>(&self, operation: &'static str, call: impl FnOnce(&C) -> T) -> T {
        let started = Instant::now();
        let result = call(&self.0);
        metrics::hsm(operation, started.elapsed());
        result
    }
}

impl<C: Custody> Custody for Timed<C> {
    fn derive(
        &self,
        key: DerivingKey,
        label: Label,
        context: &[u8],
    ) -> Result<Secret, CustodyError> {
        self.time("derive", |token| token.derive(key, label, context))
    }

    fn open_content_key(&self, sealed: &[u8]) -> Result<Secret, CustodyError> {
        self.time("open-content-key", |token| token.open_content_key(sealed))
    }

    fn sign_audit(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
        self.time("sign-audit", |token| token.sign_audit(digest))
    }

    fn audit_public_key(&self) -> &[u8] {
        self.0.audit_public_key()
    }

    fn ingest_public_key(&self) -> &[u8] {
        self.0.ingest_public_key()
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), CustodyError> {
        self.time("random", |token| token.random(bytes))
    }

    fn check_health(&self) -> Result<(), CustodyError> {
        self.time("check-health", Custody::check_health)
    }
}
