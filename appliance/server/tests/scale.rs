//! Admission, a run, a release and enquiries through the service functions, with as many rows as one asks for.
//!
//! `MUSUBI_TEST_ROWS=2000000 cargo test --release -p appliance-server --test scale -- --nocapture` prints the
//! seconds of each step and the peak of memory, which must stay below 4 GiB.

#[cfg(test)]
mod scale {
    mod enquiries;

    use std::{collections::BTreeMap, env, fs, sync::Arc, time::Instant};

    use appliance_server::{
        auth::{Caller, Callers, Grant},
        clock::Clock,
        ready::Latch,
        service::{
            Appliance, Parts, Trust,
            header::Header,
            health,
            intake::{self, Begun},
            release::{self, Order},
            run::{self, Watched, Work},
            run_record::{Run, State},
        },
    };
    use appliance_store::{Scope, Store};
    use keymgmt_custody::{
        Custody, Oaep,
        batch::{Plaintext, seal_batch},
        enrolment::{Enrolment, SiteEntry},
        software::SoftwareCustody,
    };
    use linker_match::{Need, Settings};
    use linker_token::{
        CheckValue, Epoch, Flags, Manifest, ProjectId, RecordRef, Schema, SiteId, Token,
        TokenBatch, limits::BATCH_ROWS_MAX,
    };
    use sha2::{Digest as _, Sha256};

    const SITES: [&str; 2] = ["hospital", "town"];
    const MEMORY_MAX: u64 = 4 << 30;

    fn project() -> ProjectId {
        ProjectId::parse("demo").expect("a good name")
    }

    fn appliance(
        folder: &std::path::Path,
        site_key: &SoftwareCustody,
        settings: Settings,
        askers: usize,
    ) -> Arc<Appliance> {
        let custody: Arc<dyn Custody> = Arc::new(SoftwareCustody::danger_for_tests(1));
        let scope = Scope {
            project: project(),
            epoch: Epoch(1),
            schema: Schema::jp_1(),
        };
        let store = Store::open(folder, custody.clone(), scope.clone(), "musubi.test/scale");
        let sites = SITES.map(|site| {
            let entry = SiteEntry {
                sign_spki: site_key.audit_public_key().to_vec(),
                expires_unix_s: u64::MAX,
                receipt_nonce: [0; 16],
                revoked_unix_s: None,
            };
            (SiteId::parse(site).expect("a good name"), entry)
        });
        let enrolment = Enrolment {
            project: project(),
            epoch: Epoch(1),
            schema: Schema::jp_1().digest(),
            secret_check: CheckValue([7; 8]),
            oaep: Oaep::Sha256,
            sites: BTreeMap::from(sites),
        };
        let mut callers = Callers::default();
        for site in SITES {
            let name = SiteId::parse(site).expect("a good name");
            callers.enter(site.to_owned(), Grant::Site(name));
        }
        let research = |resolve_tokens| Grant::Processing {
            projects: [project()].into(),
            resolve_tokens,
        };
        callers.enter("research".to_owned(), research(false));
        for asker in 0..askers {
            callers.enter(format!("asker-{asker}"), research(true));
        }
        callers.enter("operator".to_owned(), Grant::Operator);
        let appliance = Appliance::new(Parts {
            scope,
            origin: "musubi.test/scale".to_owned(),
            settings,
            scratch: folder.join("scratch"),
            custody,
            store: store.expect("opens"),
            before: None,
            latch: Latch::default(),
            clock: Clock::manual(1_800_000_000),
            trust: Trust { callers, enrolment },
        });
        let appliance = Arc::new(appliance.expect("starts"));
        health::check_kernels(&appliance);
        health::check_keys(&appliance);
        health::check_store_and_clock(&appliance, std::time::Duration::ZERO);
        appliance
    }

    fn caller(appliance: &Appliance, uri: &str) -> Caller {
        appliance
            .trust()
            .callers
            .identify(Some(uri))
            .expect("is entered")
    }

    fn batch(site: &str, persons: std::ops::Range<u64>) -> TokenBatch {
        let schema = Schema::jp_1();
        let mut batch = TokenBatch::new(&schema);
        for person in persons {
            let row = row(&schema, site, person);
            let mut reference = [0; 16];
            reference[..8].copy_from_slice(&person.to_le_bytes());
            reference[8] = u8::from(site == "town");
            let (reference, flags) = (RecordRef(reference), Flags::default());
            batch
                .push(&Token {
                    reference,
                    flags,
                    row,
                })
                .expect("fits");
        }
        batch
    }

    /// How many different values a segment has among all persons, as in a large population.
    fn vocabulary(segment: &str) -> u64 {
        match segment {
            "birth" => 30_000,
            "place" => 5_000,
            "insurance" => 60_000,
            _ => 40_000,
        }
    }

    /// A person's row at a site. At the town, every fourth person has moved, and every fifth is written
    /// a little differently.
    fn row(schema: &Schema, site: &str, person: u64) -> Vec<u64> {
        let town = site == "town";
        let mut row = vec![0; schema.row_words()];
        for segment in schema.segments() {
            let moved = town && segment.name == "place" && person.is_multiple_of(4);
            let draw = digest(&segment.name, person + if moved { 1 << 40 } else { 0 });
            let value = u64::from_le_bytes(draw[..8].try_into().expect("eight bytes"));
            let value = value % vocabulary(&segment.name);
            for (at, word) in (0..).zip(&mut row[segment.words.clone()]) {
                let bits = digest(&segment.name, value << 8 | at | 1 << 60);
                *word = u64::from_le_bytes(bits[..8].try_into().expect("eight bytes"));
            }
            if town && segment.name == "kanji" && person.is_multiple_of(5) {
                row[segment.words.start] ^= 0x0101_0000_0001_0100;
            }
        }
        row
    }

    fn digest(name: &str, number: u64) -> [u8; 32] {
        Sha256::new()
            .chain_update(name)
            .chain_update(number.to_le_bytes())
            .finalize()
            .into()
    }

    fn upload(appliance: &Appliance, site_key: &SoftwareCustody, site: &str, batch: &TokenBatch) {
        let manifest = Manifest {
            site: SiteId::parse(site).expect("a good name"),
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
        };
        let ingest = appliance.custody().ingest_public_key();
        let sealed = seal_batch(
            &manifest,
            &Plaintext::new(batch.to_bytes()),
            ingest,
            Oaep::Sha256,
        );
        let sealed = sealed.expect("seals");
        let bytes = manifest.to_bytes();
        let signature = site_key
            .sign_audit(&Sha256::digest(&bytes).into())
            .expect("signs");
        let header = Header {
            manifest: bytes,
            signature: signature.to_vec(),
            sealed_content_key: sealed.sealed_content_key,
            chunk_count: u32::try_from(sealed.chunks.len()).expect("bounded"),
            first_sequence: 0,
            checkpoint_size_seen: 0,
        };
        let caller = caller(appliance, site);
        let place = appliance.upload_place(caller.site().expect("a site"));
        let place = place.expect("is free");
        let begun = intake::begin(appliance, &caller, header, place).expect("begins");
        let Begun::Upload(mut upload) = begun else {
            panic!("the batch is new")
        };
        for (sequence, chunk) in (0..).zip(&sealed.chunks) {
            intake::append(appliance, &mut upload, sequence, chunk).expect("is kept");
        }
        let receipt = intake::finish(appliance, &caller, &upload).expect("is admitted");
        assert_eq!(receipt.rows_admitted as usize, batch.len());
    }

    fn peak_bytes() -> u64 {
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .expect("is there");
        let kib = line.split_whitespace().nth(1).expect("a number");
        kib.parse::<u64>().expect("a number") * 1024
    }

    fn run_to_its_end(appliance: &Arc<Appliance>, run: &Run) -> Run {
        while let Watched::Running(mut states) =
            run::watch(appliance, &run.run_id).expect("is there")
        {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("starts");
            // A closed channel means that the run has ended.
            while runtime.block_on(states.changed()).is_ok() {}
        }
        run::find(appliance, &run.run_id).expect("is there")
    }

    /// Small blocks, so that a run of few rows has parts to put away.
    fn blocked(memory_bytes: Option<u64>) -> Settings {
        Settings {
            exhaustive_pairs_max: 0,
            block_rows_max: 64,
            memory_bytes,
            ..Settings::standard()
        }
    }

    #[test]
    fn a_run_that_does_not_fit_in_memory_finds_the_same_persons() {
        const ROWS: u64 = 4000;
        let need = Need::of(&Schema::jp_1(), ROWS, &blocked(None)).expect("is bounded");
        let outcome = |memory_bytes| {
            let folder = tempfile::tempdir().expect("a folder");
            let site_key = SoftwareCustody::danger_for_tests(2);
            let data = folder.path().join("data");
            let appliance = appliance(&data, &site_key, blocked(memory_bytes), 0);
            upload(
                &appliance,
                &site_key,
                "hospital",
                &batch("hospital", 0..2000),
            );
            upload(&appliance, &site_key, "town", &batch("town", 1000..3000));
            let operator = caller(&appliance, "operator");
            let run = run::create(&appliance, &operator, "1").expect("starts");
            let run = run_to_its_end(&appliance, &run);
            let scratch = data.join("scratch");
            let used = scratch.exists();
            let left = used.then(|| fs::read_dir(&scratch).expect("reads").count());
            assert!(left.is_none_or(|files| files <= 1), "only the lock stays");
            (run.state, run.failure_code, run.counts, used)
        };
        let (state, _, counts, used) = outcome(None);
        assert_eq!((state, used), (State::Released, false));
        let (state, code, outside, used) = outcome(Some(need.away() + 1));
        assert_eq!((state, used), (State::Released, true), "{code}");
        assert_eq!(outside, counts);
        let (state, code, _, _) = outcome(Some(need.away() - 1));
        assert_eq!((state, code.as_str()), (State::Failed, "RUN_TOO_LARGE"));
    }

    fn rows_asked_for() -> u64 {
        let rows = env::var("MUSUBI_TEST_ROWS").ok();
        rows.and_then(|rows| rows.parse().ok()).unwrap_or(4000)
    }

    #[test]
    fn rows_go_through_in_bounded_memory() {
        let rows = rows_asked_for();
        let folder = tempfile::tempdir().expect("a folder");
        let site_key = SoftwareCustody::danger_for_tests(2);
        let data = folder.path().join("data");
        let appliance = appliance(&data, &site_key, Settings::standard(), 0);
        let mut clock = Instant::now();
        let mut lap = |what: &str| {
            println!(
                "{what}: {:.1} s, peak {} MiB",
                clock.elapsed().as_secs_f64(),
                peak_bytes() >> 20
            );
            clock = Instant::now();
        };
        // Two sites of half the rows each; a half of each site's persons is at both.
        let half = rows / 2;
        for (site, first) in [("hospital", 0), ("town", half / 2)] {
            let mut at = first;
            while at < first + half {
                let end = (first + half).min(at + BATCH_ROWS_MAX as u64);
                upload(&appliance, &site_key, site, &batch(site, at..end));
                at = end;
            }
        }
        lap("admission");
        let operator = caller(&appliance, "operator");
        // Whoever plans all the time keeps nobody from running.
        let run = run::alone(&appliance, Work::Plan, || {
            let second = run::alone(&appliance, Work::Plan, || Ok(()));
            assert_eq!(second.expect_err("one plan at a time").code(), "BUSY");
            run::create(&appliance, &operator, "1")
        });
        let run = run.expect("starts");
        let run = run_to_its_end(&appliance, &run);
        lap("run");
        println!("{:?}", run.stage_seconds);
        assert_eq!(run.state, State::Released, "{}", run.failure_code);
        let counts = run.counts.expect("counts");
        assert_eq!(counts.records, rows);
        // Chance makes a few of a million persons look alike, so one in a hundred may be miscounted.
        let persons = rows - half / 2;
        assert!(
            counts.persons_found.abs_diff(persons) <= persons / 100,
            "{counts:?}"
        );
        let order = Order {
            request_id: "1".into(),
            run_id: run.run_id,
            project: project(),
            approval_number: "1".into(),
            recipient: "a".into(),
        };
        let research = caller(&appliance, "research");
        let release = release::create(&appliance, &research, &order).expect("is made");
        lap("release");
        assert_eq!(release.rows, rows);
        let (mut cursor, mut pages) = (0, 0);
        while cursor < release.rows {
            cursor = release::page(&appliance, &release, cursor)
                .expect("reads")
                .0;
            pages += 1;
        }
        lap(&format!("{pages} pages"));
        assert!(peak_bytes() < MEMORY_MAX, "{} bytes", peak_bytes());
    }
}
