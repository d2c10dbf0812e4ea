//! `linkage.v1.Intake` on the wire.

use std::sync::Arc;

use linkage_proto::v1::{self, intake_server::Intake, upload_message::Part};
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
        intake::{self, Begun, Receipt, Upload},
    },
};

#[tonic::async_trait]
impl Intake for Endpoint {
    async fn get_policy(
        &self,
        request: Request<v1::GetPolicyRequest>,
    ) -> Result<Response<v1::Policy>, Status> {
        self.unary(Method::GetPolicy, request, |appliance, _, _| {
            Ok(convert::policy(intake::policy(appliance)))
        })
        .await
        .map(Response::new)
    }

    async fn get_upload_state(
        &self,
        request: Request<v1::GetUploadStateRequest>,
    ) -> Result<Response<v1::UploadState>, Status> {
        self.unary(
            Method::GetUploadState,
            request,
            |appliance, caller, request| {
                let batch_id = convert::batch_id(&request.batch_id)?;
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
        self.call(Method::UploadBatch, limits::UPLOAD_TIMEOUT, request, upload)
            .await
            .map(|receipt| Response::new(convert::receipt(receipt)))
    }

    async fn get_receipt(
        &self,
        request: Request<v1::GetReceiptRequest>,
    ) -> Result<Response<v1::Receipt>, Status> {
        self.unary(Method::GetReceipt, request, |appliance, caller, request| {
            let batch_id = convert::batch_id(&request.batch_id)?;
            let seen = request.checkpoint_size_seen;
            intake::receipt(appliance, caller, batch_id, seen).map(convert::receipt)
        })
        .await
        .map(Response::new)
    }
}

/// One upload stream: a header, then chunks, each durable before the next is read. Work that blocks cannot
/// be called off, so places and claims travel with it and are free when it has ended, not when the call has.
async fn upload(
    appliance: Arc<Appliance>,
    caller: Caller,
    mut stream: Streaming<v1::UploadMessage>,
) -> Result<Receipt, ServiceError> {
    let place = appliance.upload_place(caller.site()?)?;
    let Some(Part::Header(header)) = next(&mut stream).await? else {
        return Err(ServiceError::Malformed {
            rule: "the first message is the header",
        });
    };
    let header = convert::header(header)?;
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
    let slots = appliance.admission_slots();
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
