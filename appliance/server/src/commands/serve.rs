//! `appliance serve`: from a configuration to open ports, and back.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use linker_token::Epoch;
use metrics_exporter_prometheus::PrometheusHandle;
use rustls::ServerConfig;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::timeout,
};

use crate::{
    admin,
    clock::Clock,
    commands::{
        Failure, checks,
        failure::Listen,
        logging,
        open::{Next, open},
    },
    config::Config,
    grpc, limits, metrics,
    service::{Trust, epochs::Epochs, health, revocation, run},
    setup::{self, CustodyFiles, Pinned},
    tls::Listener,
};

/// Serves until SIGTERM or SIGINT. Nothing is opened before the whole configuration is checked.
pub(super) fn serve(path: &Path) -> Result<(), Failure> {
    let clock = Clock::System;
    let config = Config::load(path)?;
    let tls = Arc::new(ArcSwap::new(config.tls.load(clock.now())?));
    let pinned = Pinned::of(&config)?;
    let files = CustodyFiles::load(&config, &pinned.custody_key)?;
    let trust = setup::trust(&config, &pinned.custody_key)?;
    let next = Next::load(&config, &pinned.custody_key)?;
    logging::start();
    let metrics = metrics::install().map_err(|error| Failure::machine(&error))?;
    let epochs = Arc::new(open(&config, (files, trust), next, &clock)?);
    for appliance in epochs.all() {
        health::check_kernels(appliance);
        health::check_keys(appliance);
        health::check_store_and_clock(appliance, Duration::ZERO);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::machine(&error))?;
    let service = Service {
        config,
        pinned,
        epochs,
        tls,
        metrics,
    };
    let result = runtime.block_on(service.run(path));
    // Work that blocks on disk or HSM is given up here; what it had not committed is redone.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

struct Service {
    config: Config,
    pinned: Pinned,
    epochs: Arc<Epochs>,
    tls: Arc<ArcSwap<ServerConfig>>,
    metrics: PrometheusHandle,
}

impl Service {
    async fn run(self, path: &Path) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        let no_grpc = |error| Failure::listener(Listen::Grpc, self.config.grpc, &error);
        let no_admin = |error| Failure::listener(Listen::Admin, self.config.admin, &error);
        let listener = Listener::bind(self.config.grpc, self.tls.clone()).await;
        let listener = listener.map_err(no_grpc)?;
        let admin = TcpListener::bind(self.config.admin).await;
        let admin = admin.map_err(no_admin)?;
        let grpc_at = listener.address().map_err(no_grpc)?;
        let admin_at = admin.local_addr().map_err(no_admin)?;
        if let Some(file) = &self.config.port_file {
            write_ports(file, grpc_at, admin_at).map_err(|error| Failure::output(&error))?;
        }
        tracing::info!(%grpc_at, %admin_at, "the service listens");
        let (stop, stopped) = watch::channel(false);
        let checks = checks::stores_and_clock(self.epochs.clone(), stopped.clone());
        let checks = tokio::spawn(checks);
        let moves = tokio::spawn(checks::moves(self.epochs.clone(), stopped.clone()));
        let keys: Vec<_> = self
            .epochs
            .all()
            .map(|appliance| tokio::spawn(checks::keys(appliance.clone(), stopped.clone())))
            .collect();
        let signed: Vec<_> = self
            .epochs
            .all()
            .map(|appliance| tokio::spawn(checks::checkpoints(appliance.clone(), stopped.clone())))
            .collect();
        let admin = admin::serve(
            admin,
            self.epochs.clone(),
            self.metrics.clone(),
            stopped.clone(),
        );
        let admin = tokio::spawn(admin);
        let mut grpc = tokio::spawn(grpc::serve(listener, self.epochs.clone(), stopped));
        loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Received::Reload => self.reload(path),
                    Received::Stop => break,
                },
                _ended = &mut grpc => {
                    return Err(Failure::listener_ended(grpc_at));
                }
            }
        }
        tracing::info!("the service stops");
        self.epochs.all().for_each(|appliance| appliance.stop());
        let _listening = stop.send(true);
        let deadline = Instant::now() + limits::STOP_GRACE;
        let ended = timeout(limits::STOP_GRACE, async {
            let _grpc = (&mut grpc).await;
            let _admin = admin.await;
            let _checks = checks.await;
            let _moves = moves.await;
            for task in keys.into_iter().chain(signed) {
                let _ended = task.await;
            }
        });
        if ended.await.is_err() {
            tracing::warn!("requests in progress were cut off");
        }
        while run::is_active(self.epochs.current()) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Takes over certificates, revocation lists, callers and enrolment, or keeps all of the old ones. What
    /// the service stands on cannot change under it.
    fn reload(&self, path: &Path) {
        let loaded = Config::load(path).and_then(|config| {
            self.pinned.compare(&Pinned::of(&config)?)?;
            let now = self.epochs.current().now();
            let server = config.tls.load(now)?;
            let mut trusts = BTreeMap::new();
            for config in [Some(config.clone()), config.of_next()]
                .into_iter()
                .flatten()
            {
                let trust = setup::trust(&config, &self.pinned.custody_key)?;
                trusts.insert(config.epoch, trust);
            }
            Ok((server, trusts))
        });
        match loaded {
            Ok((server, trusts)) => self.take_over(server, trusts),
            Err(error) => tracing::error!(%error, "not reloaded: the old ones stay in force"),
        }
    }

    fn take_over(&self, server: Arc<ServerConfig>, mut trusts: BTreeMap<Epoch, Trust>) {
        let taken = self.epochs.all().try_for_each(|appliance| {
            let Some(trust) = trusts.get(&appliance.scope().epoch) else {
                return Ok(());
            };
            revocation::take_up(appliance, &trust.enrolment)?;
            let entry = appliance
                .entry(crate::audit::SELF, "reload", "configuration")
                .count("callers", trust.callers.len() as u64)
                .count("sites-enrolled", trust.enrolment.sites.len() as u64)
                .count("sites-revoked", trust.enrolment.revoked().count() as u64);
            appliance.append_audit(&entry).map(drop)
        });
        if let Err(error) = taken {
            let code = error.code();
            tracing::error!(code, %error, "not reloaded: the old ones stay in force");
            return;
        }
        self.tls.store(server);
        for appliance in self.epochs.all() {
            if let Some(trust) = trusts.remove(&appliance.scope().epoch) {
                appliance.replace_trust(trust);
            }
        }
        tracing::info!("certificates, revocation lists, callers and enrolment were read again");
    }
}

/// Writes the bound addresses, whole or not at all.
fn write_ports(path: &Path, grpc: SocketAddr, admin: SocketAddr) -> std::io::Result<()> {
    let part = path.with_extension("part");
    let object = serde_json::json!({ "grpc": grpc.to_string(), "admin": admin.to_string() });
    fs::write(&part, format!("{object}\n"))?;
    fs::rename(part, path)
}

enum Received {
    Reload,
    Stop,
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::machine(&error));
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.hangup.recv() => Received::Reload,
            _ = self.interrupt.recv() => Received::Stop,
            _ = self.terminate.recv() => Received::Stop,
        }
    }
}
