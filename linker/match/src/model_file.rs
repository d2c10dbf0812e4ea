//! A model as canonical bytes: kept with its run, compared with the next, or given to a run instead of
//! training.
//!
//! The integer weights are part of the bytes, because they and not the probabilities decide pairs: a
//! machine whose logarithm rounds differently still decides the same. Reading checks everything that
//! writing guarantees, so bytes that were cut, extended or changed are refused and nothing is guessed.

use linker_token::{
    Schema, TokenError,
    canonical::{Reader, Writer},
};

use crate::{
    limits,
    model::{Model, ModelSource, OtherClass, OtherKind, SegmentModel, segment_weight, units},
    settings::Settings,
};

/// Structure and version.
const MAGIC: [u8; 8] = *b"MSBMDL01";

/// The settings under which a model's weights mean what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelSettings {
    /// See [`Settings::link_threshold`].
    pub link_threshold: i32,
    /// See [`Settings::review_threshold`].
    pub review_threshold: i32,
    /// See [`Settings::hold_twins`].
    pub hold_twins: bool,
    /// See [`Settings::seed`].
    pub seed: u64,
}

impl From<&Settings> for ModelSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            link_threshold: settings.link_threshold,
            review_threshold: settings.review_threshold,
            hold_twins: settings.hold_twins,
            seed: settings.seed,
        }
    }
}

impl Model {
    /// The model's canonical bytes. Their digest is the caller's to take and to sign.
    ///
    /// # Panics
    /// Never: the number of segments is bounded.
    #[must_use]
    pub fn to_bytes(&self, schema: &Schema, settings: &ModelSettings) -> Vec<u8> {
        let mut out = Writer::new(MAGIC);
        out.fixed(&schema.digest().0);
        out.u32(code_of(self.source));
        signed(&mut out, settings.link_threshold);
        signed(&mut out, settings.review_threshold);
        out.u32(u32::from(settings.hold_twins));
        out.u64(settings.seed);
        out.u32(self.rounds);
        out.u64(self.sample_pairs);
        out.u64(self.sample_matches.to_bits());
        out.u64(self.prior.to_bits());
        signed(&mut out, self.prior_weight);
        out.u32(count(self.segments.len()));
        for segment in &self.segments {
            out.text(&segment.name);
            out.u32(count(segment.weights.len()));
            for level in 0..segment.weights.len() {
                out.u64(segment.m[level].to_bits());
                out.u64(segment.u[level].to_bits());
                signed(&mut out, segment.weights[level]);
            }
            signed(&mut out, segment.frequency_base);
        }
        out.u32(count(self.others.len()));
        for other in &self.others {
            out.u32(kind_of(other.kind));
            out.u64(other.share.to_bits());
            for level in other.levels.iter().flatten() {
                out.u64(level.to_bits());
            }
        }
        out.finish()
    }

    /// Reads a model of this schema.
    ///
    /// # Errors
    /// [`TokenError::Malformed`] if the bytes are of another format, version or schema, or say
    /// anything that [`Model::to_bytes`] of a sound model would not.
    pub fn from_bytes(schema: &Schema, bytes: &[u8]) -> Result<(Self, ModelSettings), TokenError> {
        let mut file = File(Reader::new("a model", MAGIC, bytes)?);
        let digest = file.0.fixed::<32>()?;
        file.check(digest == schema.digest().0, "it is of another schema")?;
        let source = file.source()?;
        let settings = file.settings()?;
        let (rounds, sample_pairs) = (file.0.u32()?, file.0.u64()?);
        let sample_matches = file.number(0.0, sample_pairs as f64)?;
        let prior = file.number(f64::MIN_POSITIVE, limits::PRIOR_MAX)?;
        let prior_weight = file.signed()?;
        let segments = file.segments(schema)?;
        let others = file.others(schema)?;
        let model = Self {
            source,
            prior,
            others,
            prior_weight,
            segments,
            rounds,
            sample_pairs,
            sample_matches,
        };
        let strangers = model.strangers();
        file.check(strangers > 0.0, "its shares leave no strangers")?;
        let expected = units((prior / strangers).log2());
        file.check(
            prior_weight.abs_diff(expected) <= 1,
            "its prior and the weight of it differ",
        )?;
        file.0.finish()?;
        Ok((model, settings))
    }

    /// The same model for a run that does not train.
    #[must_use]
    pub fn given(self) -> Self {
        Self {
            source: ModelSource::Given,
            ..self
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("segments, levels and kinds are few")
}

fn signed(out: &mut Writer, value: i32) {
    out.fixed(&value.to_le_bytes());
}

fn code_of(source: ModelSource) -> u32 {
    match source {
        ModelSource::Trained => 0,
        ModelSource::DefaultFewRecords => 1,
        ModelSource::DefaultFewMatches => 2,
        ModelSource::Given => 3,
    }
}

fn kind_of(kind: OtherKind) -> u32 {
    match kind {
        OtherKind::Relatives => 0,
        OtherKind::Namesakes => 1,
        OtherKind::Neighbours => 2,
        OtherKind::NeighbouringNamesakes => 3,
    }
}

/// Reads values and checks them.
struct File<'a>(Reader<'a>);

impl File<'_> {
    fn check(&self, holds: bool, rule: &'static str) -> Result<(), TokenError> {
        if holds {
            Ok(())
        } else {
            Err(self.0.refuse(rule))
        }
    }

    fn signed(&mut self) -> Result<i32, TokenError> {
        self.0.fixed::<4>().map(i32::from_le_bytes)
    }

    /// A finite number between two bounds. Minus zero is none: it would be a second form of zero.
    fn number(&mut self, least: f64, most: f64) -> Result<f64, TokenError> {
        let value = f64::from_bits(self.0.u64()?);
        let sound = value.is_sign_positive() && (least..=most).contains(&value);
        self.check(sound, "a number is outside its bounds")?;
        Ok(value)
    }

    fn source(&mut self) -> Result<ModelSource, TokenError> {
        match self.0.u32()? {
            0 => Ok(ModelSource::Trained),
            1 => Ok(ModelSource::DefaultFewRecords),
            2 => Ok(ModelSource::DefaultFewMatches),
            3 => Ok(ModelSource::Given),
            _ => Err(self.0.refuse("its source is unknown")),
        }
    }

    fn settings(&mut self) -> Result<ModelSettings, TokenError> {
        let (link_threshold, review_threshold) = (self.signed()?, self.signed()?);
        let hold_twins = self.0.u32()?;
        let seed = self.0.u64()?;
        self.check(hold_twins <= 1, "a switch is neither on nor off")?;
        let within = link_threshold
            .unsigned_abs()
            .max(review_threshold.unsigned_abs())
            <= limits::THRESHOLD_MAX.unsigned_abs();
        self.check(
            within && review_threshold <= link_threshold,
            "its thresholds contradict each other or a limit",
        )?;
        Ok(ModelSettings {
            link_threshold,
            review_threshold,
            hold_twins: hold_twins == 1,
            seed,
        })
    }

    fn segments(&mut self, schema: &Schema) -> Result<Vec<SegmentModel>, TokenError> {
        let expected = schema.segments();
        let found = self.0.u32()? as usize;
        self.check(
            found == expected.len(),
            "it has other segments than its schema",
        )?;
        let mut segments = Vec::with_capacity(found);
        for segment in expected {
            let name = self.0.text(segment.name.len())?;
            let same = name == segment.name;
            let levels = self.0.u32()? as usize;
            self.check(
                same && levels == segment.levels(),
                "it has other segments than its schema",
            )?;
            segments.push(self.segment(&segment.name, levels)?);
        }
        Ok(segments)
    }

    fn segment(&mut self, name: &str, levels: usize) -> Result<SegmentModel, TokenError> {
        let (mut m, mut u, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..levels {
            m.push(self.number(f64::MIN_POSITIVE, 1.0)?);
            u.push(self.number(f64::MIN_POSITIVE, 1.0)?);
            weights.push(self.signed()?);
        }
        let frequency_base = self.signed()?;
        self.check(
            is_whole(&m) && is_whole(&u),
            "the probabilities of a segment do not add up to one",
        )?;
        let expected = m.iter().zip(&u).map(|(m, u)| segment_weight(m / u));
        let close = expected.zip(&weights).all(|(e, w)| w.abs_diff(e) <= 1);
        self.check(close, "its probabilities and their weights differ")?;
        self.check(
            weights.windows(2).all(|pair| pair[0] >= pair[1]),
            "a less similar level counts for more",
        )?;
        let bases = 0..=limits::FREQUENCY_BASE_MAX;
        self.check(
            bases.contains(&frequency_base),
            "a frequency is outside its bounds",
        )?;
        Ok(SegmentModel {
            name: name.to_owned(),
            m,
            u,
            weights,
            frequency_base,
        })
    }

    fn others(&mut self, schema: &Schema) -> Result<Vec<OtherClass>, TokenError> {
        let found = self.0.u32()?;
        self.check(found <= 4, "it has too many kinds of pairs")?;
        let mut others: Vec<OtherClass> = Vec::new();
        for _ in 0..found {
            let kind = match self.0.u32()? {
                0 => OtherKind::Relatives,
                1 => OtherKind::Namesakes,
                2 => OtherKind::Neighbours,
                3 => OtherKind::NeighbouringNamesakes,
                _ => return Err(self.0.refuse("a kind of pairs is unknown")),
            };
            let rising = others.last().is_none_or(|last| last.kind < kind);
            self.check(rising, "its kinds of pairs are not in order")?;
            let share = self.number(0.0, limits::PRIOR_MAX)?;
            let mut levels = Vec::with_capacity(schema.segments().len());
            for segment in schema.segments() {
                let of = (0..segment.levels()).map(|_| self.number(0.0, 1.0));
                let of = of.collect::<Result<Vec<f64>, _>>()?;
                self.check(
                    is_whole(&of),
                    "the probabilities of a kind of pairs do not add up to one",
                )?;
                levels.push(of);
            }
            others.push(OtherClass {
                kind,
                share,
                levels,
            });
        }
        Ok(others)
    }
}

/// Whether probabilities add up to one, but for rounding and the floor under strangers' levels.
fn is_whole(shares: &[f64]) -> bool {
    (shares.iter().sum::<f64>() - 1.0).abs() < 1e-4
}

#[cfg(test)]
mod tests;
