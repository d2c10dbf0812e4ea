//! Times, recall, and what comes out against the truth.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use linker_match::{
    MatchError,
    interval::wilson,
    lookup::{Answer, LookupIndex, Resolution},
    rules::Decision,
};

use super::input::{Input, Query};
use crate::{
    error::BenchError,
    evaluate::{float, ratio},
};

/// Candidates that a look-up names.
const LIMIT: usize = 100;

/// Milliseconds of look-ups, and how many a second, the question whether the core was lost included.
pub(super) struct Times {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    /// The same share of the look-ups during which no other program took the core.
    pub(super) p99_alone: f64,
    /// Look-ups during which one did.
    pub(super) disturbed: u64,
    pub(super) rate: f64,
}

/// Milliseconds of one look-up, and whether another program took the core meanwhile.
type Sample = (f64, bool);

/// Of the links that a comparison with every row finds, those that a look-up finds.
pub(super) struct Recall {
    pub(super) queries: usize,
    pub(super) links: u64,
    pub(super) found: u64,
    pub(super) share: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// Links and resolutions against who the records are of. Clusters are the true ones.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) precision: f64,
    pub(super) recall: f64,
    pub(super) compared_mean: u64,
    pub(super) capped: u64,
    pub(super) right: u64,
    pub(super) wrong: u64,
    pub(super) ambiguous: u64,
    pub(super) review: u64,
    pub(super) none: u64,
    pub(super) unknown_none: u64,
    pub(super) unknown_else: u64,
}

/// Single inserts and removals, and look-ups meanwhile.
pub(super) struct Updates {
    pub(super) inserts: f64,
    pub(super) insert_max: f64,
    pub(super) removals: f64,
    pub(super) removal_max: f64,
    pub(super) during: Times,
}

/// One answer per query.
pub(super) fn answers(index: &LookupIndex, queries: &[Query]) -> Result<Vec<Answer>, BenchError> {
    let answers = queries
        .iter()
        .map(|query| index.lookup(&query.token(), LIMIT));
    Ok(answers.collect::<Result<_, _>>()?)
}

/// Looks every query up once, on several threads.
pub(super) fn times(
    index: &LookupIndex,
    queries: &[Query],
    threads: usize,
) -> Result<Times, BenchError> {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let work = || -> Result<Vec<Sample>, MatchError> {
        let mut times = Vec::new();
        while let Some(query) = queries.get(next.fetch_add(1, Ordering::Relaxed)) {
            times.push(sample(index, query)?);
        }
        Ok(times)
    };
    let times = on_threads(threads, work)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Times::of(&times.concat(), seconds))
}

/// One look-up.
fn sample(index: &LookupIndex, query: &Query) -> Result<Sample, MatchError> {
    let token = query.token();
    let before = preemptions();
    let start = Instant::now();
    index.lookup(&token, LIMIT)?;
    let time = milliseconds(start);
    Ok((time, preemptions() != before))
}

/// How often the system took the core away from this thread; none where it does not say.
fn preemptions() -> Option<u64> {
    let status = fs::read_to_string("/proc/thread-self/status").ok()?;
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Runs `work` on several threads.
fn on_threads<T: Send>(
    threads: usize,
    work: impl Fn() -> Result<T, MatchError> + Sync,
) -> Result<Vec<T>, BenchError> {
    let outcomes: Result<Vec<T>, MatchError> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        let ended = running.into_iter();
        ended
            .map(|thread| thread.join().expect("a look-up does not panic"))
            .collect()
    });
    Ok(outcomes?)
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

impl Times {
    fn of(samples: &[Sample], seconds: f64) -> Self {
        let sorted = |times: &mut Vec<f64>| times.sort_unstable_by(f64::total_cmp);
        let at = |times: &[f64], permille: usize| {
            let place = (times.len() * permille).div_ceil(1000).max(1) - 1;
            times.get(place).copied().unwrap_or(0.0)
        };
        let mut times: Vec<f64> = samples.iter().map(|sample| sample.0).collect();
        let alone = samples.iter().filter(|sample| !sample.1);
        let mut alone: Vec<f64> = alone.map(|sample| sample.0).collect();
        sorted(&mut times);
        sorted(&mut alone);
        Self {
            p50: at(&times, 500),
            p90: at(&times, 900),
            p99: at(&times, 990),
            max: at(&times, 1000),
            p99_alone: at(&alone, 990),
            disturbed: (times.len() - alone.len()) as u64,
            rate: float(times.len() as u64) / seconds,
        }
    }
}

/// Compares some queries with every row.
pub(super) fn recall(
    index: &LookupIndex,
    queries: &[Query],
    answers: &[Answer],
    threads: usize,
) -> Result<Recall, BenchError> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<(u64, u64), MatchError> {
        let (mut links, mut found) = (0, 0);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(query) = queries.get(at) else {
                return Ok((links, found));
            };
            let all = index.exhaustive(&query.token(), usize::MAX)?;
            for link in all
                .candidates
                .iter()
                .filter(|c| c.decision == Decision::Link)
            {
                links += 1;
                found += u64::from(answers[at].candidates.contains(link));
            }
        }
    };
    let counts = on_threads(threads, work)?;
    let links = counts.iter().map(|count| count.0).sum();
    let found = counts.iter().map(|count| count.1).sum();
    let (low, high) = wilson(ratio(found, links), float(links));
    Ok(Recall {
        queries: queries.len(),
        links,
        found,
        share: ratio(found, links),
        low,
        high,
    })
}

/// What the answers are worth.
pub(super) fn truth(input: &Input, answers: &[Answer]) -> Truth {
    let mut held: Vec<u32> = input.queries.iter().map(|query| query.record).collect();
    held.sort_unstable();
    let mut records = vec![
        0_u64;
        input
            .person
            .iter()
            .max()
            .map_or(0, |&last| last as usize + 1)
    ];
    for (record, &person) in (0_u32..).zip(&input.person) {
        if held.binary_search(&record).is_err() {
            records[person as usize] += 1;
        }
    }
    let mut truth = Truth::default();
    let (mut links, mut correct, mut all, mut compared) = (0, 0, 0, 0);
    for (query, answer) in input.queries.iter().zip(answers) {
        let person = input.person[query.record as usize];
        let of_person = |record: u32| input.person[record as usize] == person;
        let found = answer.candidates.iter();
        for link in found.filter(|found| found.decision == Decision::Link) {
            links += 1;
            correct += u64::from(of_person(link.record));
        }
        all += records[person as usize];
        compared += answer.compared;
        truth.capped += u64::from(answer.capped);
        let known = records[person as usize] > 0;
        let place = match answer.decide(&input.person) {
            Resolution::Unknown if !known => &mut truth.unknown_none,
            _ if !known => &mut truth.unknown_else,
            Resolution::Person { record, .. } if of_person(record) => &mut truth.right,
            Resolution::Person { .. } => &mut truth.wrong,
            Resolution::Ambiguous => &mut truth.ambiguous,
            Resolution::Review => &mut truth.review,
            Resolution::Unknown => &mut truth.none,
        };
        *place += 1;
    }
    truth.precision = ratio(correct, links);
    truth.recall = ratio(correct, all);
    truth.compared_mean = compared / (answers.len() as u64).max(1);
    truth
}

/// Inserts the queries' records one by one and removes them again, while another thread looks them up.
pub(super) fn updates(index: &LookupIndex, queries: &[Query]) -> Result<Updates, BenchError> {
    let (insert, removal) = (update(queries, |query| index.insert(query.rows()))?, {
        update(queries, |query| {
            index.remove(&[query.record]);
            Ok(())
        })?
    });
    let stop = AtomicBool::new(false);
    let during: Result<Times, BenchError> = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut times, start) = (Vec::new(), Instant::now());
            loop {
                for query in queries {
                    times.push(sample(index, query)?);
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            let seconds = start.elapsed().as_secs_f64();
            Ok::<_, MatchError>(Times::of(&times, seconds))
        });
        let inserted = update(queries, |query| index.insert(query.rows()));
        let removed = update(queries, |query| {
            index.remove(&[query.record]);
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        let during = reader.join().expect("a look-up does not panic");
        inserted.and(removed)?;
        Ok::<_, BenchError>(during?)
    });
    Ok(Updates {
        inserts: insert.0,
        insert_max: insert.1,
        removals: removal.0,
        removal_max: removal.1,
        during: during?,
    })
}

/// How many a second, and the milliseconds of the longest.
fn update(
    queries: &[Query],
    mut one: impl FnMut(&Query) -> Result<(), MatchError>,
) -> Result<(f64, f64), BenchError> {
    let begin = Instant::now();
    let mut longest = 0.0_f64;
    for query in queries {
        let start = Instant::now();
        one(query)?;
        longest = longest.max(milliseconds(start));
    }
    let seconds = begin.elapsed().as_secs_f64();
    Ok((float(queries.len() as u64) / seconds, longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let samples: Vec<Sample> = (1..=200)
            .rev()
            .map(|time| (f64::from(time), time > 100))
            .collect();
        let times = Times::of(&samples, 2.0);
        let found = [times.p50, times.p90, times.p99, times.max];
        let found = found.iter().chain([&times.p99_alone, &times.rate]);
        let mut expected = found.zip([100.0, 180.0, 198.0, 200.0, 99.0, 100.0]);
        assert!(expected.all(|(a, b)| (a - b).abs() < 1e-9));
        assert_eq!(times.disturbed, 100);
    }
}
