//! The real programs together, when something goes wrong: kills, a full disk, a wrong PIN; and what
//! they must never write down.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop the test, as the tests do"
)]

mod canary;
mod faults;
mod kill;
mod rig;
