//! Batches: from checked rows to a sealed segment that counts.

use linker_token::{BatchId, Manifest, TokenBatch};
use zeroize::Zeroizing;

use crate::{
    database::{Changes, Table},
    error::StoreError,
    files, limits,
    record::{Admission, AdmittedBatch, BatchRow},
    sealed::{Kind, SealedFile, SealedInfo, SealedWriter},
    store::{Store, lock, rows_of},
};

/// Folder of token segments.
pub(crate) const SEGMENTS: &str = "segments";

impl BatchRow {
    /// The segment file's name.
    pub(crate) fn file_name(&self) -> String {
        segment_name(self.batch_id)
    }
}

impl Store {
    /// Keeps a batch: sealed segment file, then one transaction with its row and its audit entry, then the
    /// audit log. The transaction is the moment of acceptance. A repeat returns what the first call did.
    ///
    /// `entry` makes the audit entry's text from its index.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if manifest, counts and store disagree; [`StoreError::DiskFull`] and other
    /// I/O errors leave nothing admitted, or all of it when the store is opened again.
    ///
    /// # Panics
    /// Never: the number of rows was held against the manifest's.
    pub fn admit(
        &self,
        admission: &Admission<'_>,
        entry: &dyn Fn(u64) -> String,
    ) -> Result<AdmittedBatch, StoreError> {
        self.writable()?;
        let manifest = self.check_admission(admission)?;
        if let Some(row) = self.batch(admission.batch_id)? {
            return Ok(repeated(&row));
        }
        let name = segment_name(admission.batch_id);
        let plaintext = Zeroizing::new(admission.tokens.to_bytes());
        let what = (Kind::Tokens, name.as_str(), limits::FRAME_BYTES);
        let (temporary, file) = self.write_sealed(what, |out| out.write(&plaintext))?;
        let row = |audit_index| BatchRow {
            batch_id: admission.batch_id,
            manifest: manifest.clone(),
            signature: admission.signature.to_vec(),
            rows: u32::try_from(admission.tokens.len()).expect("batches are bounded"),
            quarantined: admission.quarantined.clone(),
            audit_index,
        };
        let mut writer = lock(&self.writer);
        if let Some(first) = self.batch(admission.batch_id)? {
            files::remove(&temporary)?;
            return Ok(repeated(&first));
        }
        let place = self.folder.join(SEGMENTS).join(&name);
        self.watch(
            self.writable()
                .and_then(|()| files::put_in_place(&temporary, &place)),
        )
        .inspect_err(|_refused| discard(&temporary))?;
        let changes = |index| {
            let key = Table::Batch.key(&admission.batch_id.0);
            Changes::from([(key, Some(row(index).to_bytes(&file)))])
        };
        let done = self.transact(&mut writer, changes, Some(entry));
        let audit_index = done.inspect_err(|error| take_back(error, &[&place]))?;
        drop(writer);
        // The upload is not needed any more; if it stays, the next start removes it.
        let _left_for_the_sweep = self.discard_upload(admission.batch_id);
        Ok(AdmittedBatch {
            audit_index,
            repeated: false,
        })
    }

    /// One admitted batch.
    ///
    /// # Errors
    /// [`StoreError::Token`] if the row cannot be read, which its MAC rules out.
    pub fn batch(&self, id: BatchId) -> Result<Option<BatchRow>, StoreError> {
        Ok(self.stored_batch(id)?.map(|(row, _file)| row))
    }

    /// All admitted batches, in the order of their names.
    ///
    /// # Errors
    /// As [`Self::batch`].
    pub fn batches(&self) -> Result<Vec<BatchRow>, StoreError> {
        let state = self.read();
        let rows = rows_of(&state.rows, Table::Batch);
        Ok(rows
            .map(|(_, row)| BatchRow::from_bytes(row).map(|(row, _file)| row))
            .collect::<Result<_, _>>()?)
    }

    /// The rows of one batch, every frame and the whole file checked.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the segment file; [`StoreError::Custody`] if the token does not answer.
    pub fn read_segment(&self, row: &BatchRow) -> Result<TokenBatch, StoreError> {
        let (row, info) = self
            .stored_batch(row.batch_id)?
            .ok_or(StoreError::NotFound { what: "batch" })?;
        let name = row.file_name();
        let path = self.folder.join(SEGMENTS).join(&name);
        let what = (Kind::Tokens, name.as_str());
        let file = SealedFile::open(&path, what, &info, &self.scope, &*self.custody)?;
        let length = usize::try_from(info.plaintext_bytes()).unwrap_or(0);
        let mut plaintext = Zeroizing::new(Vec::with_capacity(length));
        file.read_all(|frame| {
            plaintext.extend_from_slice(frame);
            Ok(())
        })?;
        let tokens = TokenBatch::from_bytes(&self.scope.schema, &plaintext)?;
        if tokens.len() == row.rows as usize {
            Ok(tokens)
        } else {
            Err(StoreError::damaged(
                name,
                "its rows are not as many as admitted",
            ))
        }
    }

    fn stored_batch(&self, id: BatchId) -> Result<Option<(BatchRow, SealedInfo)>, StoreError> {
        let state = self.read();
        let row = state.rows.get(&Table::Batch.key(&id.0));
        Ok(row.map(|row| BatchRow::from_bytes(row)).transpose()?)
    }

    /// Writes one sealed file under a temporary name, and removes it again if that fails.
    pub(crate) fn write_sealed(
        &self,
        (kind, name, frame_bytes): (Kind, &str, usize),
        fill: impl FnOnce(&mut SealedWriter) -> Result<(), StoreError>,
    ) -> Result<(std::path::PathBuf, SealedInfo), StoreError> {
        let path = self.temporary();
        let what = (kind, name, frame_bytes);
        let written = SealedWriter::create(path.clone(), what, &self.scope, &*self.custody)
            .and_then(|mut out| fill(&mut out).map(|()| out))
            .and_then(SealedWriter::finish);
        self.watch(written).inspect_err(|_failed| discard(&path))
    }

    /// Holds manifest, rows and scope against each other: count in is count out.
    fn check_admission(&self, admission: &Admission<'_>) -> Result<Manifest, StoreError> {
        let manifest = Manifest::from_bytes(admission.manifest_bytes)?;
        let refuse = |rule| Err(StoreError::Refused { rule });
        if manifest.batch_id() != admission.batch_id {
            return refuse("the batch is not named by its manifest");
        }
        if manifest.project != self.scope.project {
            return refuse("the manifest is of another project");
        }
        if manifest.epoch != self.scope.epoch {
            return refuse("the manifest is of another key epoch");
        }
        if manifest.schema != self.scope.schema.digest() {
            return refuse("the manifest is of another schema");
        }
        if admission.tokens.row_words() != self.scope.schema.row_words() {
            return refuse("the rows are not of the schema's width");
        }
        if admission.signature.len() > limits::UPLOAD_HEADER_BYTES_MAX {
            return refuse("the signature is too long");
        }
        let names = admission.quarantined.keys();
        if names.clone().count() > linker_token::limits::MANIFEST_COUNTS_MAX
            || names.clone().any(|name| name.len() > limits::ID_BYTES_MAX)
        {
            return refuse("the reasons for quarantine are too many or too long");
        }
        let aside: u64 = admission.quarantined.values().copied().map(u64::from).sum();
        if admission.tokens.len() as u64 + aside != u64::from(manifest.rows) {
            return refuse("rows kept and set aside are not the manifest's rows");
        }
        Ok(manifest)
    }
}

/// Removes a temporary file of a failed call; if that fails as well, the next start does it.
pub(crate) fn discard(path: &std::path::Path) {
    let _left_for_the_next_start = files::remove(path);
}

/// Removes files that were put in place for a transaction that was refused. After an I/O error nobody
/// knows whether the transaction holds, so the files stay until the store is opened again.
pub(crate) fn take_back(error: &StoreError, places: &[&std::path::Path]) {
    if !error.is_fault() {
        places.iter().for_each(|place| discard(place));
    }
}

fn segment_name(id: BatchId) -> String {
    format!("{id}.seg")
}

fn repeated(row: &BatchRow) -> AdmittedBatch {
    AdmittedBatch {
        audit_index: row.audit_index,
        repeated: true,
    }
}
