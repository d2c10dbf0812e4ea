//! One part of the linkage table: a sealed file of entries in the order of their references.
//!
//! `magic ‖ salt ‖ frames`. A frame is its length in four bytes, big-endian, and that many sealed bytes
//! (AES-256-GCM, numbered, with a last flag). Frames hold entries: reference, one byte of length, the
//! record's own number. The last frame holds the number of entries instead. The key of a part is
//! HMAC-SHA-256 of the site's reference key over site and salt, so that no two parts share one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use keymgmt_custody::{
    envelope::FrameCipher,
    hierarchy::{Label, derive_in_host},
};
use linker_token::{RecordRef, limits::REFERENCE_BYTES};
use zeroize::Zeroizing;

use super::{Seal, UNFINISHED};
use crate::{
    error::{AgentError, Fault},
    limits::PART_FRAME_BYTES,
    state,
};

const MAGIC: &[u8; 16] = b"musubi table 01\n";
const SALT_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + SALT_BYTES;
const TAG_BYTES: usize = 16;
/// One byte says how long a record's own number is. The tokenizer takes none of more than 128 bytes.
pub(super) const RECORD_BYTES_MAX: usize = 255;

const _: () = assert!(linker_tokenize::limits::LOCAL_ID_BYTES_MAX <= RECORD_BYTES_MAX);

/// The name of a part: `keys-level-number.part`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) prefix: String,
    pub(super) level: u8,
    pub(super) number: u64,
}

impl Name {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let mut pieces = path
            .file_name()?
            .to_str()?
            .strip_suffix(".part")?
            .split('-');
        let name = Self {
            prefix: pieces.next()?.to_owned(),
            level: pieces.next()?.parse().ok()?,
            number: pieces.next()?.parse().ok()?,
        };
        pieces.next().is_none().then_some(name)
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        let Self {
            prefix,
            level,
            number,
        } = self;
        folder.join(format!("{prefix}-{level}-{number:08}.part"))
    }
}

fn cipher(seal: &Seal, salt: &[u8]) -> FrameCipher {
    let mut context = seal.site.as_str().as_bytes().to_vec();
    context.push(0);
    context.extend_from_slice(salt);
    let key = derive_in_host(seal.keys.reference_key(), Label::LinkageTable, &context);
    FrameCipher::new(&key)
}

fn failed(error: io::Error) -> AgentError {
    AgentError::state("table", error)
}

/// Writes a part.
pub(super) struct Writer {
    file: BufWriter<File>,
    unfinished: PathBuf,
    place: PathBuf,
    cipher: FrameCipher,
    header: [u8; HEADER_BYTES],
    frame: Zeroizing<Vec<u8>>,
    number: u64,
    count: u64,
}

impl Writer {
    pub(super) fn create(folder: &Path, name: &Name, seal: &Seal) -> Result<Self, AgentError> {
        let mut header = [0; HEADER_BYTES];
        header[..MAGIC.len()].copy_from_slice(MAGIC);
        let salt = &mut header[MAGIC.len()..];
        getrandom::fill(salt)
            .map_err(|error| AgentError::new(Fault::Internal, "random bytes").because(error))?;
        let cipher = cipher(seal, salt);
        let place = name.path(folder);
        let unfinished = place.with_extension(UNFINISHED);
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = BufWriter::new(options.open(&unfinished).map_err(failed)?);
        file.write_all(&header).map_err(failed)?;
        Ok(Self {
            file,
            unfinished,
            place,
            cipher,
            header,
            frame: Zeroizing::new(Vec::with_capacity(PART_FRAME_BYTES)),
            number: 0,
            count: 0,
        })
    }

    /// The next entry; references ascend.
    pub(super) fn push(&mut self, reference: RecordRef, record: &[u8]) -> Result<(), AgentError> {
        if self.frame.len() + REFERENCE_BYTES + 1 + record.len() > PART_FRAME_BYTES {
            self.seal_frame(false)?;
        }
        let length = u8::try_from(record.len()).expect("the table takes no longer records");
        self.frame.extend_from_slice(&reference.0);
        self.frame.push(length);
        self.frame.extend_from_slice(record);
        self.count += 1;
        Ok(())
    }

    /// Makes the part durable under its name.
    pub(super) fn finish(mut self) -> Result<(), AgentError> {
        if !self.frame.is_empty() {
            self.seal_frame(false)?;
        }
        self.frame.extend_from_slice(&self.count.to_be_bytes());
        self.seal_frame(true)?;
        self.file.flush().map_err(failed)?;
        self.file.get_ref().sync_all().map_err(failed)?;
        fs::rename(&self.unfinished, &self.place).map_err(failed)?;
        state::sync_folder(self.place.parent().unwrap_or(Path::new(".")))
    }

    fn seal_frame(&mut self, last: bool) -> Result<(), AgentError> {
        let sealed = self
            .cipher
            .seal(self.number, last, &self.header, &self.frame)
            .map_err(|error| AgentError::new(Fault::Internal, error.code()).because(error))?;
        let length = u32::try_from(sealed.len()).expect("frames are bounded");
        self.file.write_all(&length.to_be_bytes()).map_err(failed)?;
        self.file.write_all(&sealed).map_err(failed)?;
        self.frame.clear();
        self.number += 1;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After an error; the next start would throw it away as well, but a full disk wants the space now.
        drop(fs::remove_file(&self.unfinished));
    }
}

/// Reads a part.
pub(super) struct Reader {
    file: BufReader<File>,
    place: PathBuf,
    cipher: FrameCipher,
    header: [u8; HEADER_BYTES],
    frame: Zeroizing<Vec<u8>>,
    at: usize,
    number: u64,
    count: u64,
    ended: bool,
}

impl Reader {
    pub(super) fn open(folder: &Path, name: &Name, seal: &Seal) -> Result<Self, AgentError> {
        let place = name.path(folder);
        let mut file = BufReader::new(File::open(&place).map_err(failed)?);
        let mut header = [0; HEADER_BYTES];
        let read = file.read_exact(&mut header);
        if read.is_err() || !header.starts_with(MAGIC) {
            return Err(damaged(&place));
        }
        Ok(Self {
            file,
            place,
            cipher: cipher(seal, &header[MAGIC.len()..]),
            header,
            frame: Zeroizing::default(),
            at: 0,
            number: 0,
            count: 0,
            ended: false,
        })
    }

    /// Goes to the next entry and returns its reference; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordRef>, AgentError> {
        if let Some((_, end)) = self.record_at() {
            self.at = end;
        }
        while self.at >= self.frame.len() {
            if self.ended || !self.open_frame()? {
                return Ok(None);
            }
        }
        self.record_at().ok_or_else(|| damaged(&self.place))?;
        self.count += 1;
        let reference = self.frame[self.at..].first_chunk();
        Ok(reference.copied().map(RecordRef))
    }

    /// The record's own number of the present entry.
    pub(super) fn record(&self) -> &[u8] {
        match self.record_at() {
            Some((start, end)) => &self.frame[start..end],
            None => &[],
        }
    }

    fn record_at(&self) -> Option<(usize, usize)> {
        let start = self.at + REFERENCE_BYTES + 1;
        let end = start + usize::from(*self.frame.get(start - 1)?);
        (end <= self.frame.len()).then_some((start, end))
    }

    /// Opens the next frame; `false` if it is the last one, which holds no entries.
    fn open_frame(&mut self) -> Result<bool, AgentError> {
        let mut length = [0; 4];
        self.exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > PART_FRAME_BYTES + TAG_BYTES {
            return Err(damaged(&self.place));
        }
        let mut sealed = vec![0; length];
        self.exact(&mut sealed)?;
        let (number, header) = (self.number, &self.header);
        self.number += 1;
        self.at = 0;
        if let Ok(frame) = self.cipher.open(number, false, header, &sealed) {
            self.frame = frame;
            return Ok(true);
        }
        let trailer = self
            .cipher
            .open(number, true, header, &sealed)
            .map_err(|error| damaged(&self.place).because(error))?;
        self.frame.clear();
        self.ended = true;
        let mut rest = [0];
        let over = !matches!(self.file.read(&mut rest), Ok(0));
        if over || trailer[..] != self.count.to_be_bytes() {
            return Err(damaged(&self.place));
        }
        Ok(false)
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), AgentError> {
        self.file.read_exact(bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                damaged(&self.place)
            } else {
                failed(error)
            }
        })
    }
}

fn damaged(place: &Path) -> AgentError {
    AgentError::new(Fault::StateDamaged, place.display().to_string())
}
