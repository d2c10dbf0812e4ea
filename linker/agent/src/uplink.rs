//! The one connection to the appliance: gRPC over our own TLS, with patience for outages.

mod connector;
mod fault;
mod outage;
pub mod tls;

use std::sync::Arc;

use linkage_proto::v1::{
    GetPolicyRequest, GetReceiptRequest, GetUploadStateRequest, Policy, Receipt, UploadMessage,
    UploadState, intake_client::IntakeClient,
};
use linker_token::BatchId;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

pub use self::outage::Outage;
use crate::{config::Appliance, error::AgentError, limits, progress::Progress};

/// A client of the appliance's intake. Connects when first used, and again after every outage.
#[derive(Debug)]
pub struct Uplink {
    client: IntakeClient<Channel>,
    seen: connector::Seen,
    address: String,
    retry_for: std::time::Duration,
    progress: Progress,
}

impl Uplink {
    /// Prepares the connection; nothing is sent yet.
    #[must_use]
    pub fn new(appliance: &Appliance, tls: Arc<rustls::ClientConfig>, progress: Progress) -> Self {
        let seen = connector::Seen::default();
        let connector = connector::new(appliance, tls, seen.clone());
        let channel = Endpoint::from(appliance.address.clone())
            .http2_keep_alive_interval(limits::KEEPALIVE_EVERY)
            .keep_alive_timeout(limits::KEEPALIVE_WAIT)
            .connect_with_connector_lazy(connector);
        let client = IntakeClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX);
        Self {
            client,
            seen,
            address: appliance.address.to_string(),
            retry_for: appliance.retry_for,
            progress,
        }
    }

    /// The policy in force.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn policy(&self) -> Result<Policy, AgentError> {
        self.patiently(async |mut client| client.get_policy(unary(GetPolicyRequest {})).await)
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
        Outage::new(self.retry_for, self.progress.clone())
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
            Ok(answer) => Ok(answer.into_inner()),
            Err(status) => {
                let closed = self.seen.closed();
                Err(self.seen.take().unwrap_or_else(|| {
                    let error = fault::of_status(&status, &self.address);
                    if closed { fault::closed(error) } else { error }
                }))
            }
        }
    }
}

fn unary<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limits::UNARY_TIMEOUT);
    request
}
