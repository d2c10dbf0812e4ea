//! One part: its file, its frames, and what waits to be sealed.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::mpsc::sync_channel,
    thread,
};

use keymgmt_custody::envelope::FrameCipher;
use zeroize::Zeroizing;

use crate::{error::StoreError, files};

const PREFIX: &str = "scratch-";
const SUFFIX: &str = ".part";
/// Digits of the run and of the part's serial number.
const RUN_DIGITS: usize = 32;
const SERIAL_DIGITS: usize = 8;
/// Bytes of an AES-GCM tag.
const TAG_BYTES: usize = 16;

/// Whether a file of this name is a part of some run.
pub(super) fn is_ours(name: &str) -> bool {
    let middle = name.strip_prefix(PREFIX);
    let middle = middle.and_then(|rest| rest.strip_suffix(SUFFIX));
    let digits = |text: &str, count| {
        text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    middle
        .and_then(|middle| middle.split_once('-'))
        .is_some_and(|(run, serial)| digits(run, RUN_DIGITS) && digits(serial, SERIAL_DIGITS))
}

/// Where the files of one run lie.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    prefix: String,
}

impl Place {
    pub(super) fn new(folder: PathBuf, run: [u8; 16]) -> Self {
        let run = u128::from_be_bytes(run);
        let prefix = format!("{PREFIX}{run:0RUN_DIGITS$x}-");
        Self { folder, prefix }
    }

    pub(super) fn path(&self, serial: u32) -> PathBuf {
        let prefix = &self.prefix;
        self.folder
            .join(format!("{prefix}{serial:0SERIAL_DIGITS$x}{SUFFIX}"))
    }

    pub(super) fn is_of_this_run(&self, name: &str) -> bool {
        name.starts_with(&self.prefix) && is_ours(name)
    }

    /// Writes a frame. The file is opened each time: parts may be more than a process may have files open,
    /// and opening is little beside a frame.
    pub(super) fn write(&self, serial: u32, at: u64, sealed: &[u8]) -> Result<(), StoreError> {
        let path = self.path(serial);
        let file = OpenOptions::new()
            .write(true)
            .create_new(at == 0)
            .mode(0o600)
            .open(&path);
        file.and_then(|file| file.write_all_at(sealed, at))
            .map_err(|error| StoreError::io(format!("writing {}", files::name(&path)), error))
    }
}

/// A part while it is written.
pub(super) struct Part {
    /// Different for every part of a run, also for one that is named again after it was taken.
    pub(super) serial: u32,
    pub(super) buffer: Zeroizing<Vec<u8>>,
    /// Plaintext bytes of each frame in the file.
    frames: Vec<u32>,
    pub(super) on_disk: u64,
}

impl Part {
    pub(super) fn new(serial: u32) -> Self {
        Self {
            serial,
            buffer: Zeroizing::new(Vec::new()),
            frames: Vec::new(),
            on_disk: 0,
        }
    }

    /// Moves the buffer to a larger one by hand: the allocator would leave rows in the old place.
    pub(super) fn grow(&mut self, capacity: usize) {
        let mut larger = Zeroizing::new(Vec::with_capacity(capacity));
        larger.extend_from_slice(&self.buffer);
        self.buffer = larger;
    }

    /// Gives the buffer's memory back and says how much it was.
    pub(super) fn release(&mut self) -> usize {
        std::mem::take(&mut self.buffer).capacity()
    }

    pub(super) fn wrote(&mut self, plain: usize, sealed: usize) {
        self.frames
            .push(u32::try_from(plain).expect("frames are at most 1 MiB"));
        self.on_disk += sealed as u64;
    }
}

/// Seals and opens the frames of one run.
pub(super) struct Sealing {
    cipher: FrameCipher,
    run: [u8; 16],
    frame_bytes: usize,
}

impl Sealing {
    pub(super) fn new(cipher: FrameCipher, run: [u8; 16], frame_bytes: usize) -> Self {
        Self {
            cipher,
            run,
            frame_bytes,
        }
    }

    pub(super) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Seals the next frame of a part.
    pub(super) fn seal(&self, part: u32, of: &Part, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let number = frame_number(of.serial, of.frames.len())?;
        let aad = self.associated(part);
        Ok(self.cipher.seal(number, false, &aad, plain)?)
    }

    /// Hands out a part: the frames of its file, one read ahead, then what was never sealed.
    pub(super) fn read(
        &self,
        path: &Path,
        part: u32,
        of: &Part,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        if of.on_disk > 0 {
            let file = opened(path, of)?;
            let mut frames = Frames {
                sealing: self,
                file,
                name: files::name(path),
                part,
                of,
                at: 0,
                next: 0,
            };
            if of.frames.len() == 1 {
                sink(&frames.next_frame()?);
            } else {
                read_ahead(&mut frames, sink)?;
            }
        }
        if !of.buffer.is_empty() {
            sink(&of.buffer);
        }
        Ok(())
    }

    fn associated(&self, part: u32) -> Vec<u8> {
        let domain = b"store/scratch/v1\0".as_slice();
        [domain, &self.run, &part.to_be_bytes()].concat()
    }
}

fn opened(path: &Path, of: &Part) -> Result<File, StoreError> {
    let file = files::open(path)?;
    let fail = |error| StoreError::io(format!("reading {}", files::name(path)), error);
    if file.metadata().map_err(fail)?.len() != of.on_disk {
        let rule = "its length is not what was written";
        return Err(StoreError::damaged(files::name(path), rule));
    }
    Ok(file)
}

/// The nonce's number: serial numbers are never used twice in a run, and frames of one file count up.
fn frame_number(serial: u32, frame: usize) -> Result<u64, StoreError> {
    let frame = u32::try_from(frame).map_err(|_past| StoreError::TooLarge {
        what: "the frames of a scratch part",
        limit: u64::from(u32::MAX),
    })?;
    Ok(u64::from(serial) << 32 | u64::from(frame))
}

/// The frames of a part, in order.
struct Frames<'a> {
    sealing: &'a Sealing,
    file: File,
    name: String,
    part: u32,
    of: &'a Part,
    at: u64,
    next: usize,
}

impl Frames<'_> {
    fn next_frame(&mut self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let length = self.of.frames[self.next] as usize + TAG_BYTES;
        let mut sealed = vec![0; length];
        self.file
            .read_exact_at(&mut sealed, self.at)
            .map_err(|error| {
                if error.kind() == ErrorKind::UnexpectedEof {
                    StoreError::damaged(&*self.name, "it ends early")
                } else {
                    StoreError::io(format!("reading {}", self.name), error)
                }
            })?;
        let number = frame_number(self.of.serial, self.next)?;
        let aad = self.sealing.associated(self.part);
        self.at += length as u64;
        self.next += 1;
        let opened = self.sealing.cipher.open(number, false, &aad, &sealed);
        opened.map_err(|_refused| StoreError::damaged(&*self.name, "a frame does not open"))
    }

    fn left(&self) -> usize {
        self.of.frames.len() - self.next
    }
}

/// Reads and opens frames on a second thread while `sink` works on the one before.
fn read_ahead(frames: &mut Frames<'_>, sink: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
    thread::scope(|scope| {
        let (send, receive) = sync_channel(0);
        scope.spawn(move || {
            while frames.left() > 0 {
                let frame = frames.next_frame();
                let last = frame.is_err();
                // Nobody receives any more only if `sink` panicked.
                if send.send(frame).is_err() || last {
                    return;
                }
            }
        });
        receive
            .into_iter()
            .try_for_each(|frame| frame.map(|bytes| sink(&bytes)))
    })
}
