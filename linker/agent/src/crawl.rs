//! Finds the files of a source, always in the same order, so that equal sources make equal batches.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use linker_tokenize::format::ssmix2::{FileState, file_state};

mod names;

use self::names::{ends, is_fhir, is_form_1, is_object};
use crate::{
    config::Format,
    error::{AgentError, Fault},
    limits::{FOLDER_ENTRIES_MAX, SOURCE_DEPTH_MAX},
};

/// Folder of patient messages inside a patient's folder of an SS-MIX2 tree.
const PATIENT_MESSAGES: &str = "ADT-00";

/// What a walk passed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Files that were handed over.
    pub files: u64,
    /// SS-MIX2 patients whose newest message is a deletion.
    pub deleted_patients: u64,
    /// SS-MIX2 patients without a current message.
    pub without_current: u64,
    /// Files that are not of the format.
    pub other_files: u64,
}

/// Hands over every file of the source.
///
/// # Errors
/// A fault of the source, or what `found` returns.
pub fn walk(
    format: &Format,
    path: &Path,
    found: &mut dyn FnMut(&Path) -> Result<(), AgentError>,
) -> Result<Passed, AgentError> {
    let metadata = fs::metadata(path).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let fault = if missing {
            Fault::SourceMissing
        } else {
            Fault::SourceIo
        };
        AgentError::new(fault, path.display().to_string()).because(error)
    })?;
    let mut passed = Passed::default();
    if metadata.is_file() {
        found(path)?;
        passed.files += 1;
        return Ok(passed);
    }
    match format {
        Format::SsMix2 => tree(path, 0, &mut passed, found)?,
        Format::Csv { .. } | Format::Care => folder(path, ends("csv"), &mut passed, found)?,
        Format::Uke => folder(path, ends("uke"), &mut passed, found)?,
        Format::Eligibility => folder(path, ends("xml"), &mut passed, found)?,
        Format::Fhir => folder(path, is_fhir, &mut passed, found)?,
        Format::Checkup => folder(path, ends("zip"), &mut passed, found)?,
        Format::Hl7 => folder(path, ends("hl7"), &mut passed, found)?,
        Format::Dpc => folder(path, is_form_1, &mut passed, found)?,
        Format::Dicom => objects(path, 0, &mut passed, found)?,
    }
    Ok(passed)
}

/// The files of one folder that are of the format, in order of their names.
fn folder(
    path: &Path,
    is_of_format: impl Fn(&Path) -> bool,
    passed: &mut Passed,
    found: &mut dyn FnMut(&Path) -> Result<(), AgentError>,
) -> Result<(), AgentError> {
    for (name, is_folder) in entries(path)? {
        let file = path.join(&name);
        if is_of_format(&file) && !is_folder && !name.starts_with('.') {
            found(&file)?;
            passed.files += 1;
        } else {
            passed.other_files += 1;
        }
    }
    Ok(())
}

/// The DICOM objects of a folder and all folders below it.
fn objects(
    path: &Path,
    depth: usize,
    passed: &mut Passed,
    found: &mut dyn FnMut(&Path) -> Result<(), AgentError>,
) -> Result<(), AgentError> {
    check_depth(depth)?;
    for (name, is_folder) in entries(path)? {
        let file = path.join(&name);
        if is_folder {
            objects(&file, depth + 1, passed, found)?;
        } else if is_object(&file) && !name.starts_with('.') {
            found(&file)?;
            passed.files += 1;
        } else {
            passed.other_files += 1;
        }
    }
    Ok(())
}

fn check_depth(depth: usize) -> Result<(), AgentError> {
    if depth > SOURCE_DEPTH_MAX {
        let detail = format!("more than {SOURCE_DEPTH_MAX} folders inside each other");
        return Err(AgentError::new(Fault::SourceTooLarge, detail));
    }
    Ok(())
}

/// The current patient message of every patient folder below `path`.
fn tree(
    path: &Path,
    depth: usize,
    passed: &mut Passed,
    found: &mut dyn FnMut(&Path) -> Result<(), AgentError>,
) -> Result<(), AgentError> {
    check_depth(depth)?;
    let entries = entries(path)?;
    if path
        .file_name()
        .is_some_and(|name| name == PATIENT_MESSAGES)
    {
        if let ControlFlow::Break(current) = current_message(&entries, passed) {
            found(&path.join(current))?;
            passed.files += 1;
        }
        return Ok(());
    }
    for (name, is_folder) in entries {
        if is_folder {
            tree(&path.join(name), depth + 1, passed, found)?;
        }
    }
    Ok(())
}

/// The name of a patient's current message; `Continue` if the patient has none, which is counted.
///
/// The newest name decides: a deletion after the current message withdraws the patient.
fn current_message(entries: &[(String, bool)], passed: &mut Passed) -> ControlFlow<String> {
    // Of two with the same time the deletion counts, since true is above false.
    let mut newest: Option<(&str, bool, &str)> = None;
    let mut any = false;
    for (name, is_folder) in entries {
        let state = file_state(name).filter(|_| !is_folder);
        let Some(state) = state else {
            passed.other_files += 1;
            continue;
        };
        any = true;
        let time = name.rsplit('_').nth(2).unwrap_or_default();
        let deleted = state == FileState::Deleted;
        if state != FileState::Old && newest.is_none_or(|(at, old, _)| (time, deleted) >= (at, old))
        {
            newest = Some((time, deleted, name));
        }
    }
    match newest {
        Some((_, false, name)) => return ControlFlow::Break(name.to_owned()),
        Some((_, true, _)) => passed.deleted_patients += 1,
        None if any => passed.without_current += 1,
        None => (),
    }
    ControlFlow::Continue(())
}

/// Names in a folder in byte order, and whether each is a folder. Links are neither followed nor read.
fn entries(path: &Path) -> Result<Vec<(String, bool)>, AgentError> {
    // The path of an SS-MIX2 folder holds the patient's number: it goes into no message.
    let failed = |error| AgentError::new(Fault::SourceIo, "a folder").because(Box::new(error));
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if !kind.is_file() && !kind.is_dir() {
            continue;
        }
        if names.len() >= FOLDER_ENTRIES_MAX {
            let detail = format!("a folder with more than {FOLDER_ENTRIES_MAX} entries");
            return Err(AgentError::new(Fault::SourceTooLarge, detail));
        }
        let name = entry.file_name().into_string().map_err(|_not_utf8| {
            AgentError::new(Fault::SourceIo, "a file name that is not UTF-8")
        })?;
        names.push((name, kind.is_dir()));
    }
    names.sort_unstable();
    Ok(names)
}

/// All files of a source, for tests and small folders.
///
/// # Errors
/// A fault of the source.
pub fn list(format: &Format, path: &Path) -> Result<(Vec<PathBuf>, Passed), AgentError> {
    let mut files = Vec::new();
    let passed = walk(format, path, &mut |file| {
        files.push(file.to_owned());
        Ok(())
    })?;
    Ok((files, passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flag: u8, time: &str) -> String {
        format!("12_34_-_ADT-00_999999999999999_{time}_-_{flag}")
    }

    fn patient(root: &Path, number: &str, names: &[String]) {
        let folder = root.join("123").join("456").join(number).join("-/ADT-00");
        fs::create_dir_all(&folder).unwrap();
        for name in names {
            fs::write(folder.join(name), b"").unwrap();
        }
    }

    #[test]
    fn only_current_messages_of_living_records_are_read() {
        let root = tempfile::tempdir().unwrap();
        patient(root.path(), "a", &[message(1, "2"), message(2, "1")]);
        patient(root.path(), "b", &[message(1, "1"), message(0, "2")]);
        patient(root.path(), "c", &[message(2, "1")]);
        patient(root.path(), "d", &[message(0, "1"), message(1, "2")]);
        patient(root.path(), "e", &[message(1, "1"), message(0, "1")]);
        patient(root.path(), "f", &["readme.txt".to_owned()]);
        patient(root.path(), "g", &[message(1, "3"), message(1, "4")]);
        let (files, passed) = list(&Format::SsMix2, root.path()).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, [message(1, "2"), message(1, "2"), message(1, "4")]);
        let expected = Passed {
            files: 3,
            deleted_patients: 2,
            without_current: 1,
            other_files: 1,
        };
        assert_eq!(passed, expected);
    }

    #[test]
    fn folders_are_read_in_order_and_links_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.CSV", "c.txt", ".d.csv"] {
            fs::write(root.path().join(name), b"").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("z.csv")).unwrap();
        let mapping = PathBuf::new();
        let (files, passed) = list(&Format::Csv { mapping }, root.path()).unwrap();
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["a.CSV", "b.csv"]);
        assert_eq!((passed.files, passed.other_files), (2, 2));
    }

    #[test]
    fn names_tell_the_files_of_the_other_formats() {
        let root = tempfile::tempdir().unwrap();
        let study = root.path().join("study/series");
        fs::create_dir_all(&study).unwrap();
        for name in [
            "FF1_131234567_2601.txt",
            "EFn_131234567_2601.txt",
            "a.HL7",
            "IM0001",
        ] {
            fs::write(root.path().join(name), b"").unwrap();
        }
        for name in ["1.2.840.5", "b.dcm", "DICOMDIR", "autorun.inf"] {
            fs::write(study.join(name), b"").unwrap();
        }
        for (format, expected) in [
            (Format::Dpc, &["FF1_131234567_2601.txt"][..]),
            (Format::Hl7, &["a.HL7"]),
            (Format::Care, &[]),
            (Format::Dicom, &["IM0001", "1.2.840.5", "b.dcm"]),
        ] {
            let (files, _) = list(&format, root.path()).unwrap();
            let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
            assert_eq!(names, expected, "{format:?}");
        }
    }

    #[test]
    fn a_missing_source_is_named() {
        let error = list(&Format::Uke, Path::new("/nowhere")).unwrap_err();
        assert_eq!(error.fault(), Fault::SourceMissing);
    }

    #[test]
    fn endless_trees_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let deep: PathBuf = (0..=SOURCE_DEPTH_MAX).map(|_| "x").collect();
        fs::create_dir_all(root.path().join(deep)).unwrap();
        let error = list(&Format::SsMix2, root.path()).unwrap_err();
        assert_eq!(error.fault(), Fault::SourceTooLarge);
    }
}
