//! The admin listener: liveness, readiness, metrics, one status page and the audit log in tiles. Loopback only, plain HTTP.

mod page;
mod text;
mod tiles;

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    ready::Condition,
    service::{blocking, epochs::Epochs, overview},
};

/// Nothing but our own style sheet may load, and nothing may frame the page or be sent from it.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Admin {
    epochs: Arc<Epochs>,
    metrics: PrometheusHandle,
}

/// Serves until `stop` turns true.
///
/// # Errors
/// The operating system's.
pub(crate) async fn serve(
    socket: TcpListener,
    epochs: Arc<Epochs>,
    metrics: PrometheusHandle,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/", get(status_page))
        .route("/style.css", get(style))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(render_metrics))
        .route("/log/{*path}", get(tiles::log_file))
        .with_state(Admin { epochs, metrics });
    axum::serve(socket, routes)
        .with_graceful_shutdown(async move {
            // A dropped sender ends the service as well.
            let _stopped = stop.wait_for(|stop| *stop).await;
        })
        .await
}

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(admin): State<Admin>) -> Response {
    let mut lines = Vec::new();
    for (number, appliance) in admin.epochs.all().enumerate() {
        let latch = appliance.latch();
        // The epoch in force has no name here, as when it is the only one.
        let epoch = match number {
            0 => String::new(),
            _ => format!("epoch-{} ", appliance.scope().epoch),
        };
        lines.extend(Condition::ALL.into_iter().map(|condition| {
            let state = if latch.holds(condition) { "ok" } else { "open" };
            format!("{epoch}{} {state}\n", condition.name())
        }));
    }
    let is_ready = admin
        .epochs
        .all()
        .all(|appliance| appliance.latch().is_ready());
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, lines.concat()).into_response()
}

async fn render_metrics(State(admin): State<Admin>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        admin.metrics.render(),
    )
        .into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css")], page::STYLE).into_response()
}

async fn status_page(State(admin): State<Admin>, RawQuery(query): RawQuery) -> Response {
    let english = query.is_some_and(|query| query.split('&').any(|part| part == "lang=en"));
    let words = if english {
        &text::ENGLISH
    } else {
        &text::JAPANESE
    };
    let epochs = admin.epochs.clone();
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    match blocking(move || overview::overview(&epochs)).await {
        Ok(overview) => (headers, page::render(&overview, words)).into_response(),
        Err(error) => {
            let body = page::render_error(error.code(), words);
            (StatusCode::SERVICE_UNAVAILABLE, headers, body).into_response()
        }
    }
}
