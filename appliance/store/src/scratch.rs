//! Sealed scratch space: rows of a run that do not fit into memory wait here, part by part.
//!
//! A part is one file of AES-256-GCM frames, appended to and read back once. All parts of a run are
//! sealed under one random key that is never written anywhere, so what a crash leaves behind is noise; the
//! next run sweeps it. Nothing is synced: scratch space outlives no process. The order and the lengths of
//! frames are known in memory only, so a frame that was altered, moved, cut or exchanged does not open.

mod part;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use keymgmt_custody::{Secret, envelope::FrameCipher};

use self::part::{Part, Place, Sealing};
use crate::{error::StoreError, files, limits};

const LOCK: &str = "scratch.lock";

/// What scratch space may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScratchRoom {
    /// Bytes on disk that the run is expected to need; they must be free before it starts.
    pub planned_bytes: u64,
    /// Most bytes on disk at one time.
    pub bytes_max: u64,
    /// Most bytes of memory for what is not yet sealed, over all parts.
    pub buffer_bytes: usize,
}

/// Scratch space in a folder of its own. Dropping it removes every part.
pub struct SealedScratch {
    place: Place,
    /// Held for as long as the space is: one folder, one run.
    _lock: File,
    sealing: Sealing,
    room: ScratchRoom,
    parts: BTreeMap<u32, Part>,
    next_serial: u32,
    /// Capacity of all buffers.
    buffered: usize,
    on_disk: u64,
    peak: u64,
    failed: bool,
}

impl fmt::Debug for SealedScratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, bytes) = (self.parts.len(), self.on_disk);
        write!(f, "SealedScratch({parts} parts, {bytes} bytes on disk)")
    }
}

impl SealedScratch {
    /// Opens scratch space in `folder`, which is made if need be. What a crashed run left is swept.
    ///
    /// # Errors
    /// [`StoreError::DataInUse`] if another run has the folder; [`StoreError::DiskFull`] if the planned
    /// bytes and a reserve are not free; [`StoreError::TooLarge`] if they are above the most allowed.
    pub fn open(folder: &Path, room: ScratchRoom) -> Result<Self, StoreError> {
        Self::with_frames(folder, room, limits::SCRATCH_FRAME_BYTES)
    }

    fn with_frames(
        folder: &Path,
        room: ScratchRoom,
        frame_bytes: usize,
    ) -> Result<Self, StoreError> {
        check(&room, frame_bytes)?;
        files::make_folder(folder)?;
        let lock = take_lock(folder)?;
        for name in files::list(folder)?
            .iter()
            .filter(|name| part::is_ours(name))
        {
            files::remove(&folder.join(name))?;
        }
        check_free(folder, room.planned_bytes)?;
        let run = Secret::random()?;
        let run = *run.expose().first_chunk().expect("a secret has 32 bytes");
        Ok(Self {
            place: Place::new(folder.to_owned(), run),
            _lock: lock,
            sealing: Sealing::new(FrameCipher::new(&Secret::random()?), run, frame_bytes),
            room,
            parts: BTreeMap::new(),
            next_serial: 0,
            buffered: 0,
            on_disk: 0,
            peak: 0,
            failed: false,
        })
    }

    /// Adds bytes to a part. Parts come into being by being named.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] without room on the disk or below the most allowed bytes; an I/O error.
    /// After an error nothing is left on the disk and every call is refused.
    pub fn append(&mut self, part: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.usable()?;
        let added = self.add(part, bytes);
        added.inspect_err(|_failed| self.fail())
    }

    /// Hands out the part's bytes in the order of appending, in pieces of any size, and forgets the part.
    /// A part that was never named has no bytes. One frame is read and opened ahead.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is not what was written; what `sink` has seen by then is not to
    /// be used. An I/O error.
    pub fn take(&mut self, part: u32, sink: &mut dyn FnMut(&[u8])) -> Result<(), StoreError> {
        self.usable()?;
        let Some(taken) = self.parts.remove(&part) else {
            return Ok(());
        };
        self.buffered -= taken.buffer.capacity();
        self.on_disk -= taken.on_disk;
        let path = self.place.path(taken.serial);
        let read = self.sealing.read(&path, part, &taken, sink);
        let removed = if taken.on_disk > 0 {
            files::remove(&path)
        } else {
            Ok(())
        };
        let done = read.and(removed);
        done.inspect_err(|_failed| self.fail())
    }

    /// Bytes on disk now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.on_disk
    }

    /// The most bytes that were on disk at one time.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.peak
    }

    fn usable(&self) -> Result<(), StoreError> {
        if self.failed {
            let rule = "the scratch space failed and was emptied";
            return Err(StoreError::Refused { rule });
        }
        Ok(())
    }

    fn add(&mut self, number: u32, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.part(number)?;
        let frame = self.sealing.frame_bytes();
        while !bytes.is_empty() {
            let waiting = self.part(number)?.buffer.len();
            // Half a frame and more goes out as it comes: a copy would cost more than a shorter frame does.
            if waiting == 0 && bytes.len() >= frame / 2 {
                let (now, later) = bytes.split_at(bytes.len().min(frame));
                self.seal_out(number, Some(now))?;
                bytes = later;
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(frame - waiting));
            self.make_room(number, now.len())?;
            // Making room may have sealed what waited, never what comes now.
            let part = self.part(number)?;
            part.buffer.extend_from_slice(now);
            if part.buffer.len() == frame {
                self.seal_out(number, None)?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn part(&mut self, number: u32) -> Result<&mut Part, StoreError> {
        let serial = self.next_serial;
        if !self.parts.contains_key(&number) {
            self.next_serial = serial.checked_add(1).ok_or(StoreError::TooLarge {
                what: "the number of scratch parts",
                limit: u64::from(u32::MAX),
            })?;
        }
        Ok(self
            .parts
            .entry(number)
            .or_insert_with(|| Part::new(serial)))
    }

    /// Lets the buffer of a part hold `more` bytes. If that takes memory that is not there, buffers are
    /// given back: the empty ones, then the fullest, until it is.
    fn make_room(&mut self, number: u32, more: usize) -> Result<(), StoreError> {
        loop {
            let frame = self.sealing.frame_bytes();
            let part = self.part(number)?;
            let (has, needs) = (part.buffer.capacity(), part.buffer.len() + more);
            if needs <= has {
                return Ok(());
            }
            let wants = needs
                .next_power_of_two()
                .max(limits::SCRATCH_BUFFER_BYTES_MIN);
            let wants = wants.min(frame).max(needs);
            if self.buffered - has + wants <= self.room.buffer_bytes {
                let part = self.part(number)?;
                part.grow(wants);
                let now = part.buffer.capacity();
                self.buffered = self.buffered - has + now;
                return Ok(());
            }
            self.give_back()?;
        }
    }

    /// Frees memory of buffers. At least one byte of capacity goes, since a caller needed more than was left
    /// and one frame always fits.
    fn give_back(&mut self) -> Result<(), StoreError> {
        let empty = self.parts.values_mut();
        let empty = empty.filter(|part| part.buffer.is_empty() && part.buffer.capacity() > 0);
        let freed: usize = empty.map(Part::release).sum();
        if freed > 0 {
            self.buffered -= freed;
            return Ok(());
        }
        let fullest = self.parts.iter().max_by_key(|(_, part)| part.buffer.len());
        if let Some((&number, _)) = fullest {
            self.seal_out(number, None)?;
            self.buffered -= self.part(number)?.release();
        }
        Ok(())
    }

    /// Seals one frame of a part and writes it: `bytes`, or what waits in its buffer.
    fn seal_out(&mut self, number: u32, bytes: Option<&[u8]>) -> Result<(), StoreError> {
        let part = self
            .parts
            .get_mut(&number)
            .expect("only parts that are there are sealed");
        let plain = bytes.unwrap_or(&part.buffer);
        let sealed = self.sealing.seal(number, part, plain)?;
        let on_disk = self.on_disk + sealed.len() as u64;
        if on_disk > self.room.bytes_max {
            return Err(StoreError::DiskFull);
        }
        self.place.write(part.serial, part.on_disk, &sealed)?;
        part.wrote(plain.len(), sealed.len());
        if bytes.is_none() {
            part.buffer.clear();
        }
        self.on_disk = on_disk;
        self.peak = self.peak.max(on_disk);
        Ok(())
    }

    /// Empties the space at once, so that a full disk has room again before the run's owner looks.
    fn fail(&mut self) {
        self.failed = true;
        self.empty();
    }

    fn empty(&mut self) {
        for name in files::list(&self.place.folder).unwrap_or_default() {
            if self.place.is_of_this_run(&name) {
                // What cannot be removed is noise without its key; the next run tries again.
                let _left = files::remove(&self.place.folder.join(name));
            }
        }
        self.parts.clear();
        (self.buffered, self.on_disk) = (0, 0);
    }
}

impl Drop for SealedScratch {
    fn drop(&mut self) {
        self.empty();
    }
}

fn check(room: &ScratchRoom, frame_bytes: usize) -> Result<(), StoreError> {
    let bytes_max = room.bytes_max.min(limits::SEALED_BYTES_MAX);
    if room.planned_bytes > bytes_max {
        return Err(StoreError::TooLarge {
            what: "the scratch space of the run",
            limit: bytes_max,
        });
    }
    if room.buffer_bytes < frame_bytes {
        let rule = "scratch space buffers at least one frame";
        return Err(StoreError::Refused { rule });
    }
    Ok(())
}

/// Refuses a run that would fill the disk on which the store lives, too.
fn check_free(folder: &Path, planned_bytes: u64) -> Result<(), StoreError> {
    let disk = rustix::fs::statvfs(folder)
        .map_err(|error| StoreError::io("asking for free space", error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let reserve = disk.f_blocks.saturating_mul(disk.f_frsize) / limits::SCRATCH_RESERVE_SHARE;
    if planned_bytes.saturating_add(reserve) > free {
        return Err(StoreError::DiskFull);
    }
    Ok(())
}

fn take_lock(folder: &Path) -> Result<File, StoreError> {
    let path: PathBuf = folder.join(LOCK);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| StoreError::io(format!("opening {LOCK}"), error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::DataInUse),
        Err(TryLockError::Error(error)) => Err(StoreError::io(format!("locking {LOCK}"), error)),
    }
}
