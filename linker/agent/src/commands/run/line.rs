//! The line to the appliance at the beginning of a run, and the policy that it names.

use keymgmt_custody::package::OpenedPackage;
use linkage_proto::v1::Policy;
use linker_token::Epoch;

use super::{Order, epoch::place};
use crate::{
    error::{AgentError, Fault},
    say,
    state::{self, State},
    submit::check_policy,
    uplink::{Uplink, passes, tls},
};

/// The line as it is when a run begins.
pub(super) struct Line {
    pub(super) uplink: Uplink,
    /// Whether the appliance answered and its policy is good.
    pub(super) answered: bool,
    pub(super) rows_max: Option<u32>,
    /// The key epoch that it takes, of those that this site has a package of.
    pub(super) epoch: Option<Epoch>,
}

impl Line {
    /// Asks for the policy before anything is read. A wrong one stops the run; no answer does not. The
    /// newest of the `packages` comes first; an appliance that does not take its epoch yet names another.
    pub(super) async fn open(
        order: &Order<'_>,
        packages: &[OpenedPackage],
    ) -> Result<Self, AgentError> {
        let (config, clock) = (order.config, order.clock);
        let tls = tls::load(&config.appliance, &config.site, clock.utc())?;
        let uplink = Uplink::new(
            &config.appliance,
            tls,
            order.progress.clone(),
            clock.clone(),
            order.jitter.clone(),
        )?;
        let newest = packages[0].content().epoch;
        match uplink.policy_now(newest).await {
            Ok(policy) => {
                let package = &packages[place(packages, Some(Epoch(policy.epoch)))];
                accept_policy(&policy, package, order.state)?;
                Ok(Self {
                    uplink,
                    answered: true,
                    rows_max: Some(policy.batch_rows_max),
                    epoch: Some(package.content().epoch),
                })
            }
            Err(error) if passes(&error) => {
                order.progress.say(&say!(
                    "{error}; batches are sealed now and sent when it answers",
                    error = error.said()
                ));
                Ok(Self {
                    uplink,
                    answered: false,
                    rows_max: None,
                    epoch: None,
                })
            }
            Err(error) => Err(error),
        }
    }
}

/// What is kept of the last policy.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptPolicy {
    pub(super) batch_rows_max: u32,
    /// The key epoch of that run; earlier versions knew one and did not write it.
    #[serde(default)]
    epoch: Option<u32>,
}

impl KeptPolicy {
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.epoch.map(Epoch)
    }
}

const POLICY_BYTES_MAX: u64 = 4096;

/// Checks a policy and keeps it.
pub(super) fn accept_policy(
    policy: &Policy,
    package: &OpenedPackage,
    state: &State,
) -> Result<(), AgentError> {
    check_policy(policy, package)?;
    let kept = KeptPolicy {
        batch_rows_max: policy.batch_rows_max,
        epoch: Some(policy.epoch),
    };
    let bytes = serde_json::to_vec(&kept)
        .map_err(|error| AgentError::new(Fault::Internal, "JSON").because(error))?;
    state::write_atomic(&state.policy(), &bytes)
}

pub(super) fn remembered(state: &State) -> Result<Option<KeptPolicy>, AgentError> {
    let Some(bytes) = state::read_if_there(&state.policy(), POLICY_BYTES_MAX)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let path = state.policy().display().to_string();
        AgentError::new(Fault::StateDamaged, path).because(error)
    })
}
