//! `tokenizer check` and what it counts: against a naive count over tables with planted faults, against
//! planted values that must not come out, and as pages that people open.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests are tests themselves: a panic is their failure"
)]

mod counts;
mod formats;
mod pages;
mod readiness;
mod secrecy;
mod site;
