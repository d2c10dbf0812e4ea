//! What a run did, for people and for scripts.

use std::collections::{BTreeMap, BTreeSet};

use keymgmt_custody::package::PackageContent;
use serde::Serialize;

use crate::{
    pipeline::Made,
    report::history::RunRecord,
    say,
    say::{Noun, Say},
    source::Tally,
    submit::Accepted,
    texts::coded,
};

/// What a run did. Counts only.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Always `done`; an error has an object of its own.
    pub(super) result: &'static str,
    /// This site.
    pub(super) site: String,
    /// Project of the key package.
    pub(super) project: String,
    /// Its key epoch.
    pub(super) epoch: u32,
    /// Files read.
    pub(super) files: u64,
    /// SS-MIX2 patients whose newest message is a deletion.
    pub(super) deleted_patients: u64,
    /// SS-MIX2 patients without a current message.
    pub(super) without_current: u64,
    /// Files that are not of the format.
    pub(super) other_files: u64,
    /// Rows, claims or messages read.
    pub(super) rows: u64,
    /// Of these, usable records.
    pub(super) records: u64,
    /// Of these, left out, by reason.
    pub(super) refused: BTreeMap<&'static str, u64>,
    /// Records by what was noticed.
    pub(super) quality: BTreeMap<&'static str, u64>,
    /// Tokens in batches.
    pub(super) tokens: u64,
    /// Tokens that repeat one of this run bit for bit.
    pub(super) tokens_repeated: u64,
    /// Batches of this source.
    pub(super) batches: u32,
    /// Batches sent by this run, left-over ones among them.
    pub(super) batches_sent: u32,
    /// Batches that the appliance had already.
    pub(super) batches_known: u32,
    /// Left-over batches of an earlier run that were sent first.
    pub(super) batches_left_over: u32,
    /// Batches that this run sealed.
    pub(super) batches_sealed: u32,
    /// Sealed batches that still wait to be sent.
    pub(super) batches_waiting: u64,
    /// Receipts verified and kept.
    pub(super) receipts_verified: u32,
    /// Rows admitted, by the receipts of this run.
    pub(super) rows_admitted: u64,
    /// Rows quarantined, by the receipts of this run.
    pub(super) rows_quarantined: u64,
    /// Why.
    pub(super) quarantined_by_reason: BTreeMap<String, u64>,
    /// Seconds from start to end.
    pub(super) seconds: f64,
    /// Largest memory of this process, in bytes; 0 where the system does not say.
    pub(super) peak_rss_bytes: u64,
    /// Batches that are counted.
    #[serde(skip)]
    seen: BTreeSet<String>,
}

impl Summary {
    /// Nothing done yet under this package.
    pub(super) fn new(content: &PackageContent) -> Self {
        Self {
            result: "done",
            site: content.site.to_string(),
            project: content.project.to_string(),
            epoch: content.epoch.0,
            ..Self::default()
        }
    }

    /// Counts an accepted batch, once: a left-over batch mostly comes again from the source.
    pub(super) fn add(&mut self, accepted: &Accepted) {
        let receipt = &accepted.receipt;
        if !self.seen.insert(receipt.batch_id.clone()) {
            return;
        }
        if accepted.sent {
            self.batches_sent += 1;
        } else {
            self.batches_known += 1;
        }
        self.receipts_verified += 1;
        self.rows_admitted += u64::from(receipt.rows_admitted);
        self.rows_quarantined += u64::from(receipt.rows_quarantined);
        for (reason, count) in &receipt.quarantined_by_reason {
            let sum = self.quarantined_by_reason.entry(reason.clone());
            *sum.or_default() += u64::from(*count);
        }
    }

    pub(super) fn read(&mut self, tally: &Tally, made: &Made) {
        self.files = tally.passed.files;
        self.deleted_patients = tally.passed.deleted_patients + tally.deletions;
        self.without_current = tally.passed.without_current;
        self.other_files = tally.passed.other_files;
        self.rows = tally.rows;
        self.records = tally.records;
        self.refused.clone_from(&tally.refused);
        self.quality.clone_from(&tally.quality);
        self.tokens = made.tokens;
        self.tokens_repeated = made.repeated;
        self.batches = made.batches;
    }

    /// Notes the memory that this process has needed so far.
    pub(super) fn measure(&mut self) {
        self.peak_rss_bytes = peak_rss_bytes();
    }

    /// What is kept of it in the state folder.
    pub(super) fn record(&self, ended_unix_s: u64) -> RunRecord {
        let owned = |counts: &BTreeMap<&'static str, u64>| {
            let owned = counts.iter();
            owned
                .map(|(code, count)| ((*code).to_owned(), *count))
                .collect()
        };
        RunRecord {
            result: self.result.to_owned(),
            project: self.project.clone(),
            epoch: self.epoch,
            files: self.files,
            rows: self.rows,
            records: self.records,
            refused: owned(&self.refused),
            quality: owned(&self.quality),
            tokens: self.tokens,
            batches_sent: self.batches_sent,
            batches_known: self.batches_known,
            receipts: self.receipts_verified,
            rows_admitted: self.rows_admitted,
            rows_quarantined: self.rows_quarantined,
            quarantined_by_reason: self.quarantined_by_reason.clone(),
            ..RunRecord::ended(ended_unix_s, self.seconds)
        }
    }

    /// One line for people.
    pub(super) fn said(&self) -> Say {
        say!(
            "done in {seconds} s: {records}, {tokens} in {batches} ({sent} sent, {known} already there, {waiting} waiting), {admitted} admitted, {quarantined} quarantined, {receipts} verified",
            seconds = format!("{:.1}", self.seconds),
            records = Noun::Records.count(self.records),
            tokens = Noun::Tokens.count(self.tokens),
            batches = Noun::Batches.count(self.batches),
            sent = self.batches_sent,
            known = self.batches_known,
            waiting = self.batches_waiting,
            admitted = Noun::Rows.count(self.rows_admitted),
            quarantined = Noun::BareRows.count(self.rows_quarantined),
            receipts = Noun::Receipts.count(self.receipts_verified)
        )
    }
}

/// The lines of what was left out and what was noticed, by code.
pub(super) fn counts(
    refused: &BTreeMap<&'static str, u64>,
    quality: &BTreeMap<&'static str, u64>,
) -> Vec<Say> {
    let left_out = refused.iter().map(|(code, count)| {
        say!(
            "left out {code} {count}",
            code = coded(code),
            count = Noun::BareRows.count(*count)
        )
    });
    let noticed = quality.iter().map(|(code, count)| {
        say!(
            "noticed {code} {count}",
            code = coded(code),
            count = Noun::Bare.count(*count)
        )
    });
    left_out.chain(noticed).collect()
}

/// The high-water mark of resident memory (Linux; `VmHWM` in kB).
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}
