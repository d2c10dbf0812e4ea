//! `linkage.v1.Intake` on the wire.

use std::sync::Arc;

use linkage_proto::v1::{self, intake_server::Intake, upload_message::Part};
use linker_token::Epoch;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    auth::{Caller, Method},
    convert,
    error::ServiceError,
    grpc::Endpoint,
    limits,
    service::{
        Appliance, blocking,
        epochs::Epochs,
        intake::{self, Begun, Receipt, Upload},
    },
};

#[tonic::async_trait]
impl Intake for Endpoint {
    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::Policy>, Status> {
        self.of_epochs(Method::GetPolicy, request, |epochs, _, request| {
            let appliance = match request.epoch {
                // A site that names no epoch gets the one in force.
                0 => epochs.current(),
                epoch => epochs.taking(Epoch(epoch)),
            };
            Ok(convert::policy(intake::policy(appliance)))
        })
        .await
        .map(Response::new)
    }

    async fn get_upload_state(
        &self,
        request: Request<v1::GetUploadStateRequest>,
    ) -> Result<Response<v1::UploadState>, Status> {
        self.of_epochs(
            Method::GetUploadState,
            request,
            |epochs, caller, request| {
                let batch_id = convert::batch_id(&request.batch_id)?;
                let appliance = epochs.knowing(batch_id)?;
                intake::upload_state(appliance, caller, batch_id).map(convert::upload_state)
            },
        )
        .await
        .map(Response::new)
    }

    async fn upload_batch(
        &self,
        request: Request<Streaming<v1::UploadMessage>>,
    ) -> Result<Response<v1::Receipt>, Status> {
        let epochs = self.epochs.clone();
        let limit = limits::UPLOAD_TIMEOUT;
        self.call(Method::UploadBatch, limit, request, |_, caller, stream| {
            upload(epochs, caller, stream)
        })
        .await
        .map(|receipt| Response::new(convert::receipt(receipt)))
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::Receipt>, Status> {
        self.of_epochs(Method::GetReceipt, request, |epochs, caller, request| {
            let batch_id = convert::batch_id(&request.batch_id)?;
            let seen = request.checkpoint_size_seen;
            let appliance = epochs.knowing(batch_id)?;
            intake::receipt(appliance, caller, batch_id, seen).map(convert::receipt)
        })
        .await
        .map(Response::new)
    }
}

/// One upload stream: a header, then chunks, each durable before the next is read. Work that blocks cannot
/// be called off, so places and claims travel with it and are free when it has ended, not when the call has.
async fn upload(
    epochs: Arc<Epochs>,
    caller: Caller,
    mut stream: Streaming<v1::UploadMessage>,
) -> Result<Receipt, ServiceError> {
    // Places are one for all epochs, so that a second one gives nobody a second share.
    let place = epochs.current().upload_place(caller.site()?)?;
    let Some(Part::Header(header)) = next(&mut stream).await? else {
        return Err(ServiceError::Malformed {
            rule: "the first message is the header",
        });
    };
    let header = convert::header(header)?;
    let appliance = epochs.taking_manifest(&header.manifest).clone();
    let begun = {
        let (appliance, caller) = (appliance.clone(), caller.clone());
        blocking(move || intake::begin(&appliance, &caller, header, place)).await?
    };
    let mut upload = match begun {
        Begun::Accepted(receipt) => return Ok(receipt),
        Begun::Upload(upload) => *upload,
    };
    while let Some(part) = next(&mut stream).await? {
        upload = keep(appliance.clone(), upload, part).await?;
    }
    let slots = epochs.current().admission_slots();
    let slot = slots
        .acquire_owned()
        .await
        .map_err(|_opaque| ServiceError::Stopping)?;
    blocking(move || {
        let _slot = slot;
        intake::finish(&appliance, &caller, &upload)
    })
    .await
}

async fn keep(
    appliance: Arc<Appliance>,
    mut upload: Upload,
    part: Part,
) -> Result<Upload, ServiceError> {
    let Part::Chunk(chunk) = part else {
        return Err(ServiceError::Malformed {
            rule: "only the first message is a header",
        });
    };
    blocking(move || {
        intake::append(&appliance, &mut upload, chunk.sequence, &chunk.sealed)?;
        Ok(upload)
    })
    .await
}

/// The next message, if it comes in time and has a part.
async fn next(stream: &mut Streaming<v1::UploadMessage>) -> Result<Option<Part>, ServiceError> {
    let message = timeout(limits::UPLOAD_IDLE_TIMEOUT, stream.message()).await;
    let message = message.map_err(|_opaque| ServiceError::TimedOut)?;
    match message {
        Ok(None) => Ok(None),
        Ok(Some(message)) => {
            let rule = "a message has a header or a chunk";
            message
                .part
                .map(Some)
                .ok_or(ServiceError::Malformed { rule })
        }
        Err(status) if status.code() == tonic::Code::OutOfRange => Err(ServiceError::TooLarge {
            what: "a message",
            limit: limits::MESSAGE_IN_BYTES_MAX,
        }),
        Err(_broken) => Err(ServiceError::Malformed {
            rule: "the stream broke",
        }),
    }
}
