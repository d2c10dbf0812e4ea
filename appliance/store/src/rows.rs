//! Canonical bytes of database rows, read back strictly.

use std::collections::BTreeMap;

use linker_token::{
    Manifest, SiteId, TokenError,
    canonical::{Reader, Writer},
};

use crate::{
    limits,
    record::{BatchRow, GenerationRow, ReleaseRow, RunRow},
    sealed::SealedInfo,
};

const BATCH: [u8; 8] = *b"MSBROWB1";
const RUN: [u8; 8] = *b"MSBROWR1";
const GENERATION: [u8; 8] = *b"MSBROWG1";
const RELEASE: [u8; 8] = *b"MSBROWL1";

pub(crate) fn put_bytes(out: &mut Writer, bytes: &[u8]) {
    out.u32(u32::try_from(bytes.len()).expect("row parts are bounded far below 4 GiB"));
    out.fixed(bytes);
}

pub(crate) fn take_bytes(input: &mut Reader<'_>, limit: usize) -> Result<Vec<u8>, TokenError> {
    let length = input.u32()? as usize;
    if length > limit {
        return Err(input.refuse("a part is too long"));
    }
    Ok(input.take(length)?.to_vec())
}

pub(crate) fn take_u64(input: &mut Reader<'_>) -> Result<u64, TokenError> {
    Ok(u64::from_le_bytes(input.fixed()?))
}

fn put_sites(out: &mut Writer, sites: &[SiteId]) {
    out.u32(u32::try_from(sites.len()).expect("sites are bounded"));
    sites.iter().for_each(|site| out.text(site.as_str()));
}

fn take_sites(input: &mut Reader<'_>) -> Result<Vec<SiteId>, TokenError> {
    let count = input.u32()? as usize;
    if count > limits::SITES_MAX {
        return Err(input.refuse("it names too many sites"));
    }
    (0..count)
        .map(|_| SiteId::parse(input.text(linker_token::limits::NAME_BYTES_MAX)?))
        .collect()
}

impl BatchRow {
    pub(crate) fn to_bytes(&self, file: &SealedInfo) -> Vec<u8> {
        let mut out = Writer::new(BATCH);
        put_bytes(&mut out, &self.manifest.to_bytes());
        put_bytes(&mut out, &self.signature);
        out.u32(self.rows);
        out.u32(u32::try_from(self.quarantined.len()).expect("reasons are bounded"));
        for (reason, count) in &self.quarantined {
            out.text(reason);
            out.u32(*count);
        }
        out.u64(self.audit_index);
        file.write(&mut out);
        out.finish()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<(Self, SealedInfo), TokenError> {
        let mut input = Reader::new("a batch row", BATCH, bytes)?;
        let manifest = take_bytes(&mut input, linker_token::limits::MANIFEST_BYTES_MAX)?;
        let manifest = Manifest::from_bytes(&manifest)?;
        let signature = take_bytes(&mut input, limits::UPLOAD_HEADER_BYTES_MAX)?;
        let rows = input.u32()?;
        let mut quarantined = BTreeMap::new();
        for _ in 0..input.u32()? {
            let reason = input.text(limits::ID_BYTES_MAX)?.to_owned();
            quarantined.insert(reason, input.u32()?);
        }
        let row = Self {
            batch_id: manifest.batch_id(),
            manifest,
            signature,
            rows,
            quarantined,
            audit_index: take_u64(&mut input)?,
        };
        let file = SealedInfo::read(&mut input)?;
        input.finish()?;
        Ok((row, file))
    }
}

impl RunRow {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(RUN);
        out.text(&self.run_id);
        out.u32(self.version);
        out.text(&self.state);
        put_bytes(&mut out, &self.body);
        out.finish()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut input = Reader::new("a run row", RUN, bytes)?;
        let row = Self {
            run_id: input.text(limits::ID_BYTES_MAX)?.to_owned(),
            version: input.u32()?,
            state: input.text(limits::ID_BYTES_MAX)?.to_owned(),
            body: take_bytes(&mut input, limits::BODY_BYTES_MAX)?,
        };
        input.finish()?;
        Ok(row)
    }
}

impl GenerationRow {
    pub(crate) fn to_bytes(&self, [lines, events]: &[SealedInfo; 2]) -> Vec<u8> {
        let mut out = Writer::new(GENERATION);
        out.u64(self.generation);
        out.text(&self.run_id);
        put_sites(&mut out, &self.sites);
        out.u64(self.records);
        out.u64(self.events);
        out.u64(self.audit_index);
        lines.write(&mut out);
        events.write(&mut out);
        out.finish()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<(Self, [SealedInfo; 2]), TokenError> {
        let mut input = Reader::new("a generation row", GENERATION, bytes)?;
        let row = Self {
            generation: take_u64(&mut input)?,
            run_id: input.text(limits::ID_BYTES_MAX)?.to_owned(),
            sites: take_sites(&mut input)?,
            records: take_u64(&mut input)?,
            events: take_u64(&mut input)?,
            audit_index: take_u64(&mut input)?,
        };
        let files = [SealedInfo::read(&mut input)?, SealedInfo::read(&mut input)?];
        input.finish()?;
        Ok((row, files))
    }
}

impl ReleaseRow {
    pub(crate) fn to_bytes(&self, file: &SealedInfo) -> Vec<u8> {
        let mut out = Writer::new(RELEASE);
        out.text(&self.release_id);
        out.text(&self.run_id);
        put_bytes(&mut out, &self.body);
        put_sites(&mut out, &self.sites);
        out.u64(self.lines);
        out.fixed(&self.digest);
        out.u64(self.audit_index);
        file.write(&mut out);
        out.finish()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<(Self, SealedInfo), TokenError> {
        let mut input = Reader::new("a release row", RELEASE, bytes)?;
        let row = Self {
            release_id: input.text(limits::ID_BYTES_MAX)?.to_owned(),
            run_id: input.text(limits::ID_BYTES_MAX)?.to_owned(),
            body: take_bytes(&mut input, limits::BODY_BYTES_MAX)?,
            sites: take_sites(&mut input)?,
            lines: take_u64(&mut input)?,
            digest: input.fixed()?,
            audit_index: take_u64(&mut input)?,
        };
        let file = SealedInfo::read(&mut input)?;
        input.finish()?;
        Ok((row, file))
    }
}
