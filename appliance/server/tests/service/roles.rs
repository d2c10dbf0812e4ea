//! Every cell of the table of methods and roles, over the wire.

use appliance_server::auth::{Method, Role};
use linkage_proto::v1;
use tonic::{Code, Status, transport::Channel};

use crate::{
    client::{channel, reason},
    process::{COLLEAGUE, DESK, Folder, HOSPITAL, OPERATOR, RESEARCH},
};

/// Calls a method with a request that is refused later for another reason, if at all.
async fn call(channel: Channel, method: Method) -> Result<(), Status> {
    use linkage_proto::v1::{intake_client::IntakeClient, linkage_client::LinkageClient};
    let mut intake = IntakeClient::new(channel.clone());
    let mut linkage = LinkageClient::new(channel);
    let run_id = || v1::GetRunRequest {
        run_id: "run-0".into(),
    };
    match method {
        Method::GetPolicy => intake
            .get_policy(v1::GetPolicyRequest { epoch: 0 })
            .await
            .map(drop),
        Method::GetUploadState => {
            let request = v1::GetUploadStateRequest {
                batch_id: vec![0; 32],
            };
            intake.get_upload_state(request).await.map(drop)
        }
        Method::UploadBatch => intake.upload_batch(tokio_stream::empty()).await.map(drop),
        Method::GetReceipt => {
            let request = v1::GetReceiptRequest {
                batch_id: vec![0; 32],
                checkpoint_size_seen: 0,
            };
            intake.get_receipt(request).await.map(drop)
        }
        Method::PlanRun => linkage.plan_run(v1::PlanRunRequest {}).await.map(drop),
        Method::CreateRun => {
            let request = v1::CreateRunRequest {
                request_id: "1".into(),
            };
            linkage.create_run(request).await.map(drop)
        }
        Method::GetRun => linkage.get_run(run_id()).await.map(drop),
        Method::ListRuns => {
            let request = v1::ListRunsRequest {
                after_run_id: String::new(),
            };
            linkage.list_runs(request).await.map(drop)
        }
        Method::WatchRun => linkage.watch_run(run_id()).await.map(drop),
        Method::CreateRelease => {
            let request = v1::CreateReleaseRequest {
                request_id: "1".into(),
                run_id: "run-0".into(),
                project: "demo-study".into(),
                approval_number: "1".into(),
                recipient: "a".into(),
            };
            linkage.create_release(request).await.map(drop)
        }
        Method::StreamCrosswalk => {
            let request = v1::StreamCrosswalkRequest {
                release_id: "release-0".into(),
                cursor: 0,
            };
            linkage.stream_crosswalk(request).await.map(drop)
        }
        Method::ResolveToken => {
            let request = v1::ResolveTokenRequest::default();
            linkage.resolve_token(request).await.map(drop)
        }
    }
}

#[tokio::test]
async fn every_cell_holds_on_the_wire() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    for (role, uri) in [
        (Role::Site, HOSPITAL),
        (Role::Processing, RESEARCH),
        (Role::Operator, OPERATOR),
        (Role::Consultation, DESK),
    ] {
        let channel = channel(&folder, &service, &folder.authority.client(&[uri]));
        for method in Method::ALL {
            let result = call(channel.clone(), method).await;
            let refused = result.is_err_and(|status| status.code() == Code::PermissionDenied);
            let allowed = method.roles().contains(&role);
            assert_eq!(refused, !allowed, "{} as {}", method.name(), role.name());
        }
    }
}

/// A processing service that has the role, and not the permission that one method needs besides.
#[tokio::test]
async fn a_role_is_not_a_permission() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let channel = channel(&folder, &service, &folder.authority.client(&[COLLEAGUE]));
    for method in Method::ALL {
        let result = call(channel.clone(), method).await;
        let refused = result.is_err_and(|status| status.code() == Code::PermissionDenied);
        let role = Role::Processing;
        let allowed = method.roles().contains(&role) && method.permission(role).is_none();
        assert_eq!(refused, !allowed, "{}", method.name());
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_entered_may_call_nothing() {
    let Some(folder) = Folder::new() else { return };
    let service = folder.serve();
    let both = [HOSPITAL, OPERATOR];
    for uris in [&["spiffe://musubi/unknown"][..], &[], &both] {
        let channel = channel(&folder, &service, &folder.authority.client(uris));
        for method in Method::ALL {
            let refused = reason(call(channel.clone(), method).await);
            assert_eq!(refused, (Code::PermissionDenied, "NOT_PERMITTED".into()));
        }
    }
}
