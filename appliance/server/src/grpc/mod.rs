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
    service::{Appliance, blocking, epochs::Epochs, revocation},
    tls::Peer,
};

/// One gRPC service's share of the key epochs that are served.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    epochs: Arc<Epochs>,
}

impl Endpoint {
    pub(crate) fn new(epochs: Arc<Epochs>) -> Self {
        Self { epochs }
    }

    /// The caller, if its certificate is entered and its role may call `method`.
    fn caller<T>(&self, request: &Request<T>, method: Method) -> Result<Caller, ServiceError> {
        let peer = request.extensions().get::<Peer>();
        let uri = peer.and_then(|peer| peer.uri.as_deref());
        let trust = self.epochs.current().trust();
        let caller = trust.callers.identify(uri)?;
        authorise(&caller, method)?;
        Ok(caller)
    }

    /// Refuses a caller whose site the custodians have revoked, and notes it in the audit log.
    async fn check_revoked(&self, caller: &Caller) -> Result<(), ServiceError> {
        let Err(revoked) = self.epochs.check_caller(caller) else {
            return Ok(());
        };
        let (appliance, caller) = (self.epochs.current().clone(), caller.clone());
        let noted = blocking(move || revocation::note_refusal(&appliance, &caller)).await;
        if let Err(error) = noted {
            let code = error.code();
            tracing::error!(code, "the refusal of a revoked site could not be noted");
        }
        Err(revoked)
    }

    /// Authorises, runs `work` on the epoch in force within `limit`, counts and converts the error.
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
        let admitted = match self.caller(&request, method) {
            Ok(caller) => self.check_revoked(&caller).await.map(|()| caller),
            Err(error) => Err(error),
        };
        let result = match admitted {
            Ok(caller) => {
                let appliance = self.epochs.current().clone();
                let work = work(appliance, caller, request.into_inner());
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
            |appliance, caller, request| blocking(move || work(&appliance, &caller, request)),
        )
        .await
    }

    /// [`Self::unary`] for work that finds its epoch by itself.
    async fn of_epochs<Q: Send + 'static, A: Send + 'static>(
        &self,
        method: Method,
        request: Request<Q>,
        work: impl FnOnce(&Epochs, &Caller, Q) -> Result<A, ServiceError> + Send + 'static,
    ) -> Result<A, Status> {
        let epochs = self.epochs.clone();
        self.unary(method, request, move |_, caller, request| {
            work(&epochs, caller, request)
        })
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
