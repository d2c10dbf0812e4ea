//! One PKCS#11 context per process: modules keep global state, and two contexts corrupt it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    session::Session,
    slot::Slot,
};

use crate::{error::CustodyError, pkcs11::session::failed};

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

struct Loaded {
    path: String,
    context: Pkcs11,
    /// Clones are held by open sessions.
    in_use: Arc<()>,
}

/// A session, and the mark that the module is in use. Fields drop in this order.
pub(super) struct OpenSession {
    pub(super) session: Session,
    _in_use: Arc<()>,
}

/// Runs `work` with the process's context, loading and initialising the module first if needed.
pub(super) fn with_context<T>(
    path: &str,
    work: impl FnOnce(&Pkcs11) -> Result<T, CustodyError>,
) -> Result<T, CustodyError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    work(&ensure(&mut loaded, path)?.context)
}

/// Opens a session on a slot.
pub(super) fn open_session(
    path: &str,
    slot: Slot,
    writable: bool,
) -> Result<OpenSession, CustodyError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = ensure(&mut loaded, path)?;
    let session = if writable {
        loaded.context.open_rw_session(slot)
    } else {
        loaded.context.open_ro_session(slot)
    };
    Ok(OpenSession {
        session: session.map_err(|error| failed("open a session", &error))?,
        _in_use: Arc::clone(&loaded.in_use),
    })
}

/// Finalises and initialises the module again, which some modules need after their device was gone.
/// Does nothing while any session is open.
pub(super) fn restart(path: &str) -> Result<(), CustodyError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = ensure(&mut loaded, path)?;
    if Arc::strong_count(&loaded.in_use) > 1 {
        return Ok(());
    }
    let finalized = loaded.context.clone().finalize();
    finalized.map_err(|error| failed("finalise the module", &error))?;
    initialize(&loaded.context)
}

fn ensure<'a>(loaded: &'a mut Option<Loaded>, path: &str) -> Result<&'a Loaded, CustodyError> {
    let unavailable = || CustodyError::ModuleUnavailable {
        path: path.to_owned(),
    };
    if loaded.is_none() {
        let context = Pkcs11::new(Path::new(path)).ok().ok_or_else(unavailable)?;
        initialize(&context)?;
        *loaded = Some(Loaded {
            path: path.to_owned(),
            context,
            in_use: Arc::new(()),
        });
    }
    match loaded {
        Some(loaded) if loaded.path == path => Ok(loaded),
        Some(_) => Err(CustodyError::Profile {
            rule: "one process can use one module; a second one was named".to_owned(),
        }),
        None => Err(unavailable()),
    }
}

fn initialize(context: &Pkcs11) -> Result<(), CustodyError> {
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(failed("initialise the module", &error)),
    }
}
