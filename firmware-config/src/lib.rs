//! Host hardening as data: why every line of a unit, a firewall and a sysctl file is there.
//!
//! The files below `data/` list directives, each with its reason and the threat it answers. One TOML
//! file describes a host; [`mod@render`] turns both into the files of that host, and [`check`] has
//! `systemd-analyze` and `nft` judge the result. A directive without a reason does not load.

pub mod limits;

pub mod catalogue;
pub mod values;

pub mod site;

pub mod render;

pub mod check;
pub mod report;

pub mod cli;

mod error;

pub use error::{FirmwareError, Problem};
