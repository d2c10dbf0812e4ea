//! Which files of a folder are of a format, by their names.

use std::{ffi::OsStr, path::Path};

/// Whether a name has an extension, in capital letters or not.
pub(super) fn ends(extension: &'static str) -> impl Fn(&Path) -> bool {
    move |file| {
        let found = file.extension();
        found.is_some_and(|found| found.eq_ignore_ascii_case(extension))
    }
}

/// Bulk exports have one resource in a line, other FHIR files one in all.
pub(super) fn is_fhir(file: &Path) -> bool {
    ends("ndjson")(file) || ends("json")(file)
}

/// Form 1 lies beside other files of a delivery, which end alike.
pub(super) fn is_form_1(file: &Path) -> bool {
    let name = file.file_name().map(OsStr::as_encoded_bytes);
    let starts = name.and_then(|name| name.get(..3));
    ends("txt")(file) && starts.is_some_and(|start| start.eq_ignore_ascii_case(b"FF1"))
}

/// Whether a name can be that of a DICOM object: exporters end them in `.dcm`, in nothing, or in the last
/// number of the object's identifier. The directory of a disc is no object.
pub(super) fn is_object(file: &Path) -> bool {
    let digits = |end: &OsStr| end.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let plain = file.extension().is_none_or(digits);
    let directory = file.file_name().is_some_and(|name| name == "DICOMDIR");
    (plain || ends("dcm")(file)) && !directory
}
