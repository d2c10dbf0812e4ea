//! Nothing of its own: this package only names Kryoptic with the features that its module is built with.
//!
//! `./run test` builds `libkryoptic_pkcs11.so` from it, into `target/kryoptic/release`.
