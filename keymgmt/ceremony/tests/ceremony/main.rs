//! Ceremonies on real SoftHSM2 tokens, through the binary.

mod interrupted;
mod killed;
mod later;
mod makers;
mod memory;
mod misuse;
mod people;
mod receipts;
mod rehearsal;
mod rig;
mod room;
mod terminal;
