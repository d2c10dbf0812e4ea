//! What the bytes of a source's files look like, file by file and added up.

use std::{collections::BTreeMap, path::Path};

use linker_tokenize::{
    SourceEncoding,
    format::{Look, look},
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    config::Format,
    crawl,
    error::AgentError,
    limits::{LOOKED_BYTES_MAX, LOOKED_FILES_MAX, VERSIONS_SHOWN_MAX},
};

/// What the files look like, added up.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// Files of the format.
    pub files: u64,
    /// Files that are not of the format, and were left alone.
    pub other_files: u64,
    /// SS-MIX2 patients whose newest message is a deletion.
    pub deleted_patients: u64,
    /// SS-MIX2 patients without a current message.
    pub without_current: u64,
    /// Files whose bytes were looked at: the first of all.
    pub looked_at: u64,
    /// Of these, files that could not be opened or are too large.
    pub not_readable: u64,
    /// What the configuration or the mapping declares.
    pub encoding_declared: String,
    /// Files by what their bytes show.
    pub encodings_found: BTreeMap<String, u64>,
    /// Files that begin with a byte order mark.
    pub marked: u64,
    /// Files by how their lines end: `CRLF`, `LF`, `CR`, `mixed`, `none`.
    pub line_ends: BTreeMap<&'static str, u64>,
    /// Places whose bytes are no character of their file's encoding.
    pub undecodable: u64,
    /// Files by the version of their format, where it says one.
    pub versions: BTreeMap<String, u64>,
}

impl Files {
    /// Looks at the files of a source. `declared` is what its mapping says about the encoding.
    ///
    /// # Errors
    /// A fault of the walk over the source.
    pub fn look(
        format: &Format,
        path: &Path,
        declared: Option<SourceEncoding>,
    ) -> Result<Self, AgentError> {
        let declared = declared.map_or("auto".to_owned(), |declared| declared.to_string());
        let mut files = Self {
            encoding_declared: declared,
            ..Self::default()
        };
        // Of archives and images, bytes that are not text tell nothing.
        let text = match format {
            Format::Checkup | Format::Dicom => false,
            Format::Csv { .. }
            | Format::SsMix2
            | Format::Uke
            | Format::Eligibility
            | Format::Fhir
            | Format::Care
            | Format::Dpc
            | Format::Hl7
            | Format::Register => true,
        };
        let passed = crawl::walk(format, path, &mut |file| {
            if text && files.looked_at < LOOKED_FILES_MAX {
                files.see(file.path());
            }
            Ok(())
        })?;
        files.files = passed.files;
        files.other_files = passed.other_files;
        files.deleted_patients = passed.deleted_patients;
        files.without_current = passed.without_current;
        Ok(files)
    }

    fn see(&mut self, file: &Path) {
        self.looked_at += 1;
        // The reading of the source reports the error; here it is only counted.
        let Ok(bytes) = bytes_of(file) else {
            self.not_readable += 1;
            return;
        };
        self.add(&look(&bytes));
    }

    fn add(&mut self, seen: &Look) {
        let encoding = seen.encoding.to_string();
        *self.encodings_found.entry(encoding).or_default() += 1;
        self.marked += u64::from(seen.marked);
        self.undecodable += seen.undecodable;
        let ends = match (seen.crlf > 0, seen.lf > 0, seen.cr > 0) {
            (true, false, false) => "CRLF",
            (false, true, false) => "LF",
            (false, false, true) => "CR",
            (false, false, false) => "none",
            (true, true, _) | (true, _, true) | (_, true, true) => "mixed",
        };
        *self.line_ends.entry(ends).or_default() += 1;
        if let Some(version) = &seen.version
            && (self.versions.contains_key(version) || self.versions.len() < VERSIONS_SHOWN_MAX)
        {
            *self.versions.entry(version.clone()).or_default() += 1;
        }
    }
}

fn bytes_of(file: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read as _;
    let opened = std::fs::File::open(file)?;
    let length = opened.metadata()?.len();
    // Capacity at once: a growing buffer would leave copies of identifiers behind.
    let capacity =
        usize::try_from(length).map_or(LOOKED_BYTES_MAX, |all| all.min(LOOKED_BYTES_MAX));
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 1));
    opened.take(capacity as u64).read_to_end(&mut bytes)?;
    if length > bytes.len() as u64 {
        // A character or a line end that was cut in two would count as odd.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n');
        bytes.truncate(whole.map_or(0, |at| at + 1));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_added_up() {
        let mut files = Files::default();
        for bytes in [
            &b"a\r\nb\r\n"[..],
            b"a\nb\r\n",
            b"a",
            "山田太郎\n".as_bytes(),
        ] {
            files.add(&look(bytes));
        }
        let found = |name: &str| files.encodings_found.get(name).copied();
        assert_eq!((found("ASCII"), found("UTF-8")), (Some(3), Some(1)));
        let ends: Vec<_> = files.line_ends.into_iter().collect();
        assert_eq!(ends, [("CRLF", 1), ("LF", 1), ("mixed", 1), ("none", 1)]);
    }

    #[test]
    fn versions_one_past_their_bound_are_not_listed() {
        let mut files = Files::default();
        for version in 0..=VERSIONS_SHOWN_MAX {
            let header = format!("MSH|^~\\&|||||||||P|2.{version}\r");
            files.add(&look(header.as_bytes()));
            files.add(&look(header.as_bytes()));
        }
        assert_eq!(files.versions.len(), VERSIONS_SHOWN_MAX);
        assert!(files.versions.values().all(|&count| count == 2));
    }
}
