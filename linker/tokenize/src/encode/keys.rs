//! The sub-keys of an encoding secret: HMAC-SHA-256 in the shape of NIST SP 800-108 counter mode.

use hmac::{Hmac, KeyInit, Mac};
use linker_token::{Epoch, ProjectId, SchemaDigest};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Label of the key of a segment's filter.
pub(super) const FILTER: &str = "pprl/bf/v1";
/// Label of the key that chooses a segment's diffusion.
pub(super) const DIFFUSION: &str = "pprl/diffusion/v1";
/// Label of record references.
pub(super) const REFERENCE: &str = "pprl/reference/v1";

/// HMAC-SHA-256 with its key absorbed once. The state is wiped when it is dropped.
pub(super) struct Prf(Hmac<Sha256>);

impl Prf {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// HMAC over the parts, one after another.
    pub(super) fn bytes(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// One 256-bit block of key derivation: `00000001 ‖ label ‖ 00 ‖ context ‖ 00000100`.
    pub(super) fn derive_bytes(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
        self.bytes(&[
            &1_u32.to_be_bytes(),
            label.as_bytes(),
            &[0],
            context,
            &256_u32.to_be_bytes(),
        ])
    }

    /// A sub-key.
    pub(super) fn derive(&self, label: &str, context: &[u8]) -> Self {
        Self::new(&self.derive_bytes(label, context))
    }
}

/// `project ‖ 00 ‖ epoch ‖ schema digest ‖ segment index`.
pub(super) fn segment_context(
    project: &ProjectId,
    epoch: Epoch,
    schema: &SchemaDigest,
    segment: usize,
) -> Vec<u8> {
    let mut context = project.as_str().as_bytes().to_vec();
    context.push(0);
    context.extend_from_slice(&epoch.0.to_be_bytes());
    context.extend_from_slice(&schema.0);
    context.push(u8::try_from(segment).expect("a schema has at most eight segments"));
    context
}

/// Numbers below a bound, drawn from HMAC blocks; all equally likely.
///
/// Block `j` is `HMAC(key, j ‖ message)` with `j` in four bytes, big-endian. Each block gives sixteen
/// 16-bit numbers, big-endian; a number at or above the largest multiple of the bound is skipped.
pub(super) struct Draws<'a> {
    prf: &'a Prf,
    message: &'a [u8],
    bound: u16,
    zone: u32,
    counter: u32,
    block: Zeroizing<[u8; 32]>,
    used: usize,
}

impl<'a> Draws<'a> {
    pub(super) fn new(prf: &'a Prf, message: &'a [u8], bound: usize) -> Self {
        let bound = u16::try_from(bound).expect("segments have at most 2,048 bits");
        Self {
            prf,
            message,
            bound,
            zone: 0x1_0000 - 0x1_0000 % u32::from(bound),
            counter: 0,
            block: Zeroizing::new([0; 32]),
            used: 32,
        }
    }
}

impl Iterator for Draws<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        loop {
            if self.used == 32 {
                self.block = self.prf.bytes(&[&self.counter.to_be_bytes(), self.message]);
                self.counter += 1;
                self.used = 0;
            }
            let word = u16::from_be_bytes([self.block[self.used], self.block[self.used + 1]]);
            self.used += 2;
            if u32::from(word) < self.zone {
                return Some(word % self.bound);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_4231_case_2() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        // A key shorter than the block is padded with zeros, so the padding above changes nothing.
        let mac = Prf::new(&key).bytes(&[b"what do ya want ", b"for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(*mac), expected);
    }

    #[test]
    fn draws_stay_below_their_bound_and_reach_it() {
        let prf = Prf::new(&[1; 32]);
        for bound in [64, 128, 192, 320, 2048] {
            let draws: Vec<u16> = Draws::new(&prf, b"m", bound).take(bound * 16).collect();
            let top = u16::try_from(bound).expect("small") - 1;
            assert!(draws.iter().all(|&draw| draw <= top));
            assert!(draws.contains(&0) && draws.contains(&top), "bound {bound}");
        }
    }
}
