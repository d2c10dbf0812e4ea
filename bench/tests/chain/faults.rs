//! Things that go wrong around the appliance: each is said, with what to do, and nothing is half done.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use bench::sites::Site;

use crate::rig::{Rig, programs, text};

/// A small file system of its own, unmounted at the end.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, options: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "musubi-test"])
            .arg(at);
        assert!(
            mount.status().unwrap().success(),
            "a small file system is mounted at {}; this test needs root",
            at.display()
        );
        Self(at)
    }

    /// Fills the file system but for `left` bytes. Removing the file makes room again.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.join("ballast");
        let mut ballast = File::create(&path).unwrap();
        let zeros = [0; 16_384];
        while ballast.write_all(&zeros).is_ok() {}
        let size = ballast.metadata().unwrap().len();
        ballast.set_len(size - left).unwrap();
        path
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("--lazy").arg(self.0).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the file system is unmounted"
        );
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_and_loses_nothing() {
    if !is_root() {
        eprintln!(
            "NOT CHECKED: a full disk of the appliance needs root to mount a small file system"
        );
        return;
    }
    let rig = Rig::new(4_000, 512).await;
    let config = rig.folder.agent_config(Site::Town);
    let patient = fs::read_to_string(&config).unwrap();
    let hasty = patient.replace("retry_for_seconds = 60", "retry_for_seconds = 2");
    assert_ne!(patient, hasty);
    fs::write(&config, hasty).unwrap();
    let data = rig.folder.appliance().join("data");
    let small = Small::mount(&data, "size=32m");

    let mut server = rig.start().await;
    let ballast = small.fill(256 * 1024);
    let refused = rig.agent(Site::Town);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert!(text(&refused).contains("DISK_FULL"), "{}", text(&refused));
    assert!(text(&refused).contains("  try: "), "{}", text(&refused));

    // Space comes back: without a restart the same agents go on.
    fs::remove_file(ballast).unwrap();
    fs::write(&config, patient).unwrap();
    for site in [Site::Clinic, Site::Town] {
        let output = rig.agent(site);
        assert!(output.status.success(), "{}", text(&output));
    }
    server.stop().await.unwrap();
    rig.verify_audit();
    let status = rig.status();
    for site in ["clinic", "town"] {
        let rows = status["token_digest"][site]["rows"].as_u64().unwrap();
        assert!(rows > 1_000, "{site} has {rows} rows");
        let batches = status["sites"][site]["batches"].as_u64().unwrap();
        assert_eq!(batches, rows.div_ceil(512), "no batch is there twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_pin_and_missing_module_stop_the_start() {
    let rig = Rig::new(200, 65_536).await;
    let config = rig.config().display().to_string();
    let serve = || rig.call(&programs().appliance, &["serve", "--config", &config]);

    let pin = rig.folder.ceremony().join("appliance-user.pin");
    let good = fs::read(&pin).unwrap();
    fs::write(&pin, "0000\n").unwrap();
    let output = serve();
    let said = text(&output);
    assert!(
        said.contains("WRONG_PIN") && said.contains("  try: "),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(77), "{said}");
    fs::write(&pin, good).unwrap();

    let profile = rig.folder.ceremony().join("softhsm2.toml");
    let text_of_profile = fs::read_to_string(&profile).unwrap();
    let line = text_of_profile
        .lines()
        .find(|line| line.starts_with("module"))
        .unwrap();
    fs::write(
        &profile,
        text_of_profile.replace(line, "module = \"/no/such/module.so\""),
    )
    .unwrap();
    let output = serve();
    let said = text(&output);
    assert!(
        said.contains("MODULE_UNAVAILABLE") && said.contains("  try: "),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(64), "{said}");
    fs::write(&profile, text_of_profile).unwrap();

    // Both repaired, it starts.
    rig.start().await.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_sent_twice_is_there_once() {
    let rig = Rig::new(300, 64).await;
    let mut server = rig.start().await;
    let first = rig.agent(Site::Town);
    assert!(first.status.success(), "{}", text(&first));
    let again = rig.agent(Site::Town);
    assert!(again.status.success(), "{}", text(&again));
    server.stop().await.unwrap();
    let status = rig.status();
    let rows = status["token_digest"]["town"]["rows"].as_u64().unwrap();
    let batches = status["sites"]["town"]["batches"].as_u64().unwrap();
    assert_eq!(batches, rows.div_ceil(64), "{status}");
    rig.verify_audit();
}
