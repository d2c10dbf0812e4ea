//! Which keys exist, what each derives, and the one way to derive.

use hmac::{Hmac, KeyInit as _, Mac as _};
use linker_token::{CheckValue, Epoch, ProjectId, SchemaDigest};
use sha2::Sha256;

use crate::secret::Secret;

/// Keys of the appliance token that derive by HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DerivingKey {
    /// Second-layer seed, per project and epoch.
    Tmk,
    /// Data sealing, per project and epoch.
    Dkek,
    /// Project pseudonyms.
    Psk,
}

/// Purposes of derived secrets. Each label is used for one purpose, with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The seed of the bit permutation (TMK).
    Permutation,
    /// The key that seals one data key (DKEK).
    DataKeyEnvelope,
    /// The key of the store's row MACs (DKEK).
    RowMac,
    /// A project's pseudonym key (PSK).
    Pseudonym,
    /// Check values (any key).
    CheckValue,
    /// Filter keys, one per segment (LEK, at the site).
    Filter,
    /// Diffusion choices, one per segment (LEK, at the site).
    Diffusion,
    /// Record references, from the site's own reference key.
    Reference,
    /// Proof that a site opened its package (LEK).
    Receipt,
    /// The keys of the parts of a site's linkage table, from the site's own reference key.
    LinkageTable,
    /// Proof that a site holds the wrapping key that it asked to enrol (the challenge's own secret).
    Challenge,
}

impl Label {
    /// All labels; a test checks that their texts differ.
    pub const ALL: [Self; 11] = [
        Self::Permutation,
        Self::DataKeyEnvelope,
        Self::RowMac,
        Self::Pseudonym,
        Self::CheckValue,
        Self::Filter,
        Self::Diffusion,
        Self::Reference,
        Self::Receipt,
        Self::LinkageTable,
        Self::Challenge,
    ];

    /// The label's text inside the derivation block.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Permutation => "pprl/perm/v1",
            Self::DataKeyEnvelope => "pprl/dek-envelope/v1",
            Self::RowMac => "pprl/row-mac/v1",
            Self::Pseudonym => "pprl/pseudonym/v1",
            Self::CheckValue => "pprl/kcv/v1",
            Self::Filter => "pprl/bf/v1",
            Self::Diffusion => "pprl/diffusion/v1",
            Self::Reference => "pprl/reference/v1",
            Self::Receipt => "pprl/receipt/v1",
            Self::LinkageTable => "pprl/linkage-table/v1",
            Self::Challenge => "pprl/challenge/v1",
        }
    }
}

/// The input of one HMAC-SHA-256 that yields a 256-bit key: NIST SP 800-108 counter mode with one
/// block, `00000001 ‖ label ‖ 00 ‖ context ‖ 00000100`.
#[must_use]
pub fn derivation_block(label: Label, context: &[u8]) -> Vec<u8> {
    let mut block = vec![0, 0, 0, 1];
    block.extend_from_slice(label.text().as_bytes());
    block.push(0);
    block.extend_from_slice(context);
    block.extend_from_slice(&[0, 0, 1, 0]);
    block
}

/// The context of everything that belongs to one project and epoch: `project ‖ 00 ‖ epoch`, the epoch
/// in four bytes, big-endian. Names hold no zero byte, so contexts cannot run into each other.
#[must_use]
pub fn epoch_context(project: &ProjectId, epoch: Epoch) -> Vec<u8> {
    let mut context = project.as_str().as_bytes().to_vec();
    context.push(0);
    context.extend_from_slice(&epoch.0.to_be_bytes());
    context
}

/// The context of one segment's keys: the epoch's context, the schema's digest, the segment's index.
#[must_use]
pub fn segment_context(
    project: &ProjectId,
    epoch: Epoch,
    schema: &SchemaDigest,
    segment: u8,
) -> Vec<u8> {
    let mut context = epoch_context(project, epoch);
    context.extend_from_slice(&schema.0);
    context.push(segment);
    context
}

/// HMAC-SHA-256 in the host, for secrets that live in the host (sites, tests). FIPS 198-1.
///
/// # Panics
/// Never: HMAC takes a key of any length.
#[must_use]
pub fn derive_in_host(secret: &Secret, label: Label, context: &[u8]) -> Secret {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes any key");
    mac.update(&derivation_block(label, context));
    let mut bytes: [u8; 32] = mac.finalize().into_bytes().into();
    Secret::take(&mut bytes)
}

/// The public fingerprint in a derived check block: its first eight bytes.
#[must_use]
pub fn check_value_of(derived: &Secret) -> CheckValue {
    let mut check = [0; 8];
    check.copy_from_slice(&derived.expose()[..8]);
    CheckValue(check)
}

/// The check value of a secret in the host, bound to its project and epoch.
#[must_use]
pub fn check_value(secret: &Secret, project: &ProjectId, epoch: Epoch) -> CheckValue {
    let context = epoch_context(project, epoch);
    check_value_of(&derive_in_host(secret, Label::CheckValue, &context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_laid_out_as_written() {
        let project = ProjectId::parse("demo").expect("a good name");
        assert_eq!(epoch_context(&project, Epoch(258)), b"demo\0\0\0\x01\x02");
        let segment = segment_context(&project, Epoch(1), &SchemaDigest([7; 32]), 3);
        assert_eq!(segment.len(), 9 + 32 + 1);
        assert_eq!(segment[9..41], [7; 32]);
        assert_eq!(segment[41], 3);
    }

    #[test]
    fn derivation_is_hmac_over_the_block() {
        // Computed with `openssl dgst -sha256 -mac HMAC`, key of 32 bytes 0x0b, over
        // 00000001 ‖ "pprl/kcv/v1" ‖ 00 ‖ "demo" ‖ 00 ‖ 00000001 ‖ 00000100.
        let secret = Secret::take(&mut [0x0b; 32]);
        let project = ProjectId::parse("demo").expect("a good name");
        assert_eq!(
            check_value(&secret, &project, Epoch(1)).to_string(),
            "9f7a0eb011180a08"
        );
    }

    #[test]
    fn labels_differ() {
        let texts: std::collections::BTreeSet<_> = Label::ALL.iter().map(|l| l.text()).collect();
        assert_eq!(texts.len(), Label::ALL.len());
    }
}
