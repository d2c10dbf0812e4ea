//! Batches as a site makes them.

use std::path::Path;

use keymgmt_custody::{
    Custody as _, Oaep,
    batch::{Plaintext, seal_batch},
    inventory::KeyProof,
};
use linkage_proto::v1::{UploadChunk, UploadHeader, UploadMessage, upload_message::Part};
use linker_token::{Flags, Manifest, RecordRef, Schema, SiteId, Token, TokenBatch};
use sha2::{Digest as _, Sha256};

use crate::keys;

/// A sealed batch with all that an upload needs.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) manifest: Manifest,
    pub(crate) header: UploadHeader,
    pub(crate) chunks: Vec<Vec<u8>>,
}

/// A row of half-set bits that depends on the person alone.
pub(crate) fn row(person: u64) -> Vec<u64> {
    let words = Schema::jp_1().row_words() as u64;
    (0..words)
        .map(|word| {
            let digest = Sha256::digest([person.to_le_bytes(), word.to_le_bytes()].concat());
            u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"))
        })
        .collect()
}

/// A site's name of a person's record.
pub(crate) fn reference(site: &str, person: u64) -> RecordRef {
    let digest = Sha256::digest(format!("{site} {person}"));
    RecordRef(digest[..16].try_into().expect("sixteen bytes"))
}

pub(crate) fn batch(site: &str, persons: impl IntoIterator<Item = u64>) -> TokenBatch {
    let mut batch = TokenBatch::new(&Schema::jp_1());
    for person in persons {
        let token = Token {
            reference: reference(site, person),
            flags: Flags::default(),
            row: row(person),
        };
        batch.push(&token).expect("fits");
    }
    batch
}

/// The same persons under the next key epoch: the same references, and rows that have nothing to do with the
/// former ones.
pub(crate) fn next_batch(site: &str, persons: impl IntoIterator<Item = u64>) -> TokenBatch {
    let mut batch = TokenBatch::new(&Schema::jp_1());
    for person in persons {
        let token = Token {
            reference: reference(site, person),
            flags: Flags::default(),
            row: row(person + (1 << 40)),
        };
        batch.push(&token).expect("fits");
    }
    batch
}

/// A manifest under the next key epoch.
pub(crate) fn next_manifest(site: &str, batch: &TokenBatch) -> Manifest {
    Manifest {
        epoch: keys::NEXT,
        secret_check: keys::NEXT_CHECK,
        ..manifest(site, batch)
    }
}

pub(crate) fn manifest(site: &str, batch: &TokenBatch) -> Manifest {
    Manifest {
        site: SiteId::parse(site).expect("a good name"),
        project: keys::project(),
        epoch: keys::EPOCH,
        secret_check: keys::CHECK,
        schema: Schema::jp_1().digest(),
        normaliser: "1".into(),
        tables: "1".into(),
        sequence: 0,
        last: true,
        rows: u32::try_from(batch.len()).expect("bounded"),
        digest: batch.digest(),
        counts: [].into(),
    }
}

pub(crate) fn seal(folder: &Path, batch: &TokenBatch, manifest: Manifest) -> Sealed {
    let inventory = if manifest.epoch == keys::NEXT {
        keys::inventory_of(folder, keys::NEXT_INVENTORY)
    } else {
        keys::inventory(folder)
    };
    let aik = inventory.key("aik").expect("is there");
    let KeyProof::Rsa(spki) = &aik.proof else {
        panic!("AIK is an RSA key")
    };
    let sealed = seal_batch(
        &manifest,
        &Plaintext::new(batch.to_bytes()),
        spki,
        Oaep::Sha1,
    )
    .expect("seals");
    let bytes = manifest.to_bytes();
    let signature = keys::site_key(manifest.site.as_str())
        .sign_audit(&Sha256::digest(&bytes).into())
        .expect("signs");
    let header = UploadHeader {
        manifest: bytes,
        signature: signature.to_vec(),
        sealed_content_key: sealed.sealed_content_key,
        chunk_count: u32::try_from(sealed.chunks.len()).expect("bounded"),
        first_sequence: 0,
        checkpoint_size_seen: 0,
    };
    Sealed {
        manifest,
        header,
        chunks: sealed.chunks,
    }
}

impl Sealed {
    /// The messages from the first chunk on that is not durable yet.
    pub(crate) fn messages(&self, first: u32) -> Vec<UploadMessage> {
        let header = UploadHeader {
            first_sequence: first,
            ..self.header.clone()
        };
        let mut messages = vec![message(Part::Header(header))];
        for (sequence, sealed) in (0..).zip(&self.chunks).skip(first as usize) {
            messages.push(chunk(sequence, sealed.clone()));
        }
        messages
    }

    pub(crate) fn stream(&self) -> impl tokio_stream::Stream<Item = UploadMessage> + use<> {
        tokio_stream::iter(self.messages(0))
    }

    pub(crate) fn batch_id(&self) -> Vec<u8> {
        self.manifest.batch_id().0.to_vec()
    }
}

pub(crate) fn chunk(sequence: u32, sealed: Vec<u8>) -> UploadMessage {
    message(Part::Chunk(UploadChunk { sequence, sealed }))
}

fn message(part: Part) -> UploadMessage {
    UploadMessage { part: Some(part) }
}
