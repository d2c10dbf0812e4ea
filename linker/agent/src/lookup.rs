//! Two lists that never leave the site: from references to local records, and of refused rows.
//!
//! The look-up list grows by one line per record, `reference,record`, and is on the disk before the
//! batch that uses the reference is. A line that a crash cut off is taken away at the next start.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use linker_token::RecordRef;

use crate::{error::AgentError, limits::PROBLEMS_MAX, state};

const HEADER: &str = "reference,record\n";

/// The look-up list, open to grow.
#[derive(Debug)]
pub struct Lookup {
    file: BufWriter<File>,
    /// Only asked, never walked: the order of the file is the order of the source.
    known: HashSet<RecordRef>,
}

impl Lookup {
    /// Opens the list and learns which references it has.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn open(path: &Path) -> Result<Self, AgentError> {
        let failed = |error| AgentError::state("lookup.csv", error);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let (known, whole) = read_known(&file).map_err(failed)?;
        file.set_len(whole).map_err(failed)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(whole)).map_err(failed)?;
        let mut file = BufWriter::new(file);
        if whole == 0 {
            file.write_all(HEADER.as_bytes()).map_err(failed)?;
            // The name as well: `sync` waits for the lines only.
            state::sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        }
        Ok(Self { file, known })
    }

    /// Adds a record unless it is known.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn add(&mut self, reference: RecordRef, record: &str) -> Result<(), AgentError> {
        if !self.known.insert(reference) {
            return Ok(());
        }
        let line = format!("{},{}\n", hex::encode(reference.0), quoted(record));
        self.file
            .write_all(line.as_bytes())
            .map_err(|error| AgentError::state("lookup.csv", error))
    }

    /// Waits until all lines are on the disk.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn sync(&mut self) -> Result<(), AgentError> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_data())
            .map_err(|error| AgentError::state("lookup.csv", error))
    }
}

/// The references of whole lines, and where the last whole line ends.
fn read_known(file: &File) -> std::io::Result<(HashSet<RecordRef>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut known, mut whole, mut line) = (HashSet::new(), 0, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Ok((known, whole));
        }
        whole += read as u64;
        let mut reference = [0; 16];
        let hexadecimal = line.get(..32).unwrap_or_default();
        if hex::decode_to_slice(hexadecimal, &mut reference).is_ok() {
            known.insert(RecordRef(reference));
        }
    }
}

/// A CSV value (RFC 4180) on one line; control characters become spaces.
fn quoted(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.contains([',', '"']) {
        format!("\"{}\"", clean.replace('"', "\"\""))
    } else {
        clean
    }
}

/// The list of refused rows: file, row, code, field. No values. Written anew by every run.
#[derive(Debug)]
pub struct Problems {
    lines: Vec<String>,
    dropped: u64,
}

impl Problems {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lines: vec!["file,row,problem,field\n".to_owned()],
            dropped: 0,
        }
    }

    /// Adds a line, up to the bound.
    pub fn add(&mut self, file: &Path, row: u64, code: &str, field: &str) {
        if self.lines.len() > PROBLEMS_MAX {
            self.dropped += 1;
            return;
        }
        let file = quoted(&file.display().to_string());
        self.lines.push(format!("{file},{row},{code},{field}\n"));
    }

    /// Writes the list, or removes an old one if there is nothing to say.
    ///
    /// # Errors
    /// An error of the disk.
    pub fn save(mut self, path: &Path) -> Result<(), AgentError> {
        if self.lines.len() == 1 {
            return match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(AgentError::state("problems.csv", error))
                }
                Ok(()) | Err(_) => Ok(()),
            };
        }
        if self.dropped > 0 {
            self.lines.push(format!(",,and {} more,\n", self.dropped));
        }
        state::write_atomic(path, self.lines.concat().as_bytes())
    }
}

impl Default for Problems {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_off_line_is_taken_away_and_nothing_is_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lookup.csv");
        let mut lookup = Lookup::open(&path).unwrap();
        lookup.add(RecordRef([1; 16]), "a,\"b\"\nc").unwrap();
        lookup.add(RecordRef([1; 16]), "again").unwrap();
        lookup.sync().unwrap();
        drop(lookup);
        let whole = fs::read_to_string(&path).unwrap();
        let one = "01".repeat(16);
        assert_eq!(whole, format!("{HEADER}{one},\"a,\"\"b\"\" c\"\n"));
        fs::write(&path, format!("{whole}0202")).unwrap();
        let mut lookup = Lookup::open(&path).unwrap();
        lookup.add(RecordRef([1; 16]), "again").unwrap();
        lookup.add(RecordRef([2; 16]), "two").unwrap();
        lookup.sync().unwrap();
        let two = "02".repeat(16);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{whole}{two},two\n")
        );
    }

    #[test]
    fn problems_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problems.csv");
        let mut problems = Problems::new();
        for row in 0..=PROBLEMS_MAX as u64 {
            problems.add(Path::new("f.csv"), row, "row-quote", "");
        }
        problems.save(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), PROBLEMS_MAX + 2);
        assert!(text.ends_with(",,and 1 more,\n"));
        Problems::new().save(&path).unwrap();
        assert!(!path.exists());
    }
}
