//! A processing service's side of a release: streams the crosswalk, checks its digest, and writes it
//! as CSV and Parquet. Runs as a process of its own, with nothing but its certificate.

use std::{
    fs::{File, Permissions},
    io::{BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use linkage_proto::v1::{CrosswalkRow, StreamCrosswalkRequest, linkage_client::LinkageClient};
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};

use crate::{
    client::{Client, refused_call},
    error::{BenchError, file},
    limits::{PARQUET_GROUP_ROWS, STREAM_ATTEMPTS},
};

const SCHEMA: &str = "message crosswalk {
    REQUIRED BYTE_ARRAY site (UTF8);
    REQUIRED FIXED_LEN_BYTE_ARRAY (16) record_reference;
    REQUIRED BYTE_ARRAY pseudonym (UTF8);
}";

/// What to stream, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whom to ask, and as whom.
    pub client: Client,
    /// Which release.
    pub release: String,
    /// CSV file.
    pub csv: PathBuf,
    /// Parquet file.
    pub parquet: PathBuf,
}

/// Streams the release into both files. Returns rows and digest. Files that are already there stay as they
/// are until the whole release has come.
///
/// # Errors
/// [`BenchError`] if the stream breaks again and again, or a file cannot be written.
pub async fn run(options: &Options) -> Result<Value, BenchError> {
    folder_of(&options.csv)?;
    folder_of(&options.parquet)?;
    let mut sink = None;
    let mut attempt = 1;
    // A broken stream goes on behind the last row that was stored.
    while let Err(error) = stream(options, &mut sink).await {
        if attempt == STREAM_ATTEMPTS || !error.is_passing() {
            return Err(error);
        }
        attempt += 1;
    }
    // A release without rows has files without rows.
    match sink {
        Some(sink) => sink,
        None => Sink::create(&options.csv, &options.parquet)?,
    }
    .finish()
}

/// Streams behind what the sink holds. The sink is made when the first rows have come, not before.
async fn stream(options: &Options, held: &mut Option<Sink>) -> Result<(), BenchError> {
    let mut client = LinkageClient::new(options.client.connect().await?);
    let request = StreamCrosswalkRequest {
        release_id: options.release.clone(),
        cursor: held.as_ref().map_or(0, |sink| sink.rows),
    };
    let refused = || refused_call("StreamCrosswalk");
    let mut rows = client
        .stream_crosswalk(request)
        .await
        .map_err(refused())?
        .into_inner();
    while let Some(message) = rows.message().await.map_err(refused())? {
        let sink = match held {
            Some(sink) => sink,
            None => held.insert(Sink::create(&options.csv, &options.parquet)?),
        };
        for row in &message.rows {
            sink.add(row)?;
        }
        if sink.rows != message.cursor {
            return Err(BenchError::Check {
                what: format!(
                    "{} rows are held and the cursor says {}",
                    sink.rows, message.cursor
                ),
            });
        }
    }
    Ok(())
}

/// The folder of a file that is to be written.
fn folder_of(path: &Path) -> Result<&Path, BenchError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(BenchError::Named {
            path: folder.to_owned(),
            reason: "there is no such folder".to_owned(),
        })
    }
}

/// Both files, still under other names beside their places, and the running digest. A dropped sink leaves
/// nothing.
struct Sink {
    /// Present names and places, the CSV file's first.
    places: [(TempPath, PathBuf); 2],
    csv: BufWriter<File>,
    parquet: SerializedFileWriter<File>,
    group: Vec<CrosswalkRow>,
    digest: Sha256,
    rows: u64,
}

impl Sink {
    fn create(csv: &Path, parquet: &Path) -> Result<Self, BenchError> {
        let (csv_file, csv_place) = beside(csv)?;
        let (parquet_file, parquet_place) = beside(parquet)?;
        let mut csv = BufWriter::new(csv_file);
        csv.write_all(b"site,record_reference,pseudonym\n")
            .map_err(file("write the CSV file"))?;
        let schema = parse_message_type(SCHEMA).map_err(of_parquet)?;
        let level = ZstdLevel::try_new(3).map_err(of_parquet)?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level));
        let parquet =
            SerializedFileWriter::new(parquet_file, Arc::new(schema), Arc::new(properties.build()))
                .map_err(of_parquet)?;
        Ok(Self {
            places: [csv_place, parquet_place],
            csv,
            parquet,
            group: Vec::new(),
            digest: Sha256::new(),
            rows: 0,
        })
    }

    fn add(&mut self, row: &CrosswalkRow) -> Result<(), BenchError> {
        let reference = hex::encode(&row.record_reference);
        writeln!(self.csv, "{},{reference},{}", row.site, row.pseudonym)
            .map_err(file("write the CSV file"))?;
        self.digest.update(row.site.as_bytes());
        self.digest.update([0]);
        self.digest.update(&row.record_reference);
        self.digest.update(row.pseudonym.as_bytes());
        self.rows += 1;
        self.group.push(row.clone());
        if self.group.len() == PARQUET_GROUP_ROWS {
            self.write_group()
        } else {
            Ok(())
        }
    }

    fn write_group(&mut self) -> Result<(), BenchError> {
        let rows = std::mem::take(&mut self.group);
        let text = |value: &str| ByteArray::from(value.as_bytes().to_vec());
        let mut group = self.parquet.next_row_group().map_err(of_parquet)?;
        let sites: Vec<_> = rows.iter().map(|row| text(&row.site)).collect();
        column::<ByteArrayType>(&mut group, &sites)?;
        let references: Vec<_> = rows
            .iter()
            .map(|row| FixedLenByteArray::from(ByteArray::from(row.record_reference.clone())))
            .collect();
        column::<FixedLenByteArrayType>(&mut group, &references)?;
        let pseudonyms: Vec<_> = rows.iter().map(|row| text(&row.pseudonym)).collect();
        column::<ByteArrayType>(&mut group, &pseudonyms)?;
        group.close().map_err(of_parquet)?;
        Ok(())
    }

    fn finish(mut self) -> Result<Value, BenchError> {
        if !self.group.is_empty() {
            self.write_group()?;
        }
        self.parquet.finish().map_err(of_parquet)?;
        let synced = self.parquet.inner().sync_all();
        synced.map_err(file("write the Parquet file"))?;
        self.csv.flush().map_err(file("write the CSV file"))?;
        let synced = self.csv.get_ref().sync_all();
        synced.map_err(file("write the CSV file"))?;
        let report = json!({ "rows": self.rows, "sha256": hex::encode(self.digest.finalize()) });
        for (present, place) in self.places {
            let named = present.persist(&place).map_err(|error| error.error);
            named.map_err(file(format!("make {}", place.display())))?;
        }
        Ok(report)
    }
}

/// A new file beside the place that it is meant for, with the rights that any new file gets.
fn beside(place: &Path) -> Result<(File, (TempPath, PathBuf)), BenchError> {
    let made: std::io::Result<NamedTempFile> = tempfile::Builder::new()
        .prefix(".crosswalk-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(place)?);
    let made = made.map_err(file(format!("make a file beside {}", place.display())))?;
    let (opened, present) = made.into_parts();
    Ok((opened, (present, place.to_owned())))
}

fn column<T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
) -> Result<(), BenchError> {
    let mut column = group
        .next_column()
        .map_err(of_parquet)?
        .ok_or_else(|| BenchError::Check {
            what: "the Parquet schema has fewer columns than are written".to_owned(),
        })?;
    column
        .typed::<T>()
        .write_batch(values, None, None)
        .map_err(of_parquet)?;
    column.close().map_err(of_parquet)
}

fn of_parquet(error: ParquetError) -> BenchError {
    file("write the Parquet file")(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    use super::*;

    #[test]
    fn what_was_there_stays_until_the_release_has_come() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
        std::fs::write(&csv, "good").unwrap();
        std::fs::write(&parquet, "good").unwrap();
        let row = CrosswalkRow {
            site: "town".to_owned(),
            record_reference: vec![1; 16],
            pseudonym: "P1".to_owned(),
        };
        let mut sink = Sink::create(&csv, &parquet).unwrap();
        sink.add(&row).unwrap();
        drop(sink);
        let names = || folder.path().read_dir().unwrap().count();
        assert_eq!(std::fs::read(&csv).unwrap(), b"good");
        assert_eq!(std::fs::read(&parquet).unwrap(), b"good");
        assert_eq!(names(), 2, "a dropped sink leaves nothing");
        let sink = Sink::create(&csv, &parquet).unwrap();
        sink.finish().unwrap();
        assert_ne!(std::fs::read(&csv).unwrap(), b"good");
        assert_ne!(std::fs::read(&parquet).unwrap(), b"good");
        assert_eq!(names(), 2);
    }

    #[test]
    fn rows_come_back_from_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, parquet) = (folder.path().join("a.csv"), folder.path().join("a.parquet"));
        let mut sink = Sink::create(&csv, &parquet).unwrap();
        for number in 0..3_u8 {
            let row = CrosswalkRow {
                site: "town".to_owned(),
                record_reference: vec![number; 16],
                pseudonym: format!("P{number}"),
            };
            sink.add(&row).unwrap();
        }
        assert_eq!(sink.finish().unwrap()["rows"], 3);
        let text = std::fs::read_to_string(&csv).unwrap();
        assert_eq!(
            text.lines().nth(2),
            Some("town,01010101010101010101010101010101,P1")
        );
        let reader = SerializedFileReader::new(File::open(&parquet).unwrap()).unwrap();
        let rows: Vec<String> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap().to_string())
            .collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[2].contains("P2"), "{}", rows[2]);
        assert_eq!(reader.metadata().num_row_groups(), 1);
    }
}
