//! Which format a path holds: a file by its first bytes, a folder by its layout and its first files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use linker_tokenize::format::{SourceFormat, ssmix2::file_state};

use crate::{
    crawl,
    error::{AgentError, Fault},
    limits::{INIT_ENTRIES_MAX, INIT_HEAD_BYTES, SOURCE_DEPTH_MAX},
    say,
    say::Say,
    source,
};

/// What a path holds.
#[derive(Debug)]
pub(super) struct Found {
    /// The format's name in a configuration.
    pub(super) format: &'static str,
    /// The first table, if the format is one of tables.
    pub(super) table: Option<PathBuf>,
}

/// Looks at a file or folder.
///
/// # Errors
/// [`Fault::SourceMissing`], [`Fault::SourceIo`] or [`Fault::FormatUnknown`].
pub(super) fn found(path: &Path) -> Result<Found, AgentError> {
    let shown = path.display().to_string();
    let metadata = crawl::metadata(path).map_err(|error| {
        error.advise(say!(
            "check the path after --from; a network drive may not be mounted"
        ))
    })?;
    if metadata.is_file() {
        let format = of_file(path)?.unwrap_or("csv");
        let table = (format == "csv").then(|| path.to_owned());
        return Ok(Found { format, table });
    }
    of_folder(path)?.ok_or_else(|| AgentError::new(Fault::FormatUnknown, shown))
}

/// The words of a format.
pub(super) fn words(format: &str) -> Say {
    match format {
        "ssmix2" => say!("a tree of SS-MIX2 standardised storage"),
        "uke" => say!("claims files"),
        "eligibility" => say!("responses of online eligibility checks"),
        "fhir" => say!("FHIR in JSON"),
        "checkup" => say!("archives of health check-ups"),
        "care" => say!("care-claims files"),
        "dpc" => say!("DPC Form 1"),
        "dicom" => say!("DICOM objects"),
        "hl7" => say!("files of HL7 v2 messages"),
        _ => say!("tables with a header line"),
    }
}

/// The format of a file that says so itself.
fn of_file(file: &Path) -> Result<Option<&'static str>, AgentError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // The file's name can hold the patient's number.
    let head = source::read_start(
        crawl::Found::at(file),
        "a file of the source",
        INIT_HEAD_BYTES,
    )?;
    Ok(SourceFormat::of(&head).and_then(|format| match format {
        // Only its name tells the one message of a tree from a file of one message.
        SourceFormat::SsMix2 if file_state(&name).is_none() => Some(SourceFormat::Hl7.name()),
        // An extract of a register is a table, and a mapping says more about it than the preset.
        SourceFormat::Register => None,
        SourceFormat::SsMix2
        | SourceFormat::Hl7
        | SourceFormat::Uke
        | SourceFormat::Care
        | SourceFormat::Dpc
        | SourceFormat::Eligibility
        | SourceFormat::Fhir
        | SourceFormat::Checkup
        | SourceFormat::Dicom => Some(format.name()),
    }))
}

/// The one format of a folder's own files; without any, what the folders below it show.
fn of_folder(folder: &Path) -> Result<Option<Found>, AgentError> {
    let mut first: Option<Found> = None;
    for (file, is_folder) in entries(folder)? {
        if is_folder {
            continue;
        }
        let is_csv = file
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        let Some(format) = of_file(&file)?.or(is_csv.then_some("csv")) else {
            continue;
        };
        match &first {
            None => {
                let table = (format == "csv").then_some(file);
                first = Some(Found { format, table });
            }
            Some(first) if first.format != format => {
                let (first, second) = (words(first.format), words(format));
                let detail = say!(
                    "the folder holds files of {first} and of {second}",
                    first = first,
                    second = second
                );
                return Err(AgentError::new(Fault::FormatUnknown, detail));
            }
            Some(_) => {}
        }
    }
    if first.is_some() {
        return Ok(first);
    }
    let mut left = INIT_ENTRIES_MAX;
    Ok(of_tree(folder, 0, &mut left)?.map(|format| Found {
        format,
        table: None,
    }))
}

/// SS-MIX2 and DICOM lie in trees.
fn of_tree(
    folder: &Path,
    depth: usize,
    left: &mut usize,
) -> Result<Option<&'static str>, AgentError> {
    for (path, is_folder) in entries(folder)? {
        if *left == 0 || depth > SOURCE_DEPTH_MAX {
            return Ok(None);
        }
        *left -= 1;
        let below = if !is_folder {
            of_file(&path)?.filter(|format| matches!(*format, "dicom" | "ssmix2"))
        } else if path.file_name().is_some_and(|name| name == "ADT-00") {
            Some("ssmix2")
        } else {
            of_tree(&path, depth + 1, left)?
        };
        if below.is_some() {
            return Ok(below);
        }
    }
    Ok(None)
}

/// The first entries of a folder in order of their names, and whether each is a folder.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>, AgentError> {
    // The path of an SS-MIX2 folder holds the patient's number: it goes into no message.
    let failed = |error| AgentError::new(Fault::SourceIo, "a folder").because(Box::new(error));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)?.take(INIT_ENTRIES_MAX) {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && (kind.is_file() || kind.is_dir()) {
            found.push((entry.path(), kind.is_dir()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(files: &[(&str, &[u8])]) -> Result<&'static str, Fault> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        found(folder.path())
            .map(|found| found.format)
            .map_err(|error| error.fault())
    }

    #[test]
    fn folders_are_known_by_their_files() {
        let message: &[u8] = b"MSH|^~\\&|A|B|C|D|20240401||ADT^A08|1|P|2.5\rPID|1\r";
        let claims: &[u8] = b"IR,1,13,1,1234567,,name,202404,00\r\n";
        let deep = "123/456/789/20240401/ADT-00/x";
        assert_eq!(format(&[(deep, message)]), Ok("ssmix2"));
        assert_eq!(
            format(&[("a.uke", claims), ("readme.txt", b"x")]),
            Ok("uke")
        );
        assert_eq!(
            format(&[("a.csv", b"a,b\n"), ("b.csv", b"a,b\n")]),
            Ok("csv")
        );
        assert_eq!(format(&[("a.hl7", message)]), Ok("hl7"));
        assert_eq!(
            format(&[("a.uke", claims), ("b.csv", b"a,b\n")]),
            Err(Fault::FormatUnknown)
        );
        assert_eq!(format(&[("readme.txt", b"x")]), Err(Fault::FormatUnknown));
        assert_eq!(format(&[]), Err(Fault::FormatUnknown));
        assert_eq!(
            found(Path::new("/nowhere")).unwrap_err().fault(),
            Fault::SourceMissing
        );
    }
}
