//! Persons are found again on the usual preset, without servers.

use bench::{errors::Preset, quality::measure};
use linker_token::Schema;

#[test]
fn the_typical_hospital_reaches_its_mark() {
    for seed in [1, 2] {
        let outcome = measure(2_500, seed, Preset::TypicalHospital, &Schema::jp_1()).unwrap();
        let score = outcome.score;
        assert!(score.f1 >= 0.97, "seed {seed}: {score:?}");
        assert!(score.precision >= 0.99, "seed {seed}: {score:?}");
    }
}

#[test]
fn clean_registers_are_nearly_perfect_and_stress_is_worse() {
    let score = |preset| measure(2_500, 3, preset, &Schema::jp_1()).unwrap().score;
    let (clean, stress) = (score(Preset::CleanRegister), score(Preset::Stress));
    assert!(clean.f1 >= 0.97, "{clean:?}");
    assert!(stress.f1 < clean.f1, "{stress:?}");
    assert!(stress.precision >= 0.97, "{stress:?}");
}
