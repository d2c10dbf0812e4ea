//! The one table of method and role. What is not in it is refused.

use crate::{auth::caller::Caller, error::ServiceError};

/// What a certificate can be entered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A source site's tokenizer.
    Site,
    /// A processing service that receives crosswalks.
    Processing,
    /// The appliance's operator.
    Operator,
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 3] = [Self::Site, Self::Processing, Self::Operator];

    /// The role's name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Processing => "processing",
            Self::Operator => "operator",
        }
    }
}

/// Every method that asks for a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// `Intake.GetPolicy`.
    GetPolicy,
    /// `Intake.GetUploadState`.
    GetUploadState,
    /// `Intake.UploadBatch`.
    UploadBatch,
    /// `Intake.GetReceipt`.
    GetReceipt,
    /// `Linkage.PlanRun`.
    PlanRun,
    /// `Linkage.CreateRun`.
    CreateRun,
    /// `Linkage.GetRun`.
    GetRun,
    /// `Linkage.ListRuns`.
    ListRuns,
    /// `Linkage.WatchRun`.
    WatchRun,
    /// `Linkage.CreateRelease`.
    CreateRelease,
    /// `Linkage.StreamCrosswalk`.
    StreamCrosswalk,
}

impl Method {
    /// Every method, in the order of the table's rows.
    pub const ALL: [Self; 11] = [
        Self::GetPolicy,
        Self::GetUploadState,
        Self::UploadBatch,
        Self::GetReceipt,
        Self::PlanRun,
        Self::CreateRun,
        Self::GetRun,
        Self::ListRuns,
        Self::WatchRun,
        Self::CreateRelease,
        Self::StreamCrosswalk,
    ];

    /// Service and method as they stand in the path of a call.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GetPolicy => "Intake/GetPolicy",
            Self::GetUploadState => "Intake/GetUploadState",
            Self::UploadBatch => "Intake/UploadBatch",
            Self::GetReceipt => "Intake/GetReceipt",
            Self::PlanRun => "Linkage/PlanRun",
            Self::CreateRun => "Linkage/CreateRun",
            Self::GetRun => "Linkage/GetRun",
            Self::ListRuns => "Linkage/ListRuns",
            Self::WatchRun => "Linkage/WatchRun",
            Self::CreateRelease => "Linkage/CreateRelease",
            Self::StreamCrosswalk => "Linkage/StreamCrosswalk",
        }
    }

    /// The roles that may call it.
    #[must_use]
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::GetPolicy | Self::GetUploadState | Self::UploadBatch | Self::GetReceipt => {
                &[Role::Site]
            }
            Self::CreateRun => &[Role::Operator],
            Self::PlanRun | Self::GetRun | Self::ListRuns | Self::WatchRun => {
                &[Role::Processing, Role::Operator]
            }
            Self::CreateRelease | Self::StreamCrosswalk => &[Role::Processing],
        }
    }
}

/// Lets `caller` call `method`, or refuses.
///
/// # Errors
/// [`ServiceError::NotPermitted`].
pub fn authorise(caller: &Caller, method: Method) -> Result<(), ServiceError> {
    if method.roles().contains(&caller.grant().role()) {
        Ok(())
    } else {
        Err(ServiceError::NotPermitted)
    }
}

/// The table as text: one line per method, one column per role.
#[must_use]
pub fn table() -> String {
    let mut lines = vec![line("method", Role::ALL.map(Role::name))];
    lines.extend(Method::ALL.iter().map(|method| {
        let cells = Role::ALL.map(|role| {
            if method.roles().contains(&role) {
                "yes"
            } else {
                "-"
            }
        });
        line(method.name(), cells)
    }));
    lines.join("\n")
}

fn line(name: &str, cells: [&str; Role::ALL.len()]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<12}")).collect();
    format!("{name:<26}{}", cells.concat())
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_this_one() {
        let expected = "\
method                    site        processing  operator
Intake/GetPolicy          yes         -           -
Intake/GetUploadState     yes         -           -
Intake/UploadBatch        yes         -           -
Intake/GetReceipt         yes         -           -
Linkage/PlanRun           -           yes         yes
Linkage/CreateRun         -           -           yes
Linkage/GetRun            -           yes         yes
Linkage/ListRuns          -           yes         yes
Linkage/WatchRun          -           yes         yes
Linkage/CreateRelease     -           yes         -
Linkage/StreamCrosswalk   -           yes         -";
        assert_eq!(table(), expected);
    }
}
