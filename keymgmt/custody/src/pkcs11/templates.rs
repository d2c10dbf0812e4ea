//! Attribute templates. Some modules read a missing usage attribute as TRUE, others as FALSE, so every
//! one is written.

use cryptoki::{
    mechanism::{
        Mechanism, MechanismType,
        rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource},
    },
    object::{Attribute, KeyType, ObjectClass},
    types::Ulong,
};

use crate::{der::RsaNumbers, inventory::KeyId, limits::RSA_BITS, oaep::Oaep};

/// `prime256v1` as DER object identifier.
const P256_PARAMETERS: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The single use of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Wrap,
    Unwrap,
}

fn name(id: &KeyId, label: &str) -> [Attribute; 2] {
    [
        Attribute::Id(id.0.to_vec()),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

/// Attributes of every secret or private key in a token.
fn kept(extractable: bool) -> [Attribute; 6] {
    [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(extractable),
        Attribute::Modifiable(false),
        Attribute::Derive(false),
    ]
}

fn secret_usage(only: Use) -> [Attribute; 6] {
    [
        Attribute::Encrypt(only == Use::Encrypt),
        Attribute::Decrypt(only == Use::Decrypt),
        Attribute::Sign(only == Use::Sign),
        Attribute::Verify(only == Use::Verify),
        Attribute::Wrap(only == Use::Wrap),
        Attribute::Unwrap(only == Use::Unwrap),
    ]
}

fn private_usage(only: Use) -> [Attribute; 4] {
    [
        Attribute::Decrypt(only == Use::Decrypt),
        Attribute::Sign(only == Use::Sign),
        Attribute::SignRecover(false),
        Attribute::Unwrap(false),
    ]
}

fn public_usage(only: Use) -> [Attribute; 5] {
    [
        Attribute::Encrypt(only == Use::Encrypt),
        Attribute::Verify(only == Use::Verify),
        Attribute::VerifyRecover(false),
        Attribute::Wrap(only == Use::Wrap),
        Attribute::Derive(false),
    ]
}

fn public_key(id: &KeyId, label: &str, only: Use) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Modifiable(false),
    ];
    template.extend(name(id, label));
    template.extend(public_usage(only));
    template
}

/// A secret of 32 bytes for HMAC. `wrapped_with_trusted` makes it extractable, to trusted keys only
/// where the module knows them.
pub(super) fn hmac_secret(
    id: &KeyId,
    label: &str,
    extractable: bool,
    wrap_with_trusted: bool,
) -> Vec<Attribute> {
    let mut template = restored_secret(id, label, extractable, wrap_with_trusted);
    template.push(Attribute::ValueLen(Ulong::from(32)));
    template
}

/// The same for a secret that is unwrapped: its length follows from the blob, and modules refuse to be
/// told.
pub(super) fn restored_secret(
    id: &KeyId,
    label: &str,
    extractable: bool,
    wrap_with_trusted: bool,
) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::WrapWithTrusted(wrap_with_trusted),
    ];
    template.extend(name(id, label));
    template.extend(kept(extractable));
    template.extend(secret_usage(Use::Sign));
    template
}

/// The same key as an object of one session, which may still be changed.
pub(super) fn of_this_session(template: &[Attribute]) -> Vec<Attribute> {
    let changed = |attribute: &Attribute| {
        if let Attribute::Token(_) = attribute {
            Attribute::Token(false)
        } else if let Attribute::Modifiable(_) = attribute {
            Attribute::Modifiable(true)
        } else {
            attribute.clone()
        }
    };
    template.iter().map(changed).collect()
}

/// An AES-256 key that wraps and does nothing else; created by the security officer.
pub(super) fn wrapping_aes(
    id: &KeyId,
    label: &str,
    value: &[u8; 32],
    trusted: bool,
) -> Vec<Attribute> {
    let mut template = imported_aes(id, label, value, Use::Wrap);
    if trusted {
        template.push(Attribute::Trusted(true));
    }
    template
}

/// An AES-256 key that unwraps and does nothing else; created by the security officer.
pub(super) fn unwrapping_aes(id: &KeyId, label: &str, value: &[u8; 32]) -> Vec<Attribute> {
    imported_aes(id, label, value, Use::Unwrap)
}

/// What an imported backup key must look like, for tokens that do not know trusted keys.
pub(super) fn wrapping_policy() -> Vec<Attribute> {
    let mut policy = vec![
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
    ];
    policy.extend(secret_usage(Use::Wrap));
    policy
}

/// Thirty-two zero bytes as a key of this session only: what a backup key wraps to show which it is.
pub(super) fn public_constant() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Value(vec![0; 32]),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::Derive(false),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
    ]
}

fn imported_aes(id: &KeyId, label: &str, value: &[u8; 32], only: Use) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Value(value.to_vec()),
        Attribute::Token(true),
        // The officer cannot make private objects; the value stays sensitive.
        Attribute::Private(false),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Modifiable(false),
        Attribute::Derive(false),
    ];
    template.extend(name(id, label));
    template.extend(secret_usage(only));
    template
}

/// A site's RSA key that wraps and does nothing else; created by the security officer.
pub(super) fn wrapping_rsa(
    id: &KeyId,
    label: &str,
    numbers: &RsaNumbers,
    trusted: bool,
) -> Vec<Attribute> {
    let mut template = public_key(id, label, Use::Wrap);
    template.extend([
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::RSA),
        Attribute::Modulus(numbers.modulus.clone()),
        Attribute::PublicExponent(numbers.exponent.clone()),
    ]);
    if trusted {
        template.push(Attribute::Trusted(true));
    }
    template
}

/// A P-256 pair for signatures: public and private template.
pub(super) fn p256_pair(id: &KeyId, label: &str) -> (Vec<Attribute>, Vec<Attribute>) {
    let mut public = public_key(id, label, Use::Verify);
    public.push(Attribute::EcParams(P256_PARAMETERS.to_vec()));
    let mut private = kept(false).to_vec();
    private.extend(name(id, label));
    private.extend(private_usage(Use::Sign));
    (public, private)
}

/// An RSA-3072 pair for decryption: public and private template.
pub(super) fn rsa_pair(id: &KeyId, label: &str) -> (Vec<Attribute>, Vec<Attribute>) {
    let bits = u32::try_from(RSA_BITS).expect("3072 fits");
    let mut public = public_key(id, label, Use::Encrypt);
    public.extend([
        Attribute::ModulusBits(Ulong::from(u64::from(bits))),
        Attribute::PublicExponent(vec![1, 0, 1]),
    ]);
    let mut private = kept(false).to_vec();
    private.extend(name(id, label));
    private.extend(private_usage(Use::Decrypt));
    (public, private)
}

/// The OAEP mechanism without label.
pub(super) fn oaep_mechanism(oaep: Oaep) -> Mechanism<'static> {
    let (hash, mask) = match oaep {
        Oaep::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        Oaep::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
    };
    Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash, mask, PkcsOaepSource::empty()))
}
