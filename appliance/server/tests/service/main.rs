//! The binary as its callers meet it: real processes, real TLS, a real PKCS#11 token (SoftHSM2).
//!
//! Where SoftHSM2 is not installed, each test says so and ends.

#[cfg(test)]
mod auditor;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod client;
#[cfg(test)]
mod enquiries;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod intake;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod linkage;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod process;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod tls;
