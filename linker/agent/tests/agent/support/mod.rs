//! What the tests share: a site in a temporary folder, certificates, and a small appliance.

pub(crate) mod appliance;
pub(crate) mod linkage;
pub(crate) mod pki;
pub(crate) mod proxy;
pub(crate) mod site;
