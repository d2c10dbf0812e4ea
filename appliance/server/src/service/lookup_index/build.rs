//! From segment files, assignments and a model to an index.

use std::{cell::RefCell, collections::BTreeMap, sync::Mutex};

use appliance_store::{Assignments, BatchRow, GenerationRow};
use linker_match::{
    Model, Settings,
    lookup::{LookupIndex, SharedRow},
};
use linker_token::{Flags, Schema, TokenBatch};

use super::Served;
use crate::{
    audit,
    error::ServiceError,
    service::{Appliance, intake, intent::Intent, rows::run_error, run_record::Run},
};

/// What an index is made of, and the memory that it takes.
pub(super) struct Plan {
    generation: GenerationRow,
    batches: Vec<BatchRow>,
    /// Bytes while it is built.
    pub(super) needed: u64,
}

impl Plan {
    /// Of the run that made a generation. Nothing is read but rows of the database.
    pub(super) fn of(
        appliance: &Appliance,
        generation: GenerationRow,
    ) -> Result<Self, ServiceError> {
        let batches = batches_of(appliance, &generation)?;
        let rows = batches.iter().map(|batch| u64::from(batch.rows)).sum();
        let needed = need(&appliance.scope().schema, rows, generation.records);
        Ok(Self {
            generation,
            batches,
            needed,
        })
    }

    /// Reads every row once. Ends early when the service stops.
    pub(super) fn build(&self, appliance: &Appliance) -> Result<Served, ServiceError> {
        let entry = appliance.entry(audit::SELF, "build-index", &self.generation.run_id);
        appliance.around(&entry, |intent| self.read_all(appliance, intent))
    }

    fn read_all(&self, appliance: &Appliance, intent: &Intent) -> Result<Served, ServiceError> {
        let layer = intake::second_layer(appliance, intent)?;
        let (model, settings) = judge(appliance, &self.generation)?;
        let assignments = appliance.store().assignments_of(&self.generation)?;
        let index = self.index(appliance, &assignments, &model, &settings)?;
        let (person_of_record, research_ids) = persons(&assignments);
        Ok(Served {
            index,
            layer,
            run_id: self.generation.run_id.clone(),
            person_of_record,
            research_ids,
            built_at: appliance.now(),
            keys: Mutex::new(BTreeMap::new()),
        })
    }

    fn index(
        &self,
        appliance: &Appliance,
        assignments: &Assignments,
        model: &Model,
        settings: &Settings,
    ) -> Result<LookupIndex, ServiceError> {
        let failed = RefCell::new(None);
        let keep = |error| *failed.borrow_mut() = Some(error);
        let batches = self.batches.iter().map_while(|batch| {
            let read = read(appliance, &assignments.sites, batch);
            read.map_err(keep).ok()
        });
        let rows =
            batches.flat_map(|(site, batch)| SharedRow::all(batch).map(move |row| (site, row)));
        let rows = rows.map_while(|(site, row)| {
            let (reference, flags) = (row.reference(), row.flags());
            let lines = &assignments.lines;
            let record =
                lines.binary_search_by_key(&(site, reference), |line| (line.site, line.reference));
            // Every record of a run has its line.
            let record = record.ok().and_then(|record| u32::try_from(record).ok());
            if record.is_none() {
                let what = "the list of assignments";
                keep(ServiceError::Damaged { what });
            }
            record.map(|record| (record, flags, row))
        });
        let rows: &mut dyn Iterator<Item = (u32, Flags, SharedRow)> = &mut { rows };
        let index = LookupIndex::build(&appliance.scope().schema, settings, model, rows);
        match failed.into_inner() {
            Some(error) => Err(error),
            None => index.map_err(run_error),
        }
    }
}

/// Opens a batch, and finds its site's number in the generation.
fn read(
    appliance: &Appliance,
    sites: &[linker_token::SiteId],
    batch: &BatchRow,
) -> Result<(u16, TokenBatch), ServiceError> {
    appliance.accepting()?;
    let site = sites.binary_search(&batch.manifest.site).ok();
    let site = site.and_then(|site| u16::try_from(site).ok());
    let site = site.ok_or(ServiceError::Damaged {
        what: "the list of assignments",
    })?;
    Ok((site, appliance.store().read_segment(batch)?))
}

/// The run's model, and the settings under which its weights mean what they say.
fn judge(
    appliance: &Appliance,
    generation: &GenerationRow,
) -> Result<(Model, Settings), ServiceError> {
    let row = appliance.store().get_run(&generation.run_id)?;
    let run = Run::from_row(&row.ok_or(ServiceError::NotFound { what: "run" })?)?;
    // Runs of the first version kept no model; the next run does.
    let evidence = run.evidence.ok_or(ServiceError::NoRun)?;
    let read = Model::from_bytes(&appliance.scope().schema, &evidence.model);
    let (model, kept) = read.map_err(|_opaque| ServiceError::Damaged {
        what: "the model of a run",
    })?;
    let settings = Settings {
        link_threshold: kept.link_threshold,
        review_threshold: kept.review_threshold,
        hold_twins: kept.hold_twins,
        seed: kept.seed,
        ..appliance.settings
    };
    Ok((model, settings))
}

/// The batches of the run that made a generation. A run takes all that are admitted when it begins, so they
/// are the first ones of the audit log, and its entry says how many.
fn batches_of(
    appliance: &Appliance,
    generation: &GenerationRow,
) -> Result<Vec<BatchRow>, ServiceError> {
    let entry = appliance.store().audit_entry(generation.audit_index)?;
    let count = audit::count_of(entry.as_bytes(), "batches");
    let count = count.and_then(|count| usize::try_from(count).ok());
    let mut batches = appliance.store().batches()?;
    batches.sort_unstable_by_key(|batch| batch.audit_index);
    let count = count.filter(|&count| count <= batches.len());
    batches.truncate(count.ok_or(ServiceError::Damaged {
        what: "the audit entry of a run",
    })?);
    Ok(batches)
}

/// Persons by number: which one each record belongs to, and their research IDs.
fn persons(assignments: &Assignments) -> (Vec<u32>, Vec<[u8; 16]>) {
    let lines = assignments.lines.iter();
    let mut ids: Vec<[u8; 16]> = lines.clone().map(|line| line.research_id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.shrink_to_fit();
    let number = |id: &[u8; 16]| {
        let place = ids
            .binary_search(id)
            .expect("every line's ID is in the list");
        u32::try_from(place).expect("records of a run are numbered in 32 bits")
    };
    let person_of_record = lines.map(|line| number(&line.research_id)).collect();
    (person_of_record, ids)
}

/// Bytes at the peak. A row: its words, 6 bytes per segment in the tables and at most 2 for their buckets, its
/// record and flags 8. Three times as much for the rows of a generation that come in, are merged and stand. A
/// record: its line 34, its person 4, and the ID twice while persons are numbered, 32.
fn need(schema: &Schema, rows: u64, records: u64) -> u64 {
    let row = (8 * schema.row_words() + 8 * schema.segments().len() + 8) as u64;
    let moving = rows.min(linker_match::limits::LOOKUP_GENERATION_ROWS as u64);
    (rows + 3 * moving) * row + records * 70
}

#[cfg(test)]
mod tests {
    use appliance_store::Assignment;
    use linker_match::{Dataset, link};
    use linker_token::RecordRef;

    use super::*;

    #[test]
    fn the_sizes_that_are_promised() {
        const GIB: u64 = 1 << 30;
        let schema = Schema::jp_1();
        // Half of 16 GiB holds twenty-five million rows, and half of 6 GiB ten million.
        assert!(need(&schema, 25_000_000, 25_000_000) < 8 * GIB);
        assert!(need(&schema, 10_000_000, 10_000_000) < 3 * GIB);
        assert_eq!(need(&schema, 0, 0), 0);
    }

    /// What the index says of itself stays below what was planned for its rows.
    #[test]
    fn a_row_takes_no_more_than_planned() {
        let schema = Schema::jp_1();
        let nobody = Dataset::build(&schema, []).expect("is empty");
        let linkage = link(&nobody, &Settings::standard(), &|_| ());
        let model = linkage.expect("goes through").model;
        let count = 60_000_u32;
        let row = |record: u32| -> Vec<u64> {
            let words = 0..schema.row_words() as u64;
            words
                .map(|word| (u64::from(record) * 16 + word + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .collect()
        };
        let rows = (0..count).map(|record| (record, Flags::default(), row(record)));
        let index = LookupIndex::build(&schema, &Settings::standard(), &model, rows);
        let bytes = index.expect("fits").bytes() as u64;
        assert!(bytes <= need(&schema, count.into(), 0) / 4, "{bytes}");
    }

    #[test]
    fn records_of_one_id_are_one_person() {
        let line = |reference: u8, id: u8| Assignment {
            site: 0,
            reference: RecordRef([reference; 16]),
            research_id: [id; 16],
        };
        let assignments = Assignments {
            sites: Vec::new(),
            lines: vec![line(1, 9), line(2, 3), line(3, 9), line(4, 5)],
        };
        let (person_of_record, ids) = persons(&assignments);
        assert_eq!(ids, [[3; 16], [5; 16], [9; 16]]);
        assert_eq!(person_of_record, [2, 0, 2, 1]);
    }
}
