//! The linkage table: from a record reference to the site's own number of the record. It never leaves
//! the site, and on the disk it is sealed to the site.
//!
//! The table is a set of *parts*. A part is a file with entries in the order of their references, sealed
//! under a key of its own, written once and never changed (`part`). What the table holds is the union
//! of its parts, so every instant of a crash leaves a good table: a part that was not finished has
//! another name and is thrown away, and a part whose merger was interrupted stands beside the result,
//! with the same entries. Nothing is ever written twice under one key and nonce, because every part
//! has a fresh salt: a table that is put back from a backup can be written to without harm.
//!
//! Memory does not grow with the table. Entries of one batch wait in memory; then they are a part.
//! Sixteen parts of one level become one of the next, read and written from end to end. When a run ends,
//! small parts are merged into the large one as soon as they are half of it, so that entries which every
//! run finds again are not kept many times over.

mod merge;
mod part;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use keymgmt_custody::site::SiteKeys;
use linker_token::{RecordRef, SiteId};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use self::{
    merge::Union,
    part::{Name, Reader, Writer},
};
use crate::{
    error::{AgentError, Fault},
    limits::{PART_ENTRIES_MAX, PARTS_PER_LEVEL, TABLE_TRIES},
    state,
};

const UNFINISHED: &str = "tmp";
/// Bytes that are read ahead from a clear list.
const LINE_BYTES_MAX: u64 = 4096;

/// Takes one entry: the reference, and the record's own number.
pub type EntrySink<'a> = dyn FnMut(RecordRef, &[u8]) -> Result<(), AgentError> + 'a;

/// To whom a table is sealed: the site's keys.
#[derive(Clone)]
pub struct Seal {
    keys: Arc<SiteKeys>,
    site: SiteId,
    /// Beginning of the names of all parts that these keys open.
    prefix: String,
}

impl Seal {
    /// The seal of a site.
    #[must_use]
    pub fn new(keys: Arc<SiteKeys>, site: SiteId) -> Self {
        let digest = Sha256::digest(keys.sign_public_key());
        let prefix = hex::encode(&digest[..8]);
        Self { keys, site, prefix }
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(..)")
    }
}

/// The table, open to grow. One at a time: whoever has it holds the lock of the state folder.
#[derive(Debug)]
pub struct LinkageTable {
    folder: PathBuf,
    seal: Seal,
    pending: Pending,
    parts: Vec<Name>,
}

impl LinkageTable {
    /// Opens the table and throws away what a crash left unfinished.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn open(folder: &Path, seal: Seal) -> Result<Self, AgentError> {
        state::make_folder(folder)?;
        for path in files(folder)? {
            if path.extension().is_some_and(|end| end == UNFINISHED) {
                fs::remove_file(&path).map_err(|error| AgentError::state("table", error))?;
            }
        }
        Ok(Self {
            parts: parts(folder, &seal)?,
            folder: folder.to_owned(),
            seal,
            pending: Pending::default(),
        })
    }

    /// Adds an entry. It is on the disk after [`Self::sync`].
    ///
    /// # Errors
    /// An error of the disk: when many entries wait, they are written.
    pub fn add(&mut self, reference: RecordRef, record: &str) -> Result<(), AgentError> {
        self.pending.add(reference, record.as_bytes())?;
        if self.pending.entries.len() >= PART_ENTRIES_MAX {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until all entries are on the disk.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn sync(&mut self) -> Result<(), AgentError> {
        if self.pending.entries.is_empty() {
            return Ok(());
        }
        let name = self.next(0);
        let mut writer = Writer::create(&self.folder, &name, &self.seal)?;
        self.pending
            .take(&mut |reference, record| writer.push(reference, record))?;
        writer.finish()?;
        self.parts.push(name);
        self.level_up()
    }

    /// Ends a run: merges the small parts into the large one when they have come to half of it.
    ///
    /// # Errors
    /// An error of the disk, or [`Fault::StateDamaged`].
    pub fn settle(&mut self) -> Result<(), AgentError> {
        self.sync()?;
        let mut sizes = Vec::new();
        for name in &self.parts {
            let size = fs::metadata(name.path(&self.folder)).map(|found| found.len());
            sizes.push(size.map_err(|error| AgentError::state("table", error))?);
        }
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let rest = sizes.iter().sum::<u64>() - largest;
        if self.parts.len() > 1 && rest >= largest / 2 {
            let level = self.parts.iter().map(|name| name.level).max();
            self.merge(&self.parts.clone(), level.unwrap_or(0))?;
        }
        Ok(())
    }

    /// Takes the entries of a list in clear, as earlier versions kept it, and then removes the list.
    /// A crash in between repeats it, which changes nothing. Returns how many lines there were.
    ///
    /// # Errors
    /// An error of the disk; then the list stays.
    pub fn take_over(&mut self, clear: &Path) -> Result<u64, AgentError> {
        let failed = |error| AgentError::state("lookup.csv", error);
        let mut reader = match fs::File::open(clear) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(error)),
        };
        let mut count = 0;
        loop {
            let mut line = Zeroizing::new(Vec::new());
            let mut bounded = reader.by_ref().take(LINE_BYTES_MAX);
            bounded.read_until(b'\n', &mut line).map_err(failed)?;
            // A last line without an end was cut off by a crash, and the next run finds its record again.
            if !line.ends_with(b"\n") {
                break;
            }
            if let Some((reference, record)) = csv_entry(&line) {
                self.add(reference, &record)?;
                count += 1;
            }
        }
        self.settle()?;
        fs::remove_file(clear).map_err(failed)?;
        state::sync_folder(clear.parent().unwrap_or(Path::new(".")))?;
        Ok(count)
    }

    /// Merges whole levels until no level has too many parts.
    fn level_up(&mut self) -> Result<(), AgentError> {
        let mut level = 0;
        loop {
            let of_level = self.parts.iter().filter(|name| name.level == level);
            let full: Vec<Name> = of_level.cloned().collect();
            if full.len() >= PARTS_PER_LEVEL {
                self.merge(&full, level + 1)?;
            } else if self.parts.iter().all(|name| name.level <= level) {
                return Ok(());
            }
            level += 1;
        }
    }

    /// Writes one part of the entries of several, and only then removes these.
    fn merge(&mut self, from: &[Name], level: u8) -> Result<(), AgentError> {
        let name = self.next(level);
        let mut union = Union::open(&self.folder, from, &self.seal)?;
        let mut writer = Writer::create(&self.folder, &name, &self.seal)?;
        while union.step(&mut |reference, record| writer.push(reference, record))? {}
        writer.finish()?;
        drop(union);
        for old in from {
            fs::remove_file(old.path(&self.folder))
                .map_err(|error| AgentError::state("table", error))?;
        }
        self.parts.retain(|part| !from.contains(part));
        self.parts.push(name);
        Ok(())
    }

    fn next(&self, level: u8) -> Name {
        let number = self.parts.iter().map(|name| name.number).max();
        Name {
            prefix: self.seal.prefix.clone(),
            level,
            number: number.map_or(0, |number| number + 1),
        }
    }
}

/// Hands over every entry of a table once, in the order of the references. Reads only, and may be called
/// while another process writes. Returns how many there are.
///
/// # Errors
/// An error of the disk, [`Fault::StateDamaged`], or what `sink` returns.
pub fn entries(folder: &Path, seal: &Seal, sink: &mut EntrySink<'_>) -> Result<u64, AgentError> {
    let mut union = look(folder, seal)?;
    let mut count = 0;
    while union.step(&mut |reference, record| {
        count += 1;
        sink(reference, record)
    })? {}
    Ok(count)
}

/// The site's own number of one record.
///
/// # Errors
/// An error of the disk, or [`Fault::StateDamaged`].
pub fn find(
    folder: &Path,
    seal: &Seal,
    wanted: RecordRef,
) -> Result<Option<Zeroizing<Vec<u8>>>, AgentError> {
    let mut found = None;
    entries(folder, seal, &mut |reference, record| {
        if reference == wanted {
            found = Some(Zeroizing::new(record.to_vec()));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Opens all parts. A merger that ends in between removes parts after their names were read; their
/// entries are then in a part whose name was not yet there.
fn look(folder: &Path, seal: &Seal) -> Result<Union, AgentError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let names = parts(folder, seal)?;
        let union = Union::open(folder, &names, seal);
        let gone = || names.iter().any(|name| !name.path(folder).exists());
        if union.is_ok() || tries >= TABLE_TRIES || !gone() {
            return union;
        }
    }
}

/// The parts that the present keys open, in order of their names.
fn parts(folder: &Path, seal: &Seal) -> Result<Vec<Name>, AgentError> {
    let mut names: Vec<Name> = files(folder)?
        .iter()
        .filter_map(|path| Name::of(path))
        .filter(|name| name.prefix == seal.prefix)
        .collect();
    names.sort_unstable();
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, AgentError> {
    let names = state::names(folder, "table")?.into_iter();
    Ok(names.map(|name| folder.join(name)).collect())
}

/// One line of a list in clear: `reference,record`, as RFC 4180 quotes it.
fn csv_entry(line: &[u8]) -> Option<(RecordRef, Zeroizing<String>)> {
    let (hexadecimal, rest) = line.split_at_checked(32)?;
    let mut reference = [0; 16];
    hex::decode_to_slice(hexadecimal, &mut reference).ok()?;
    let rest = std::str::from_utf8(rest.strip_prefix(b",")?).ok()?;
    let rest = rest.trim_end_matches(['\r', '\n']);
    let record = match rest
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => rest.to_owned(),
    };
    Some((RecordRef(reference), Zeroizing::new(record)))
}

/// Entries that wait to become a part.
#[derive(Default)]
struct Pending {
    /// Reference, and where its record begins and ends in `records`.
    entries: Vec<(RecordRef, usize, usize)>,
    records: Zeroizing<Vec<u8>>,
}

impl Pending {
    fn add(&mut self, reference: RecordRef, record: &[u8]) -> Result<(), AgentError> {
        if record.len() > part::RECORD_BYTES_MAX {
            let detail = "a record's own number is too long for the linkage table";
            return Err(AgentError::new(Fault::Internal, detail));
        }
        let start = self.records.len();
        self.records.extend_from_slice(record);
        self.entries.push((reference, start, self.records.len()));
        Ok(())
    }

    /// Hands over the entries in order, each reference once, and forgets them.
    fn take(&mut self, sink: &mut EntrySink<'_>) -> Result<(), AgentError> {
        self.entries.sort_unstable_by_key(|entry| entry.0);
        self.entries.dedup_by_key(|entry| entry.0);
        for &(reference, start, end) in &self.entries {
            sink(reference, &self.records[start..end])?;
        }
        *self = Self::default();
        Ok(())
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pending(..)")
    }
}

#[cfg(test)]
mod tests;
