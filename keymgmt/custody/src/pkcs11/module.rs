//! One PKCS#11 context per process: modules keep global state, and two contexts corrupt it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, TryLockError},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    session::Session,
    slot::Slot,
};

use crate::{error::CustodyError, pkcs11::session::failed, profile::Profile};

/// Restarts of the module. Who uses, opens or closes a session reads it, who restarts the module writes:
/// a restart ends all sessions, and the module may give their numbers to others afterwards. Taken before
/// [`LOADED`].
static RESTARTS: RwLock<u64> = RwLock::new(0);

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

struct Loaded {
    path: String,
    context: Pkcs11,
    /// Clones are held by open sessions.
    in_use: Arc<()>,
    /// Clones are held by sessions that do not survive a restart.
    kept: Arc<()>,
}

/// Whether a session's owner notices that it ended and opens another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The appliance, which logs in anew.
    LogsInAnew,
    /// A ceremony; the module is not restarted under it.
    Keeps,
}

/// A session, and the marks that the module is in use.
pub(super) struct OpenSession {
    session: Option<Session>,
    opened: u64,
    _in_use: Arc<()>,
    _kept: Option<Arc<()>>,
}

impl OpenSession {
    pub(super) fn session(&self) -> &Session {
        self.session.as_ref().expect("taken out on drop only")
    }

    /// Whether the session is still this one, given what [`steady`] says.
    pub(super) fn is_of(&self, steady: u64) -> bool {
        self.opened == steady
    }
}

impl Drop for OpenSession {
    /// Closes the session, unless the module was restarted since: then the number may be another's.
    fn drop(&mut self) {
        // Tried and not awaited, because the owner may be reading: if a restart waits or runs, it ends
        // the session itself.
        let restarts = RESTARTS.try_read();
        let same = matches!(&restarts, Ok(restarts) if self.is_of(**restarts));
        if !same {
            #[expect(
                clippy::mem_forget,
                reason = "dropping it would close another's session"
            )]
            std::mem::forget(self.session.take());
        }
        // Closed here at the latest, while nobody restarts the module.
        drop(self.session.take());
        drop(restarts);
    }
}

/// The module is not restarted while this is held. It derefs to how often it was restarted so far.
pub(super) fn steady() -> RwLockReadGuard<'static, u64> {
    RESTARTS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` with the process's context, loading and initialising the module first if needed.
pub(super) fn with_context<T>(
    path: &str,
    work: impl FnOnce(&Pkcs11) -> Result<T, CustodyError>,
) -> Result<T, CustodyError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    work(&ensure(&mut loaded, path)?.context)
}

/// Opens a session on a slot. Where the module has a cap, it is not asked for one session more: some
/// modules keep what they cannot give, and count it until they are restarted.
///
/// `steady` says that the caller holds [`steady`], and what it says.
pub(super) fn open_session(
    profile: &Profile,
    slot: Slot,
    writable: bool,
    owner: Owner,
    steady: u64,
) -> Result<OpenSession, CustodyError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = ensure(&mut loaded, profile.module())?;
    let open = Arc::strong_count(&loaded.in_use) - 1;
    if profile.sessions().is_some_and(|most| open >= most.get()) {
        return Err(CustodyError::SessionLimit);
    }
    let session = if writable {
        loaded.context.open_rw_session(slot)
    } else {
        loaded.context.open_ro_session(slot)
    };
    let session = session.map_err(|error| {
        if matches!(error, Error::Pkcs11(RvError::SessionCount, _)) {
            CustodyError::SessionLimit
        } else {
            failed("open a session", &error)
        }
    })?;
    Ok(OpenSession {
        session: Some(session),
        opened: steady,
        _in_use: Arc::clone(&loaded.in_use),
        _kept: (owner == Owner::Keeps).then(|| Arc::clone(&loaded.kept)),
    })
}

/// Finalises and initialises the module again, which some modules need after their device was gone.
///
/// Does nothing if it was restarted since it said `seen`, or while a ceremony has a session. While
/// another appliance has one, it is done only if the module itself is `broken`: that one's session is
/// then broken too, and a token that is missing is no reason to end the sessions of another.
///
/// Nor is it awaited while another call is inside the module, because that call may never return: the
/// client of p11-kit 0.24 forgets one of two calls that wait when its server dies. The caller says that
/// the token is unavailable, and the next call tries again.
pub(super) fn restart(path: &str, seen: u64, broken: bool) -> Result<(), CustodyError> {
    let mut restarts = match RESTARTS.try_write() {
        Ok(restarts) => restarts,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return Ok(()),
    };
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = ensure(&mut loaded, path)?;
    let blocking = if broken { &loaded.kept } else { &loaded.in_use };
    if *restarts != seen || Arc::strong_count(blocking) > 1 {
        return Ok(());
    }
    *restarts += 1;
    // Sessions from before have ended: they neither count nor stand in the way of the next restart.
    loaded.in_use = Arc::new(());
    // A module whose device or server is gone may fail to say goodbye to it, and is usable afterwards.
    if let Err(error) = loaded.context.clone().finalize() {
        let error = failed("finalise the module", &error);
        tracing::warn!(reason = %error, "the module is initialised again nevertheless");
    }
    initialize(&loaded.context)
}

fn ensure<'a>(loaded: &'a mut Option<Loaded>, path: &str) -> Result<&'a mut Loaded, CustodyError> {
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
            kept: Arc::new(()),
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
