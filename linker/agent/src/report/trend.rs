//! What got worse from one run to the next.

use serde::Serialize;

use super::{
    history::RunRecord,
    shown::{Shown, permille},
};
use crate::limits::{SHOWN_COUNT_MIN, SHRUNK_PERMILLE, WORSE_PERMILLE};

/// Something that got worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "trend", rename_all = "kebab-case")]
pub enum Trend {
    /// A remark, or a reason to leave rows out, became more frequent.
    Worse {
        /// Its code.
        code: String,
        /// Its share of all records, or rows, in the run before.
        from: String,
        /// In the last one.
        to: String,
    },
    /// The source has fewer records.
    Shrunk {
        /// In the run before.
        from: u64,
        /// In the last one.
        to: u64,
    },
    /// The last run failed.
    Failed {
        /// The error's code.
        code: String,
    },
    /// The appliance set rows aside.
    Quarantined {
        /// How many.
        rows: u64,
    },
}

/// What got worse in the last run of all, against the last one before it that was done.
#[must_use]
pub fn of(runs: &[RunRecord]) -> Vec<Trend> {
    let mut trends = Vec::new();
    if let Some(last) = runs.last()
        && !last.is_done()
    {
        let code = last.result.clone();
        trends.push(Trend::Failed { code });
    }
    let mut done = runs.iter().rev().filter(|run| run.is_done());
    let Some(last) = done.next() else {
        return trends;
    };
    if last.rows_quarantined > 0 {
        let rows = last.rows_quarantined;
        trends.push(Trend::Quarantined { rows });
    }
    if let Some(before) = done.next() {
        trends.extend(between(before, last));
    }
    trends
}

fn between(before: &RunRecord, last: &RunRecord) -> Vec<Trend> {
    let mut trends = Vec::new();
    let (from, to) = (before.records, last.records);
    if permille(from.saturating_sub(to), from) > SHRUNK_PERMILLE {
        trends.push(Trend::Shrunk { from, to });
    }
    let counts = [
        (&before.quality, &last.quality, from, to),
        (&before.refused, &last.refused, before.rows, last.rows),
    ];
    for (old, new, old_whole, new_whole) in counts {
        for (code, &count) in new {
            let old = old.get(code).copied().unwrap_or(0);
            let from_permille = permille(old, old_whole);
            let to_permille = permille(count, new_whole);
            if count >= SHOWN_COUNT_MIN && to_permille > from_permille + WORSE_PERMILLE {
                trends.push(Trend::Worse {
                    code: code.clone(),
                    from: Shown::of(old).percent(old_whole),
                    to: Shown::of(count).percent(new_whole),
                });
            }
        }
    }
    trends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(records: u64, without_sex: u64) -> RunRecord {
        let mut run = RunRecord::ended(0, 0.0);
        run.result = "done".to_owned();
        (run.rows, run.records) = (records, records);
        run.quality.insert("no-sex".to_owned(), without_sex);
        run
    }

    #[test]
    fn a_remark_is_told_one_past_its_bound() {
        let trends = |old, new| of(&[run(1000, old), run(1000, new)]);
        assert_eq!(trends(30, 30 + WORSE_PERMILLE), []);
        let worse = Trend::Worse {
            code: "no-sex".to_owned(),
            from: "3.0%".to_owned(),
            to: "5.1%".to_owned(),
        };
        assert_eq!(trends(30, 31 + WORSE_PERMILLE), [worse]);
        assert_eq!(trends(500, 10), [], "better");
        assert_eq!(of(&[run(20, 0), run(20, SHOWN_COUNT_MIN - 1)]), []);
    }

    #[test]
    fn a_smaller_source_is_told_one_past_its_bound() {
        let trends = |new| of(&[run(1000, 0), run(new, 0)]);
        assert_eq!(trends(1000 - SHRUNK_PERMILLE), []);
        let (from, to) = (1000, 999 - SHRUNK_PERMILLE);
        assert_eq!(trends(to), [Trend::Shrunk { from, to }]);
    }

    #[test]
    fn failures_stand_between_and_are_told() {
        let failed = RunRecord::failed(0, 0.0, "UNREACHABLE");
        let code = "UNREACHABLE".to_owned();
        let told = Trend::Failed { code };
        assert_eq!(
            of(std::slice::from_ref(&failed)),
            std::slice::from_ref(&told)
        );
        assert_eq!(of(&[]), []);
        let runs = [run(1000, 0), failed.clone(), run(1000, 100)];
        assert_eq!(of(&runs).len(), 1, "compared across the failure");
        let runs = [run(1000, 0), failed];
        assert_eq!(of(&runs), [told]);
    }

    #[test]
    fn quarantined_rows_are_told() {
        let mut last = run(10, 0);
        last.rows_quarantined = 2;
        assert_eq!(of(&[last]), [Trend::Quarantined { rows: 2 }]);
    }
}
