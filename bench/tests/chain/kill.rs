//! The appliance is killed while sites upload, again and again. Nothing is lost and nothing doubled.

use std::{fs, path::Path, time::Duration};

use bench::{demo::process::Running, sites::Site};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::rig::{Rig, copy, programs};

const KILLS: usize = 20;
const SEED: u64 = 20_261_120;

fn start_agent(rig: &Rig, site: Site) -> Running {
    let config = rig.folder.agent_config(site).display().to_string();
    let name = format!("agent-{}", site.name());
    rig.crew
        .start(
            &name,
            &programs().tokenizer,
            &["run", "--config", &config, "--json"],
        )
        .unwrap()
}

/// Upload receipts that a site holds, in a folder of sites.
fn receipts(sites: &Path, site: Site) -> usize {
    let folder = sites.join(site.name()).join("state/receipts");
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// What the appliance holds after uploads that nothing disturbs, and how many batches they were. Everything
/// is put back to where it was before them.
async fn undisturbed(rig: &Rig) -> (Value, usize) {
    let data = rig.folder.appliance().join("data");

    // The sites' state is put back afterwards, because a site that has seen one log
    // accepts no other.
    let kept = rig.folder.path().join("kept");
    for site in Site::ALL {
        copy(
            &rig.folder.site(site).join("state"),
            &kept.join(site.name()),
        );
    }
    let mut server = rig.start().await;
    for site in Site::ALL {
        let output = rig.agent(site);
        assert!(output.status.success(), "{}", crate::rig::text(&output));
    }
    server.stop().await.unwrap();
    let expected = rig.status();
    rig.verify_audit();
    let sites = rig.folder.path().join("sites");
    let batches = Site::ALL.map(|site| receipts(&sites, site)).iter().sum();
    fs::rename(&data, rig.folder.appliance().join("data-undisturbed")).unwrap();
    for site in Site::ALL {
        let state = rig.folder.site(site).join("state");
        fs::remove_dir_all(&state).unwrap();
        copy(&kept.join(site.name()), &state);
    }
    (expected, batches)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_during_uploads_leave_the_same_tokens() {
    // Small batches make many admissions, so that kills meet every step of one.
    let rig = Rig::new(1_200, 6).await;
    let (expected, batches) = undisturbed(&rig).await;

    // Moments are set by progress and not by the clock, so that a fast machine meets as many kills.
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut moments: Vec<usize> = (0..KILLS)
        .map(|_| random.random_range(0..batches * 9 / 10))
        .collect();
    moments.sort_unstable();
    let mut agents: Vec<Running> = Vec::new();
    for (kill, moment) in moments.into_iter().enumerate() {
        let mut server = rig.start().await;
        if agents.is_empty() {
            agents.extend(Site::ALL.map(|site| start_agent(&rig, site)));
        }
        let sites = rig.folder.path().join("sites");
        while Site::ALL
            .map(|site| receipts(&sites, site))
            .iter()
            .sum::<usize>()
            < moment
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
        let mut uploading = false;
        for agent in &mut agents {
            uploading |= agent.is_running().unwrap();
        }
        assert!(
            uploading,
            "kill {kill} of seed {SEED} comes while somebody uploads"
        );
        server.kill().await.unwrap();
    }
    let mut server = rig.start().await;
    for agent in &mut agents {
        let status = agent.wait().await.unwrap();
        assert!(
            status.success(),
            "seed {SEED}: an agent ended with {status}"
        );
    }
    server.stop().await.unwrap();

    let found = rig.status();
    assert_eq!(
        found["token_digest"], expected["token_digest"],
        "seed {SEED}"
    );
    assert_eq!(found["sites"], expected["sites"], "seed {SEED}");
    let entries = |status: &Value| status["audit_entries"].as_u64().unwrap();
    assert!(
        entries(&found) >= entries(&expected),
        "every admission is in the log"
    );
    rig.verify_audit();
}
