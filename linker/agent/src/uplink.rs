//! The one connection to the appliance: gRPC over our own TLS, with patience for outages.

mod connector;
mod fault;
mod outage;
mod pace;
mod resolve;
pub mod tls;
mod tunnel;

use std::{cell::Cell, sync::Arc};

use linkage_proto::v1::{
    GetPolicyRequest, GetReceiptRequest, GetUploadStateRequest, Policy, Receipt, UploadMessage,
    UploadState, intake_client::IntakeClient,
};
use linker_token::{BatchId, Epoch};
use tokio::sync::Notify;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

pub use self::outage::{Jitter, Outage, passes};
use crate::{config::Appliance, error::AgentError, limits, local::LocalClock, progress::Progress};

/// A client of the appliance's intake. Connects when first used, and again after every outage.
#[derive(Debug)]
pub struct Uplink {
    client: IntakeClient<Channel>,
    channel: Channel,
    seen: connector::Seen,
    address: String,
    retry_for: std::time::Duration,
    progress: Progress,
    jitter: Jitter,
    up: Cell<bool>,
    /// Told when the line goes down, and by whoever else has news for one who waits.
    news: Notify,
}

impl Uplink {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`crate::Fault::FileUnreadable`] or [`crate::Fault::ConfigValue`] for the proxy's secret.
    pub fn new(
        appliance: &Appliance,
        tls: Arc<rustls::ClientConfig>,
        progress: Progress,
        clock: LocalClock,
        jitter: Jitter,
    ) -> Result<Self, AgentError> {
        let seen = connector::Seen::default();
        let tunnel = appliance.proxy.as_ref().map(tunnel::Tunnel::load);
        let route = connector::Route {
            tunnel: tunnel.transpose()?,
            pace: pace::Pace::of(&appliance.bandwidth, clock),
        };
        let connector = connector::new(appliance, route, tls, seen.clone());
        let channel = Endpoint::from(appliance.address.clone())
            .http2_keep_alive_interval(limits::KEEPALIVE_EVERY)
            .keep_alive_timeout(limits::KEEPALIVE_WAIT)
            .connect_with_connector_lazy(connector);
        let client =
            IntakeClient::new(channel.clone()).max_decoding_message_size(limits::ANSWER_BYTES_MAX);
        Ok(Self {
            client,
            channel,
            seen,
            address: appliance.address.to_string(),
            retry_for: appliance.retry_for,
            progress,
            jitter,
            up: Cell::new(true),
            news: Notify::new(),
        })
    }

    /// Whether the last call came through.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up.get()
    }

    /// Waits for news: the line went down, or somebody called [`Self::tell`] since the last time.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Wakes the one who waits for news.
    pub fn tell(&self) {
        self.news.notify_one();
    }

    /// The policy of a key epoch, or of the one in force if that epoch is not taken; asked for once.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn policy_now(&self, epoch: Epoch) -> Result<Policy, AgentError> {
        let request = GetPolicyRequest { epoch: epoch.0 };
        self.once(async |mut client| client.get_policy(unary(request)).await)
            .await
    }

    /// The same, asked for until there is an answer.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn policy(&self, epoch: Epoch) -> Result<Policy, AgentError> {
        let request = GetPolicyRequest { epoch: epoch.0 };
        self.patiently(async |mut client| client.get_policy(unary(request)).await)
            .await
    }

    /// How far an upload has come.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn upload_state(&self, batch: BatchId) -> Result<UploadState, AgentError> {
        self.patiently(async |mut client| {
            let batch_id = batch.0.to_vec();
            client
                .get_upload_state(unary(GetUploadStateRequest { batch_id }))
                .await
        })
        .await
    }

    /// The same, asked for once.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn upload_state_now(&self, batch: BatchId) -> Result<UploadState, AgentError> {
        self.once(async |mut client| {
            let batch_id = batch.0.to_vec();
            client
                .get_upload_state(unary(GetUploadStateRequest { batch_id }))
                .await
        })
        .await
    }

    /// The receipt of an accepted batch, with a proof that the log grew from `size_seen` entries.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn receipt(&self, batch: BatchId, size_seen: u64) -> Result<Receipt, AgentError> {
        self.patiently(async |mut client| {
            let batch_id = batch.0.to_vec();
            let request = GetReceiptRequest {
                batch_id,
                checkpoint_size_seen: size_seen,
            };
            client.get_receipt(unary(request)).await
        })
        .await
    }

    /// Sends header and chunks once. The caller resumes, since it must ask how far the last attempt came.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn upload(&self, messages: Vec<UploadMessage>) -> Result<Receipt, AgentError> {
        let mut request = Request::new(tokio_stream::iter(messages));
        request.set_timeout(limits::UPLOAD_TIMEOUT);
        self.once(async |mut client| client.upload_batch(request).await)
            .await
    }

    /// A fresh count of an outage that has not begun.
    #[must_use]
    pub fn outage(&self) -> Outage {
        Outage::new(self.retry_for, self.progress.clone(), self.jitter.clone())
    }

    async fn patiently<T>(
        &self,
        call: impl AsyncFn(IntakeClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, AgentError> {
        let mut outage = self.outage();
        loop {
            match self.once(&call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => outage.wait(error).await?,
            }
        }
    }

    async fn once<T>(
        &self,
        call: impl AsyncFnOnce(IntakeClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, AgentError> {
        self.seen.forget();
        match call(self.client.clone()).await {
            Ok(answer) => {
                self.up.set(true);
                Ok(answer.into_inner())
            }
            Err(status) => {
                let closed = self.seen.closed();
                let error = self.seen.take().unwrap_or_else(|| {
                    let error = fault::of_status(&status, &self.address);
                    if closed { fault::closed(error) } else { error }
                });
                if passes(&error) {
                    self.up.set(false);
                    self.tell();
                }
                Err(error)
            }
        }
    }
}

fn unary<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limits::UNARY_TIMEOUT);
    request
}
