//! What `watch` is made of: when a run begins ([`plan`]), and what the source looks like ([`look`]).

pub mod look;
pub mod plan;
