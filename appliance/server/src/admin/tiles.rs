//! The audit log of the epoch in force as C2SP tlog-tiles on the admin listener, so that any client of the specification reads it
//! from a running service. Loopback only, like everything here: who publishes the log does it with a proxy,
//! or copies the tiles, which never change once they are whole.

use std::sync::Arc;

use appliance_store::StoreError;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use keymgmt_custody::tile::{CHECKPOINT_PATH, TILE_WIDTH, Tile};

use super::Admin;
use crate::{
    error::ServiceError,
    service::{Appliance, blocking},
};

/// One file of the log.
pub(super) async fn log_file(State(admin): State<Admin>, Path(path): Path<String>) -> Response {
    if path == CHECKPOINT_PATH {
        return match admin.epochs.current().store().signed_checkpoint() {
            Some((_, note)) => {
                let headers = [
                    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                    (header::CACHE_CONTROL, "no-cache"),
                ];
                (headers, note).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let Some(tile) = Tile::parse(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let appliance: Arc<Appliance> = admin.epochs.current().clone();
    match blocking(move || Ok(appliance.store().tile(&tile)?)).await {
        Ok(bytes) => {
            // Whole tiles never change; what grows is asked for under another name.
            let lasting = u64::from(tile.width) == TILE_WIDTH;
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream"),
                (
                    header::CACHE_CONTROL,
                    if lasting {
                        "max-age=31536000, immutable"
                    } else {
                        "max-age=60"
                    },
                ),
            ];
            (headers, bytes).into_response()
        }
        Err(ServiceError::Store(StoreError::NotFound { .. }) | ServiceError::NotFound { .. }) => {
            StatusCode::NOT_FOUND.into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
