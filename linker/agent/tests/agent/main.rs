//! The binary `tokenizer` from outside: a site in a temporary folder against a small appliance over
//! mutual TLS on the loopback.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of these tests are tests themselves: a panic is their failure"
)]

mod enquiries;
mod epochs;
mod formats;
mod japanese;
mod keys;
mod line;
mod receipts;
mod reports;
mod sources;
mod support;
mod tls;
mod token;
mod upload;
mod watch;
