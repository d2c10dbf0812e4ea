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
    /// A consultation desk, which answers people who ask whether they are in.
    Consultation,
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 4] = [
        Self::Site,
        Self::Processing,
        Self::Operator,
        Self::Consultation,
    ];

    /// The role's name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Processing => "processing",
            Self::Operator => "operator",
            Self::Consultation => "consultation",
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
    /// `Linkage.ResolveToken`.
    ResolveToken,
}

impl Method {
    /// Every method, in the order of the table's rows.
    pub const ALL: [Self; 12] = [
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
        Self::ResolveToken,
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
            Self::ResolveToken => "Linkage/ResolveToken",
        }
    }

    /// The roles that may call it; some need a permission as well.
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
            Self::ResolveToken => &[Role::Processing, Role::Consultation],
        }
    }

    /// The permission that callers of `role` need besides. A token that no site uploaded is a question
    /// about anybody at all, which a release is not.
    #[must_use]
    pub fn permission(self, role: Role) -> Option<Permission> {
        (self == Self::ResolveToken && role == Role::Processing)
            .then_some(Permission::ResolveTokens)
    }
}

/// What a caller is allowed by name, beyond its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// To ask whom a token belongs to that no site uploaded.
    ResolveTokens,
}

impl Permission {
    /// The permission's key in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResolveTokens => "resolve_tokens",
        }
    }
}

/// Lets `caller` call `method`, or refuses.
///
/// # Errors
/// [`ServiceError::NotPermitted`].
pub fn authorise(caller: &Caller, method: Method) -> Result<(), ServiceError> {
    if caller.grant().allows(method) {
        Ok(())
    } else {
        Err(ServiceError::NotPermitted)
    }
}

/// The table as text: one line per method, one column per role. A cell with a name needs that permission.
#[must_use]
pub fn table() -> String {
    let mut lines = vec![line("method", Role::ALL.map(Role::name))];
    lines.extend(Method::ALL.iter().map(|method| {
        let cells = Role::ALL.map(|role| {
            if method.roles().contains(&role) {
                method.permission(role).map_or("yes", Permission::name)
            } else {
                "-"
            }
        });
        line(method.name(), cells)
    }));
    lines.join("\n")
}

fn line(name: &str, cells: [&str; Role::ALL.len()]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<16}")).collect();
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
method                    site            processing      operator        consultation
Intake/GetPolicy          yes             -               -               -
Intake/GetUploadState     yes             -               -               -
Intake/UploadBatch        yes             -               -               -
Intake/GetReceipt         yes             -               -               -
Linkage/PlanRun           -               yes             yes             -
Linkage/CreateRun         -               -               yes             -
Linkage/GetRun            -               yes             yes             -
Linkage/ListRuns          -               yes             yes             -
Linkage/WatchRun          -               yes             yes             -
Linkage/CreateRelease     -               yes             -               -
Linkage/StreamCrosswalk   -               yes             -               -
Linkage/ResolveToken      -               resolve_tokens  -               yes";
        assert_eq!(table(), expected);
    }
}
