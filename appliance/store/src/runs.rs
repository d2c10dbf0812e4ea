//! Runs, as the service keeps them.

use crate::{
    database::{Changes, Table},
    error::StoreError,
    limits,
    record::{RunRow, check_id},
    store::{Store, lock, rows_of},
};

impl Store {
    /// Puts a run's next version. The version must follow the stored one, so that two writers cannot
    /// overwrite each other; a repeat of the stored version changes nothing.
    ///
    /// A change of state comes with an audit entry, whose index is returned; progress comes without.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the version does not follow.
    pub fn put_run(
        &self,
        row: &RunRow,
        entry: Option<&dyn Fn(u64) -> String>,
    ) -> Result<Option<u64>, StoreError> {
        let mut writer = lock(&self.writer);
        if self.get_run(&row.run_id)?.as_ref() == Some(row) {
            return Ok(None);
        }
        let change = self.run_change(row)?;
        let index = self.transact(&mut writer, |_| Changes::from([change]), entry)?;
        Ok(entry.map(|_| index))
    }

    /// One run.
    ///
    /// # Errors
    /// [`StoreError::Token`] if the row cannot be read, which its MAC rules out.
    pub fn get_run(&self, run_id: &str) -> Result<Option<RunRow>, StoreError> {
        let state = self.read();
        let row = state.rows.get(&Table::Run.key(run_id.as_bytes()));
        Ok(row.map(|row| RunRow::from_bytes(row)).transpose()?)
    }

    /// Runs whose names come after `after`, in order; at most [`limits::LIST_MAX`].
    ///
    /// # Errors
    /// As [`Self::get_run`].
    pub fn list_runs(&self, after: &str, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let state = self.read();
        let rows = rows_of(&state.rows, Table::Run)
            .filter(|(name, _)| *name > after.as_bytes())
            .take(limit.min(limits::LIST_MAX));
        Ok(rows
            .map(|(_, row)| RunRow::from_bytes(row))
            .collect::<Result<_, _>>()?)
    }

    /// The change that puts `row`, if it follows the stored version.
    pub(crate) fn run_change(
        &self,
        row: &RunRow,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>), StoreError> {
        check_id(&row.run_id)?;
        check_id(&row.state)?;
        if row.body.len() > limits::BODY_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a run",
                limit: limits::BODY_BYTES_MAX as u64,
            });
        }
        let stored = self.get_run(&row.run_id)?.map_or(0, |run| run.version);
        if row.version.checked_sub(1) != Some(stored) {
            return Err(StoreError::Conflict { what: "a run" });
        }
        let key = Table::Run.key(row.run_id.as_bytes());
        Ok((key, Some(row.to_bytes())))
    }
}
