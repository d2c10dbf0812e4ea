//! No key is used without an entry in the audit log: intent before, result after, and a log that takes no
//! entries keeps every key still.

#[cfg(test)]
mod intents {
    use std::{
        collections::BTreeMap,
        fs,
        path::Path,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        time::Duration,
    };

    use appliance_server::{
        auth::{Caller, Callers, Grant},
        clock::Clock,
        error::ServiceError,
        ready::Latch,
        service::{
            Appliance, Parts, Trust,
            header::Header,
            health,
            intake::{self, Begun, Receipt, Upload},
            plan,
            release::{self, Order},
            run::{self, Watched},
        },
    };
    use appliance_store::{Health, Scope, Store};
    use keymgmt_custody::{
        Custody, CustodyError, Oaep, Secret,
        batch::{Plaintext, seal_batch},
        enrolment::{Enrolment, SiteEntry},
        hierarchy::{DerivingKey, Label},
        software::SoftwareCustody,
    };
    use linker_match::Settings;
    use linker_token::{
        CheckValue, Epoch, Flags, Manifest, ProjectId, RecordRef, Schema, SiteId, Token, TokenBatch,
    };
    use sha2::{Digest as _, Sha256};

    const ORIGIN: &str = "musubi.test/intents";
    const START: u64 = 1_800_000_000;

    /// Keys that count how often they are used, except for signing the log.
    struct Counting {
        keys: SoftwareCustody,
        uses: Arc<AtomicU64>,
        gone: Arc<AtomicU64>,
    }

    impl Counting {
        fn count(&self) -> Result<(), CustodyError> {
            self.uses.fetch_add(1, Ordering::SeqCst);
            if self.gone.load(Ordering::SeqCst) == 0 {
                return Ok(());
            }
            Err(CustodyError::Token {
                operation: "answer",
                reason: "CKR_DEVICE_REMOVED".to_owned(),
            })
        }
    }

    impl Custody for Counting {
        fn derive(
            &self,
            key: DerivingKey,
            label: Label,
            context: &[u8],
        ) -> Result<Secret, CustodyError> {
            self.count()?;
            self.keys.derive(key, label, context)
        }

        fn open_content_key(&self, sealed: &[u8]) -> Result<Secret, CustodyError> {
            self.count()?;
            self.keys.open_content_key(sealed)
        }

        fn sign_audit(&self, digest: &[u8; 32]) -> Result<[u8; 64], CustodyError> {
            self.keys.sign_audit(digest)
        }

        fn audit_public_key(&self) -> &[u8] {
            self.keys.audit_public_key()
        }

        fn ingest_public_key(&self) -> &[u8] {
            self.keys.ingest_public_key()
        }

        fn random(&self, bytes: &mut [u8]) -> Result<(), CustodyError> {
            self.count()?;
            self.keys.random(bytes)
        }

        fn check_health(&self) -> Result<(), CustodyError> {
            self.keys.check_health()
        }
    }

    fn project() -> ProjectId {
        ProjectId::parse("demo").expect("a good name")
    }

    fn site() -> SiteId {
        SiteId::parse("hospital").expect("a good name")
    }

    struct Rig {
        folder: tempfile::TempDir,
        appliance: Arc<Appliance>,
        uses: Arc<AtomicU64>,
        gone: Arc<AtomicU64>,
        seconds: Arc<AtomicU64>,
        site_key: SoftwareCustody,
    }

    impl Rig {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let (uses, gone) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            let seconds = Arc::new(AtomicU64::new(START));
            let site_key = SoftwareCustody::danger_for_tests(2);
            let keys = Counting {
                keys: SoftwareCustody::danger_for_tests(1),
                uses: uses.clone(),
                gone: gone.clone(),
            };
            let appliance = start(folder.path(), keys, seconds.clone(), &site_key);
            Self {
                folder,
                appliance,
                uses,
                gone,
                seconds,
                site_key,
            }
        }

        fn uses(&self) -> u64 {
            self.uses.load(Ordering::SeqCst)
        }

        fn caller(&self, uri: &str) -> Caller {
            let trust = self.appliance.trust();
            trust.callers.identify(Some(uri)).expect("is entered")
        }

        /// An upload whose chunks are all there.
        fn upload(&self, persons: std::ops::Range<u64>) -> Upload {
            let batch = batch(persons);
            let manifest = manifest(&batch);
            let ingest = self.appliance.custody().ingest_public_key();
            let sealed = seal_batch(
                &manifest,
                &Plaintext::new(batch.to_bytes()),
                ingest,
                Oaep::Sha256,
            );
            let sealed = sealed.expect("seals");
            let bytes = manifest.to_bytes();
            let signature = self.site_key.sign_audit(&Sha256::digest(&bytes).into());
            let header = Header {
                manifest: bytes,
                signature: signature.expect("signs").to_vec(),
                sealed_content_key: sealed.sealed_content_key,
                chunk_count: u32::try_from(sealed.chunks.len()).expect("bounded"),
                first_sequence: 0,
                checkpoint_size_seen: 0,
            };
            let place = self.appliance.upload_place(&site()).expect("is free");
            let caller = self.caller("hospital");
            let begun = intake::begin(&self.appliance, &caller, header, place).expect("begins");
            let Begun::Upload(mut upload) = begun else {
                panic!("the batch is new")
            };
            for (sequence, chunk) in (0..).zip(&sealed.chunks) {
                intake::append(&self.appliance, &mut upload, sequence, chunk).expect("is kept");
            }
            *upload
        }

        fn finish(&self, upload: &Upload) -> Result<Receipt, ServiceError> {
            intake::finish(&self.appliance, &self.caller("hospital"), upload)
        }

        fn admit(&self, persons: std::ops::Range<u64>) {
            self.finish(&self.upload(persons)).expect("is admitted");
        }

        fn run(&self, request: &str) -> String {
            let run = run::create(&self.appliance, &self.caller("operator"), request);
            let run = run.expect("starts");
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("starts");
            while let Watched::Running(mut states) =
                run::watch(&self.appliance, &run.run_id).expect("is there")
            {
                // A closed channel means that the run has ended.
                while runtime.block_on(states.changed()).is_ok() {}
            }
            let ended = run::find(&self.appliance, &run.run_id).expect("is there");
            assert_eq!(ended.failure_code, "");
            ended.run_id
        }

        fn order(request: &str, run_id: &str) -> Order {
            Order {
                request_id: request.into(),
                run_id: run_id.into(),
                project: project(),
                approval_number: "1".into(),
                recipient: "a".into(),
            }
        }

        /// The entries as objects.
        fn entries(&self) -> Vec<serde_json::Value> {
            let store = self.appliance.store();
            let entries = (0..store.audit_size()).map(|index| store.audit_entry(index));
            entries
                .map(|entry| serde_json::from_str(&entry.expect("is read")).expect("JSON"))
                .collect()
        }

        /// Makes the store read only, as an I/O error at the log does.
        fn break_store(&self) {
            let note = self.appliance.entry("test", "note", "");
            self.appliance.append_audit(&note).expect("is kept");
            fs::remove_dir_all(self.data().join("tmp")).expect("removed");
            let refused = self.appliance.store().checkpoint();
            assert!(refused.is_err(), "its file has no place");
            assert!(matches!(
                self.appliance.store().health(),
                Health::ReadOnly { .. }
            ));
        }

        fn mend_store(&self) {
            fs::create_dir(self.data().join("tmp")).expect("made");
            let store = self.appliance.store();
            store.reopen_if_due(Duration::ZERO);
            let health = store.reopen_if_due(Duration::from_secs(3600));
            assert_eq!(health, Health::Writable);
        }

        fn data(&self) -> std::path::PathBuf {
            self.folder.path().join("data")
        }
    }

    fn start(
        folder: &Path,
        keys: Counting,
        seconds: Arc<AtomicU64>,
        site_key: &SoftwareCustody,
    ) -> Arc<Appliance> {
        let custody: Arc<dyn Custody> = Arc::new(keys);
        let scope = Scope {
            project: project(),
            epoch: Epoch(1),
            schema: Schema::jp_1(),
        };
        let data = folder.join("data");
        let store = Store::open(&data, custody.clone(), scope.clone(), ORIGIN);
        let entry = SiteEntry {
            sign_spki: site_key.audit_public_key().to_vec(),
            expires_unix_s: u64::MAX,
            receipt_nonce: [0; 16],
            revoked_unix_s: None,
        };
        let enrolment = Enrolment {
            project: project(),
            epoch: Epoch(1),
            schema: Schema::jp_1().digest(),
            secret_check: CheckValue([7; 8]),
            oaep: Oaep::Sha256,
            sites: BTreeMap::from([(site(), entry)]),
        };
        let mut callers = Callers::default();
        callers.enter("hospital".to_owned(), Grant::Site(site()));
        callers.enter("operator".to_owned(), Grant::Operator);
        let processing = Grant::Processing {
            projects: [project()].into(),
            resolve_tokens: false,
        };
        callers.enter("research".to_owned(), processing);
        let appliance = Appliance::new(Parts {
            scope,
            origin: ORIGIN.to_owned(),
            settings: Settings::standard(),
            scratch: folder.join("scratch"),
            custody,
            store: store.expect("opens"),
            before: None,
            latch: Latch::default(),
            clock: Clock::Manual(seconds),
            trust: Trust { callers, enrolment },
        });
        let appliance = Arc::new(appliance.expect("starts"));
        health::check_kernels(&appliance);
        health::check_keys(&appliance);
        health::check_store_and_clock(&appliance, Duration::ZERO);
        appliance
    }

    fn manifest(batch: &TokenBatch) -> Manifest {
        Manifest {
            site: site(),
            project: project(),
            epoch: Epoch(1),
            secret_check: CheckValue([7; 8]),
            schema: Schema::jp_1().digest(),
            normaliser: "1".into(),
            tables: "1".into(),
            sequence: 0,
            last: true,
            rows: u32::try_from(batch.len()).expect("bounded"),
            digest: batch.digest(),
            counts: BTreeMap::new(),
        }
    }

    fn batch(persons: std::ops::Range<u64>) -> TokenBatch {
        let schema = Schema::jp_1();
        let mut batch = TokenBatch::new(&schema);
        for person in persons {
            let word = |at: usize| {
                let digest =
                    Sha256::digest([person.to_le_bytes(), (at as u64).to_le_bytes()].concat());
                u64::from_le_bytes(digest[..8].try_into().expect("eight bytes"))
            };
            let mut reference = [0; 16];
            reference[..8].copy_from_slice(&person.to_le_bytes());
            let token = Token {
                reference: RecordRef(reference),
                flags: Flags::default(),
                row: (0..schema.row_words()).map(word).collect(),
            };
            batch.push(&token).expect("fits");
        }
        batch
    }

    /// Every function of the service that takes the keys to use one is given an intent.
    #[test]
    fn who_uses_a_key_shows_an_intent() {
        let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service");
        let mut users = Vec::new();
        let mut folders = vec![service];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("is there") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).expect("text");
                // One piece is one function, from its name to the next one's.
                for function in text.split("fn ").skip(1) {
                    let bare: String = function.split_whitespace().collect();
                    let takes = bare.contains(".custody()") || bare.contains(".custody.");
                    let uses = [
                        ".derive(",
                        "open_batch(",
                        "open_data_key(",
                        "seal_data_key(",
                    ];
                    if takes && uses.iter().any(|call| bare.contains(call)) {
                        let name: String = bare.chars().take_while(|c| *c != '(').collect();
                        assert!(bare.contains(":&Intent"), "{name} of {}", path.display());
                        users.push(name);
                    }
                }
            }
        }
        users.sort();
        assert_eq!(users, ["open", "project_key", "second_layer"]);
    }

    #[test]
    fn intents_come_before_results_and_are_named_by_them() {
        let rig = Rig::new();
        rig.admit(0..300);
        let run = rig.run("1");
        plan::plan(&rig.appliance, "operator").expect("is planned");
        let research = rig.caller("research");
        release::create(&rig.appliance, &research, &Rig::order("1", &run)).expect("is made");
        let entries = rig.entries();
        let mut open: BTreeMap<u64, (String, String)> = BTreeMap::new();
        for entry in &entries {
            let seq = entry["seq"].as_u64().expect("a number");
            let text = |name: &str| entry[name].as_str().expect("text").to_owned();
            let of = (text("operation"), text("subject"));
            if entry["result"] == "intent" {
                open.insert(seq, of);
            } else if let Some(intent) = entry.get("intent") {
                let intent = intent.as_u64().expect("a number");
                assert!(intent < seq);
                assert_eq!(open.remove(&intent), Some(of), "{entry}");
            }
        }
        assert_eq!(open, BTreeMap::new(), "an intent without its result");
        for operation in ["admit", "plan-run", "release"] {
            let both: Vec<&str> = entries
                .iter()
                .filter(|entry| entry["operation"] == operation)
                .map(|entry| entry["result"].as_str().expect("text"))
                .collect();
            assert_eq!(both, ["intent", "ok"], "{operation}");
        }
    }

    #[test]
    fn a_log_that_takes_no_entry_keeps_the_keys_still() {
        let rig = Rig::new();
        rig.admit(0..300);
        let run = rig.run("1");
        let upload = rig.upload(300..400);
        rig.break_store();
        let before = rig.uses();
        let size = rig.appliance.store().audit_size();
        let research = rig.caller("research");
        let operator = rig.caller("operator");
        let refusals = [
            rig.finish(&upload).map(drop),
            plan::plan(&rig.appliance, "operator").map(drop),
            release::create(&rig.appliance, &research, &Rig::order("1", &run)).map(drop),
            run::create(&rig.appliance, &operator, "2").map(drop),
        ];
        for refused in refusals {
            let code = refused.expect_err("nothing may happen").code();
            assert!(
                code.contains("READ_ONLY") || code.contains("STORE"),
                "{code}"
            );
        }
        assert_eq!(rig.uses(), before, "a key was used without an entry");
        assert_eq!(rig.appliance.store().audit_size(), size);
        rig.mend_store();
        rig.finish(&upload)
            .expect("is admitted once the log takes entries");
        assert!(rig.uses() > before);
    }

    #[test]
    fn what_fails_leaves_a_result_too() {
        let rig = Rig::new();
        let upload = rig.upload(0..100);
        rig.gone.store(1, Ordering::SeqCst);
        let refused = rig.finish(&upload).expect_err("the token is gone");
        assert_eq!(refused.code(), "HSM_UNAVAILABLE");
        rig.gone.store(0, Ordering::SeqCst);
        rig.finish(&upload).expect("is admitted");
        let results: Vec<String> = rig
            .entries()
            .iter()
            .map(|entry| format!("{} {}", entry["result"], entry["intent"]))
            .collect();
        assert_eq!(
            results,
            [
                "\"intent\" null",
                "\"HSM_UNAVAILABLE\" 0",
                "\"intent\" null",
                "\"ok\" 2"
            ]
        );
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_set_back_the_log() {
        let rig = Rig::new();
        let note = || {
            let entry = rig.appliance.entry("test", "note", "");
            rig.appliance.append_audit(&entry).expect("is kept");
        };
        note();
        rig.seconds.store(START + 50, Ordering::Relaxed);
        note();
        rig.seconds.store(START - 10_000, Ordering::Relaxed);
        note();
        rig.seconds.store(START + 60, Ordering::Relaxed);
        note();
        let entries = rig.entries();
        let times: Vec<&str> = entries
            .iter()
            .map(|entry| entry["utc"].as_str().expect("text"))
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(times[1], times[2]);
        assert_eq!(entries[2]["counts"]["clock-behind-s"], 10_050);
        assert_eq!(entries[3]["counts"], serde_json::json!({}));
        // Further back than the tolerance, nothing new is begun until the clock is right again.
        rig.seconds.store(START - 10_000, Ordering::Relaxed);
        health::check_store_and_clock(&rig.appliance, Duration::ZERO);
        let operator = rig.caller("operator");
        let refused = run::create(&rig.appliance, &operator, "1").expect_err("the clock");
        assert_eq!(refused.code(), "NOT_READY");
    }
}
