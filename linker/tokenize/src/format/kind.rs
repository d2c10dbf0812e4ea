//! Which format a file is of, by its first bytes.

use super::{care, checkup, dicom, dpc, eligibility, fhir, hl7, ssmix2, uke};

/// A format as its first bytes show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// One HL7 v2 ADT message, as each file of an SS-MIX2 tree has.
    OneMessage,
    /// HL7 v2 ADT messages, many in a file.
    Hl7,
    /// Electronic claims.
    Uke,
    /// Care claims.
    Care,
    /// DPC Form 1.
    Dpc,
    /// A response of online eligibility checks.
    Eligibility,
    /// FHIR in JSON.
    Fhir,
    /// A zip archive, as health check-ups come in.
    Checkup,
    /// A DICOM object.
    Dicom,
    /// None of these; a table has no mark of its own.
    Other,
}

/// Looks at the first bytes of a file; some kilobytes are enough. Formats with a mark of their own come
/// before those that are known by the shape of their first line.
#[must_use]
pub fn kind(bytes: &[u8]) -> FileKind {
    for (kind, is) in [
        (FileKind::Dicom, dicom::looks_like as fn(&[u8]) -> bool),
        (FileKind::Checkup, checkup::looks_like),
        (FileKind::OneMessage, ssmix2::looks_like),
        (FileKind::Hl7, hl7::looks_like),
        (FileKind::Eligibility, eligibility::looks_like),
        (FileKind::Fhir, fhir::looks_like),
        (FileKind::Uke, uke::looks_like),
        (FileKind::Care, care::looks_like),
        (FileKind::Dpc, dpc::looks_like),
    ] {
        if is(bytes) {
            return kind;
        }
    }
    FileKind::Other
}
