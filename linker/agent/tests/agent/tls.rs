//! The uplink's TLS: what is agreed, and what every wrong certificate says.

use crate::support::{appliance::Appliance, pki::Authority, site::Site};

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_tls_1_3_with_a_post_quantum_group() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.people(10);
    site.upload(0).await;
    let inner = appliance.lock();
    let expected = (
        rustls::ProtocolVersion::TLSv1_3,
        rustls::NamedGroup::X25519MLKEM768,
    );
    assert_eq!(inner.handshakes, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_this_side_are_checked_before_they_are_shown() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.certificate(&appliance.authority.agent_until("hospital", 2020));
    site.refused(77, "CERTIFICATE_EXPIRED").await;
    site.certificate(&appliance.authority.agent("clinic"));
    site.refused(77, "CERTIFICATE_OTHER_SITE").await;
    let good = appliance.authority.agent("hospital");
    site.certificate(&good);
    site.write("hospital.key", appliance.authority.agent("hospital").key);
    site.refused(64, "CERTIFICATE_UNREADABLE").await;
    site.write("hospital.pem", "no certificate");
    site.refused(64, "CERTIFICATE_UNREADABLE").await;
    std::fs::remove_file(site.path("hospital.pem")).unwrap();
    let object = site.refused(64, "FILE_UNREADABLE").await;
    assert!(
        object["message"]
            .as_str()
            .unwrap()
            .contains("appliance.certificate")
    );
    assert!(appliance.lock().handshakes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_certificate_is_refused_by_the_appliance_at_once() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("retry_for_seconds = 5", "retry_for_seconds = 600");
    // Where the alert is lost, the run waits and reads on meanwhile.
    site.people(3);
    // Again and again: the alert races with what the client sends.
    for _ in 0..20 {
        site.certificate(&Authority::new().agent("hospital"));
        site.refused(77, "CERTIFICATE_REFUSED").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_that_is_not_the_expected_one_is_refused() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    site.reconfigure("appliance.demo", "appliance.other");
    let object = site.refused(77, "SERVER_UNTRUSTED").await;
    assert!(
        object["message"]
            .as_str()
            .unwrap()
            .ends_with("it is for another name")
    );
    site.reconfigure("appliance.other", "appliance.demo");
    site.write("ca.pem", Authority::new().pem());
    let object = site.refused(77, "SERVER_UNTRUSTED").await;
    assert!(
        object["message"]
            .as_str()
            .unwrap()
            .ends_with("it is from another issuer")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn older_tls_is_refused() {
    let appliance = Appliance::start_with(&[&rustls::version::TLS12], None).await;
    let site = Site::enrolled(&appliance);
    site.refused(69, "TLS_REFUSED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_that_is_away_is_waited_for_and_then_given_up() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", nobody.local_addr().unwrap());
    drop(nobody);
    site.configure(&address, 100, 1);
    site.people(10);
    let began = std::time::Instant::now();
    site.refused(75, "UNREACHABLE").await;
    assert!((1..5).contains(&began.elapsed().as_secs()));
    site.configure(&appliance.address(), 100, 1);
    appliance.lock().unavailable = 1000;
    site.refused(75, "UNAVAILABLE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_that_hangs_up_is_not_called_silent() {
    let appliance = Appliance::start().await;
    let site = Site::enrolled(&appliance);
    let closing = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", closing.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((stream, _peer)) = closing.accept().await {
            drop(stream);
        }
    });
    site.configure(&address, 100, 1);
    site.people(10);
    let object = site.refused(75, "UNREACHABLE").await;
    let told = object["message"].as_str().unwrap();
    assert!(
        told.starts_with("the appliance closes the connection"),
        "{told}"
    );
    server.abort();
}
