//! Facts: a few small things that must outlive the configuration, each under a name of its own.
//!
//! A configuration file says what somebody wants now. What must not be taken back by putting an older file
//! in its place (a revocation, the change to another key epoch) is kept here, in one transaction with its
//! audit entry.

use crate::{
    database::{Changes, Table},
    error::StoreError,
    limits,
    record::check_id,
    store::{Store, lock, rows_of},
};

impl Store {
    /// Keeps a fact. A repeat of what is kept changes nothing and writes no entry.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a name that is none, [`StoreError::TooLarge`] past a bound.
    pub fn put_fact(
        &self,
        name: &str,
        body: &[u8],
        entry: &dyn Fn(u64) -> String,
    ) -> Result<(), StoreError> {
        check_id(name)?;
        if body.len() > limits::FACT_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a fact",
                limit: limits::FACT_BYTES_MAX as u64,
            });
        }
        let mut writer = lock(&self.writer);
        if self.fact(name).as_deref() == Some(body) {
            return Ok(());
        }
        let key = Table::Fact.key(name.as_bytes());
        let changes = |_| Changes::from([(key, Some(body.to_vec()))]);
        self.transact(&mut writer, changes, Some(entry)).map(drop)
    }

    /// A fact, if it is kept.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.read();
        state.rows.get(&Table::Fact.key(name.as_bytes())).cloned()
    }

    /// All facts whose names begin so, in the order of their names.
    #[must_use]
    pub fn facts(&self, prefix: &str) -> Vec<(String, Vec<u8>)> {
        let state = self.read();
        let rows = rows_of(&state.rows, Table::Fact);
        let named = rows.filter_map(|(name, body)| {
            let name = std::str::from_utf8(name).ok()?;
            name.starts_with(prefix)
                .then(|| (name.to_owned(), body.to_vec()))
        });
        named.collect()
    }
}
