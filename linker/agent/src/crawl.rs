//! Finds the files of a source, always in the same order, so that equal sources make equal batches.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use linker_tokenize::format::ssmix2::{FileState, file_state};

mod folder;
mod names;

pub use self::folder::Found;
use self::{
    folder::{Folder, Listing, listing},
    names::{ends, is_fhir, is_form_1, is_object},
};
use crate::{
    config::Format,
    error::{AgentError, Fault},
    limits::SOURCE_DEPTH_MAX,
    say,
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

/// What the system knows of a source's path.
///
/// # Errors
/// [`Fault::SourceMissing`] or [`Fault::SourceIo`].
pub(crate) fn metadata(path: &Path) -> Result<fs::Metadata, AgentError> {
    fs::metadata(path).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let fault = if missing {
            Fault::SourceMissing
        } else {
            Fault::SourceIo
        };
        AgentError::new(fault, path.display().to_string()).because(error)
    })
}

/// Takes a file that was found.
pub type Taker<'a> = dyn FnMut(Found<'_>) -> Result<(), AgentError> + 'a;

/// Hands over every file of the source.
///
/// # Errors
/// A fault of the source, or what `found` returns.
pub fn walk(format: &Format, path: &Path, found: &mut Taker<'_>) -> Result<Passed, AgentError> {
    let metadata = metadata(path)?;
    let passed = Passed::default();
    let mut crawl = Crawl {
        path: path.to_owned(),
        listing: listing(),
        passed,
        found,
    };
    if metadata.is_file() {
        (crawl.found)(Found { path, folder: None })?;
        crawl.passed.files += 1;
        return Ok(crawl.passed);
    }
    let root = Folder::open(path)?;
    match format {
        Format::SsMix2 => crawl.tree(&root, 0)?,
        Format::Csv { .. } | Format::Care | Format::Register => crawl.folder(&root, ends("csv"))?,
        Format::Uke => crawl.folder(&root, ends("uke"))?,
        Format::Eligibility => crawl.folder(&root, ends("xml"))?,
        Format::Fhir => crawl.folder(&root, is_fhir)?,
        Format::Checkup => crawl.folder(&root, ends("zip"))?,
        Format::Hl7 => crawl.folder(&root, ends("hl7"))?,
        Format::Dpc => crawl.folder(&root, is_form_1)?,
        Format::Dicom => crawl.objects(&root, 0)?,
    }
    Ok(crawl.passed)
}

/// A walk on its way.
struct Crawl<'a, 'f> {
    /// The folder that is looked at.
    path: PathBuf,
    listing: Listing,
    passed: Passed,
    found: &'a mut Taker<'f>,
}

impl Crawl<'_, '_> {
    /// The files of one folder that are of the format, in order of their names.
    fn folder(
        &mut self,
        folder: &Folder,
        is_of_format: impl Fn(&Path) -> bool,
    ) -> Result<(), AgentError> {
        for (name, is_folder) in folder.entries(&mut self.listing)? {
            let wanted = !is_folder && !name.starts_with('.') && is_of_format(Path::new(&name));
            self.file(folder, &name, wanted)?;
        }
        Ok(())
    }

    /// The DICOM objects of a folder and all folders below it.
    fn objects(&mut self, folder: &Folder, depth: usize) -> Result<(), AgentError> {
        check_depth(depth)?;
        for (name, is_folder) in folder.entries(&mut self.listing)? {
            if is_folder {
                self.path.push(&name);
                self.objects(&folder.folder(&name)?, depth + 1)?;
                self.path.pop();
            } else {
                let wanted = !name.starts_with('.') && is_object(Path::new(&name));
                self.file(folder, &name, wanted)?;
            }
        }
        Ok(())
    }

    /// The current patient message of every patient folder.
    fn tree(&mut self, folder: &Folder, depth: usize) -> Result<(), AgentError> {
        check_depth(depth)?;
        let entries = folder.entries(&mut self.listing)?;
        if self.path.ends_with(PATIENT_MESSAGES) {
            let current = current_message(&entries, &mut self.passed);
            if let ControlFlow::Break(current) = current {
                self.file(folder, &current, true)?;
            }
            return Ok(());
        }
        for (name, is_folder) in entries {
            if is_folder {
                self.path.push(&name);
                self.tree(&folder.folder(&name)?, depth + 1)?;
                self.path.pop();
            }
        }
        Ok(())
    }

    /// Hands a file over, or counts it.
    fn file(&mut self, folder: &Folder, name: &str, wanted: bool) -> Result<(), AgentError> {
        if !wanted {
            self.passed.other_files += 1;
            return Ok(());
        }
        self.path.push(name);
        (self.found)(Found {
            path: &self.path,
            folder: Some(folder),
        })?;
        self.path.pop();
        self.passed.files += 1;
        Ok(())
    }
}

fn check_depth(depth: usize) -> Result<(), AgentError> {
    if depth > SOURCE_DEPTH_MAX {
        let detail = say!(
            "more than {limit} folders inside each other",
            limit = SOURCE_DEPTH_MAX
        );
        return Err(AgentError::new(Fault::SourceTooLarge, detail));
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

/// All files of a source, for tests and small folders.
///
/// # Errors
/// A fault of the source.
pub fn list(format: &Format, path: &Path) -> Result<(Vec<PathBuf>, Passed), AgentError> {
    let mut files = Vec::new();
    let passed = walk(format, path, &mut |file| {
        files.push(file.path().to_owned());
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

    /// The same by paths, without open folders.
    fn slow_tree(path: &Path, files: &mut Vec<PathBuf>, passed: &mut Passed) {
        let mut entries: Vec<(String, bool)> = fs::read_dir(path)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, entry.file_type().unwrap())
            })
            .filter(|(_, kind)| kind.is_file() || kind.is_dir())
            .map(|(name, kind)| (name, kind.is_dir()))
            .collect();
        entries.sort_unstable();
        if path.ends_with(PATIENT_MESSAGES) {
            if let ControlFlow::Break(current) = current_message(&entries, passed) {
                files.push(path.join(current));
                passed.files += 1;
            }
            return;
        }
        for (name, _) in entries.iter().filter(|(_, is_folder)| *is_folder) {
            slow_tree(&path.join(name), files, passed);
        }
    }

    #[test]
    fn open_folders_give_what_paths_give() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..300_u32 {
            // Names of many lengths fill the room of a listing in the middle of one.
            let name = format!("{number:0width$}", width = 4 + number as usize % 90);
            let flag = u8::try_from(number % 3).unwrap();
            patient(root.path(), &name, &[message(1, "1"), message(flag, "2")]);
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("123/456/link")).unwrap();
        let (files, passed) = list(&Format::SsMix2, root.path()).unwrap();
        let (mut slow_files, mut slow_passed) = (Vec::new(), Passed::default());
        slow_tree(root.path(), &mut slow_files, &mut slow_passed);
        assert_eq!(files, slow_files);
        assert_eq!(passed, slow_passed);
        assert_eq!(files.len(), 200);
        // What is opened is what was named.
        let mut opened = 0;
        walk(&Format::SsMix2, root.path(), &mut |file| {
            let metadata = file.open().unwrap().metadata().unwrap();
            let named = fs::metadata(file.path()).unwrap();
            use std::os::unix::fs::MetadataExt as _;
            assert_eq!((metadata.dev(), metadata.ino()), (named.dev(), named.ino()));
            opened += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(opened, 200);
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
