//! Research IDs: one generation of assignments per run, and the events that led to it.
//!
//! A generation is two sealed files, the sorted assignments and the ID events, and one database row.
//! Earlier generations stay, so that any past state is readable.

use std::ops::Range;

use linker_token::{RecordRef, SiteId};
use zeroize::Zeroizing;

use crate::{
    admit::{discard, take_back},
    database::{Changes, Table},
    error::StoreError,
    files,
    limits::{self, LINE_FRAME_BYTES},
    lines::{self, AsLine as _},
    record::{Assignments, Committed, GenerationRow, IdEvent, ResolutionDraft},
    sealed::{Kind, SealedInfo, SealedWriter},
    store::{Store, lock, rows_of},
};

/// Folder of assignments and events.
pub(crate) const IDS: &str = "ids";

impl GenerationRow {
    /// The assignment file's name.
    pub(crate) fn lines_name(&self) -> String {
        lines_name(&self.run_id)
    }

    /// The event file's name.
    pub(crate) fn events_name(&self) -> String {
        events_name(&self.run_id)
    }
}

impl Store {
    /// Keeps a run's outcome: assignments, events and the run's next version, in one transaction with
    /// one audit entry. A run is committed once; a repeat returns what the first call did.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if a record has two lines; [`StoreError::Conflict`] if the run moved on.
    pub fn commit_resolution(
        &self,
        mut draft: ResolutionDraft<'_>,
        entry: &dyn Fn(u64) -> String,
    ) -> Result<Committed, StoreError> {
        self.writable()?;
        crate::record::check_id(&draft.run.run_id)?;
        if let Some(first) = self.generation_of(&draft.run.run_id)? {
            return Ok(repeated(&first));
        }
        lines::sort(draft.sites, &mut draft.lines)?;
        check_events(draft.events)?;
        let (lines_part, lines_file) = self.write_lines(&draft)?;
        let (events_part, events_file) = self
            .write_events(&draft)
            .inspect_err(|_failed| discard(&lines_part))?;
        let parts = [lines_part, events_part];
        self.place_resolution(&draft, &parts, &[lines_file, events_file], entry)
            .inspect_err(|_failed| parts.iter().for_each(|part| discard(part)))
    }

    /// The newest generation.
    ///
    /// # Errors
    /// [`StoreError::Token`] if the row cannot be read, which its MAC rules out.
    pub fn generation(&self) -> Result<Option<GenerationRow>, StoreError> {
        Ok(self.generations()?.pop())
    }

    /// All generations, oldest first.
    ///
    /// # Errors
    /// As [`Self::generation`].
    pub fn generations(&self) -> Result<Vec<GenerationRow>, StoreError> {
        let state = self.read();
        let rows = rows_of(&state.rows, Table::Generation);
        Ok(rows
            .map(|(_, row)| GenerationRow::from_bytes(row).map(|(row, _files)| row))
            .collect::<Result<_, _>>()?)
    }

    /// The newest assignments, sorted; none before the first run.
    ///
    /// # Errors
    /// As [`Self::assignments_of`].
    pub fn assignments(&self) -> Result<Assignments, StoreError> {
        self.generation()?.map_or_else(
            || Ok(Assignments::default()),
            |row| self.assignments_of(&row),
        )
    }

    /// The assignments of one generation, sorted, the whole file checked.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file.
    pub fn assignments_of(&self, row: &GenerationRow) -> Result<Assignments, StoreError> {
        let (row, [info, _]) = self.stored_generation(row.generation)?;
        let name = row.lines_name();
        let file = self.sealed(IDS, (Kind::Assignments, &name), &info)?;
        let mut found = Vec::with_capacity(usize::try_from(row.records).unwrap_or(0));
        file.read_all(|frame| {
            let lines = frame.as_chunks().0.iter();
            found.extend(lines.map(crate::record::Assignment::from_line));
            Ok(())
        })?;
        if found.len() as u64 != row.records {
            return Err(StoreError::damaged(
                name,
                "its lines are not as many as committed",
            ));
        }
        Ok(Assignments {
            sites: row.sites,
            lines: found,
        })
    }

    /// The research ID of one record in the newest generation.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file.
    ///
    /// # Panics
    /// Never: the number of sites is bounded.
    pub fn research_id(
        &self,
        site: &SiteId,
        reference: RecordRef,
    ) -> Result<Option<[u8; 16]>, StoreError> {
        let Some(row) = self.generation()? else {
            return Ok(None);
        };
        let Ok(site) = row.sites.binary_search(site) else {
            return Ok(None);
        };
        let site = u16::try_from(site).expect("sites are bounded");
        let (row, [info, _]) = self.stored_generation(row.generation)?;
        let file = self.sealed(IDS, (Kind::Assignments, &row.lines_name()), &info)?;
        lines::find(&file, site, reference)
    }

    /// The ID events of one generation, in the order in which they were given.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the file.
    pub fn id_events(&self, row: &GenerationRow) -> Result<Vec<IdEvent>, StoreError> {
        let (row, [_, info]) = self.stored_generation(row.generation)?;
        let name = row.events_name();
        let file = self.sealed(IDS, (Kind::Events, &name), &info)?;
        let mut plaintext = Zeroizing::new(Vec::new());
        file.read_all(|frame| {
            plaintext.extend_from_slice(frame);
            Ok(())
        })?;
        let events = decode_events(&plaintext)
            .filter(|events| events.len() as u64 == row.events)
            .ok_or_else(|| StoreError::damaged(name, "its events do not parse"))?;
        Ok(events)
    }

    fn stored_generation(
        &self,
        generation: u64,
    ) -> Result<(GenerationRow, [SealedInfo; 2]), StoreError> {
        let state = self.read();
        let row = state
            .rows
            .get(&Table::Generation.key(&generation.to_be_bytes()));
        let row = row.ok_or(StoreError::NotFound { what: "generation" })?;
        Ok(GenerationRow::from_bytes(row)?)
    }

    fn generation_of(&self, run_id: &str) -> Result<Option<GenerationRow>, StoreError> {
        let mut rows = self.generations()?;
        rows.retain(|row| row.run_id == run_id);
        Ok(rows.pop())
    }

    fn write_lines(
        &self,
        draft: &ResolutionDraft<'_>,
    ) -> Result<(std::path::PathBuf, SealedInfo), StoreError> {
        let name = lines_name(&draft.run.run_id);
        self.write_sealed((Kind::Assignments, &name, LINE_FRAME_BYTES), |out| {
            let mut lines = draft.lines.iter();
            lines.try_for_each(|line| out.write(&line.to_line()))
        })
    }

    fn write_events(
        &self,
        draft: &ResolutionDraft<'_>,
    ) -> Result<(std::path::PathBuf, SealedInfo), StoreError> {
        let name = events_name(&draft.run.run_id);
        self.write_sealed((Kind::Events, &name, limits::FRAME_BYTES), |out| {
            let mut events = draft.events.iter();
            events.try_for_each(|event| encode_event(out, event))
        })
    }

    fn place_resolution(
        &self,
        draft: &ResolutionDraft<'_>,
        parts: &[std::path::PathBuf; 2],
        files: &[SealedInfo; 2],
        entry: &dyn Fn(u64) -> String,
    ) -> Result<Committed, StoreError> {
        let mut writer = lock(&self.writer);
        if let Some(first) = self.generation_of(&draft.run.run_id)? {
            parts.iter().for_each(|part| discard(part));
            return Ok(repeated(&first));
        }
        self.writable()?;
        let run = self.run_change(&draft.run)?;
        let generation = self.generation()?.map_or(1, |last| last.generation + 1);
        let names = [
            lines_name(&draft.run.run_id),
            events_name(&draft.run.run_id),
        ];
        let places = names.map(|name| self.folder.join(IDS).join(name));
        for (part, place) in parts.iter().zip(&places) {
            self.watch(files::put_in_place(part, place))?;
        }
        let changes = |audit_index| {
            let row = GenerationRow {
                generation,
                run_id: draft.run.run_id.clone(),
                sites: draft.sites.to_vec(),
                records: draft.lines.len() as u64,
                events: draft.events.len() as u64,
                audit_index,
            };
            let key = Table::Generation.key(&generation.to_be_bytes());
            Changes::from([run, (key, Some(row.to_bytes(files)))])
        };
        let done = self.transact(&mut writer, changes, Some(entry));
        let audit_index = done.inspect_err(|error| take_back(error, &[&places[0], &places[1]]))?;
        Ok(Committed {
            audit_index,
            repeated: false,
        })
    }
}

fn lines_name(run_id: &str) -> String {
    format!("{run_id}.lines")
}

fn events_name(run_id: &str) -> String {
    format!("{run_id}.events")
}

fn repeated(row: &GenerationRow) -> Committed {
    Committed {
        audit_index: row.audit_index,
        repeated: true,
    }
}

fn check_events(events: &[IdEvent]) -> Result<(), StoreError> {
    let parts = events.iter().map(|event| match event {
        IdEvent::Mint { .. } => 0,
        IdEvent::Merge { ended: parts, .. } | IdEvent::Split { into: parts, .. } => parts.len(),
    });
    if parts
        .max()
        .is_some_and(|most| most > limits::EVENT_PARTS_MAX)
    {
        return Err(StoreError::TooLarge {
            what: "one merge or split",
            limit: limits::EVENT_PARTS_MAX as u64,
        });
    }
    Ok(())
}

/// One event: kind, ID, number of parts, parts.
fn encode_event(out: &mut SealedWriter, event: &IdEvent) -> Result<(), StoreError> {
    let (kind, id, parts): (u8, _, &[[u8; 16]]) = match event {
        IdEvent::Mint { id } => (0, id, &[]),
        IdEvent::Merge { kept, ended } => (1, kept, ended),
        IdEvent::Split { from, into } => (2, from, into),
    };
    let count = u16::try_from(parts.len()).expect("check_events bounded them");
    out.write(&[kind])?;
    out.write(id)?;
    out.write(&count.to_le_bytes())?;
    out.write(parts.as_flattened())
}

fn decode_events(mut bytes: &[u8]) -> Option<Vec<IdEvent>> {
    let mut events = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let length: Range<usize> = 0..usize::from(u16::from_le_bytes(*count)) * 16;
        let parts = rest.get(length.clone())?.as_chunks::<16>().0.to_vec();
        bytes = &rest[length.end..];
        events.push(match kind {
            0 if parts.is_empty() => IdEvent::Mint { id: *id },
            1 => IdEvent::Merge {
                kept: *id,
                ended: parts,
            },
            2 => IdEvent::Split {
                from: *id,
                into: parts,
            },
            _ => return None,
        });
    }
    Some(events)
}
