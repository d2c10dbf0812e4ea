//! The documents of a zip archive, inflated one after another within bounds.
//!
//! `rawzip` and not `zip`: it reads at the places it needs, has no unsafe code and no dependency, and
//! shows where entries lie, so that overlapping ones are seen. `zip` brings the operating system's calls
//! along, which this library must not have.

use std::{
    cell::{Cell, RefCell},
    io::{self, Read as _},
};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipLocator};
use zeroize::Zeroizing;

use super::FORMAT;
use crate::{
    error::ReadError,
    format::blocks::{File, Stopped},
    limits::{ARCHIVE_ENTRIES_MAX, ARCHIVE_ENTRY_BYTES_MAX, CHECKUP_BYTES_MAX, INFLATION_MAX},
};

/// One document of an archive.
pub(super) struct Entry {
    at: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    /// File name without its extension.
    pub(super) name: String,
}

/// An archive whose directory was checked. The directory has the check sums of all documents, so that a
/// second walk comes to the documents of the first.
pub(super) struct Archive<'b, 'f, E> {
    archive: ZipArchive<Places<'b, 'f, E>>,
    bytes: u64,
    entries: Vec<Entry>,
}

/// Takes documents. An error ends the walk.
type Found<'a, E> = dyn FnMut(&Entry, &[u8]) -> Result<(), Stopped<E>> + 'a;

impl<'b, 'f, E> Archive<'b, 'f, E> {
    pub(super) fn open(file: &'b mut File<'f, E>) -> Result<Self, Stopped<E>> {
        let bytes = file.length();
        if bytes == 0 {
            return Err(Stopped::File(ReadError::Empty));
        }
        if !super::looks_like(&file.head(4)?) {
            return Err(Stopped::File(structure("it is not a zip archive")));
        }
        let places = Places {
            file: RefCell::new(file),
            stopped: Cell::new(None),
        };
        let mut buffer = Zeroizing::new(vec![0; ARCHIVE_ENTRY_BYTES_MAX]);
        // The directory stands at the end, so an archive that was cut has none.
        let archive = ZipLocator::new().locate_in_reader(places, &mut buffer, bytes);
        let archive = archive
            .map_err(|(places, _no_directory)| places.stopped_or(|| ReadError::Truncated))?;
        let entries = documents(&archive, &mut buffer)?;
        let archive = Self {
            archive,
            bytes,
            entries,
        };
        archive.check_ranges()?;
        Ok(archive)
    }

    /// Two entries over the same bytes inflate them twice: small archives that never end.
    fn check_ranges(&self) -> Result<(), Stopped<E>> {
        let mut ranges = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let found = self.archive.get_entry(entry.at);
            let found =
                found.map_err(|_no_header| self.fault("an entry is not where it should be"))?;
            ranges.push(found.compressed_data_range());
        }
        ranges.sort_unstable();
        if ranges.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return Err(Stopped::File(structure("two entries share bytes")));
        }
        Ok(())
    }

    /// Inflates the documents one after another.
    pub(super) fn each(&self, found: &mut Found<'_, E>) -> Result<(), Stopped<E>> {
        let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
        let limit = bytes.saturating_mul(INFLATION_MAX).max(CHECKUP_BYTES_MAX);
        let mut total = 0_usize;
        for entry in &self.entries {
            let document = self.inflate(entry)?;
            total = total.saturating_add(document.len());
            if total > limit {
                let what = "the inflated archive";
                return Err(Stopped::File(ReadError::TooLarge { what, limit }));
            }
            found(entry, &document)?;
        }
        Ok(())
    }

    fn inflate(&self, entry: &Entry) -> Result<Zeroizing<Vec<u8>>, Stopped<E>> {
        let limit = CHECKUP_BYTES_MAX;
        let damaged = "an entry cannot be inflated or fails its check sum";
        let found = self.archive.get_entry(entry.at);
        let found = found.map_err(|_no_header| self.fault(damaged))?;
        let hint = usize::try_from(entry.at.uncompressed_size_hint()).unwrap_or(limit);
        // Room at once for what is declared, within the limit: growing would leave copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(hint.min(limit) + 32));
        let most = limit as u64 + 1;
        let read = if entry.method == CompressionMethod::STORE {
            let reader = found.verifying_reader(found.reader());
            reader.take(most).read_to_end(&mut out)
        } else {
            let reader = found.verifying_reader(DeflateDecoder::new(found.reader()));
            reader.take(most).read_to_end(&mut out)
        };
        read.map_err(|_words_of_the_decoder| self.fault(damaged))?;
        if out.len() > limit {
            let what = "a check-up document";
            return Err(Stopped::File(ReadError::TooLarge { what, limit }));
        }
        Ok(out)
    }

    fn fault(&self, rule: &'static str) -> Stopped<E> {
        self.archive.get_ref().stopped_or(|| structure(rule))
    }
}

/// The bytes of a file at any place, as the crate asks for them. What the caller's source said is kept, since
/// the crate's errors have no room for it.
struct Places<'b, 'f, E> {
    file: RefCell<&'b mut File<'f, E>>,
    stopped: Cell<Option<Stopped<E>>>,
}

impl<E> Places<'_, '_, E> {
    fn stopped_or(&self, error: impl FnOnce() -> ReadError) -> Stopped<E> {
        let stopped = self.stopped.take();
        stopped.unwrap_or_else(|| Stopped::File(error()))
    }
}

impl<E> ReaderAt for Places<'_, '_, E> {
    fn read_at(&self, space: &mut [u8], at: u64) -> io::Result<usize> {
        let mut file = self.file.borrow_mut();
        let rest = usize::try_from(file.length().saturating_sub(at)).unwrap_or(usize::MAX);
        let length = rest.min(space.len());
        match file.load(at, &mut space[..length]) {
            Ok(()) => Ok(length),
            Err(stopped) => {
                self.stopped.set(Some(stopped));
                Err(io::Error::other("the source"))
            }
        }
    }
}

const DAMAGED: &str = "its directory is damaged";

/// The entries that are documents.
fn documents<E>(
    archive: &ZipArchive<Places<'_, '_, E>>,
    buffer: &mut [u8],
) -> Result<Vec<Entry>, Stopped<E>> {
    let fault = || archive.get_ref().stopped_or(|| structure(DAMAGED));
    let refused = |rule| Err(Stopped::File(structure(rule)));
    let mut entries = archive.entries(buffer);
    let (mut found, mut seen) = (Vec::new(), 0_usize);
    while let Some(entry) = entries.next_entry().map_err(|_no_entry| fault())? {
        seen += 1;
        if seen > ARCHIVE_ENTRIES_MAX {
            let (what, limit) = ("the number of entries", ARCHIVE_ENTRIES_MAX);
            return Err(Stopped::File(ReadError::TooLarge { what, limit }));
        }
        let Some(name) = document_name(entry.file_path().as_bytes()) else {
            continue;
        };
        if entry.flags().is_encrypted() {
            return refused("it is encrypted");
        }
        let method = entry.compression_method();
        if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
            return refused("it is compressed in another way than deflate");
        }
        let at = entry.wayfinder();
        found.push(Entry { at, method, name });
    }
    if archive.entries_hint() != seen as u64 {
        return refused(DAMAGED);
    }
    if found.is_empty() {
        return refused("it has no DATA/h*.xml");
    }
    Ok(found)
}

/// The name of a document without its extension; `None` for other files.
fn document_name(path: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let mut parts = path.rsplit(['/', '\\']);
    let (file, folder) = (parts.next()?, parts.next()?);
    let (name, extension) = file.rsplit_once('.')?;
    let is_document = extension.eq_ignore_ascii_case("xml")
        && name.starts_with(['h', 'H'])
        && folder.eq_ignore_ascii_case("data");
    is_document.then(|| name.to_owned())
}

fn structure(rule: &'static str) -> ReadError {
    let format = FORMAT;
    ReadError::Structure { format, rule }
}
