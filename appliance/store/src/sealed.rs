//! Sealed, immutable files: header, AES-256-GCM frames, Merkle footer.
//!
//! A file is bound to its place three times: the digest of its header is associated data of every frame,
//! with the frame's number and whether it is the last; the data key is sealed by the token under that
//! digest; and the database row holds the digest, the sealed key, and the Merkle root over the frames.
//! The sealed key lives only in the row, so that dropping the row's key shreds the file.
//! Not protected: that a whole older folder is put in place of this one (the audit log sees that).

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    Custody, Secret,
    envelope::{FrameCipher, open_data_key, seal_data_key},
};
use linker_token::{
    TokenError,
    canonical::{Reader, Writer},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::StoreError,
    files, limits,
    record::Scope,
    rows::{put_bytes, take_bytes, take_u64},
    tree::{self, Hash, Tree},
};

const HEADER: [u8; 8] = *b"MSBSEA01";
const FOOTER: [u8; 8] = *b"MSBSEAFT";
/// Bytes of an AES-GCM tag.
const TAG_BYTES: usize = 16;
/// Magic, frames, plaintext bytes, root.
const FOOTER_BYTES: usize = 8 + 8 + 8 + 32;
/// Nonce, wrapped key, tag; with room.
const SEALED_KEY_BYTES_MAX: usize = 256;

/// What a sealed file holds. Part of the header, so that kinds cannot be swapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rows of one batch.
    Tokens,
    /// Records and research IDs.
    Assignments,
    /// ID events.
    Events,
    /// Records and pseudonyms.
    Release,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Tokens => 1,
            Self::Assignments => 2,
            Self::Events => 3,
            Self::Release => 4,
        }
    }
}

/// What the database remembers of a sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedInfo {
    header: Hash,
    sealed_key: Vec<u8>,
    frame_bytes: u32,
    plaintext_bytes: u64,
    root: Hash,
}

impl SealedInfo {
    pub(crate) fn write(&self, out: &mut Writer) {
        out.fixed(&self.header);
        put_bytes(out, &self.sealed_key);
        out.u32(self.frame_bytes);
        out.u64(self.plaintext_bytes);
        out.fixed(&self.root);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, TokenError> {
        Ok(Self {
            header: input.fixed()?,
            sealed_key: take_bytes(input, SEALED_KEY_BYTES_MAX)?,
            frame_bytes: input.u32()?,
            plaintext_bytes: take_u64(input)?,
            root: input.fixed()?,
        })
    }

    /// Bytes of plaintext.
    pub(crate) fn plaintext_bytes(&self) -> u64 {
        self.plaintext_bytes
    }

    /// Frames; an empty file has one empty frame, so that there is always a last one.
    fn frames(&self) -> u64 {
        self.plaintext_bytes
            .div_ceil(u64::from(self.frame_bytes))
            .max(1)
    }

    /// Plaintext bytes of frame `frame`.
    fn frame_length(&self, frame: u64) -> usize {
        let left = self.plaintext_bytes - frame * u64::from(self.frame_bytes);
        usize::try_from(left.min(u64::from(self.frame_bytes))).expect("frames are 64 KiB")
    }
}

/// The header's bytes: what the file is, in which scope, under which name.
fn header_bytes(kind: Kind, name: &str, scope: &Scope, frame_bytes: u32) -> Vec<u8> {
    let mut out = Writer::new(HEADER);
    out.u32(kind.code());
    out.text(name);
    out.text(scope.project.as_str());
    out.u32(scope.epoch.0);
    out.fixed(&scope.schema.digest().0);
    out.u32(frame_bytes);
    out.finish()
}

fn footer_bytes(frames: u64, plaintext_bytes: u64, root: &Hash) -> Vec<u8> {
    let mut out = Writer::new(FOOTER);
    out.u64(frames);
    out.u64(plaintext_bytes);
    out.fixed(root);
    out.finish()
}

/// Writes one sealed file under a temporary name.
pub(crate) struct SealedWriter {
    path: PathBuf,
    file: BufWriter<File>,
    cipher: FrameCipher,
    buffer: Zeroizing<Vec<u8>>,
    tree: Tree,
    info: SealedInfo,
}

impl SealedWriter {
    /// Starts a file with a fresh data key. `name` is the file's final name.
    pub(crate) fn create(
        path: PathBuf,
        (kind, name, frame_bytes): (Kind, &str, usize),
        scope: &Scope,
        custody: &dyn Custody,
    ) -> Result<Self, StoreError> {
        let frame_bytes = u32::try_from(frame_bytes).expect("frames are 64 KiB");
        let header = header_bytes(kind, name, scope, frame_bytes);
        let digest: Hash = Sha256::digest(&header).into();
        let mut key = [0; 32];
        custody.random(&mut key)?;
        let key = Secret::take(&mut key);
        let sealed_key = seal_data_key(custody, &key_context(&digest), &key)?;
        let mut file = BufWriter::with_capacity(1 << 20, files::create_new(&path)?);
        file.write_all(&header)
            .map_err(|error| StoreError::io(format!("writing {name}"), error))?;
        Ok(Self {
            path,
            file,
            cipher: FrameCipher::new(&key),
            buffer: Zeroizing::new(Vec::with_capacity(frame_bytes as usize)),
            tree: Tree::default(),
            info: SealedInfo {
                header: digest,
                sealed_key,
                frame_bytes,
                plaintext_bytes: 0,
                root: [0; 32],
            },
        })
    }

    /// Adds plaintext. A full frame is only sealed once more comes, because the last one is marked.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.info.plaintext_bytes += bytes.len() as u64;
        if self.info.plaintext_bytes > limits::SEALED_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a sealed file",
                limit: limits::SEALED_BYTES_MAX,
            });
        }
        while !bytes.is_empty() {
            let room = self.info.frame_bytes as usize - self.buffer.len();
            if room == 0 {
                self.seal_frame(false)?;
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Seals the last frame, writes the footer and syncs. The file still has its temporary name.
    pub(crate) fn finish(mut self) -> Result<(PathBuf, SealedInfo), StoreError> {
        self.seal_frame(true)?;
        let frames = self.tree.len();
        self.info.root = self.tree.root(frames);
        let footer = footer_bytes(frames as u64, self.info.plaintext_bytes, &self.info.root);
        let synced = self
            .file
            .write_all(&footer)
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| self.fail(error))?;
        Ok((self.path, self.info))
    }

    fn seal_frame(&mut self, last: bool) -> Result<(), StoreError> {
        let number = self.tree.len() as u64;
        let sealed = self
            .cipher
            .seal(number, last, &self.info.header, &self.buffer)?;
        self.buffer.clear();
        self.tree.push(tree::leaf_hash(&sealed));
        let written = self.file.write_all(&sealed);
        written.map_err(|error| self.fail(error))
    }

    fn fail(&self, error: std::io::Error) -> StoreError {
        StoreError::io(format!("writing {}", files::name(&self.path)), error)
    }
}

/// One sealed file, opened. Every frame is checked when it is read.
pub(crate) struct SealedFile {
    name: String,
    file: File,
    cipher: FrameCipher,
    header_length: u64,
    info: SealedInfo,
}

impl SealedFile {
    /// Opens a file for reading frames, after [`Self::inspect`].
    pub(crate) fn open(
        path: &Path,
        (kind, name): (Kind, &str),
        info: &SealedInfo,
        scope: &Scope,
        custody: &dyn Custody,
    ) -> Result<Self, StoreError> {
        let (file, header_length) = Self::inspect(path, (kind, name), info, scope)?;
        let key = open_data_key(custody, &key_context(&info.header), &info.sealed_key)?;
        Ok(Self {
            name: name.to_owned(),
            file,
            cipher: FrameCipher::new(&key),
            header_length,
            info: info.clone(),
        })
    }

    /// Checks header, length and footer against what the database remembers. Needs no key.
    pub(crate) fn inspect(
        path: &Path,
        (kind, name): (Kind, &str),
        info: &SealedInfo,
        scope: &Scope,
    ) -> Result<(File, u64), StoreError> {
        let expected = header_bytes(kind, name, scope, info.frame_bytes);
        if Hash::from(Sha256::digest(&expected)) != info.header {
            return Err(StoreError::damaged(
                name,
                "its database row is of another file",
            ));
        }
        let file = files::open(path)?;
        let fail = |error| StoreError::io(format!("reading {name}"), error);
        let mut header = vec![0; expected.len()];
        file.read_exact_at(&mut header, 0)
            .map_err(|error| truncated(name, error))?;
        if header != expected {
            return Err(StoreError::damaged(name, "its header is of another file"));
        }
        let (frames, header_length) = (info.frames(), header.len() as u64);
        let footer_at = header_length + info.plaintext_bytes + frames * TAG_BYTES as u64;
        if file.metadata().map_err(fail)?.len() != footer_at + FOOTER_BYTES as u64 {
            return Err(StoreError::damaged(
                name,
                "its length is not what was written",
            ));
        }
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at).map_err(fail)?;
        if footer[..] != footer_bytes(frames, info.plaintext_bytes, &info.root) {
            return Err(StoreError::damaged(
                name,
                "its footer is not what was written",
            ));
        }
        Ok((file, header_length))
    }

    /// Number of frames.
    pub(crate) fn frames(&self) -> u64 {
        self.info.frames()
    }

    /// Opens frame `frame`. The cipher proves that it is this frame of this file.
    pub(crate) fn frame(&self, frame: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.read_frame(frame)
            .and_then(|sealed| self.open_frame(frame, &sealed))
    }

    /// All plaintext, frame by frame, with the Merkle root checked at the end.
    pub(crate) fn read_all(
        &self,
        mut sink: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut tree = Tree::default();
        for frame in 0..self.frames() {
            let sealed = self.read_frame(frame)?;
            tree.push(tree::leaf_hash(&sealed));
            sink(&self.open_frame(frame, &sealed)?)?;
        }
        if tree.root(tree.len()) == self.info.root {
            Ok(())
        } else {
            Err(self.damaged("its frames do not add up to its root"))
        }
    }

    fn read_frame(&self, frame: u64) -> Result<Vec<u8>, StoreError> {
        let step = u64::from(self.info.frame_bytes) + TAG_BYTES as u64;
        let mut sealed = vec![0; self.info.frame_length(frame) + TAG_BYTES];
        self.file
            .read_exact_at(&mut sealed, self.header_length + frame * step)
            .map_err(|error| truncated(&self.name, error))?;
        Ok(sealed)
    }

    fn open_frame(&self, frame: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let last = frame + 1 == self.frames();
        self.cipher
            .open(frame, last, &self.info.header, sealed)
            .map_err(|_refused| self.damaged("a frame does not open"))
    }

    fn damaged(&self, rule: &'static str) -> StoreError {
        StoreError::damaged(&*self.name, rule)
    }
}

fn key_context(header: &Hash) -> Vec<u8> {
    [b"store/sealed-file/v1\0".as_slice(), header].concat()
}

fn truncated(name: &str, error: std::io::Error) -> StoreError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        StoreError::damaged(name, "it ends early")
    } else {
        StoreError::io(format!("reading {name}"), error)
    }
}
