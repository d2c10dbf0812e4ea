//! Which record is about whom. Written apart from the sites' files; no part under test reads it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::Path,
};

use super::{Site, Written};

/// The truth while it is being written.
pub struct Truth(BufWriter<File>);

impl Truth {
    /// Starts the file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(file: &Path) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(file)?);
        out.write_all(b"site,local_id,person\n")?;
        Ok(Self(out))
    }

    /// Adds one record.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, site: Site, written: &Written) -> io::Result<()> {
        writeln!(
            self.0,
            "{},{},{}",
            site.name(),
            written.local_id,
            written.person
        )
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If it cannot be written to the end.
    pub fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads the truth: per site, local number to person.
///
/// # Errors
/// If the file is not there or not in its own form.
pub fn read(file: &Path) -> io::Result<BTreeMap<String, BTreeMap<String, u32>>> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the truth file has a bad line");
    let mut truth: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for line in BufReader::new(File::open(file)?).lines().skip(1) {
        let line = line?;
        let mut cells = line.split(',');
        let (Some(site), Some(id), Some(person)) = (cells.next(), cells.next(), cells.next())
        else {
            return Err(malformed());
        };
        let person = person.parse().ok().ok_or_else(malformed)?;
        truth
            .entry(site.to_owned())
            .or_default()
            .insert(id.to_owned(), person);
    }
    Ok(truth)
}
