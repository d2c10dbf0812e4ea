//! Releases: a run's crosswalk under a project's pseudonyms, frozen for one recipient.

use std::sync::Arc;

use appliance_store::{GenerationRow, ReleaseDraft, ReleaseLine, ReleaseRow};
use keymgmt_custody::hierarchy::{DerivingKey, Label};
use linker_token::{
    ProjectId, RecordRef, TokenError,
    canonical::{Reader, Writer},
};
use sha2::{Digest as _, Sha256};

use crate::{
    audit::Entry,
    auth::Caller,
    error::ServiceError,
    limits,
    pseudonym::{self, pseudonym},
    service::{
        Appliance,
        intent::Intent,
        run::{self, Work, request_digest},
    },
};

const MAGIC: [u8; 8] = *b"MSBREL02";

/// What a release is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Chosen by the caller; a repeat returns the first release.
    pub request_id: String,
    /// The run to freeze.
    pub run_id: String,
    /// The project whose pseudonyms are used.
    pub project: ProjectId,
    /// The approval that allows it.
    pub approval_number: String,
    /// Who receives it.
    pub recipient: String,
}

/// A frozen crosswalk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub release_id: String,
    /// What it is for.
    pub order: Order,
    /// URI of the caller that made it, who alone may read it.
    pub owner: String,
    /// Number of rows.
    pub rows: u64,
    /// SHA-256 over the rows in stream order, as [`Digester`] does it.
    pub digest: [u8; 32],
    /// Index of its audit entry.
    pub audit_index: u64,
}

/// One row of a crosswalk.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The site.
    pub site: String,
    /// The site's name of the record.
    pub reference: RecordRef,
    /// The pseudonym with its check character.
    pub pseudonym: String,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row(..)")
    }
}

/// SHA-256 over rows: of each the site, a zero byte, the 16 bytes of the reference and the 21
/// characters of the pseudonym.
#[derive(Debug, Default, Clone)]
pub struct Digester(Sha256);

impl Digester {
    /// Adds a row.
    pub fn add(&mut self, site: &str, reference: &RecordRef, pseudonym: &str) {
        self.0.update(site.as_bytes());
        self.0.update([0]);
        self.0.update(reference.0);
        self.0.update(pseudonym.as_bytes());
    }

    /// The digest of all rows.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// Freezes the crosswalk of a run that ended well. The same request returns the first release.
///
/// # Errors
/// [`ServiceError::NotPermitted`] for another's project, [`ServiceError::RunNotReleased`] unless the run
/// ended well, [`ServiceError::Conflict`] if the request ID was used for another order,
/// [`ServiceError::Busy`] while another release is made, [`ServiceError::TooLarge`] if the project has as
/// many as it may.
pub fn create(
    appliance: &Arc<Appliance>,
    caller: &Caller,
    order: &Order,
) -> Result<Release, ServiceError> {
    if !caller.has_project(&order.project) {
        return Err(ServiceError::NotPermitted);
    }
    let release_id = name(caller, &order.request_id);
    if let Some(row) = appliance.store().release(&release_id)? {
        let first = read(row)?;
        return if first.order == *order {
            Ok(first)
        } else {
            Err(ServiceError::Conflict)
        };
    }
    appliance.accepting()?;
    run::alone(appliance, Work::Release, || {
        check_count(appliance, &order.project)?;
        freeze(appliance, caller, order, &release_id)
    })
}

/// The bound of a project's releases.
fn check_count(appliance: &Appliance, project: &ProjectId) -> Result<(), ServiceError> {
    let mut count = 0;
    for row in appliance.store().releases()? {
        count += usize::from(read(row)?.order.project == *project);
    }
    room_for_one(count)
}

fn room_for_one(count: usize) -> Result<(), ServiceError> {
    let limit = limits::RELEASES_PER_PROJECT_MAX;
    let what = "the number of releases of this project";
    (count < limit)
        .then_some(())
        .ok_or(ServiceError::TooLarge { what, limit })
}

/// Makes the pseudonyms of a run's records and keeps them.
fn freeze(
    appliance: &Appliance,
    caller: &Caller,
    order: &Order,
    release_id: &str,
) -> Result<Release, ServiceError> {
    let entry = appliance
        .entry(caller.uri(), "release", release_id)
        .detail("run", &order.run_id)
        .detail("project", order.project.as_str())
        .detail("recipient", &order.recipient);
    let generations = appliance.store().generations()?;
    let generation = generations.iter().find(|row| row.run_id == order.run_id);
    let generation = generation.ok_or(ServiceError::RunNotReleased)?;
    appliance.begun(&entry, |intent| {
        let entry = intent.result(entry.clone());
        commit(
            appliance,
            (caller, order, release_id),
            generation,
            (entry, intent),
        )
    })
}

/// Reads the run's assignments, which opens sealed files, and commits the release with its audit entry.
fn commit(
    appliance: &Appliance,
    (caller, order, release_id): (&Caller, &Order, &str),
    generation: &GenerationRow,
    (entry, intent): (Entry, &Intent),
) -> Result<Release, ServiceError> {
    let assignments = appliance.store().assignments_of(generation)?;
    let key = project_key(appliance, &order.project, intent)?;
    let mut lines: Vec<ReleaseLine> = assignments
        .lines
        .iter()
        .map(|line| ReleaseLine {
            site: line.site,
            reference: line.reference,
            pseudonym: pseudonym(&key, &line.research_id),
        })
        .collect();
    lines.sort_unstable();
    let mut digester = Digester::default();
    for line in &lines {
        let site = assignments
            .sites
            .get(usize::from(line.site))
            .ok_or(ServiceError::Internal)?;
        digester.add(
            site.as_str(),
            &line.reference,
            &pseudonym::text(&line.pseudonym),
        );
    }
    let rows = lines.len() as u64;
    let digest = digester.finish();
    let entry = entry
        .count("rows", rows)
        .detail("digest", &hex::encode(digest));
    let draft = ReleaseDraft {
        release_id: release_id.to_owned(),
        run_id: order.run_id.clone(),
        body: encode(order, caller.uri(), digest),
        sites: &assignments.sites,
        lines,
    };
    appliance
        .store()
        .create_release(draft, &|seq| entry.render(seq))?;
    tracing::info!(release = %release_id, run = %order.run_id, project = %order.project, rows, "a release was made");
    let row = appliance.store().release(release_id)?;
    read(row.ok_or(ServiceError::Internal)?)
}

/// Begins a caller's reading of a release from `cursor` on: who reads what is audited first.
///
/// # Errors
/// [`ServiceError::NotFound`], or [`ServiceError::Malformed`] for a cursor behind the end.
pub fn begin_reading(
    appliance: &Appliance,
    caller: &Caller,
    release_id: &str,
    cursor: u64,
) -> Result<Release, ServiceError> {
    let release = find(appliance, caller, release_id)?;
    let left = release
        .rows
        .checked_sub(cursor)
        .ok_or(ServiceError::Malformed {
            rule: "the cursor lies behind the release's end",
        })?;
    let entry = appliance.entry(caller.uri(), "read-release", release_id);
    appliance.append_audit(&entry.count("rows", left))?;
    Ok(release)
}

/// A release that the caller made, if it still has the project. Others' releases look as if they were not
/// there.
///
/// # Errors
/// [`ServiceError::NotFound`].
pub fn find(
    appliance: &Appliance,
    caller: &Caller,
    release_id: &str,
) -> Result<Release, ServiceError> {
    let missing = ServiceError::NotFound { what: "release" };
    let Some(row) = appliance.store().release(release_id)? else {
        return Err(missing);
    };
    let release = read(row)?;
    if release.owner == caller.uri() && caller.has_project(&release.order.project) {
        Ok(release)
    } else {
        Err(missing)
    }
}

/// One page of a release's rows from `cursor` on, and the cursor behind it. An empty page is the end.
///
/// # Errors
/// [`ServiceError::Malformed`] for a cursor behind the end.
pub fn page(
    appliance: &Appliance,
    release: &Release,
    cursor: u64,
) -> Result<(u64, Vec<Row>), ServiceError> {
    if cursor > release.rows {
        return Err(ServiceError::Malformed {
            rule: "the cursor lies behind the release's end",
        });
    }
    if cursor == release.rows {
        return Ok((cursor, Vec::new()));
    }
    let row = appliance.store().release(&release.release_id)?;
    let row = row.ok_or(ServiceError::NotFound { what: "release" })?;
    let page =
        appliance
            .store()
            .release_rows(&release.release_id, cursor, limits::CROSSWALK_PAGE_ROWS)?;
    let rows = page.lines.iter().map(|line| {
        let site = row
            .sites
            .get(usize::from(line.site))
            .ok_or(ServiceError::Internal)?;
        Ok(Row {
            site: site.to_string(),
            reference: line.reference,
            pseudonym: pseudonym::text(&line.pseudonym),
        })
    });
    let rows = rows.collect::<Result<Vec<_>, ServiceError>>()?;
    Ok((cursor + rows.len() as u64, rows))
}

/// The key of a project's pseudonyms, made in the token once per release or look-up index.
pub(super) fn project_key(
    appliance: &Appliance,
    project: &ProjectId,
    _before: &Intent,
) -> Result<keymgmt_custody::Secret, ServiceError> {
    let linkage = &appliance.scope().project;
    let context = [
        linkage.as_str().as_bytes(),
        &[0],
        project.as_str().as_bytes(),
    ]
    .concat();
    appliance
        .custody()
        .derive(DerivingKey::Psk, Label::Pseudonym, &context)
        .map_err(ServiceError::Hsm)
}

/// The name follows from caller and request ID, so that a repeat finds the first release.
fn name(caller: &Caller, request_id: &str) -> String {
    format!(
        "release-{}",
        hex::encode(&request_digest(caller, request_id)[..12])
    )
}

fn encode(order: &Order, owner: &str, digest: [u8; 32]) -> Vec<u8> {
    let mut out = Writer::new(MAGIC);
    out.text(&order.request_id);
    out.text(order.project.as_str());
    out.text(&order.approval_number);
    out.text(&order.recipient);
    out.text(owner);
    out.fixed(&digest);
    out.finish()
}

fn read(row: ReleaseRow) -> Result<Release, ServiceError> {
    let decode = || -> Result<(Order, String, [u8; 32]), TokenError> {
        let mut input = Reader::new("the record of a release", MAGIC, &row.body)?;
        let order = Order {
            request_id: input.text(limits::TEXT_BYTES_MAX)?.to_owned(),
            run_id: row.run_id.clone(),
            project: ProjectId::parse(input.text(limits::TEXT_BYTES_MAX)?)?,
            approval_number: input.text(limits::TEXT_BYTES_MAX)?.to_owned(),
            recipient: input.text(limits::TEXT_BYTES_MAX)?.to_owned(),
        };
        let owner = input.text(limits::URI_BYTES_MAX)?.to_owned();
        let digest = input.fixed()?;
        input.finish()?;
        Ok((order, owner, digest))
    };
    let (order, owner, digest) = decode().map_err(|_opaque| ServiceError::Damaged {
        what: "the record of a release",
    })?;
    Ok(Release {
        release_id: row.release_id,
        order,
        owner,
        rows: row.lines,
        digest,
        audit_index: row.audit_index,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_releases_of_a_project_are_bounded() {
        assert!(room_for_one(limits::RELEASES_PER_PROJECT_MAX - 1).is_ok());
        let past = room_for_one(limits::RELEASES_PER_PROJECT_MAX).expect_err("one past");
        assert_eq!(past.code(), "TOO_LARGE");
    }
}
