//! The part of the linkage service that a desk calls. Everything else says that it is not there.

use std::pin::Pin;

use linkage_proto::v1::{self, linkage_server::Linkage};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::appliance::{Appliance, reason};

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in this appliance"))
}

#[tonic::async_trait]
impl Linkage for Appliance {
    type WatchRunStream = Answers<v1::Run>;
    type StreamCrosswalkStream = Answers<v1::CrosswalkRows>;

    async fn resolve_token(
        &self,
        request: Request<v1::ResolveTokenRequest>,
    ) -> Result<Response<v1::ResolveTokenResponse>, Status> {
        let mut inner = self.lock();
        if inner.unavailable > 0 {
            inner.unavailable -= 1;
            return Err(Status::unavailable("later"));
        }
        let request = request.into_inner();
        let epoch = request.epoch;
        inner.asked.push(request);
        if inner.in_force.is_some_and(|in_force| in_force != epoch) {
            let status = Status::failed_precondition("another key epoch");
            return Err(reason(&status, "WRONG_EPOCH"));
        }
        let mut answer = v1::ResolveTokenResponse::default();
        answer.set_answer(inner.answer);
        Ok(Response::new(answer))
    }

    async fn plan_run(
        &self,
        _request: Request<v1::PlanRunRequest>,
    ) -> Result<Response<v1::RunPlan>, Status> {
        not_here()
    }

    async fn create_run(
        &self,
        _request: Request<v1::CreateRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        not_here()
    }

    async fn get_run(
        &self,
        _request: Request<v1::GetRunRequest>,
    ) -> Result<Response<v1::Run>, Status> {
        not_here()
    }

    async fn list_runs(
        &self,
        _request: Request<v1::ListRunsRequest>,
    ) -> Result<Response<v1::ListRunsResponse>, Status> {
        not_here()
    }

    async fn watch_run(
        &self,
        _request: Request<v1::GetRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        not_here()
    }

    async fn create_release(
        &self,
        _request: Request<v1::CreateReleaseRequest>,
    ) -> Result<Response<v1::Release>, Status> {
        not_here()
    }

    async fn stream_crosswalk(
        &self,
        _request: Request<v1::StreamCrosswalkRequest>,
    ) -> Result<Response<Self::StreamCrosswalkStream>, Status> {
        not_here()
    }
}
