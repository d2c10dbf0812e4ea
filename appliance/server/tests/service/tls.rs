//! Who gets through the handshake.

use std::{fs, time::Duration};

use rustls::{
    AlertDescription, NamedGroup,
    crypto::{CryptoProvider, aws_lc_rs},
    version::{TLS12, TLS13},
};

use tokio::{io::AsyncReadExt as _, net::TcpStream};

use crate::{
    client::{get, handshake, refusal, tls, until},
    pki::{Authority, LONG},
    process::{Folder, HOSPITAL, Service},
};

async fn check(
    folder: &Folder,
    service: &Service,
    identity: Option<&crate::pki::Identity>,
) -> Option<AlertDescription> {
    let provider = aws_lc_rs::default_provider();
    let config = tls(&folder.authority, identity, &[&TLS13], provider);
    refusal(service.grpc, config).await
}

#[tokio::test]
async fn only_good_certificates_get_through() {
    let Some(folder) = Folder::new() else { return };
    let revoked = folder.authority.client(&[HOSPITAL]);
    let crl = folder.authority.crl(&[&revoked], LONG);
    fs::write(folder.path().join("ca.crl.pem"), crl).expect("writes");
    let service = folder.serve();
    let good = folder.authority.client(&[HOSPITAL]);
    assert_eq!(check(&folder, &service, Some(&good)).await, None);
    let none = check(&folder, &service, None).await;
    assert_eq!(none, Some(AlertDescription::CertificateRequired));
    let stranger = Authority::new("another CA").client(&[HOSPITAL]);
    let other = check(&folder, &service, Some(&stranger)).await;
    assert_eq!(other, Some(AlertDescription::UnknownCA));
    let expired = folder.authority.expired(HOSPITAL);
    let expired = check(&folder, &service, Some(&expired)).await;
    assert_eq!(expired, Some(AlertDescription::CertificateExpired));
    let wrong_use = folder.authority.not_for_clients(HOSPITAL);
    let wrong_use = check(&folder, &service, Some(&wrong_use)).await;
    assert_eq!(wrong_use, Some(AlertDescription::UnsupportedCertificate));
    let revoked = check(&folder, &service, Some(&revoked)).await;
    assert_eq!(revoked, Some(AlertDescription::CertificateRevoked));
}

#[tokio::test]
async fn only_tls_1_3_is_spoken_and_the_hybrid_is_preferred() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let good = folder.authority.client(&[HOSPITAL]);
    let provider = aws_lc_rs::default_provider;
    let old = tls(&folder.authority, Some(&good), &[&TLS12], provider());
    let refused = refusal(service.grpc, old).await;
    assert_eq!(refused, Some(AlertDescription::ProtocolVersion));
    let group = async |provider| {
        let config = tls(&folder.authority, Some(&good), &[&TLS13], provider);
        let stream = handshake(service.grpc, config).await.expect("gets through");
        let group = stream.get_ref().1.negotiated_key_exchange_group();
        group.map(|group| group.name())
    };
    assert_eq!(group(provider()).await, Some(NamedGroup::X25519MLKEM768));
    let plain = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..provider()
    };
    assert_eq!(group(plain).await, Some(NamedGroup::X25519));
}

#[tokio::test]
async fn no_start_without_a_fresh_revocation_list_of_every_ca() {
    let Some(folder) = Folder::new() else { return };
    let crl = folder.path().join("ca.crl.pem");
    let other = Authority::new("another CA");
    for (name, content) in [
        ("missing", None),
        ("empty", Some(String::new())),
        ("stale", Some(folder.authority.stale_crl())),
        ("another CA's", Some(other.crl(&[], LONG))),
    ] {
        match content {
            None => fs::remove_file(&crl).expect("removes"),
            Some(content) => fs::write(&crl, content).expect("writes"),
        }
        let output = folder.run(&["serve", "--config", "appliance.toml"]);
        assert_eq!(output.status.code(), Some(64), "{name}");
        assert!(!folder.path().join("ports.json").exists(), "{name}");
    }
}

#[tokio::test]
async fn a_list_that_runs_out_closes_the_door_and_a_reload_opens_it() {
    let Some(folder) = Folder::new() else { return };
    let crl = folder.path().join("ca.crl.pem");
    fs::write(&crl, folder.authority.crl(&[], Duration::from_secs(15))).expect("writes");
    let service = folder.serve();
    let good = folder.authority.client(&[HOSPITAL]);
    assert_eq!(check(&folder, &service, Some(&good)).await, None);
    while check(&folder, &service, Some(&good)).await.is_none() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    fs::write(&crl, folder.authority.crl(&[], LONG)).expect("writes");
    service.signal("-HUP");
    while check(&folder, &service, Some(&good)).await.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fs::write(&crl, "").expect("writes");
    service.signal("-HUP");
    until(|| folder.log().contains("not reloaded")).await;
    assert_eq!(check(&folder, &service, Some(&good)).await, None);
}

#[tokio::test]
async fn silent_clients_are_let_go() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let mut silent = Vec::new();
    for _ in 0..appliance_server::limits::HANDSHAKES_MAX {
        silent.push(TcpStream::connect(service.grpc).await.expect("connects"));
    }
    until(|| get(service.admin, "/metrics").contains("result=\"late\"} 64")).await;
    let mut nothing = [0; 1];
    for mut socket in silent {
        assert_eq!(socket.read(&mut nothing).await.expect("ends"), 0);
    }
    let good = folder.authority.client(&[HOSPITAL]);
    assert_eq!(check(&folder, &service, Some(&good)).await, None);
    let log = folder.log();
    assert!(log.contains("a TLS handshake was refused"), "{log}");
    assert!(log.contains(r#""from":"127.0.0.1:"#), "{log}");
}
