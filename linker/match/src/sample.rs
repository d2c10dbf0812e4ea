//! A random sample of records, which is compared with everything: unbiased, whatever the blocks.
//!
//! It serves twice. Its pattern counts train the model; and with the model its links are looked up
//! in the blocks, which says what share of all links blocking finds (see `recall`).

use crate::{
    dataset::Dataset,
    error::MatchError,
    limits,
    random::SplitMix,
    settings::{Cancel, Settings},
    sweep::{self, Group},
};

/// Records drawn without replacement, each equally likely.
pub(crate) struct Sample {
    /// The drawn records, in order.
    pub(crate) records: Vec<u32>,
    /// Their rows.
    pub(crate) groups: Vec<Group>,
    /// Records that could have been drawn.
    pub(crate) of: usize,
}

/// Draws from the records that may be compared.
pub(crate) fn draw(
    dataset: &Dataset,
    stop: &Cancel,
    settings: &Settings,
) -> Result<Sample, MatchError> {
    let all = || (0_u32..).take(dataset.record_count());
    let eligible = || all().filter(|&record| dataset.is_compared(record));
    let (of, rows) = eligible().fold((0, 0), |(records, rows), record| {
        (records + 1, rows + dataset.rows_of(record).len())
    });
    let records = SplitMix::new(settings.seed).choose(eligible(), of, size(of, rows, settings));
    let rows: Vec<u32> = records.iter().flat_map(|&r| dataset.rows_of(r)).collect();
    Ok(Sample {
        groups: sweep::groups(dataset, stop, rows)?,
        records,
        of,
    })
}

/// How many records to draw: what the settings say whatever the size of the run, because the error
/// of a sample depends on the sample alone; all of a small run; and never more pairs than the limit.
fn size(records: usize, rows: usize, settings: &Settings) -> usize {
    let wanted = if records <= limits::SAMPLE_CENSUS.saturating_mul(settings.sample_records) {
        records
    } else {
        settings.sample_records
    };
    let affordable = limits::SAMPLE_PAIRS_MAX / (rows as u64).max(1);
    wanted.min(usize::try_from(affordable).unwrap_or(usize::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_sample() {
        let standard = Settings::standard();
        let size = |records| size(records, records, &standard);
        assert_eq!(size(4_500), 4_500);
        assert_eq!(size(4_501), 1_500);
        assert_eq!(size(100_000_000), 1_500);
        let many = Settings {
            sample_records: 1 << 20,
            ..standard
        };
        let bounded = super::size(100_000_000, 100_000_000, &many) as u64;
        assert_eq!(bounded, limits::SAMPLE_PAIRS_MAX / 100_000_000);
    }

    #[test]
    fn test_records_are_never_drawn() {
        use crate::world::{Dice, World, people};
        use linker_token::Flags;
        let mut world = World::empty();
        let mut dice = Dice::new(1);
        let mut people: Vec<_> = people(500, 1).into_iter().enumerate().collect();
        for (_, values) in &mut people {
            if dice.chance(300) {
                values.flags = Flags::TEST_RECORD;
            }
        }
        world.add(0, &people);
        let dataset = world.dataset();
        let settings = Settings {
            sample_records: 50,
            ..Settings::standard()
        };
        let sample = draw(&dataset, &Cancel::new(), &settings).expect("rows are in memory");
        assert_eq!(sample.records.len(), 50);
        assert!(sample.of < 500);
        assert!(
            sample
                .records
                .iter()
                .all(|&record| dataset.is_compared(record))
        );
    }
}
