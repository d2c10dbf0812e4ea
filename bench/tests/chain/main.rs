//! The real programs together: the demo; what happens when something goes wrong (kills, a full disk, a
//! wrong PIN); and what must never be written down.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop the test, as the tests do"
)]

mod cable;
mod canary;
mod demo;
mod faults;
mod kill;
mod lookup;
mod rig;
