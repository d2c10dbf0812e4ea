//! Releases: a run's crosswalk for one project, frozen.

use sha2::{Digest as _, Sha256};

use crate::{
    admit::{discard, take_back},
    database::{Changes, Table},
    error::StoreError,
    files,
    limits::{self, LINE_FRAME_BYTES},
    lines::{self, AsLine as _},
    record::{Committed, ReleaseDraft, ReleasePage, ReleaseRow, check_id},
    sealed::{Kind, SealedInfo},
    store::{Store, lock, rows_of},
};

/// Folder of releases.
pub(crate) const RELEASES: &str = "releases";

impl ReleaseRow {
    /// The release file's name.
    pub(crate) fn file_name(&self) -> String {
        file_name(&self.release_id)
    }
}

impl Store {
    /// Freezes a release: lines in their fixed order, sealed, with their digest, in one transaction with
    /// one audit entry. A release never changes; a repeat with the same content returns the first result.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a release of this name holds other content; [`StoreError::NotFound`]
    /// if there is no such run.
    pub fn create_release(
        &self,
        mut draft: ReleaseDraft<'_>,
        entry: &dyn Fn(u64) -> String,
    ) -> Result<Committed, StoreError> {
        self.writable()?;
        check_id(&draft.release_id)?;
        if draft.body.len() > limits::BODY_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a release",
                limit: limits::BODY_BYTES_MAX as u64,
            });
        }
        if self.get_run(&draft.run_id)?.is_none() {
            return Err(StoreError::NotFound { what: "run" });
        }
        lines::sort(draft.sites, &mut draft.lines)?;
        let digest = digest(&draft);
        if let Some(first) = self.release(&draft.release_id)? {
            return same(&first, &draft, digest);
        }
        let name = file_name(&draft.release_id);
        let what = (Kind::Release, name.as_str(), LINE_FRAME_BYTES);
        let (part, file) = self.write_sealed(what, |out| {
            let mut lines = draft.lines.iter();
            lines.try_for_each(|line| out.write(&line.to_line()))
        })?;
        self.place_release(&draft, digest, (&part, &file), entry)
            .inspect_err(|_failed| discard(&part))
    }

    /// One release.
    ///
    /// # Errors
    /// [`StoreError::Token`] if the row cannot be read, which its MAC rules out.
    pub fn release(&self, release_id: &str) -> Result<Option<ReleaseRow>, StoreError> {
        Ok(self.stored_release(release_id)?.map(|(row, _file)| row))
    }

    /// All releases, in the order of their names.
    ///
    /// # Errors
    /// As [`Self::release`].
    pub fn releases(&self) -> Result<Vec<ReleaseRow>, StoreError> {
        let state = self.read();
        let rows = rows_of(&state.rows, Table::Release);
        Ok(rows
            .map(|(_, row)| ReleaseRow::from_bytes(row).map(|(row, _file)| row))
            .collect::<Result<_, _>>()?)
    }

    /// Lines of a release from line `cursor` on, at most `limit` and [`limits::RELEASE_PAGE_MAX`].
    /// Each frame proves its own place, so a page is right wherever it starts.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Damaged`] names the file.
    pub fn release_rows(
        &self,
        release_id: &str,
        cursor: u64,
        limit: usize,
    ) -> Result<ReleasePage, StoreError> {
        let (row, info) = self
            .stored_release(release_id)?
            .ok_or(StoreError::NotFound { what: "release" })?;
        let file = self.sealed(RELEASES, (Kind::Release, &row.file_name()), &info)?;
        let lines = lines::read(&file, cursor, limit.clamp(1, limits::RELEASE_PAGE_MAX))?;
        let end = cursor.saturating_add(lines.len() as u64);
        Ok(ReleasePage {
            lines,
            next: (end < row.lines).then_some(end),
        })
    }

    fn stored_release(
        &self,
        release_id: &str,
    ) -> Result<Option<(ReleaseRow, SealedInfo)>, StoreError> {
        let state = self.read();
        let row = state.rows.get(&Table::Release.key(release_id.as_bytes()));
        Ok(row.map(|row| ReleaseRow::from_bytes(row)).transpose()?)
    }

    fn place_release(
        &self,
        draft: &ReleaseDraft<'_>,
        digest: [u8; 32],
        (part, file): (&std::path::Path, &SealedInfo),
        entry: &dyn Fn(u64) -> String,
    ) -> Result<Committed, StoreError> {
        let mut writer = lock(&self.writer);
        if let Some(first) = self.release(&draft.release_id)? {
            discard(part);
            return same(&first, draft, digest);
        }
        self.writable()?;
        let place = self
            .folder
            .join(RELEASES)
            .join(file_name(&draft.release_id));
        self.watch(files::put_in_place(part, &place))?;
        let changes = |audit_index| {
            let row = ReleaseRow {
                release_id: draft.release_id.clone(),
                run_id: draft.run_id.clone(),
                body: draft.body.clone(),
                sites: draft.sites.to_vec(),
                lines: draft.lines.len() as u64,
                digest,
                audit_index,
            };
            let key = Table::Release.key(draft.release_id.as_bytes());
            Changes::from([(key, Some(row.to_bytes(file)))])
        };
        let done = self.transact(&mut writer, changes, Some(entry));
        let audit_index = done.inspect_err(|error| take_back(error, &[&place]))?;
        Ok(Committed {
            audit_index,
            repeated: false,
        })
    }
}

fn file_name(release_id: &str) -> String {
    format!("{release_id}.release")
}

/// SHA-256 over sites and lines in their fixed order, as they are kept: it tells a repeat from another
/// release. The digest that a recipient computes is over the rows as they are sent; the service makes it.
fn digest(draft: &ReleaseDraft<'_>) -> [u8; 32] {
    let mut hash = Sha256::new().chain_update(b"musubi-release/1\n");
    for site in draft.sites {
        hash.update(site.as_str());
        hash.update(b"\n");
    }
    for line in &draft.lines {
        hash.update(line.to_line());
    }
    hash.finalize().into()
}

/// A repeat is the same release or a refusal.
fn same(
    first: &ReleaseRow,
    draft: &ReleaseDraft<'_>,
    digest: [u8; 32],
) -> Result<Committed, StoreError> {
    let same = first.digest == digest && first.run_id == draft.run_id && first.body == draft.body;
    if same {
        Ok(Committed {
            audit_index: first.audit_index,
            repeated: true,
        })
    } else {
        Err(StoreError::Conflict { what: "a release" })
    }
}
