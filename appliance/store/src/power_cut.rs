//! A disk that loses its power: what was not synced is lost, kept, or torn at 512-byte sectors.
//!
//! The database must come back with everything acknowledged and nothing by halves, also when the
//! power fails again while it recovers.

use std::{
    io,
    sync::{Arc, Mutex},
};

use keymgmt_custody::Secret;
use redb::StorageBackend;

use crate::database::{Changes, Database, RowKey, Rows};

const SECTOR: usize = 512;
const COMMITS: usize = 12;
const WORKLOADS: u64 = 5;

/// SplitMix64 (Steele et al. 2014): the same cuts for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).expect("the bound fits")
    }
}

#[derive(Debug, Clone)]
enum Unsynced {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Default)]
struct Platter {
    durable: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Unsynced>,
    operations: u64,
    cut_at: Option<u64>,
}

/// A disk that can be unplugged. Clones are the same disk.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    /// Unplugs the disk after `operations` more changes or syncs.
    fn cut_after(&self, operations: u64) {
        let mut platter = self.0.lock().expect("no panic holds the disk");
        platter.cut_at = Some(platter.operations + operations);
    }

    fn operations(&self) -> u64 {
        self.0.lock().expect("no panic holds the disk").operations
    }

    /// Plugs the disk in again: each unsynced change was lost, kept or torn.
    fn plug_in(&self, dice: &mut Dice) {
        let mut platter = self.0.lock().expect("no panic holds the disk");
        let unsynced = std::mem::take(&mut platter.unsynced);
        let mut disk = std::mem::take(&mut platter.durable);
        for change in unsynced {
            match (change, dice.below(3)) {
                (_, 0) => {}
                (Unsynced::Length(length), _) => disk.resize(length, 0),
                (Unsynced::Write(at, bytes), 1) => keep(&mut disk, at, &bytes, || true),
                (Unsynced::Write(at, bytes), _) => {
                    keep(&mut disk, at, &bytes, || dice.below(2) == 0);
                }
            }
        }
        platter.seen.clone_from(&disk);
        platter.durable = disk;
        platter.cut_at = None;
    }

    fn change(&self, change: Unsynced) -> io::Result<()> {
        let mut platter = self.0.lock().expect("no panic holds the disk");
        platter.step()?;
        match &change {
            Unsynced::Length(length) => platter.seen.resize(*length, 0),
            Unsynced::Write(at, bytes) => {
                let end = at + bytes.len();
                let place = platter.seen.get_mut(*at..end);
                place.ok_or_else(past_the_end)?.copy_from_slice(bytes);
            }
        }
        platter.unsynced.push(change);
        Ok(())
    }
}

impl Platter {
    fn step(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.cut_at {
            Some(cut) if self.operations > cut => Err(io::Error::other("no power")),
            _ => Ok(()),
        }
    }
}

/// Keeps the sectors of one write that `kept` says; bytes past the end of the file are not there.
fn keep(disk: &mut [u8], at: usize, bytes: &[u8], mut kept: impl FnMut() -> bool) {
    let mut start = at;
    while start < at + bytes.len() {
        let end = ((start / SECTOR + 1) * SECTOR).min(at + bytes.len());
        let visible = end.min(disk.len());
        if kept() && start < visible {
            disk[start..visible].copy_from_slice(&bytes[start - at..visible - at]);
        }
        start = end;
    }
}

fn past_the_end() -> io::Error {
    io::Error::other("past the end of the disk")
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("the disk is in memory")
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().expect("no panic holds the disk").seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock().expect("no panic holds the disk");
        if platter.cut_at.is_some_and(|cut| platter.operations > cut) {
            return Err(io::Error::other("no power"));
        }
        let start = position(offset);
        let place = platter.seen.get(start..start + out.len());
        out.copy_from_slice(place.ok_or_else(past_the_end)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Unsynced::Length(position(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.0.lock().expect("no panic holds the disk");
        platter.step()?;
        platter.durable = platter.seen.clone();
        platter.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Unsynced::Write(position(offset), data.to_vec()))
    }
}

fn row_key() -> RowKey {
    RowKey(Secret::take(&mut [7; 32]))
}

/// Rows of all sizes: most small, some of several pages, so that the file grows; some removed.
fn changes(dice: &mut Dice, rows: &Rows) -> Changes {
    let mut changes = Changes::new();
    for _ in 0..1 + dice.below(6) {
        let name = vec![
            4 + dice.next().to_le_bytes()[0] % 4,
            dice.next().to_le_bytes()[0],
        ];
        let length = match dice.below(10) {
            0 => dice.below(12_000),
            1..=3 => dice.below(1_500),
            _ => dice.below(200),
        };
        let fill = dice.next().to_le_bytes()[0];
        changes.insert(name, Some(vec![fill; position(length)]));
    }
    if let Some(name) = rows.keys().nth(dice.index(rows.len() + 3)) {
        changes.insert(name.clone(), None);
    }
    changes
}

fn apply(rows: &mut Rows, changes: &Changes) {
    for (name, value) in changes {
        match value {
            Some(value) => rows.insert(name.clone(), value.clone()),
            None => rows.remove(name),
        };
    }
}

/// Commits until the power fails. Returns what was acknowledged and what was in doubt.
fn work(disk: &Disk, start: &Rows, seed: u64) -> (Rows, Option<Rows>) {
    let key = row_key();
    let Ok((mut database, found)) = Database::open(disk.clone(), &key) else {
        return (start.clone(), None);
    };
    assert_eq!(found, *start, "nothing changes by opening");
    let (mut rows, mut dice) = (found, Dice(seed));
    for _ in 0..COMMITS {
        let changes = changes(&mut dice, &rows);
        let mut next = rows.clone();
        apply(&mut next, &changes);
        if database.commit(&key, &rows, &changes).is_err() {
            return (rows, Some(next));
        }
        rows = next;
    }
    drop(database);
    (rows, None)
}

fn fresh() -> Disk {
    let disk = Disk::default();
    drop(Database::create(disk.clone(), &row_key()).expect("an empty database is made"));
    disk
}

/// One trial: work, cut, perhaps cut twice more while recovering, compare, write again.
fn trial(number: u64, operations: &[u64]) {
    let workload = number % WORKLOADS;
    let total = operations[position(workload)];
    let mut dice = Dice(number ^ 0x5eed);
    let disk = fresh();
    // 37 is prime: few trials are spread over the workload, many hit every operation of it.
    disk.cut_after(number / WORKLOADS * 37 % total);
    let (acknowledged, doubtful) = work(&disk, &Rows::new(), workload);
    disk.plug_in(&mut dice);
    if number.is_multiple_of(3) {
        for _ in 0..2 {
            disk.cut_after(dice.below(12));
            drop(Database::open(disk.clone(), &row_key()));
            disk.plug_in(&mut dice);
        }
    }
    let opened = Database::open(disk.clone(), &row_key());
    let (mut database, rows) = opened.unwrap_or_else(|error| panic!("trial {number}: {error:?}"));
    let whole = rows == acknowledged || doubtful.is_some_and(|next| rows == next);
    assert!(
        whole,
        "trial {number}: acknowledged rows were lost or came by halves"
    );
    let more = changes(&mut dice, &rows);
    let committed = database.commit(&row_key(), &rows, &more);
    committed.unwrap_or_else(|error| panic!("trial {number}: {error:?}"));
    drop(database);
    let mut expected = rows;
    apply(&mut expected, &more);
    let (_, rows) = Database::open(disk, &row_key()).expect("opens again");
    assert!(
        rows == expected,
        "trial {number}: rows changed after recovery"
    );
}

/// Changes and syncs of each whole workload, so that each of them can be the last one.
fn count_operations(workload: u64) -> u64 {
    let disk = fresh();
    let before = disk.operations();
    let (_, doubtful) = work(&disk, &Rows::new(), workload);
    assert!(doubtful.is_none(), "without a cut every commit holds");
    disk.operations() - before
}

/// `POWER_CUTS` sets the number of trials.
#[test]
fn acknowledged_rows_survive_power_cuts() {
    let cuts = std::env::var("POWER_CUTS").map_or(400, |n| n.parse().expect("a number"));
    let operations: Vec<u64> = (0..WORKLOADS).map(count_operations).collect();
    (0..cuts).for_each(|number| trial(number, &operations));
    println!("{cuts} power cuts; operations of the workloads: {operations:?}");
}

/// The simulator must be able to fail: a database that syncs nothing does lose rows.
#[test]
fn the_simulator_bites() {
    let mut lost = 0;
    for seed in 0..20 {
        let disk = fresh();
        let (rows, _) = work(&disk, &Rows::new(), seed);
        {
            let mut platter = disk.0.lock().expect("no panic holds the disk");
            let whole = std::mem::take(&mut platter.durable);
            let half = whole.len() / 2;
            platter.unsynced.push(Unsynced::Write(0, whole));
            platter.durable = vec![0; half * 2];
        }
        disk.plug_in(&mut Dice(seed));
        let opened = Database::open(disk, &row_key());
        lost += u32::from(!opened.is_ok_and(|(_, found)| found == rows));
    }
    assert!(
        lost > 5,
        "only {lost} of 20 unsynced databases were damaged"
    );
}
