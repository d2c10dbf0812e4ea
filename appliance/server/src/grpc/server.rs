//! The HTTP/2 server with every default set openly.

use std::sync::Arc;

use linkage_proto::v1::{intake_server::IntakeServer, linkage_server::LinkageServer};
use tokio::sync::watch;
use tonic::transport::Server;

use crate::{grpc::Endpoint, limits, service::epochs::Epochs, tls::Listener};

/// Serves until `stop` turns true and requests in progress have ended.
///
/// # Errors
/// The transport's.
pub(crate) async fn serve(
    listener: Listener,
    epochs: Arc<Epochs>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let intake = IntakeServer::new(Endpoint::new(epochs.clone()))
        .max_decoding_message_size(limits::MESSAGE_IN_BYTES_MAX)
        .max_encoding_message_size(limits::MESSAGE_OUT_BYTES_MAX);
    let linkage = LinkageServer::new(Endpoint::new(epochs))
        .max_decoding_message_size(limits::SMALL_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(limits::MESSAGE_OUT_BYTES_MAX);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<IntakeServer<Endpoint>>().await;
    reporter.set_serving::<LinkageServer<Endpoint>>().await;
    let connections = listener.serve(stop.clone());
    Server::builder()
        .accept_http1(false)
        .timeout(limits::CALL_TIMEOUT)
        .concurrency_limit_per_connection(limits::REQUESTS_PER_CONNECTION)
        .load_shed(true)
        .max_concurrent_streams(limits::STREAMS_MAX)
        .max_connection_age(limits::CONNECTION_AGE_MAX)
        .max_connection_age_grace(limits::CONNECTION_AGE_GRACE)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .http2_adaptive_window(Some(false))
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .http2_max_pending_accept_reset_streams(Some(limits::PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(limits::LOCAL_RESETS_MAX))
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .add_service(intake)
        .add_service(linkage)
        .add_service(health)
        .serve_with_incoming_shutdown(connections, async move {
            // A dropped sender ends the service as well.
            let _stopped = stop.wait_for(|stop| *stop).await;
        })
        .await
}
