//! PKCS#11 tokens, through the portable core of five mechanisms: generic secrets with
//! HMAC-SHA-256, AES-256 with RFC 3394 wrapping, RSA-OAEP, P-256 with ECDSA over a host digest, and
//! random bytes.
//!
//! Modules differ in what they do when told little, so everything is said: every usage attribute is
//! written, tokens are named by label or serial number (slots move), keys by `CKA_ID` (labels repeat),
//! and a key counts only after its check value was compared.

mod appliance;
mod destroy;
mod module;
mod officer;
mod probe;
mod session;
mod site;
mod templates;
mod user;
mod wrap;

pub use appliance::AppliancePkcs11;
pub use officer::{BACKUP_KEY, OfficerSession, RESTORE_KEY, init_token};
pub use session::{Pin, TokenFacts, TokenName, find_token};
pub use site::{SiteToken, SiteTokenKeys};
pub use user::{SecretUse, UserSession};
