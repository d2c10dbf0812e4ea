//! `linkage.v1.Linkage` on the wire.

use std::{pin::Pin, sync::Arc};

use linkage_proto::v1::{self, linkage_server::Linkage};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status};

use crate::{
    auth::Method,
    convert,
    grpc::Endpoint,
    limits,
    service::{
        Appliance, blocking, plan,
        release::{self, Release},
        resolve_token,
        run::{self, Watched, Work},
    },
};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Linkage for Endpoint {
    type WatchRunStream = Answers<v1::Run>;
    type StreamCrosswalkStream = Answers<v1::CrosswalkRows>;

    async fn plan_run(
        &self,
        request: Request<v1::PlanRunRequest>,
    ) -> Result<Response<v1::RunPlan>, Status> {
        let limit = limits::LONG_UNARY_TIMEOUT;
        self.call(Method::PlanRun, limit, request, |appliance, caller, _| {
            blocking(move || {
                let plan = || plan::plan(&appliance, caller.uri());
                run::alone(&appliance, Work::Plan, plan)
            })
        })
        .await
        .map(|plan| Response::new(convert::plan(plan)))
    }

    async fn create_run(
        &self,
        request: Request<v1::CreateRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        let limit = limits::UNARY_TIMEOUT;
        self.call(
            Method::CreateRun,
            limit,
            request,
            |appliance, caller, request| {
                blocking(move || {
                    let request_id = convert::text(request.request_id)?;
                    run::create(&appliance, &caller, &request_id)
                })
            },
        )
        .await
        .map(|run| Response::new(convert::run(run)))
    }

    async fn get_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        self.of_epochs(Method::GetRun, request, |epochs, _, request| {
            let appliance = epochs.with_run(&request.run_id)?;
            run::find(appliance, &request.run_id).map(convert::run)
        })
        .await
        .map(Response::new)
    }

    async fn list_runs(
        &self,
        request: Request<v1::ListRunsRequest>,
    ) -> Result<Response<v1::ListRunsResponse>, Status> {
        self.unary(Method::ListRuns, request, |appliance, _, request| {
            let runs = run::list(appliance, &request.after_run_id)?;
            Ok(v1::ListRunsResponse {
                runs: runs.into_iter().map(convert::run).collect(),
            })
        })
        .await
        .map(Response::new)
    }

    async fn watch_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let watched = self
            .of_epochs(Method::WatchRun, request, |epochs, _, request| {
                run::watch(epochs.with_run(&request.run_id)?, &request.run_id)
            })
            .await?;
        let answers: Answers<v1::Run> = match watched {
            Watched::Ended(run) => Box::pin(tokio_stream::once(Ok(convert::run(*run)))),
            Watched::Running(states) => Box::pin(
                tokio_stream::wrappers::WatchStream::new(states).map(|run| Ok(convert::run(run))),
            ),
        };
        Ok(Response::new(answers))
    }

    async fn create_release(
        &self,
        request: Request<v1::CreateReleaseRequest>,
    ) -> Result<Response<v1::Release>, Status> {
        let limit = limits::LONG_UNARY_TIMEOUT;
        self.call(
            Method::CreateRelease,
            limit,
            request,
            |appliance, caller, request| {
                blocking(move || {
                    let order = convert::order(request)?;
                    release::create(&appliance, &caller, &order)
                })
            },
        )
        .await
        .map(|release| Response::new(convert::release(release)))
    }

    async fn stream_crosswalk(
        &self,
        request: Request<v1::StreamCrosswalkRequest>,
    ) -> Result<Response<Self::StreamCrosswalkStream>, Status> {
        let (appliance, release, cursor) = self
            .of_epochs(
                Method::StreamCrosswalk,
                request,
                |epochs, caller, request| {
                    let (id, cursor) = (&request.release_id, request.cursor);
                    let appliance = epochs.with_release(id)?;
                    let release = release::begin_reading(appliance, caller, id, cursor)?;
                    Ok((appliance.clone(), release, request.cursor))
                },
            )
            .await?;
        let (pages, answers) = mpsc::channel(limits::STREAM_QUEUE);
        let _reading = tokio::spawn(read(appliance, release, cursor, pages));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn resolve_token(
        &self,
        request: Request<v1::ResolveTokenRequest>,
    ) -> Result<Response<v1::ResolveTokenResponse>, Status> {
        self.unary(
            Method::ResolveToken,
            request,
            |appliance, caller, request| {
                let question = convert::question(&request)?;
                resolve_token::resolve(appliance, caller, &question).map(convert::resolved)
            },
        )
        .await
        .map(Response::new)
    }
}

/// Sends page after page until the end, or until the reader is gone.
async fn read(
    appliance: Arc<Appliance>,
    release: Release,
    mut cursor: u64,
    pages: mpsc::Sender<Result<v1::CrosswalkRows, Status>>,
) {
    let release = Arc::new(release);
    loop {
        let (here, this) = (appliance.clone(), release.clone());
        let page = match blocking(move || release::page(&here, &this, cursor)).await {
            Ok((_, rows)) if rows.is_empty() => return,
            Ok((after, rows)) => {
                cursor = after;
                Ok(convert::rows(after, rows))
            }
            Err(error) => Err(convert::status(&error)),
        };
        let failed = page.is_err();
        if pages.send(page).await.is_err() || failed {
            return;
        }
    }
}
