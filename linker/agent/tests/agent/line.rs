//! The line as sites have it: a proxy in between, a rate in the day, and no answer for a long time.

use std::time::Instant;

use tokio::net::TcpListener;

use crate::support::{
    appliance::{Appliance, Stop},
    proxy::{Manner, Proxy},
    site::{Site, people, text, tree},
};

/// Fifteen thousand rows of 148 bytes are 2.2 MB.
const BIG: usize = 15_000;

fn through(site: &Site, proxy: &Proxy, more: &str) {
    let line = format!(
        "retry_for_seconds = 0\nproxy = \"http://127.0.0.1:{}\"\n{more}",
        proxy.port
    );
    site.reconfigure("retry_for_seconds = 5\n", &line);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_asked_for_a_tunnel_and_sees_nothing_else() {
    let appliance = Appliance::start().await;
    let (site, proxy) = (Site::enrolled(&appliance), Proxy::start().await);
    through(&site, &proxy, "");
    site.people(100);
    assert_eq!(site.upload(0).await["rows_admitted"], 100);
    let heard = proxy.heard.lock().unwrap().clone();
    let target = format!("127.0.0.1:{}", appliance.port);
    let expected =
        format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: tokenizer\r\n\r\n");
    assert_eq!(heard, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_gets_the_secret_that_it_asks_for() {
    let appliance = Appliance::start().await;
    let (site, proxy) = (Site::enrolled(&appliance), Proxy::start().await);
    through(&site, &proxy, "proxy_secret = \"proxy.txt\"\n");
    site.people(100);
    // Base64 of "agent:open sesame".
    proxy.behave(Manner::Asks("YWdlbnQ6b3BlbiBzZXNhbWU="));
    site.refused(64, "FILE_UNREADABLE").await;
    for bad in ["no colon", "agent:two\nlines"] {
        site.write("proxy.txt", bad);
        let object = site.refused(64, "CONFIG_VALUE").await;
        assert!(!object.to_string().contains(bad), "{object}");
    }
    site.write("proxy.txt", "agent:wrong");
    let object = site.refused(77, "PROXY_REFUSED").await;
    let told = object["message"].as_str().unwrap();
    assert!(told.contains("another user name and password"), "{told}");
    assert!(!told.contains("wrong"), "{told}");
    site.write("proxy.txt", "agent:open sesame\n");
    assert_eq!(site.upload(0).await["rows_admitted"], 100);
    let shown = text(&site.run(&["check-config"]).stdout);
    assert!(shown.contains("appliance.proxy_secret = ") && !shown.contains("sesame"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_misbehaves_is_named_and_what_is_sealed_is_kept() {
    let appliance = Appliance::start().await;
    let (site, proxy) = (Site::enrolled(&appliance), Proxy::start().await);
    through(&site, &proxy, "");
    site.people(100);
    for (manner, exit, code) in [
        (
            Manner::Says("HTTP/1.1 403 Forbidden\r\n\r\n"),
            77,
            "PROXY_REFUSED",
        ),
        (
            Manner::Says("HTTP/1.1 2000 What\r\n\r\n"),
            77,
            "PROXY_REFUSED",
        ),
        (Manner::Says("SSH-2.0-OpenSSH_9.2\r\n"), 77, "PROXY_REFUSED"),
        (Manner::Babbles, 77, "PROXY_REFUSED"),
        // These may be over in a minute.
        (
            Manner::Says("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            75,
            "UNREACHABLE",
        ),
        (
            Manner::Says("HTTP/1.1 200 OK\r\n\r\nno TLS at all"),
            69,
            "TLS_REFUSED",
        ),
        (Manner::HangsUp, 75, "UNREACHABLE"),
    ] {
        proxy.behave(manner);
        let began = Instant::now();
        let object = site.upload(exit).await;
        assert_eq!(object["code"], code, "{manner:?}: {object}");
        assert!(began.elapsed().as_secs() < 8, "{manner:?}");
    }
    // Nobody speaks: the connection is given up after its ten seconds, and the run after one such try.
    proxy.behave(Manner::Silent);
    site.refused(75, "UNREACHABLE").await;
    assert_eq!(site.files("state/outbox").len(), 1, "sealed, and waits");
    proxy.behave(Manner::Good);
    let done = site.upload(0).await;
    assert_eq!(done["batches_left_over"], 1);
    assert_eq!((appliance.rows(), appliance.admissions()), (100, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_keep_the_rate_of_the_hour() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(BIG);
    let window = "bandwidth = [{ from = \"00:00\", to = \"24:00\", kib_per_second = 512 }]\n";
    site.reconfigure("[upload]\n", &format!("{window}[upload]\n"));
    let began = Instant::now();
    assert_eq!(site.upload(0).await["rows_admitted"], BIG);
    // 2.2 MB at 512 KiB a second are 4.2 seconds; reading and sealing go on beside it.
    let seconds = began.elapsed().as_secs_f64();
    assert!(seconds > 4.0, "{seconds} s");
    assert_eq!(appliance.lock().chunks_kept, 3, "nothing was sent twice");
}

/// No address of the site's configuration answers.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("https://{}", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_down_stops_neither_reading_nor_sealing() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(1000);
    site.configure(&nobody().await, 300, 1);
    site.refused(75, "UNREACHABLE").await;
    assert_eq!(site.files("state/outbox").len(), 4, "all of it is sealed");
    // Nothing in the folder tells who they are.
    let marks = ["山山山山山".as_bytes(), "東京都".as_bytes(), b"0000999"];
    for (path, bytes) in tree(&site.path("state")) {
        for mark in marks {
            let found = bytes.windows(mark.len()).any(|window| window == mark);
            assert!(!found, "{}", path.display());
        }
    }
    // A second run seals nothing again.
    let before = tree(&site.path("state/outbox"));
    site.refused(75, "UNREACHABLE").await;
    assert_eq!(tree(&site.path("state/outbox")), before);
    site.configure(&appliance.address(), 300, 5);
    let done = site.upload(0).await;
    assert_eq!(done["batches_left_over"], 4);
    assert_eq!(
        (&done["batches"], &done["batches_sent"]),
        (&4.into(), &4.into())
    );
    assert_eq!((appliance.rows(), appliance.admissions()), (1000, 4));
    assert!(site.files("state/outbox").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_comes_back_in_the_middle_is_used() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.configure(&appliance.address(), 300, 60);
    site.people(1000);
    appliance.lock().unavailable = 4;
    let done = site.upload(0).await;
    assert_eq!(
        (&done["batches_sent"], &done["batches_waiting"]),
        (&4.into(), &0.into())
    );
    assert_eq!((appliance.rows(), appliance.admissions()), (1000, 4));
}

async fn run(site: &Site, args: &[&str], exit: i32) -> String {
    let mut command = site.command(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{errors}");
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_and_sending_can_be_two_runs() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.configure(&appliance.address(), 400, 5);
    site.people(1000);
    run(&site, &["run", "--offline"], 0).await;
    assert!(appliance.lock().handshakes.is_empty(), "nobody was called");
    assert_eq!(site.files("state/outbox").len(), 3);
    // The source may be gone by now.
    std::fs::remove_file(site.path("source.csv")).unwrap();
    let said = run(&site, &["run", "--send"], 0).await;
    assert!(said.contains("1000 rows admitted"), "{said}");
    assert_eq!((appliance.rows(), appliance.admissions()), (1000, 3));
    run(&site, &["run", "--send"], 0).await;
    // What is with the appliance is not sealed again.
    site.people(1000);
    run(&site, &["run", "--offline"], 0).await;
    assert!(site.files("state/outbox").is_empty());
    assert_eq!(site.upload(0).await["batches_known"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_has_its_bound() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.configure(&appliance.address(), 3000, 5);
    site.reconfigure("[upload]\n", "[upload]\nspool_mib = 1\n");
    // Batches of 450 KB: the third has no room.
    site.people(12_000);
    let said = run(&site, &["run", "--offline"], 75).await;
    assert!(said.contains("error [SPOOL_FULL]"), "{said}");
    assert_eq!(
        site.files("state/outbox").len(),
        2,
        "what is sealed is kept"
    );
    let again = run(&site, &["run", "--offline"], 75).await;
    assert!(again.contains("error [SPOOL_FULL]"), "{again}");
    // With the line up there is room again as batches are sent.
    let done = site.upload(0).await;
    assert_eq!(
        (&done["batches"], &done["batches_left_over"]),
        (&4.into(), &2.into())
    );
    assert_eq!((appliance.rows(), appliance.admissions()), (12_000, 4));
    // A batch that is larger than the bound is sent all the same.
    site.reconfigure("batch_rows = 3000", "batch_rows = 12000");
    assert_eq!(site.upload(0).await["batches_sent"], 1);
}

/// As a crash between an accepted batch and its receipt, again and again, with fresh seeds of pauses.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_spool_empties_sends_nothing_twice() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.configure(&appliance.address(), 100, 5);
    site.people(500);
    run(&site, &["run", "--offline"], 0).await;
    for stop in [
        Stop::Chunk(0),
        Stop::Answer,
        Stop::UploadState,
        Stop::Answer,
    ] {
        appliance.lock().stop = Some(stop);
        let mut child = site.command(&["run", "--send"]).spawn().unwrap();
        appliance.stopped.notified().await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run(&site, &["run", "--send"], 0).await;
    assert_eq!((appliance.rows(), appliance.admissions()), (500, 5));
    assert_eq!(site.files("state/receipts").len(), 5);
    assert!(site.files("state/outbox").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_linkage_table_answers_and_an_older_list_is_taken_over() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let old = "aa".repeat(16);
    let list = format!("reference,record\n{old},\"0,1\"\n{}", "bb".repeat(16));
    site.write("state/lookup.csv", list);
    site.write("source.csv", people(0..50));
    site.upload(0).await;
    assert!(!site.path("state/lookup.csv").exists());
    let table = site.table();
    assert_eq!(
        table.lines().count(),
        52,
        "a header, fifty records and the old one"
    );
    let line = table
        .lines()
        .find(|line| line.ends_with(",0000007"))
        .unwrap();
    let reference = line.split(',').next().unwrap();
    let found = site.run(&["table", "find", reference]);
    assert_eq!(text(&found.stdout), "0000007\n");
    assert_eq!(text(&site.run(&["table", "find", &old]).stdout), "0,1\n");
    for (unknown, exit) in [("cc".repeat(16), 1), ("zz".repeat(16), 1)] {
        let output = site.run(&["table", "find", &unknown]);
        assert_eq!(output.status.code(), Some(exit));
        let error = text(&output.stderr);
        assert!(
            error.contains("[REFERENCE_UNKNOWN]") && !error.contains(&unknown),
            "{error}"
        );
    }
    let there = site.path("source.csv");
    let output = site.run(&["table", "export", there.to_str().unwrap()]);
    assert!(text(&output.stderr).contains("[OUTPUT_UNUSABLE]"));
    assert_eq!(std::fs::read(there).unwrap(), people(0..50).into_bytes());
}
