//! Tables, which a run walks over twice: once to check and count, once to seal.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard, PoisonError},
};

use linker_tokenize::{
    CsvMapping, FileReport,
    format::{self, csv::Screened},
};

use super::Source;
use crate::{error::AgentError, limits::SCREENED_TABLES_MAX};

impl Source {
    /// A table: screened and read in one walk while the source is checked, since nothing is kept of what is
    /// refused then, and only read afterwards, if it is still the table that was checked.
    pub(super) fn read_table(
        &self,
        path: &Path,
        mapping: &CsvMapping,
        checking: bool,
        file: &mut format::File<'_, AgentError>,
        rows: &mut format::BlockSink<'_, AgentError>,
    ) -> Result<FileReport, format::Stopped<AgentError>> {
        if checking {
            let (report, screened) = format::csv::check_file(mapping, file, rows)?;
            let mut all = self.screened();
            if all.len() < SCREENED_TABLES_MAX {
                all.insert(path.to_owned(), Arc::new(screened));
            }
            return Ok(report);
        }
        let screened = self.screened().get(path).cloned();
        match screened {
            Some(screened) => format::csv::read_screened(mapping, &screened, file, rows),
            None => format::csv::read_file(mapping, file, rows),
        }
    }

    pub(super) fn screened(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Screened>>> {
        // Whatever panicked while it held the lock left whole entries behind.
        self.screened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
