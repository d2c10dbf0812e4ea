//! The listener: authenticate, convert, call one service function, convert.

mod intake;
mod linkage;
mod server;

pub(crate) use server::serve;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::timeout;
use tonic::{Request, Status};

use crate::{
    auth::{Caller, Method, authorise},
    convert,
    error::ServiceError,
    limits, metrics,
    service::Appliance,
    tls::Peer,
};

/// One gRPC service's share of the appliance.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    appliance: Arc<Appliance>,
}

impl Endpoint {
    pub(crate) fn new(appliance: Arc<Appliance>) -> Self {
        Self { appliance }
    }

    /// The caller, if its certificate is entered and its role may call `method`.
    fn caller<T>(&self, request: &Request<T>, method: Method) -> Result<Caller, ServiceError> {
        let peer = request.extensions().get::<Peer>();
        let uri = peer.and_then(|peer| peer.uri.as_deref());
        let caller = self.appliance.trust().callers.identify(uri)?;
        authorise(&caller, method)?;
        Ok(caller)
    }

    /// Authorises, runs `work` within `limit`, counts and converts the error.
    async fn call<Q, A, F>(
        &self,
        method: Method,
        limit: Duration,
        request: Request<Q>,
        work: impl FnOnce(Arc<Appliance>, Caller, Q) -> F,
    ) -> Result<A, Status>
    where
        F: Future<Output = Result<A, ServiceError>>,
    {
        let started = Instant::now();
        let peer = request.extensions().get::<Peer>();
        let uri = peer.and_then(|peer| peer.uri.clone());
        let result = match self.caller(&request, method) {
            Ok(caller) => {
                let work = work(self.appliance.clone(), caller, request.into_inner());
                timeout(limit, work)
                    .await
                    .unwrap_or(Err(ServiceError::TimedOut))
            }
            Err(error) => Err(error),
        };
        let code = result.as_ref().map_or_else(ServiceError::code, |_| "OK");
        metrics::call(method.name(), code, started.elapsed());
        result.map_err(|error| {
            report(method, uri.as_deref(), &error);
            convert::status(&error)
        })
    }

    /// [`Self::call`] for work that blocks and ends soon.
    async fn unary<Q: Send + 'static, A: Send + 'static>(
        &self,
        method: Method,
        request: Request<Q>,
        work: impl FnOnce(&Appliance, &Caller, Q) -> Result<A, ServiceError> + Send + 'static,
    ) -> Result<A, Status> {
        self.call(
            method,
            limits::UNARY_TIMEOUT,
            request,
            |appliance, caller, request| {
                crate::service::blocking(move || work(&appliance, &caller, request))
            },
        )
        .await
    }
}

/// Logs a refusal with the URI of the caller's certificate and its whole chain of causes; none of them
/// carries a value from a row.
fn report(method: Method, caller: Option<&str>, error: &ServiceError) {
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.retain(|cause| !cause.is_empty());
    let causes = (!causes.is_empty()).then(|| causes.join(": "));
    let causes = causes.as_deref();
    let (method, code) = (method.name(), error.code());
    if error.class().is_ours() {
        tracing::error!(method, caller, code, causes, "{error}");
    } else {
        tracing::warn!(method, caller, code, causes, "{error}");
    }
}
