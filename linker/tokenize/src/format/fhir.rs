//! FHIR (JP Core, CLINS): patients as ndjson, as Bundles of any type, or one resource in a file.
//!
//! Insurance stands in an identifier of the patient (CLINS) or in Coverage resources, which are joined
//! by reference. Bulk exports keep these in another file than the patients, so they are gathered first,
//! in [`Coverages`], from all files of a source. Resources are read where they stand in the file; only
//! insurances are copied, and bounded.
//!
//! A patient that another replaces (`link` of type `replaced-by`) and one that an entry deletes are
//! withdrawn; of the versions of a history the newest counts. This holds for one file: what another file
//! of the source says about the same patient is not known here.
//!
//! `serde_json` and not `simd-json`: it is kept by the authors of serde and is in use here already, it
//! reads the caller's bytes in place, while `simd-json` writes into its input and needs a copy, and
//! making tokens takes far longer than either needs to parse.

mod blocks;
mod coverage;
mod insurance;
mod model;
mod patient;
mod story;
mod walk;

use std::collections::BTreeMap;

pub use coverage::Coverages;
use linker_token::Flags;
use model::Patient;
use story::{Told, Versions, is_replaced, is_test};
use walk::{Kind, Resource, each};

use self::blocks::Walks;
use super::{
    FileReport, RowSink, SourceEncoding,
    blocks::{BlockSink, File, Stopped, in_memory},
    encoding::BOM,
};
use crate::{
    error::{ReadError, RowError},
    normalize,
    quality::Quality,
    record::{RawRecord, SourceRecord},
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
    in_memory(bytes, sink, |file, sink| {
        read_file(file, coverages, None, sink)
    })
}

/// Reads a file of any length if it is ndjson, as [`read_with`] does. Its identifiers are also fed to a
/// `screen` that judges all files of a source, as in [`screen`].
///
/// # Errors
/// [`Stopped::File`] as in [`read`]; [`Stopped::Caller`] with what the caller's source or sink said.
pub fn read_file<E>(
    file: &mut File<'_, E>,
    coverages: &Coverages,
    screen: Option<&mut Screen>,
    sink: &mut BlockSink<'_, E>,
) -> Result<FileReport, Stopped<E>> {
    let mut walks = Walks::of(file)?;
    let columns = columns(&mut walks, screen)?;
    columns.verdict()?;
    let several = columns.institutions.len() > 1;

    let mut report = FileReport::new(SourceEncoding::Utf8);
    let mut told = Told::default();
    let observed = walks.is_observed();
    walks.each(&mut |row, resource| {
        let parsed = match resource {
            Ok(resource) => match resource.kind {
                Kind::Patient => resource.parse::<Patient>().map(|at| (resource, Some(at))),
                Kind::DeletedPatient => Ok((resource, None)),
                Kind::Coverage | Kind::Organization | Kind::Other => return Ok(()),
            },
            Err(error) => Err(error),
        };
        match parsed {
            Err(error) => report.deliver(row, Err(error), sink)?,
            Ok((resource, patient)) if !told.is_first(&resource, patient.as_ref()) => {
                report.superseded += 1;
            }
            Ok((resource, Some(patient))) if !is_replaced(&patient) => {
                let url = resource.url.as_deref();
                let raw = patient::raw(&patient, url, several, coverages);
                report.deliver(row, record(&patient, &raw, observed), sink)?;
            }
            Ok(_) => report.withdrawn += 1,
        }
        Ok(())
    })?;
    Ok(report)
}

fn record(patient: &Patient, raw: &RawRecord, observed: bool) -> Result<SourceRecord, RowError> {
    let mut record = normalize::normalize_as(raw, observed)?;
    if is_test(patient) {
        record.quality.insert(Quality::TestRecord);
        record.flags = record.flags.with(Flags::TEST_RECORD);
    }
    Ok(record)
}

/// Feeds one file's identifiers to a screen that judges all files of a source: a file of one patient
/// proves nothing.
///
/// # Errors
/// [`ReadError`] if it is not FHIR.
pub fn screen(bytes: &[u8], screen: &mut Screen) -> Result<(), ReadError> {
    each(bytes, &mut |_, resource| {
        let patient = resource.ok().as_ref().and_then(patient_of);
        see(patient.as_ref(), screen);
        Ok(())
    })
}

fn see(patient: Option<&Patient>, screen: &mut Screen) {
    for identifier in patient.iter().flat_map(|patient| patient.identifier.iter()) {
        screen.see(IDENTIFIER, identifier.value.as_deref().unwrap_or(""));
    }
}

fn columns<E>(
    walks: &mut Walks<'_, '_, E>,
    mut screen: Option<&mut Screen>,
) -> Result<Columns, Stopped<E>> {
    let (mut columns, mut versions) = (Columns::default(), Versions::default());
    walks.each(&mut |_, resource| {
        if let Ok(resource) = resource {
            versions.see(&resource)?;
            if let Some(patient) = patient_of(&resource) {
                columns.see(&patient);
                if let Some(screen) = &mut screen {
                    see(Some(&patient), screen);
                }
            }
        }
        Ok(())
    })?;
    Ok(columns)
}

fn patient_of(resource: &Resource<'_>) -> Option<Patient> {
    (resource.kind == Kind::Patient).then_some(())?;
    resource.parse::<Patient>().ok()
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
