//! A small appliance for tests: the intake service over mutual TLS, in memory, that opens what it is
//! sent, keeps a real audit log, and misbehaves on demand.

use std::{
    collections::{BTreeMap, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use keymgmt_custody::{
    Custody as _, Oaep,
    audit::{self, Checkpoint},
    batch::{open_batch, verify_manifest},
    software::SoftwareCustody,
};
use linkage_proto::v1::{self, intake_server, linkage_server, upload_message::Part};
use linker_token::{Manifest, Schema, TokenBatch};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::{Request, Response, Status, Streaming, transport::server::Connected};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{pki::Authority, site::EPOCH};

/// What is wrong with a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgery {
    Signature,
    Proof,
    OtherEntry,
    OtherBatch,
    Counts,
    Rollback,
    /// Another past under a log of the same size, or a grown one.
    Fork,
    /// No proof that the log grew.
    NoGrowth,
    Origin,
    /// All rows admitted by the receipt, and one quarantined by the log.
    Entry,
}

/// Where the appliance stops for ever, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Policy,
    UploadState,
    /// Before chunk number n is kept.
    Chunk(u32),
    /// After the batch is admitted, before the answer.
    Answer,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) batches: BTreeMap<[u8; 32], (Manifest, TokenBatch, u64)>,
    pub(crate) uploads: BTreeMap<[u8; 32], (v1::UploadHeader, Vec<Vec<u8>>)>,
    pub(crate) log: Vec<Vec<u8>>,
    pub(crate) site_key: Vec<u8>,
    /// Chunks kept, all in all.
    pub(crate) chunks_kept: u32,
    pub(crate) stop: Option<Stop>,
    /// Stops for ever at the call or chunk after so many.
    pub(crate) steps_left: Option<u32>,
    pub(crate) forgery: Option<Forgery>,
    /// How many calls are answered with UNAVAILABLE.
    pub(crate) unavailable: u32,
    /// Cuts the connection before this chunk is kept, once.
    pub(crate) cut_at: Option<u32>,
    /// Says that a chunk is damaged, so many times.
    pub(crate) damaged: u32,
    pub(crate) policy: Option<v1::Policy>,
    /// Whether content keys are opened with SHA-1 in OAEP, as packages of software tokens ask for.
    pub(crate) sha1: bool,
    /// Key epochs besides [`EPOCH`] that are taken.
    pub(crate) other_epochs: Vec<u32>,
    /// Refuses every header with this reason, so many times.
    pub(crate) refusal: Option<(&'static str, u32)>,
    /// The one key epoch whose tokens are answered, if not all are.
    pub(crate) in_force: Option<u32>,
    /// What a desk asked, and what it is answered.
    pub(crate) asked: Vec<v1::ResolveTokenRequest>,
    pub(crate) answer: v1::TokenAnswer,
    pub(crate) handshakes: Vec<(rustls::ProtocolVersion, rustls::NamedGroup)>,
}

#[derive(Clone)]
pub(crate) struct Appliance {
    pub(crate) custody: Arc<SoftwareCustody>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) inner: Arc<Mutex<Inner>>,
    /// Told when a stop is reached.
    pub(crate) stopped: Arc<Notify>,
    pub(crate) cut: Arc<Notify>,
    pub(crate) port: u16,
}

/// A TLS stream as tonic takes it.
struct Line(TlsStream<TcpStream>);

impl Connected for Line {
    type ConnectInfo = ();

    fn connect_info(&self) -> Self::ConnectInfo {}
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

pub(crate) const ORIGIN: &str = "musubi.test/log";

impl Appliance {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[&rustls::version::TLS13], None).await
    }

    pub(crate) async fn start_with(
        versions: &[&'static rustls::SupportedProtocolVersion],
        server: Option<super::pki::Issued>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let appliance = Self {
            custody: Arc::new(SoftwareCustody::danger_for_tests(1)),
            authority: Arc::new(Authority::new()),
            inner: Arc::default(),
            stopped: Arc::default(),
            cut: Arc::default(),
            port: listener.local_addr().unwrap().port(),
        };
        // One entry before everything: the log is never empty.
        appliance
            .lock()
            .log
            .push(br#"{"seq":0,"subject":"start","result":"ok"}"#.to_vec());
        let server = server.unwrap_or_else(|| appliance.authority.server("appliance.demo"));
        let tls = appliance.tls(versions, &server);
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(appliance.clone().accept(listener, tls, sender));
        let service = intake_server::IntakeServer::new(appliance.clone());
        let incoming = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let served = tonic::transport::Server::builder()
            .add_service(service)
            .add_service(linkage_server::LinkageServer::new(appliance.clone()))
            .serve_with_incoming(incoming);
        tokio::spawn(served);
        appliance
    }

    pub(crate) fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Rows of all admitted batches.
    pub(crate) fn rows(&self) -> usize {
        let inner = self.lock();
        inner
            .batches
            .values()
            .map(|(_, batch, _)| batch.len())
            .sum()
    }

    /// Admissions in the log.
    pub(crate) fn admissions(&self) -> usize {
        self.lock().log.len() - 1
    }

    /// Lets entries that are not this site's into the log.
    pub(crate) fn grow(&self, entries: u64) {
        let mut inner = self.lock();
        for _ in 0..entries {
            let seq = inner.log.len();
            let entry = format!(r#"{{"seq":{seq},"subject":"other","result":"ok"}}"#);
            inner.log.push(entry.into_bytes());
        }
    }

    fn tls(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        server: &super::pki::Issued,
    ) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let chain = CertificateDer::pem_slice_iter(server.certificate.as_bytes());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                chain.collect::<Result<_, _>>().unwrap(),
                PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// Every connection goes through two tasks, so that a cut ends it as a broken line would.
    async fn accept(
        self,
        listener: TcpListener,
        tls: TlsAcceptor,
        sender: mpsc::Sender<std::io::Result<Line>>,
    ) {
        let inner_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner_address = inner_listener.local_addr().unwrap();
        let mut lines = JoinSet::new();
        loop {
            tokio::select! {
                () = self.cut.notified() => lines.abort_all(),
                accepted = listener.accept() => {
                    let (mut outside, _) = accepted.unwrap();
                    let mut inside = TcpStream::connect(inner_address).await.unwrap();
                    let (stream, _) = inner_listener.accept().await.unwrap();
                    lines.spawn(async move {
                        drop(tokio::io::copy_bidirectional(&mut outside, &mut inside).await);
                    });
                    let (tls, sender, inner) = (tls.clone(), sender.clone(), self.inner.clone());
                    tokio::spawn(async move {
                        if let Ok(stream) = tls.accept(stream).await {
                            let session = stream.get_ref().1;
                            let group = session.negotiated_key_exchange_group().unwrap().name();
                            let version = session.protocol_version().unwrap();
                            inner.lock().unwrap().handshakes.push((version, group));
                            drop(sender.send(Ok(Line(stream))).await);
                        }
                    });
                }
            }
        }
    }

    async fn pass(&self, here: Stop) -> Result<(), Status> {
        let stop = {
            let mut inner = self.lock();
            if inner.unavailable > 0 && !matches!(here, Stop::Chunk(_) | Stop::Answer) {
                inner.unavailable -= 1;
                return Err(Status::unavailable("later"));
            }
            let tired = inner.steps_left == Some(0);
            inner.steps_left = inner.steps_left.filter(|_| !tired).map(|steps| steps - 1);
            tired || inner.stop.take_if(|stop| *stop == here).is_some()
        };
        if stop {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    fn receipt(&self, batch: [u8; 32], seen: u64) -> Option<v1::Receipt> {
        let inner = self.lock();
        let (manifest, tokens, index) = inner.batches.get(&batch)?;
        let forgery = inner.forgery;
        let mut log = inner.log.clone();
        if forgery == Some(Forgery::Rollback) {
            let whole = usize::try_from(*index).unwrap() + 1;
            log.truncate(whole);
        }
        if forgery == Some(Forgery::Fork) {
            log[0] = b"another past".to_vec();
        }
        let leaves: Vec<_> = log.iter().map(|entry| audit::leaf_hash(entry)).collect();
        let size = leaves.len() as u64;
        let growth = if seen == size || forgery == Some(Forgery::NoGrowth) {
            Vec::new()
        } else {
            audit::consistency_proof(&leaves, seen, size).unwrap_or_default()
        };
        let mut proof = audit::inclusion_proof(&leaves, *index, size).unwrap();
        let other = SoftwareCustody::danger_for_tests(2);
        let signer = if forgery == Some(Forgery::Signature) {
            &other
        } else {
            &*self.custody
        };
        let origin = if forgery == Some(Forgery::Origin) {
            "musubi.test/two"
        } else {
            ORIGIN
        };
        let root = audit::Tree::from_leaves(&leaves).root();
        if forgery == Some(Forgery::Proof) {
            proof[0][0] ^= 1;
        }
        let (mut entry, mut index) = (log[usize::try_from(*index).unwrap()].clone(), *index);
        let mut receipt_of = batch.to_vec();
        let mut admitted = u32::try_from(tokens.len()).unwrap();
        match forgery {
            Some(Forgery::OtherEntry) => {
                (entry, index) = (log[0].clone(), 0);
                proof = audit::inclusion_proof(&leaves, 0, size).unwrap();
            }
            Some(Forgery::OtherBatch) => receipt_of[0] ^= 1,
            Some(Forgery::Counts) => admitted -= 1,
            _ => (),
        }
        assert_eq!(tokens.len(), manifest.rows as usize);
        Some(v1::Receipt {
            batch_id: receipt_of,
            rows_admitted: admitted,
            rows_quarantined: 0,
            quarantined_by_reason: BTreeMap::new(),
            audit_entry: entry,
            audit_index: index,
            checkpoint: Checkpoint::sign(origin, size, &root, signer).unwrap(),
            inclusion_proof: proof.iter().map(|hash| hash.to_vec()).collect(),
            consistency_proof: growth.iter().map(|hash| hash.to_vec()).collect(),
        })
    }

    /// Opens and checks a whole upload as the real appliance does.
    fn admit(&self, batch: [u8; 32]) -> Result<(), Status> {
        let mut inner = self.lock();
        let (header, chunks) = inner.uploads.remove(&batch).unwrap();
        if inner.damaged > 0 {
            inner.damaged -= 1;
            return Err(reason(
                &Status::invalid_argument("a chunk"),
                "CORRUPT_CHUNK",
            ));
        }
        let manifest = Manifest::from_bytes(&header.manifest).unwrap();
        let verified = verify_manifest(&manifest, &header.signature, &inner.site_key).unwrap();
        let key = &header.sealed_content_key;
        let oaep = if inner.sha1 { Oaep::Sha1 } else { Oaep::Sha256 };
        let custody = SoftwareCustody::danger_for_tests(1).with_oaep(oaep);
        let plaintext = open_batch(&custody, &verified, key, chunks).unwrap();
        let tokens = TokenBatch::from_bytes(&Schema::jp_1(), &plaintext).unwrap();
        let index = inner.log.len();
        let (subject, rows) = (hex::encode(batch), manifest.rows);
        let counts = if inner.forgery == Some(Forgery::Entry) {
            format!(r#""admitted":{},"quarantined-all-ones":1"#, rows - 1)
        } else {
            format!(r#""admitted":{rows}"#)
        };
        let entry = format!(
            r#"{{"seq":{index},"operation":"admit","subject":"{subject}","counts":{{{counts},"rows":{rows}}},"result":"ok"}}"#
        );
        inner.log.push(entry.into_bytes());
        let admitted = (manifest, tokens, index as u64);
        assert!(
            inner.batches.insert(batch, admitted).is_none(),
            "never twice"
        );
        Ok(())
    }
}

pub(super) fn reason(status: &Status, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "musubi", HashMap::new());
    Status::with_error_details(status.code(), status.message(), details)
}

fn batch_id(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap()
}

#[tonic::async_trait]
impl intake_server::Intake for Appliance {
    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::Policy>, Status> {
        self.pass(Stop::Policy).await?;
        let asked = request.into_inner().epoch;
        let (policy, taken) = {
            let inner = self.lock();
            (inner.policy.clone(), inner.other_epochs.contains(&asked))
        };
        let epoch = if taken { asked } else { EPOCH };
        let good = || v1::Policy {
            epoch,
            ..self.good_policy()
        };
        Ok(Response::new(policy.unwrap_or_else(good)))
    }

    async fn get_upload_state(
        &self,
        request: Request<v1::GetUploadStateRequest>,
    ) -> Result<Response<v1::UploadState>, Status> {
        self.pass(Stop::UploadState).await?;
        let batch = batch_id(&request.into_inner().batch_id);
        let inner = self.lock();
        let kept = inner
            .uploads
            .get(&batch)
            .map_or(0, |(_, chunks)| chunks.len());
        Ok(Response::new(v1::UploadState {
            next_sequence: u32::try_from(kept).unwrap(),
            accepted: inner.batches.contains_key(&batch),
        }))
    }

    async fn upload_batch(
        &self,
        request: Request<Streaming<v1::UploadMessage>>,
    ) -> Result<Response<v1::Receipt>, Status> {
        let mut stream = request.into_inner();
        let first = stream.message().await?.and_then(|message| message.part);
        let Some(Part::Header(header)) = first else {
            return Err(Status::invalid_argument("no header"));
        };
        let batch: [u8; 32] = Sha256::digest(&header.manifest).into();
        let (count, seen) = (header.chunk_count as usize, header.checkpoint_size_seen);
        {
            let mut inner = self.lock();
            if let Some((code, left)) = inner.refusal.as_mut().filter(|(_, left)| *left > 0) {
                *left -= 1;
                return Err(reason(&Status::permission_denied("no"), code));
            }
            let same =
                |kept: &v1::UploadHeader| kept.sealed_content_key == header.sealed_content_key;
            // Nothing is given up for a stream that does not start where it would have to.
            let kept = inner.uploads.get(&batch).filter(|(kept, _)| same(kept));
            let next = kept.map_or(0, |(_, chunks)| chunks.len());
            if header.first_sequence as usize != next {
                return Err(reason(&Status::aborted("elsewhere"), "OUT_OF_ORDER"));
            }
            if kept.is_none() {
                inner.uploads.insert(batch, (header.clone(), Vec::new()));
            }
        }
        while let Some(message) = stream.message().await? {
            let Some(Part::Chunk(chunk)) = message.part else {
                return Err(Status::invalid_argument("no chunk"));
            };
            self.pass(Stop::Chunk(chunk.sequence)).await?;
            let cut = self
                .lock()
                .cut_at
                .take_if(|at| *at == chunk.sequence)
                .is_some();
            if cut {
                self.cut.notify_one();
                std::future::pending::<()>().await;
            }
            let mut inner = self.lock();
            inner.chunks_kept += 1;
            inner.uploads.get_mut(&batch).unwrap().1.push(chunk.sealed);
        }
        if self.lock().uploads[&batch].1.len() != count {
            return Err(reason(&Status::aborted("more"), "INCOMPLETE"));
        }
        self.admit(batch)?;
        self.pass(Stop::Answer).await?;
        Ok(Response::new(self.receipt(batch, seen).unwrap()))
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::Receipt>, Status> {
        let request = request.into_inner();
        let receipt = self.receipt(batch_id(&request.batch_id), request.checkpoint_size_seen);
        receipt
            .map(Response::new)
            .ok_or_else(|| Status::not_found("batch"))
    }
}

impl Appliance {
    pub(crate) fn good_policy(&self) -> v1::Policy {
        v1::Policy {
            project: "demo".to_owned(),
            epoch: EPOCH,
            schema_digest: Schema::jp_1().digest().0.to_vec(),
            chunk_bytes_max: 2 << 20,
            batch_rows_max: 65_536,
            ingest_key_digest: Sha256::digest(self.custody.ingest_public_key()).to_vec(),
        }
    }
}
