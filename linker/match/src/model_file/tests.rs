use proptest::prelude::*;

use super::*;
use crate::model::Parameters;

fn model(schema: &Schema) -> Model {
    let present = vec![5000; schema.segments().len()];
    let default = Parameters::default_for(schema, 5000);
    Model {
        rounds: 17,
        sample_pairs: 25_000_000,
        sample_matches: 1234.5,
        ..Model::new(schema, ModelSource::Trained, default, &present)
    }
}

fn bytes(schema: &Schema) -> Vec<u8> {
    model(schema).to_bytes(schema, &ModelSettings::from(&Settings::standard()))
}

#[test]
fn a_model_comes_back_as_it_was() {
    for schema in [Schema::jp_1(), Schema::en_1()] {
        let bytes = bytes(&schema);
        let (back, settings) = Model::from_bytes(&schema, &bytes).expect("it was written");
        assert_eq!(back, model(&schema));
        assert_eq!(settings, ModelSettings::from(&Settings::standard()));
        assert_eq!(back.to_bytes(&schema, &settings), bytes);
        assert_eq!(back.given().source.label(), "given");
    }
}

#[test]
fn cut_extended_and_foreign_bytes_are_refused() {
    let (jp, en) = (Schema::jp_1(), Schema::en_1());
    let good = bytes(&jp);
    for length in 0..good.len() {
        assert!(Model::from_bytes(&jp, &good[..length]).is_err(), "{length}");
    }
    let longer = [&good[..], &[0]].concat();
    assert!(Model::from_bytes(&jp, &longer).is_err());
    assert!(Model::from_bytes(&en, &good).is_err());
}

#[test]
fn contradictions_are_refused() {
    let schema = Schema::jp_1();
    let settings = ModelSettings::from(&Settings::standard());
    let good = model(&schema);
    let bad: [fn(&mut Model); 10] = [
        |m| m.segments[0].weights[0] += 2,
        |m| m.segments[0].m[0] = f64::NAN,
        |m| m.segments[0].m[0] += 0.01,
        |m| m.segments[1].u[0] = -0.0,
        |m| m.segments[0].frequency_base = limits::FREQUENCY_BASE_MAX + 1,
        |m| m.prior = limits::PRIOR_MAX + 0.001,
        |m| m.prior_weight += 2,
        |m| m.others.reverse(),
        |m| m.others[0].share = f64::INFINITY,
        |m| m.sample_matches = 25_000_001.0,
    ];
    for change in bad {
        let mut model = good.clone();
        change(&mut model);
        assert!(Model::from_bytes(&schema, &model.to_bytes(&schema, &settings)).is_err());
    }
    let upside_down = ModelSettings {
        review_threshold: settings.link_threshold + 1,
        ..settings
    };
    let bytes = good.to_bytes(&schema, &upside_down);
    assert!(Model::from_bytes(&schema, &bytes).is_err());
}

proptest! {
    /// Whatever is read is canonical: it writes the same bytes again. Nothing panics.
    #[test]
    fn flipped_bits_are_refused_or_canonical(at in 0_usize..4096, bit in 0_u8..8) {
        let schema = Schema::jp_1();
        let mut bytes = bytes(&schema);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok((model, settings)) = Model::from_bytes(&schema, &bytes) {
            prop_assert_eq!(model.to_bytes(&schema, &settings), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
        let schema = Schema::en_1();
        let start = &bytes(&schema)[..40];
        let _refused = Model::from_bytes(&schema, &[start, &tail].concat());
    }
}
