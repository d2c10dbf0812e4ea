//! The files of a site's keys: one key each, readable by the owner only.

use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hpke::Deserializable as _;
use zeroize::Zeroizing;

use super::{OUTER_FILE, OuterKem, REFERENCE_FILE, TOKEN_FILE, TOKEN_KIND};
use crate::{
    error::CustodyError,
    inventory::{KeyEntry, KeyId, KeyProof},
    note::{Lines, parse_hex},
    pkcs11::SiteTokenKeys,
    secret::Secret,
};

/// PKCS#8 of an RSA-3072 key has about 1,800 bytes.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The keys that are always files.
pub(super) fn read_rest(
    folder: &Path,
) -> Result<(<OuterKem as hpke::Kem>::PrivateKey, Secret), CustodyError> {
    let malformed = |rule| CustodyError::Malformed {
        what: "a key file",
        rule,
    };
    let bytes = read(&folder.join(OUTER_FILE))?;
    let outer = <OuterKem as hpke::Kem>::PrivateKey::from_bytes(&bytes);
    let outer = outer
        .ok()
        .ok_or_else(|| malformed("it is not a P-256 scalar"))?;
    let mut bytes = read(&folder.join(REFERENCE_FILE))?;
    let reference = Secret::take_slice("a reference key file", &mut bytes)?;
    Ok((outer, reference))
}

/// Which keys of a token are the site's, as a file says it. Nothing in it is secret.
pub(super) fn token_text(keys: &SiteTokenKeys) -> Result<String, CustodyError> {
    let line = |entry: &KeyEntry| -> Result<String, CustodyError> {
        let spki = STANDARD.encode(entry.public_key()?);
        Ok(format!("{} {spki}", entry.id))
    };
    let (wrap, sign) = (line(&keys.wrap)?, line(&keys.sign)?);
    let serial = &keys.serial;
    Ok(format!(
        "{TOKEN_KIND}\nserial {serial}\nwrap {wrap}\nsign {sign}\n"
    ))
}

pub(super) fn read_token_keys(folder: &Path) -> Result<SiteTokenKeys, CustodyError> {
    let what = "the list of keys in the token";
    let malformed = |rule| CustodyError::Malformed { what, rule };
    let bytes = read(&folder.join(TOKEN_FILE))?;
    let text = str::from_utf8(&bytes).ok();
    let text = text.ok_or_else(|| malformed("it is not text"))?;
    let mut lines = Lines::new(what, TOKEN_KIND, text)?;
    let serial = lines.value("serial")?.to_owned();
    let entry = |name: &str, line: &str| {
        let (id, spki) = line.split_once(' ')?;
        let spki = STANDARD.decode(spki).ok()?;
        Some(KeyEntry {
            name: format!("site-{name}"),
            id: KeyId(parse_hex(id)?),
            proof: if name == "wrap" {
                KeyProof::Rsa(spki)
            } else {
                KeyProof::P256(spki)
            },
        })
    };
    let wrap = entry("wrap", lines.value("wrap")?);
    let sign = entry("sign", lines.value("sign")?);
    lines.finish()?;
    let (Some(wrap), Some(sign)) = (wrap, sign) else {
        return Err(malformed("a key line does not parse"));
    };
    Ok(SiteTokenKeys { serial, wrap, sign })
}

pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    let failed = |source| CustodyError::KeyFile {
        operation: "read",
        path: path.display().to_string(),
        source,
    };
    let file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(failed(std::io::ErrorKind::PermissionDenied.into()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let mut file = file.take(KEY_FILE_BYTES_MAX);
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CustodyError> {
    let failed = |source| CustodyError::KeyFile {
        operation: "write",
        path: path.display().to_string(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}
