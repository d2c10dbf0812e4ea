//! FHIR (JP Core, CLINS): patients as ndjson, as Bundles of any type, or one resource in a file.
//!
//! Insurance stands in an identifier of the patient (CLINS) or in Coverage resources, which are joined
//! by reference. Bulk exports keep these in another file than the patients, so they are gathered first,
//! in [`Coverages`], from all files of a source. Resources are read where they stand in the file; only
//! insurances are copied, and bounded.
//!
//! `serde_json` and not `simd-json`: it is kept by the authors of serde and is in use here already, it
//! reads the caller's bytes in place, while `simd-json` writes into its input and needs a copy, and
//! making tokens takes far longer than either needs to parse.

mod coverage;
mod insurance;
mod model;
mod patient;
mod walk;

use std::collections::BTreeMap;

pub use coverage::Coverages;
use model::Patient;
use walk::{Kind, each};

use super::{FileReport, RowSink, SourceEncoding, encoding::BOM};
use crate::{
    error::ReadError,
    normalize,
    refuse::{ColumnStatistics, Refusal, Screen},
};

/// How a forbidden number among the identifiers is reported; systems are text of the file.
const IDENTIFIER: &str = "Patient.identifier";
/// Systems of identifiers that are judged each by itself; further ones are judged together.
const SYSTEMS_MAX: usize = 256;

/// Whether a file looks like FHIR: an object that names its kind of resource near its start.
#[must_use]
pub fn looks_like(bytes: &[u8]) -> bool {
    const HEAD: usize = 4096;
    const KEY: &[u8] = b"\"resourceType\"";
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let head = &bytes[..bytes.len().min(HEAD)];
    let starts = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    starts && head.windows(KEY.len()).any(|window| window == KEY)
}

/// Reads one file with the insurances that it holds itself. Each patient is one row; rows count lines
/// of ndjson or entries of Bundles, from 1.
///
/// # Errors
/// [`ReadError`] if the file is cut, not FHIR, or holds forbidden numbers; then `sink` was never called.
pub fn read(bytes: &[u8], sink: &mut RowSink<'_>) -> Result<FileReport, ReadError> {
    let mut coverages = Coverages::new();
    coverages.add(bytes)?;
    read_with(bytes, &coverages, sink)
}

/// Reads one file of a source whose insurances were gathered before.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    bytes: &[u8],
    coverages: &Coverages,
    sink: &mut RowSink<'_>,
) -> Result<FileReport, ReadError> {
    let columns = columns(bytes)?;
    columns.verdict()?;
    let several = columns.institutions.len() > 1;

    let mut report = FileReport::new(SourceEncoding::Utf8);
    each(bytes, &mut |row, resource| {
        let outcome = match resource {
            Ok(resource) if resource.kind != Kind::Patient => return Ok(()),
            Ok(resource) => resource.parse::<Patient>().and_then(|patient| {
                let url = resource.url.as_deref();
                normalize::normalize(&patient::raw(&patient, url, several, coverages))
            }),
            Err(error) => Err(error),
        };
        report.deliver(row, outcome, sink);
        Ok(())
    })?;
    Ok(report)
}

/// Feeds one file's identifiers to a screen that judges all files of a source: a file of one patient
/// proves nothing.
///
/// # Errors
/// [`ReadError`] if it is not FHIR.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    each_patient(bytes, &mut |patient| {
        for identifier in patient.identifier.iter() {
            screen.see(IDENTIFIER, identifier.value.as_deref().unwrap_or(""));
        }
    })
}

fn columns(bytes: &[u8]) -> Result<Columns, ReadError> {
    let mut columns = Columns::default();
    each_patient(bytes, &mut |patient| columns.see(patient))?;
    Ok(columns)
}

fn each_patient(bytes: &[u8], see: &mut dyn FnMut(&Patient)) -> Result<(), ReadError> {
    each(bytes, &mut |_, resource| {
        if let Ok(resource) = resource
            && resource.kind == Kind::Patient
            && let Ok(patient) = resource.parse::<Patient>()
        {
            see(&patient);
        }
        Ok(())
    })
}

/// What is noticed of the identifiers of all patients before the first is delivered.
#[derive(Default)]
struct Columns {
    hint: Option<crate::RefusedNumber>,
    systems: BTreeMap<String, ColumnStatistics>,
    rest: ColumnStatistics,
    institutions: BTreeMap<String, ()>,
}

impl Columns {
    fn see(&mut self, patient: &Patient) {
        for identifier in patient.identifier.iter() {
            self.hint = self.hint.or_else(|| identifier.forbidden());
            let system = identifier.system.as_deref().unwrap_or("");
            let value = identifier.value.as_deref().unwrap_or("");
            if let Some(institution) = patient::institution(system)
                && self.institutions.len() < 2
            {
                self.institutions.insert(institution.to_owned(), ());
            }
            if let Some(column) = self.systems.get_mut(system) {
                column.see(value);
            } else if self.systems.len() < SYSTEMS_MAX {
                let mut column = ColumnStatistics::default();
                column.see(value);
                self.systems.insert(system.to_owned(), column);
            } else {
                self.rest.see(value);
            }
        }
        self.rest.see(patient.id.as_deref().unwrap_or(""));
    }

    fn verdict(&self) -> Result<(), ReadError> {
        if let Some(number) = self.hint {
            let refusal = Refusal::by_place(number, IDENTIFIER);
            return Err(ReadError::Refused(refusal));
        }
        let mut columns = self.systems.values().chain([&self.rest]);
        columns
            .try_for_each(|column| column.verdict(IDENTIFIER))
            .map_err(ReadError::Refused)
    }
}
