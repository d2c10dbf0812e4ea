//! A line between a site and the appliance on which things go wrong: a proxy of TCP that resets, truncates,
//! delays, swallows and refuses, so often as it was told, at places that its seed chooses.
//!
//! Places are counted in bytes and not in time, so that a fast machine meets as many faults as a slow
//! one, and the same ones in the same order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    error::{BenchError, file},
    limits::{CABLE_DELAY, CABLE_HOLE, CABLE_STALL},
};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The connection is reset; bytes under way are lost.
    Reset,
    /// Both ends are told that the stream has ended, in the middle of it.
    Truncate,
    /// Nothing moves for a while, and then it goes on.
    Delay,
    /// Nothing moves for a while, and then the connection is reset.
    Drop,
    /// Everything is swallowed, and nobody says so: only a keep-alive finds out.
    Hole,
    /// The connection is refused before its first byte.
    Refuse,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Delay => "delay",
            Self::Drop => "drop",
            Self::Hole => "hole",
            Self::Refuse => "refuse",
        }
    }
}

/// One fault that will happen.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: Kind,
    place: Place,
}

/// Where on a connection.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// After so many bytes to the appliance.
    Up(u64),
    /// After so many bytes from the appliance: in the handshake, or in an answer.
    Down(u64),
}

/// What happened so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) connections: u64,
    pub(super) bytes_up: u64,
    by_kind: BTreeMap<Kind, u32>,
}

impl Seen {
    /// Faults that happened.
    pub(super) fn faults(&self) -> u32 {
        self.by_kind.values().sum()
    }

    /// Faults by name of kind.
    pub(super) fn by_kind(&self) -> BTreeMap<&'static str, u32> {
        let named = |(kind, count): (&Kind, &u32)| (kind.name(), *count);
        self.by_kind.iter().map(named).collect()
    }
}

/// What all connections share.
struct Shared {
    seen: Seen,
    /// Faults to come, the next one last.
    plan: Vec<Fault>,
}

/// The line. It ends when it is dropped.
pub(super) struct Line {
    port: u16,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    /// Lays a line to `appliance` with so many faults, spread over an upload of about `bytes`.
    pub(super) async fn lay(
        appliance: &str,
        faults: u32,
        bytes: u64,
        seed: u64,
    ) -> Result<Self, BenchError> {
        let failed = || file("lay the line");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed())?;
        let port = listener.local_addr().map_err(failed())?.port();
        let shared = Arc::new(Mutex::new(Shared {
            seen: Seen::default(),
            plan: plan(faults, bytes, seed),
        }));
        let task = tokio::spawn(accept(listener, appliance.to_owned(), shared.clone()));
        Ok(Self { port, shared, task })
    }

    /// Host and port for the site.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends the line and says what happened on it.
    pub(super) fn cut(self) -> Seen {
        lock(&self.shared).seen.clone()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All faults. Most lie at up to an even share of the upload after the one before, so that all have happened
/// when about two thirds are sent: a place in an answer may wait for the end of a batch.
fn plan(faults: u32, bytes: u64, seed: u64) -> Vec<Fault> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let far = (bytes / u64::from(faults.max(1))).max(8_000);
    // A hole costs the time of a keep-alive, so there are few.
    let mut holes = faults / 50;
    let mut plan: Vec<Fault> = (0..faults)
        .map(|_| {
            let kind = match random.random_range(0..100) {
                0..35 => Kind::Reset,
                35..60 => Kind::Truncate,
                60..75 => Kind::Delay,
                75..90 => Kind::Drop,
                _ => Kind::Refuse,
            };
            // The handshake takes about 3,000 bytes up and as many down; answers come after it.
            let place = match random.random_range(0..10) {
                0 => Place::Up(random.random_range(1..3_000)),
                1 | 2 => Place::Down(random.random_range(1..4_500)),
                _ => Place::Up(random.random_range(1..far)),
            };
            Fault { kind, place }
        })
        .collect();
    while holes > 0 {
        let at = random.random_range(0..plan.len());
        if plan[at].kind != Kind::Hole {
            plan[at] = Fault {
                kind: Kind::Hole,
                place: Place::Up(random.random_range(4_000..far)),
            };
            holes -= 1;
        }
    }
    plan
}

async fn accept(listener: TcpListener, appliance: String, shared: Arc<Mutex<Shared>>) {
    while let Ok((site, _peer)) = listener.accept().await {
        lock(&shared).seen.connections += 1;
        let (appliance, shared) = (appliance.clone(), shared.clone());
        tokio::spawn(async move {
            // A connection that fails otherwise is one more thing that goes wrong on a line.
            drop(carry(site, &appliance, &shared).await);
        });
    }
}

/// One connection, fault after fault, until it ends.
async fn carry(
    mut site: TcpStream,
    appliance: &str,
    shared: &Mutex<Shared>,
) -> std::io::Result<()> {
    let mut fault = next(shared);
    if let Some(Fault {
        kind: Kind::Refuse, ..
    }) = fault
    {
        happened(shared, Kind::Refuse);
        return site.set_zero_linger();
    }
    let mut appliance = TcpStream::connect(appliance).await?;
    site.set_nodelay(true)?;
    appliance.set_nodelay(true)?;
    loop {
        let Some(Fault { kind, place }) = fault else {
            let end = Place::Up(u64::MAX);
            return until(&mut site, &mut appliance, end, shared)
                .await
                .map(|_ended| ());
        };
        if !until(&mut site, &mut appliance, place, shared).await? {
            // The connection ended by itself, and the fault is for another one.
            lock(shared).plan.push(Fault { kind, place });
            return Ok(());
        }
        happened(shared, kind);
        match kind {
            Kind::Delay => sleep(CABLE_DELAY).await,
            Kind::Truncate => return Ok(()),
            Kind::Reset | Kind::Refuse => return reset(&site, &appliance),
            Kind::Drop => {
                sleep(CABLE_STALL).await;
                return reset(&site, &appliance);
            }
            Kind::Hole => {
                drop(timeout(CABLE_HOLE, swallow(&mut site)).await);
                return reset(&site, &appliance);
            }
        }
        fault = next(shared);
    }
}

fn next(shared: &Mutex<Shared>) -> Option<Fault> {
    lock(shared).plan.pop()
}

fn happened(shared: &Mutex<Shared>, kind: Kind) {
    *lock(shared).seen.by_kind.entry(kind).or_default() += 1;
}

fn reset(site: &TcpStream, appliance: &TcpStream) -> std::io::Result<()> {
    site.set_zero_linger()?;
    appliance.set_zero_linger()
}

/// Takes bytes for nobody until the site gives up.
async fn swallow(site: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while site.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Carries bytes until the place is reached; `false` if the connection ended before.
async fn until(
    site: &mut TcpStream,
    appliance: &mut TcpStream,
    place: Place,
    shared: &Mutex<Shared>,
) -> std::io::Result<bool> {
    let (mut up, mut down) = match place {
        Place::Up(bytes) => (bytes, u64::MAX),
        Place::Down(bytes) => (u64::MAX, bytes),
    };
    let (mut from_site, mut from_appliance) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let most = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(16 * 1024);
    while up > 0 && down > 0 {
        // Nothing beyond the place is read: after a delay it goes on from there.
        let (most_up, most_down) = (most(up), most(down));
        tokio::select! {
            read = site.read(&mut from_site[..most_up]) => {
                let count = read?;
                if count == 0 {
                    appliance.shutdown().await?;
                    return Ok(false);
                }
                appliance.write_all(&from_site[..count]).await?;
                up -= count as u64;
                lock(shared).seen.bytes_up += count as u64;
            }
            read = appliance.read(&mut from_appliance[..most_down]) => {
                let count = read?;
                if count == 0 {
                    site.shutdown().await?;
                    return Ok(false);
                }
                site.write_all(&from_appliance[..count]).await?;
                down -= count as u64;
            }
        }
    }
    Ok(true)
}
