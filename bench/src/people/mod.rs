//! An invented population: who lives where, is called what, is insured how, and what happened to them.
//!
//! Everything follows from one seed, with integer arithmetic only, so that every machine makes the same
//! people. Nobody here is real; names, places and frequencies are (sources in `data/`).
//!
//! Reading order: dice, names, places, insurance, person, population.

pub mod dice;
pub mod insurance;
mod life;
pub mod names;
pub mod person;
pub mod places;
pub mod population;

pub use dice::{Dice, DiceBag};
pub use person::{Date, Person, Sex, View};
pub use population::Population;
