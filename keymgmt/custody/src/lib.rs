//! Keys: the hierarchy, the two HSM tokens, envelopes, packages for sites, audit notes.
//!
//! Keys leave this crate only wrapped. Secrets cannot be printed, cloned or serialised.
//!
//! Reading order: what the appliance may ask (`custody`), which keys exist (`hierarchy`), what is
//! sealed under them (`envelope`, `batch`), how a site gets its secret and gives it up (`site`,
//! `challenge`, `package`, `enrolment`, `deletion`), the audit log (`audit`, `note`, `tile`, `proof`,
//! `cosignature`, `key_change`), and the tokens themselves (`profile`, `pkcs11`).

pub mod audit;
pub mod backup;
pub mod batch;
pub mod challenge;
pub mod cosignature;
pub mod custody;
pub mod deletion;
mod der;
pub mod enrolment;
pub mod envelope;
pub mod error;
pub mod hierarchy;
pub mod inventory;
pub mod key_change;
pub mod limits;
pub mod note;
pub mod oaep;
pub mod p256;
pub mod package;
pub mod pkcs11;
pub mod profile;
pub mod proof;
pub mod secret;
pub mod site;
pub mod software;
mod stack;
pub mod tile;

pub use custody::Custody;
pub use error::CustodyError;
pub use oaep::Oaep;
pub use secret::Secret;
