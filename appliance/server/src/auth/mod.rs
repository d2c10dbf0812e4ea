//! Who calls, and what that caller may do.

pub mod caller;
pub mod roles;

pub use caller::{Caller, Callers, Grant};
pub use roles::{Method, Permission, Role, authorise};
