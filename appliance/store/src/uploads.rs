//! Uploads under way: every chunk is on disk before the next one is asked for.
//!
//! Chunks come sealed to the appliance's token, so these files hold nothing in clear. One folder per batch:
//! the header after the site's name, and one file of frames (length, check, chunk). The time of that file's
//! last change says when the upload was touched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::{BufReader, Read, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use linker_token::{BatchId, SiteId};
use sha2::{Digest as _, Sha256};

use crate::{
    error::StoreError,
    files, limits,
    store::{Store, lock},
};

/// Folder of uploads.
pub(crate) const UPLOADS: &str = "uploads";
const HEADER: &str = "header";
const CHUNKS: &str = "chunks";
/// Length and first eight bytes of the chunk's SHA-256.
const PREFIX_BYTES: usize = 4 + 8;

/// One upload under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadState {
    /// The batch.
    pub batch_id: BatchId,
    /// The chunk that is wanted next; all before it are durable.
    pub next_sequence: u32,
    /// Bytes of its chunks.
    pub bytes: u64,
    /// When a chunk came last, since 1970 on the clock of the data disk.
    pub touched: Duration,
}

/// All uploads under way.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    by_batch: BTreeMap<BatchId, Upload>,
}

#[derive(Debug)]
struct Upload {
    folder: PathBuf,
    file: File,
    site: SiteId,
    header: Vec<u8>,
    /// Digest of each chunk.
    digests: Vec<[u8; 32]>,
    /// Where the next frame starts.
    end: u64,
    /// A sync failed: what is on disk is unknown, so nothing of this upload is trusted any more.
    doubtful: bool,
}

impl Store {
    /// Starts an upload of `site`, or goes on with one: returns the chunk that is wanted next. The header is
    /// kept with the chunks and must be the same when the upload goes on.
    ///
    /// # Errors
    /// [`StoreError::AlreadyAdmitted`], [`StoreError::Conflict`] for another header,
    /// [`StoreError::TooLarge`] when too many uploads are under way, in all or of this site.
    pub fn begin_upload(
        &self,
        id: BatchId,
        site: &SiteId,
        header: &[u8],
    ) -> Result<u32, StoreError> {
        self.writable()?;
        if self.batch(id)?.is_some() {
            return Err(StoreError::AlreadyAdmitted);
        }
        if header.len() > limits::UPLOAD_HEADER_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "an upload's header",
                limit: limits::UPLOAD_HEADER_BYTES_MAX as u64,
            });
        }
        let mut uploads = lock(&self.uploads);
        if let Some(upload) = uploads.by_batch.get(&id) {
            return if upload.header == header {
                Ok(upload.next())
            } else {
                Err(StoreError::Conflict { what: "an upload" })
            };
        }
        uploads.check_room(site)?;
        let folder = self.folder.join(UPLOADS).join(id.to_string());
        let upload = self.watch(
            Upload::create(&folder, site, header).inspect_err(|_failed| {
                let _left_for_the_next_start = fs::remove_dir_all(&folder);
            }),
        )?;
        uploads.by_batch.insert(id, upload);
        Ok(0)
    }

    /// The chunk that is wanted next; `None` if no such upload is under way.
    #[must_use]
    pub fn next_sequence(&self, id: BatchId) -> Option<u32> {
        lock(&self.uploads).by_batch.get(&id).map(Upload::next)
    }

    /// Keeps one chunk and returns the chunk that is wanted next. The chunk is durable when this returns.
    /// A chunk that is there already is taken again if it is the same.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`], [`StoreError::Conflict`], [`StoreError::TooLarge`],
    /// [`StoreError::NotFound`] if no such upload is under way.
    pub fn append_chunk(
        &self,
        id: BatchId,
        sequence: u32,
        chunk: &[u8],
    ) -> Result<u32, StoreError> {
        self.writable()?;
        let mut uploads = lock(&self.uploads);
        let total: u64 = uploads.by_batch.values().map(|upload| upload.end).sum();
        let absent = StoreError::NotFound { what: "upload" };
        let upload = uploads.by_batch.get_mut(&id).ok_or(absent)?;
        let digest: [u8; 32] = Sha256::digest(chunk).into();
        if let Some(known) = upload.digests.get(sequence as usize) {
            return if *known == digest {
                Ok(upload.next())
            } else {
                Err(StoreError::Conflict { what: "a chunk" })
            };
        }
        if sequence != upload.next() {
            return Err(StoreError::OutOfOrder {
                expected: upload.next(),
            });
        }
        check_chunk(sequence, chunk.len(), total)?;
        let written = upload.append(chunk, digest);
        if upload.doubtful
            && let Some(upload) = uploads.by_batch.remove(&id)
        {
            let _left_for_the_next_start = fs::remove_dir_all(&upload.folder);
        }
        self.watch(written)
    }

    /// The header that came with an upload.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if no such upload is under way.
    pub fn upload_header(&self, id: BatchId) -> Result<Vec<u8>, StoreError> {
        let uploads = lock(&self.uploads);
        let upload = uploads.by_batch.get(&id);
        upload
            .map(|upload| upload.header.clone())
            .ok_or(StoreError::NotFound { what: "upload" })
    }

    /// All chunks of an upload, in order, each checked.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a chunk is not what came in.
    pub fn chunks(&self, id: BatchId) -> Result<Vec<Vec<u8>>, StoreError> {
        let uploads = lock(&self.uploads);
        let absent = StoreError::NotFound { what: "upload" };
        let upload = uploads.by_batch.get(&id).ok_or(absent)?;
        let file = upload.reader()?;
        let digests = upload.digests.clone();
        drop(uploads);
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut chunks = Vec::with_capacity(digests.len());
        for digest in digests {
            let chunk = read_frame(&mut reader)
                .filter(|chunk| digest[..] == Sha256::digest(chunk)[..])
                .ok_or_else(|| {
                    StoreError::damaged(format!("the upload {id}"), "a chunk is not what came in")
                })?;
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    /// Ends an upload and removes its chunks. One that is not under way is as good as ended.
    ///
    /// # Errors
    /// [`StoreError::Io`] if its files cannot be removed.
    pub fn discard_upload(&self, id: BatchId) -> Result<(), StoreError> {
        if self.offline {
            return Err(StoreError::Offline);
        }
        let removed = lock(&self.uploads).by_batch.remove(&id);
        removed.map_or(Ok(()), |upload| {
            fs::remove_dir_all(&upload.folder)
                .map_err(|error| StoreError::io("removing an upload", error))
        })
    }

    /// Ends an upload that nobody has touched for [`limits::UPLOAD_TTL`]; `now` is the time since 1970.
    /// Returns whether it was ended.
    ///
    /// # Errors
    /// As [`Self::discard_upload`].
    pub fn expire_upload(&self, id: BatchId, now: Duration) -> Result<bool, StoreError> {
        let expired = lock(&self.uploads)
            .by_batch
            .get(&id)
            .is_some_and(|upload| now.saturating_sub(upload.touched()) > limits::UPLOAD_TTL);
        if expired {
            self.discard_upload(id)?;
        }
        Ok(expired)
    }

    /// All uploads under way.
    #[must_use]
    pub fn uploads(&self) -> Vec<UploadState> {
        let uploads = lock(&self.uploads);
        let states = uploads.by_batch.iter().map(|(id, upload)| UploadState {
            batch_id: *id,
            next_sequence: upload.next(),
            bytes: upload.end,
            touched: upload.touched(),
        });
        states.collect()
    }
}

impl Uploads {
    /// Finds the uploads of an earlier start. Those of admitted batches and those that never began are removed.
    pub(crate) fn open(folder: &Path, admitted: &BTreeSet<Vec<u8>>) -> Result<Self, StoreError> {
        let place = folder.join(UPLOADS);
        let mut by_batch = BTreeMap::new();
        for name in files::list(&place)? {
            let folder = place.join(&name);
            let id = parse_id(&name).filter(|id| !admitted.contains(&id.0[..]));
            let upload = id.and_then(|id| Upload::open(&folder).map(|upload| (id, upload)));
            if let Some((id, upload)) = upload {
                by_batch.insert(id, upload);
            } else {
                fs::remove_dir_all(&folder)
                    .map_err(|error| StoreError::io("removing an upload", error))?;
            }
        }
        Ok(Self { by_batch })
    }

    /// Refuses one more upload of `site` at a bound. One site cannot take the places of all others.
    fn check_room(&self, site: &SiteId) -> Result<(), StoreError> {
        let refuse = |what, limit: usize| {
            let limit = limit as u64;
            Err(StoreError::TooLarge { what, limit })
        };
        let of_site = self.by_batch.values().filter(|one| one.site == *site);
        if of_site.count() >= limits::UPLOADS_PER_SITE {
            return refuse("the uploads of one site", limits::UPLOADS_PER_SITE);
        }
        if self.by_batch.len() >= limits::UPLOADS_MAX {
            return refuse("the number of uploads", limits::UPLOADS_MAX);
        }
        Ok(())
    }
}

impl Upload {
    fn create(folder: &Path, site: &SiteId, header: &[u8]) -> Result<Self, StoreError> {
        files::make_folder(folder)?;
        let file = files::create_new(&folder.join(CHUNKS))?;
        let mut kept = files::create_new(&folder.join(HEADER))?;
        let named = [site.as_str().as_bytes(), b"\n", header].concat();
        let digest = Sha256::digest(&named);
        let written = kept
            .write_all(&[digest.as_slice(), &named].concat())
            .and_then(|()| kept.sync_data());
        written.map_err(|error| StoreError::io("writing an upload's header", error))?;
        files::sync_parent(&folder.join(HEADER))?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            site: site.clone(),
            header: header.to_vec(),
            digests: Vec::new(),
            end: 0,
            doubtful: false,
        })
    }

    /// Reads an upload back; `None` if its header never became whole.
    fn open(folder: &Path) -> Option<Self> {
        let kept = fs::read(folder.join(HEADER)).ok()?;
        let (digest, named) = kept.split_first_chunk::<32>()?;
        if Sha256::digest(named)[..] != digest[..] {
            return None;
        }
        let end_of_name = named.iter().position(|byte| *byte == b'\n')?;
        let (site, header) = (named.get(..end_of_name)?, named.get(end_of_name + 1..)?);
        let site = SiteId::parse(std::str::from_utf8(site).ok()?).ok()?;
        let path = folder.join(CHUNKS);
        let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
        let mut upload = Self {
            folder: folder.to_owned(),
            file,
            site,
            header: header.to_vec(),
            digests: Vec::new(),
            end: 0,
            doubtful: false,
        };
        let mut reader = BufReader::with_capacity(1 << 20, upload.reader().ok()?);
        while let Some(chunk) = read_frame(&mut reader) {
            upload.digests.push(Sha256::digest(&chunk).into());
            upload.end += (PREFIX_BYTES + chunk.len()) as u64;
        }
        // A torn tail goes; its chunk was never acknowledged. A whole file keeps the time of its last chunk.
        if upload.file.metadata().ok()?.len() != upload.end {
            upload.restore().ok()?;
        }
        Some(upload)
    }

    fn next(&self) -> u32 {
        u32::try_from(self.digests.len()).expect("chunks are bounded")
    }

    fn append(&mut self, chunk: &[u8], digest: [u8; 32]) -> Result<u32, StoreError> {
        let length = u32::try_from(chunk.len()).expect("chunks are bounded");
        let frame = [&length.to_le_bytes()[..], &digest[..8], chunk].concat();
        if let Err(error) = self.file.write_all_at(&frame, self.end) {
            self.doubtful = self.restore().is_err();
            return Err(StoreError::io("writing a chunk", error));
        }
        if let Err(error) = self.file.sync_data() {
            self.doubtful = true;
            return Err(StoreError::io("syncing a chunk", error));
        }
        self.end += frame.len() as u64;
        self.digests.push(digest);
        Ok(self.next())
    }

    /// Takes the file back to its last whole chunk.
    fn restore(&self) -> Result<(), StoreError> {
        self.file
            .set_len(self.end)
            .and_then(|()| self.file.sync_all())
            .map_err(|error| StoreError::io("cutting an upload", error))
    }

    /// When a chunk came last, since 1970. A file that does not say so is never too old.
    fn touched(&self) -> Duration {
        let modified = self.file.metadata().and_then(|about| about.modified());
        let since = modified.ok().map(|at| at.duration_since(UNIX_EPOCH));
        since.map_or(Duration::MAX, Result::unwrap_or_default)
    }

    fn reader(&self) -> Result<File, StoreError> {
        files::open(&self.folder.join(CHUNKS))
    }
}

fn check_chunk(sequence: u32, bytes: usize, total: u64) -> Result<(), StoreError> {
    let refuse = |what, limit| Err(StoreError::TooLarge { what, limit });
    if bytes > limits::CHUNK_BYTES_MAX {
        return refuse("a chunk", limits::CHUNK_BYTES_MAX as u64);
    }
    if sequence >= limits::CHUNKS_MAX {
        return refuse("the number of chunks", limits::CHUNKS_MAX.into());
    }
    if total + bytes as u64 > limits::UPLOAD_BYTES_MAX {
        return refuse("all uploads together", limits::UPLOAD_BYTES_MAX);
    }
    Ok(())
}

/// The next whole frame; `None` at the end or at a torn one.
fn read_frame(reader: &mut impl Read) -> Option<Vec<u8>> {
    let mut prefix = [0; PREFIX_BYTES];
    reader.read_exact(&mut prefix).ok()?;
    let (length, check) = prefix.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > limits::CHUNK_BYTES_MAX {
        return None;
    }
    let mut chunk = vec![0; length];
    reader.read_exact(&mut chunk).ok()?;
    (Sha256::digest(&chunk)[..8] == *check).then_some(chunk)
}

fn parse_id(name: &str) -> Option<BatchId> {
    if name.len() != 64
        || !name
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    let mut id = [0; 32];
    for (index, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(name.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(BatchId(id))
}
