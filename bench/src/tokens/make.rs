//! Makes a token set: people in shards, what the three sites hold of them, normal forms, tokens.

use std::{
    fmt::Write as _,
    sync::{Condvar, Mutex, PoisonError},
    thread,
};

use linker_token::{Epoch, ProjectId, Schema, Token, TokenBatch};
use linker_tokenize::Encoder;
use sha2::{Digest as _, Sha256};

use super::{
    normal::{Forms, Normal},
    set::TokenSetWriter,
};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    limits::{SHARD_PEOPLE, SHARD_PEOPLE_MIN},
    people::{Population, population::Shards},
    sites::{self, Site, Written},
    ui::{Story, grouped},
};

/// What is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) tokens: u64,
    pub(super) seed: u64,
    pub(super) preset: Preset,
    pub(super) schema: &'a Schema,
    pub(super) threads: usize,
}

/// An encoder with the keys of a token set: for tokens that are to be compared with those of the set.
///
/// # Panics
/// Never: the project's name is a good one.
#[must_use]
pub fn encoder(schema: &Schema, seed: u64) -> Encoder {
    let secret = Sha256::digest(format!("bench tokens {seed}")).into();
    let project = ProjectId::parse("bench").expect("the name is a good one");
    Encoder::new(schema, &secret, &[0; 32], &project, Epoch(1))
}

/// Rows of one site about the people of one shard.
struct Rows {
    site: u16,
    batch: TokenBatch,
    people: Vec<u32>,
}

/// Fills `writer` and gives back how many people were looked at. The outcome is the same whatever the number
/// of threads: shards are made side by side and written one after another.
pub(super) fn make(
    plan: &Plan<'_>,
    writer: &mut TokenSetWriter,
    story: &Story,
) -> Result<u64, BenchError> {
    // A small set is made in small shards, so that every thread gets some.
    let quarter = u32::try_from(plan.tokens / 4).unwrap_or(SHARD_PEOPLE);
    let people = quarter.clamp(SHARD_PEOPLE_MIN, SHARD_PEOPLE);
    let shards = Mutex::new((0..).zip(Population::shards(plan.seed, people)));
    let queue = Queue {
        state: Mutex::new(State {
            next: 0,
            full: false,
            people: 0,
            writer,
            outcome: Ok(()),
        }),
        turn: Condvar::new(),
    };
    thread::scope(|scope| {
        for _ in 0..plan.threads {
            scope.spawn(|| work(plan, &shards, &queue, story));
        }
    });
    let state = queue
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    state.outcome.map(|()| state.people)
}

struct Queue<'a> {
    state: Mutex<State<'a>>,
    turn: Condvar,
}

struct State<'a> {
    /// The shard that is to be written next.
    next: u64,
    full: bool,
    people: u64,
    writer: &'a mut TokenSetWriter,
    outcome: Result<(), BenchError>,
}

fn work(
    plan: &Plan<'_>,
    shards: &Mutex<std::iter::Zip<std::ops::RangeFrom<u64>, Shards>>,
    queue: &Queue<'_>,
    story: &Story,
) {
    let mut maker = Maker {
        encoder: encoder(plan.schema, plan.seed),
        forms: Forms::new(),
        local_id: String::new(),
    };
    loop {
        let shard = shards.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, shard)) = shard else { return };
        let mut rows = Vec::new();
        for (index, site) in (0..).zip(Site::ALL) {
            maker.rows(plan, &shard, site, index, &mut rows);
        }
        let state = queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = queue
            .turn
            .wait_while(state, |state| !state.full && state.next != number)
            .unwrap_or_else(PoisonError::into_inner);
        if !state.full {
            state.take(plan, &shard, rows);
            if number % 64 == 63 {
                let rows = state.writer.rows();
                story.say(&format!("{} rows", grouped(rows)));
            }
        }
        state.next += 1;
        queue.turn.notify_all();
        if state.full {
            return;
        }
    }
}

impl State<'_> {
    /// Writes the rows of a shard, as many as are still wanted.
    fn take(&mut self, plan: &Plan<'_>, shard: &Population, mut rows: Vec<Rows>) {
        let wanted = plan.tokens - self.writer.rows();
        let all: usize = rows.iter().map(|rows| rows.people.len()).sum();
        let last = shard.people().last().map_or(0, |person| person.number);
        self.people = u64::from(last) + 1;
        if all as u64 >= wanted {
            self.full = true;
            // Below the number of a shard's rows.
            let last = cut(&mut rows, usize::try_from(wanted).unwrap_or(all));
            self.people = u64::from(last) + 1;
        }
        for rows in rows.iter().filter(|rows| !rows.people.is_empty()) {
            let pushed = self.writer.push(rows.site, &rows.batch, &rows.people);
            if let Err(error) = pushed {
                self.outcome = Err(error);
                self.full = true;
                return;
            }
        }
    }
}

/// Keeps the rows of the first people, `wanted` in all; gives back the last of these people.
fn cut(rows: &mut [Rows], wanted: usize) -> u32 {
    let mut people: Vec<u32> = rows.iter().flat_map(|rows| rows.people.clone()).collect();
    people.sort_unstable();
    let Some(&last) = people.get(wanted.saturating_sub(1)) else {
        return 0;
    };
    let mut of_last = wanted - people.partition_point(|&person| person < last);
    for rows in rows {
        let mut kept = Vec::with_capacity(rows.people.len());
        for &person in &rows.people {
            let keep = person < last || (person == last && of_last > 0);
            of_last -= usize::from(keep && person == last);
            kept.push(keep);
        }
        rows.batch = rows.batch.retain(|index| kept[index]);
        let mut kept = kept.into_iter();
        rows.people.retain(|_| kept.next().unwrap_or(false));
    }
    last
}

struct Maker {
    encoder: Encoder,
    forms: Forms,
    local_id: String,
}

impl Maker {
    fn rows(
        &mut self,
        plan: &Plan<'_>,
        shard: &Population,
        site: Site,
        index: u16,
        all: &mut Vec<Rows>,
    ) {
        let empty = || Rows {
            site: index,
            batch: TokenBatch::new(plan.schema),
            people: Vec::new(),
        };
        let mut rows = empty();
        let mut before = (u32::MAX, 0);
        let mut each = |written: Written| {
            // Numbers of the shard alone would come again in the next one.
            let copy = if before.0 == written.person {
                before.1 + 1
            } else {
                0
            };
            before = (written.person, copy);
            self.encode(site, &written, copy, |token| {
                if rows.batch.push(token).is_err() {
                    all.push(std::mem::replace(&mut rows, empty()));
                    let _fits = rows.batch.push(token);
                }
                rows.people.push(written.person);
            });
            Ok::<_, std::convert::Infallible>(())
        };
        match sites::records(shard, site, plan.preset, &mut each) {
            Ok(()) => all.push(rows),
            Err(never) => match never {},
        }
    }

    fn encode(&mut self, site: Site, written: &Written, copy: u32, take: impl FnMut(&Token)) {
        self.local_id.clear();
        let _infallible = write!(self.local_id, "{} {} {copy}", site.name(), written.person);
        let reference = self.encoder.reference(&self.local_id);
        let Normal {
            identifiers,
            former,
            flags,
        } = self.forms.of(site, written);
        self.encoder
            .encode_both(&identifiers, former.as_ref(), reference, flags, take);
    }
}

/// Where a cut lies without diffusion. An output bit is the sum of t filter bits, so that a share d of
/// different filter bits becomes h = (1 − (1 − 2d)^t)/2; this is d in thousandths.
fn undiffused_cut(permille: f64, diffusion: f64) -> String {
    let alike: f64 = 1.0 - permille / 500.0;
    format!("{:.0}", (1.0 - alike.powf(1.0 / diffusion)) * 500.0)
}

/// The schema text without diffusion and with half-full segments, under another name.
pub(super) fn undiffused(text: &str) -> Result<String, BenchError> {
    let mut out = String::with_capacity(text.len());
    let (mut named, mut diffusion) = (false, 1.0);
    for line in text.lines() {
        match line
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
        {
            Some(("diffusion", times)) => {
                diffusion = times.parse().unwrap_or(1.0);
                out.push_str("diffusion = 1");
            }
            Some(("cuts-permille", cuts)) => {
                let cuts: Vec<String> = cuts
                    .trim_matches(['[', ']'])
                    .split(',')
                    .filter_map(|cut| Some(undiffused_cut(cut.trim().parse().ok()?, diffusion)))
                    .collect();
                let _infallible = write!(out, "cuts-permille = [{}]", cuts.join(", "));
            }
            Some(("fill-permille", _)) => out.push_str("fill-permille = 500"),
            // The first name is the schema's, the others are the segments'.
            Some(("name", name)) if !named => {
                named = true;
                let _infallible = write!(out, "name = \"{}-plain\"", name.trim_matches('"'));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    Schema::parse(&out)
        .map(|_schema| out)
        .map_err(|error| file("use the schema")(std::io::Error::other(error)))
}
