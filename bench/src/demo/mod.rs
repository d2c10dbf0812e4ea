//! The demo: the whole chain with real processes on loopback, from an invented population to a crosswalk
//! whose quality is measured against the truth.
//!
//! Reading order: this file tells the story; `folder` and `configs` say what lies where, `pki` and `ceremony`
//! make certificates and keys, `process` runs the programs, `linkage` is the operator and the processing
//! service, `verify` checks what can be checked from outside, `summary` shows the figures.

mod ceremony;
pub mod configs;
pub mod folder;
mod linkage;
pub mod pki;
pub mod process;
pub mod server;
mod sites;
mod summary;
mod verify;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::spawn_blocking,
};

use self::{folder::Folder, process::Crew, summary::Figures};
use crate::{
    error::{BenchError, file},
    errors::Preset,
    limits::{DEMO_PEOPLE_MIN, PEOPLE_MAX},
    sites::Site,
    ui::{Story, say},
};

/// The programs of the demo.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `ceremony`.
    pub ceremony: PathBuf,
    /// `appliance`.
    pub appliance: PathBuf,
    /// `tokenizer`.
    pub tokenizer: PathBuf,
    /// This program, for its `crosswalk` verb.
    pub bench: PathBuf,
}

impl Programs {
    /// Says which program is missing before anything is begun.
    fn check(&self) -> Result<(), BenchError> {
        let all = [
            &self.ceremony,
            &self.appliance,
            &self.tokenizer,
            &self.bench,
        ];
        match all.into_iter().find(|program| !program.is_file()) {
            Some(program) => Err(BenchError::Program {
                program: program.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// What the demo does.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of people.
    pub people: u32,
    /// Seed of the population.
    pub seed: u64,
    /// How bad the records are.
    pub preset: Preset,
    /// Whether to keep the server up at the end.
    pub serve: bool,
    /// Where everything goes.
    pub folder: PathBuf,
    /// The programs.
    pub programs: Programs,
}

/// Runs the demo. Returns its figures.
///
/// # Errors
/// [`BenchError`]; every process that was started has ended by then.
pub async fn run(options: &Options) -> Result<Value, BenchError> {
    if !(DEMO_PEOPLE_MIN..=PEOPLE_MAX).contains(&options.people) {
        return Err(BenchError::Option {
            what: "a demo has 100 to 10,000,000 people",
        });
    }
    options.programs.check()?;
    let mut signals = Signals::listen()?;
    let done = tokio::select! {
        result = Box::pin(chain(options)) => result?,
        () = signals.any() => return Err(BenchError::Interrupted),
    };
    if options.serve {
        serve(&done, &options.programs, &mut signals).await?;
    }
    Ok(done.summary)
}

/// What asks this process to end.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, BenchError> {
        let listen = |kind| signal(kind).map_err(file("listen for signals"));
        let [interrupt, terminate, hangup] = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        Ok(Self([
            listen(interrupt)?,
            listen(terminate)?,
            listen(hangup)?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _signal = interrupt.recv() => {}
            _signal = terminate.recv() => {}
            _signal = hangup.recv() => {}
        }
    }
}

/// A demo that has come to its end.
struct Done {
    summary: Value,
    release_id: String,
    crew: Crew,
    folder: Folder,
}

/// Writes the three sites' files and the truth into a folder, and nothing else.
///
/// # Errors
/// [`BenchError`].
pub fn people(folder: &Path, people: u32, seed: u64, preset: Preset) -> Result<(), BenchError> {
    if people > PEOPLE_MAX {
        return Err(BenchError::Option {
            what: "there are at most 10,000,000 people",
        });
    }
    let folder = Folder::fresh(folder)?;
    for (site, records) in write_sites(&folder, people, seed, preset)? {
        say(&format!("{site}: {records} records"));
    }
    folder.wait_for_removal()
}

/// Writes the three sites' files and the truth. Returns records by site.
///
/// # Errors
/// [`BenchError::File`].
pub fn write_sites(
    folder: &Folder,
    people: u32,
    seed: u64,
    preset: Preset,
) -> Result<BTreeMap<&'static str, u64>, BenchError> {
    sites::write_all(people, seed, preset, folder).map_err(file("write the sites' files"))
}

/// A fresh folder, and a crew whose programs find its PKCS#11 tokens.
///
/// # Errors
/// [`BenchError::ForeignFolder`] or an error of the disk.
pub fn begin(folder: &Path) -> Result<(Folder, Crew), BenchError> {
    let folder = Folder::fresh(folder)?;
    let mut crew = Crew::new(folder.logs());
    crew.set("SOFTHSM2_CONF", &folder.softhsm_conf());
    Ok((folder, crew))
}

/// Certificates for everybody, both tokens, and every site enrolled.
///
/// # Errors
/// [`BenchError`].
pub async fn make_keys(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
) -> Result<(), BenchError> {
    pki::make(&folder.pki())?;
    ceremony::run(crew, programs, folder).await
}

async fn chain(options: &Options) -> Result<Done, BenchError> {
    let mut story = Story::default();
    let (folder, crew) = begin(&options.folder)?;
    let programs = &options.programs;

    story.say(&format!(
        "people: {} people from seed {}, errors {}",
        options.people,
        options.seed,
        options.preset.name()
    ));
    let held = sites::write(options, &folder).await?;
    story.done("people");

    story.say("keys: certificates, two PKCS#11 tokens, ceremony of three custodians, packages for three sites and a consultation desk");
    make_keys(&crew, programs, &folder).await?;
    story.done("keys");

    story.say("appliance: starting");
    let mut server = server::start(&crew, programs, &folder).await?;
    story.say(&format!("appliance: ready on {}", server.ports().grpc));
    story.done("start");

    let uploads = sites::upload(&crew, programs, &folder, &server.ports().grpc, &story).await?;
    server.look();
    story.done("upload");

    let run = linkage::run(&folder, &server.ports().grpc, &story).await?;
    server.look();
    story.done("run");

    let release = linkage::release(&folder, &server.ports().grpc, &run.run_id).await?;
    story.say(&format!(
        "release: {} rows for {}, ID {}",
        release.rows,
        configs::STUDY,
        release.release_id
    ));
    story.done("release");
    verify::crosswalk(&crew, programs, &folder, &server.ports().grpc, &release).await?;
    story.say("crosswalk: streamed to CSV and Parquet, digest as released");
    story.done("crosswalk");

    sites::export_tables(&crew, programs, &folder).await?;
    let score = verify::score(&folder)?;
    story.done("evaluate");
    let receipts = verify::receipts(&folder)?;
    server.stop().await?;
    verify::audit(&crew, programs, &folder).await?;
    story.say(&format!(
        "audit: {} of {} upload receipts verified again, the log verified offline",
        receipts.verified, receipts.all
    ));
    story.done("audit");

    let cleared = folder.clone();
    spawn_blocking(move || cleared.wait_for_removal())
        .await
        .unwrap_or(Ok(()))?;
    story.done("clear");

    let figures = Figures {
        options,
        held,
        uploads,
        run,
        score,
        release_id: release.release_id.clone(),
        receipts,
        peaks: crew.peaks(),
    };
    let summary = figures.json(&story);
    figures.show(&story, &folder);
    configs::write(
        &folder.results().join("summary.json"),
        &format!("{summary:#}\n"),
    )?;
    Ok(Done {
        summary,
        release_id: release.release_id,
        crew,
        folder,
    })
}

/// Starts the server again on what it has stored, and waits for a signal.
async fn serve(done: &Done, programs: &Programs, signals: &mut Signals) -> Result<(), BenchError> {
    let mut server = server::start(&done.crew, programs, &done.folder).await?;
    // It has chosen another port: the agents are to find it there.
    for site in Site::ALL {
        configs::agent(&done.folder, site, &server.ports().grpc)?;
    }
    configs::desk(&done.folder, &server.ports().grpc)?;
    let (ports, release) = (server.ports(), &done.release_id);
    for line in summary::how_to_look(&done.folder, programs, ports, release) {
        say(&line);
    }
    tokio::select! {
        ended = server.wait() => return Err(ended),
        () = signals.any() => {}
    }
    server.stop().await
}
