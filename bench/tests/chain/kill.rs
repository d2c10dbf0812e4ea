//! The appliance is killed while sites upload, again and again. Nothing is lost and nothing doubled.

use std::{fs, time::Duration};

use bench::{demo::process::Running, sites::Site};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_during_uploads_leave_the_same_tokens() {
    // Small batches make many admissions, so that kills meet every step of one.
    let rig = Rig::new(1_500, 4).await;
    let data = rig.folder.appliance().join("data");

    // Undisturbed first. The sites' state is put back afterwards, because a site that has seen one log
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
    fs::rename(&data, rig.folder.appliance().join("data-undisturbed")).unwrap();
    for site in Site::ALL {
        let state = rig.folder.site(site).join("state");
        fs::remove_dir_all(&state).unwrap();
        copy(&kept.join(site.name()), &state);
    }

    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut agents: Vec<Running> = Vec::new();
    let mut kills = 0;
    while kills < KILLS {
        let mut server = rig.start().await;
        if agents.is_empty() {
            agents.extend(Site::ALL.map(|site| start_agent(&rig, site)));
        }
        let moment = Duration::from_millis(random.random_range(30..300));
        tokio::time::sleep(moment).await;
        let mut uploading = false;
        for agent in &mut agents {
            uploading |= agent.is_running().unwrap();
        }
        assert!(
            uploading,
            "kill {kills} of seed {SEED} would come after all uploads"
        );
        server.kill().await.unwrap();
        kills += 1;
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
    let entries = |status: &serde_json::Value| status["audit_entries"].as_u64().unwrap();
    assert!(
        entries(&found) >= entries(&expected),
        "every admission is in the log"
    );
    rig.verify_audit();
}
