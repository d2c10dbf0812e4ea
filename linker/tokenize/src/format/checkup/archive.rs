//! The documents of a zip archive, inflated one after another within bounds.
//!
//! `rawzip` and not `zip`: it reads the caller's bytes in place, has no unsafe code and no dependency, and
//! shows where entries lie, so that overlapping ones are seen. `zip` brings the operating system's calls
//! along, which this library must not have.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipSliceArchive};
use zeroize::Zeroizing;

use super::FORMAT;
use crate::{
    error::ReadError,
    limits::{ARCHIVE_ENTRIES_MAX, CHECKUP_BYTES_MAX, INFLATION_MAX},
};

/// One document of an archive.
pub(super) struct Entry {
    at: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    /// File name without its extension.
    pub(super) name: String,
}

/// An archive whose directory was checked.
pub(super) struct Archive<'b> {
    archive: ZipSliceArchive<&'b [u8]>,
    bytes: usize,
    entries: Vec<Entry>,
}

impl<'b> Archive<'b> {
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, ReadError> {
        if bytes.is_empty() {
            return Err(ReadError::Empty);
        }
        if !super::looks_like(bytes) {
            return Err(structure("it is not a zip archive"));
        }
        // The directory stands at the end, so an archive that was cut has none.
        let archive =
            ZipArchive::from_slice(bytes).map_err(|_no_directory| ReadError::Truncated)?;
        let entries = documents(&archive)?;
        let archive = Self {
            archive,
            bytes: bytes.len(),
            entries,
        };
        archive.check_ranges()?;
        Ok(archive)
    }

    /// Two entries over the same bytes inflate them twice: small archives that never end.
    fn check_ranges(&self) -> Result<(), ReadError> {
        let mut ranges = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let found = self.archive.get_entry(entry.at);
            let found =
                found.map_err(|_no_header| structure("an entry is not where it should be"))?;
            ranges.push(found.compressed_data_range());
        }
        ranges.sort_unstable();
        if ranges.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            return Err(structure("two entries share bytes"));
        }
        Ok(())
    }

    /// Inflates the documents one after another.
    pub(super) fn each(&self, found: &mut dyn FnMut(&Entry, &[u8])) -> Result<(), ReadError> {
        let limit = self.bytes.saturating_mul(INFLATION_MAX);
        let limit = limit.max(CHECKUP_BYTES_MAX);
        let mut total = 0_usize;
        for entry in &self.entries {
            let document = self.inflate(entry)?;
            total = total.saturating_add(document.len());
            if total > limit {
                let what = "the inflated archive";
                return Err(ReadError::TooLarge { what, limit });
            }
            found(entry, &document);
        }
        Ok(())
    }

    fn inflate(&self, entry: &Entry) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        let limit = CHECKUP_BYTES_MAX;
        let damaged = "an entry cannot be inflated or fails its check sum";
        let found = self.archive.get_entry(entry.at);
        let found = found.map_err(|_no_header| structure(damaged))?;
        let hint = usize::try_from(entry.at.uncompressed_size_hint()).unwrap_or(limit);
        // Room at once for what is declared, within the limit: growing would leave copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(hint.min(limit) + 32));
        let most = limit as u64 + 1;
        let read = if entry.method == CompressionMethod::STORE {
            let reader = found.verifying_reader(found.data());
            reader.take(most).read_to_end(&mut out)
        } else {
            let reader = found.verifying_reader(DeflateDecoder::new(found.data()));
            reader.take(most).read_to_end(&mut out)
        };
        read.map_err(|_words_of_the_decoder| structure(damaged))?;
        if out.len() > limit {
            let what = "a check-up document";
            return Err(ReadError::TooLarge { what, limit });
        }
        Ok(out)
    }
}

/// The entries that are documents.
fn documents(archive: &ZipSliceArchive<&[u8]>) -> Result<Vec<Entry>, ReadError> {
    let damaged = "its directory is damaged";
    let mut entries = archive.entries();
    let (mut found, mut seen) = (Vec::new(), 0_usize);
    while let Some(entry) = entries
        .next_entry()
        .map_err(|_no_entry| structure(damaged))?
    {
        seen += 1;
        if seen > ARCHIVE_ENTRIES_MAX {
            return Err(ReadError::TooLarge {
                what: "the number of entries",
                limit: ARCHIVE_ENTRIES_MAX,
            });
        }
        let Some(name) = document_name(entry.file_path().as_bytes()) else {
            continue;
        };
        if entry.flags().is_encrypted() {
            return Err(structure("it is encrypted"));
        }
        let method = entry.compression_method();
        if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
            return Err(structure("it is compressed in another way than deflate"));
        }
        let at = entry.wayfinder();
        found.push(Entry { at, method, name });
    }
    if archive.entries_hint() != seen as u64 {
        return Err(structure(damaged));
    }
    if found.is_empty() {
        return Err(structure("it has no DATA/h*.xml"));
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
