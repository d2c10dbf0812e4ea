//! The one error of this crate. No variant carries key bytes, PINs or shares.

/// Why a key operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// The PKCS#11 module file is missing or is not a module.
    #[error("the PKCS#11 module at {path} cannot be loaded")]
    ModuleUnavailable {
        /// Path of the module, from the configuration.
        path: String,
    },
    /// No initialised token has this label or serial number.
    #[error("no token named {token} is present")]
    TokenNotFound {
        /// Label or serial number, from the configuration.
        token: String,
        /// Whether the profile is one for tests, whose tokens lie in a folder that is easily missed.
        test: bool,
    },
    /// Labels repeat; two tokens carry this one.
    #[error("more than one token is named {token}")]
    TokenAmbiguous {
        /// Label, from the configuration.
        token: String,
    },
    /// The token refused the PIN. It was offered once and is not offered again.
    #[error("token {token} refused the PIN")]
    WrongPin {
        /// Label or serial number.
        token: String,
    },
    /// The token has locked the PIN.
    #[error("token {token} has locked its PIN")]
    PinLocked {
        /// Label or serial number.
        token: String,
    },
    /// A PIN file is empty, too long or holds control characters.
    #[error("a PIN file does not hold one PIN")]
    BadPinFile,
    /// A PIN file may be read by others than its owner.
    #[error("others than its owner may read the PIN file {path}")]
    OpenPinFile {
        /// Which file.
        path: String,
    },
    /// A key of the inventory is not in the token, or is there more than once.
    #[error("key {name} is not in the token exactly once")]
    KeyMissing {
        /// The key's name in the hierarchy.
        name: String,
    },
    /// A key that should be destroyed is found.
    #[error("key {name} is still in the token")]
    StillThere {
        /// The key's name in the hierarchy.
        name: String,
    },
    /// A key answers, but it is not the key that the inventory describes.
    #[error("key {name} is not the key of the inventory: {rule}")]
    KeyMismatch {
        /// The key's name in the hierarchy.
        name: String,
        /// What differs.
        rule: &'static str,
    },
    /// The token failed an operation.
    #[error("the token failed to {operation} ({reason})")]
    Token {
        /// What was asked.
        operation: &'static str,
        /// The PKCS#11 return code by name.
        reason: String,
    },
    /// A module profile is not usable.
    #[error("the module profile is not usable: {rule}")]
    Profile {
        /// The rule that was broken.
        rule: String,
    },
    /// Bytes end early, go on too long or say something impossible.
    #[error("{what} is malformed: {rule}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// The rule that was broken.
        rule: &'static str,
    },
    /// A name, schema, batch or manifest is malformed.
    #[error(transparent)]
    Vocabulary(#[from] linker_token::TokenError),
    /// Sealed bytes do not open: altered, or sealed for another place or key.
    #[error("{what} does not open: it was altered, or sealed for another place or key")]
    NotAuthentic {
        /// Which structure.
        what: &'static str,
    },
    /// One chunk of a batch does not open.
    #[error(
        "chunk {sequence} does not open: it was altered, moved or repeated, or the end is missing"
    )]
    CorruptChunk {
        /// Position of the chunk.
        sequence: u32,
    },
    /// A signature does not verify.
    #[error("the signature of {what} does not verify")]
    BadSignature {
        /// Which structure.
        what: &'static str,
    },
    /// No enrolment in force names the site.
    #[error("site {site} is not enrolled")]
    NotEnrolled {
        /// The site's name.
        site: String,
    },
    /// The custodians have revoked the site.
    #[error("site {site} is revoked")]
    SiteRevoked {
        /// The site's name.
        site: String,
    },
    /// A challenge was made for another enrol request.
    #[error("the challenge was made for another enrol request")]
    ForeignChallenge,
    /// A key package was made for another site.
    #[error("the key package was made for another site")]
    ForeignPackage,
    /// An encoding secret, or a value computed from one, is not the expected one.
    #[error("{what} does not belong to this encoding secret")]
    WrongSecret {
        /// Which value.
        what: &'static str,
    },
    /// A share is not the one that this custodian was given.
    #[error("the share of {custodian} is not the one that was handed over")]
    WrongShare {
        /// Whose share was entered.
        custodian: String,
    },
    /// The token's sessions are all in use.
    #[error("all sessions of the token are in use")]
    SessionLimit,
    /// A document is past its validity, or its validity has not begun.
    #[error("{what} is not valid any more, or not yet")]
    Expired {
        /// Which document.
        what: &'static str,
    },
    /// A bound of [`crate::limits`] was passed.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// An audit proof does not lead from the entry to the checkpoint.
    #[error("the {what} does not hold")]
    BadProof {
        /// Which proof.
        what: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    RandomUnavailable,
    /// A primitive refused to work, which no input explains.
    #[error("the cryptographic library failed to {operation}")]
    Primitive {
        /// What was asked.
        operation: &'static str,
    },
    /// A key file cannot be read or written.
    #[error("cannot {operation} the key file {path}")]
    KeyFile {
        /// What was tried.
        operation: &'static str,
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl CustodyError {
    /// The stable code for callers and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ModuleUnavailable { .. } => "MODULE_UNAVAILABLE",
            Self::TokenNotFound { .. } => "TOKEN_NOT_FOUND",
            Self::TokenAmbiguous { .. } => "TOKEN_AMBIGUOUS",
            Self::WrongPin { .. } => "WRONG_PIN",
            Self::PinLocked { .. } => "PIN_LOCKED",
            Self::BadPinFile | Self::OpenPinFile { .. } => "BAD_PIN_FILE",
            Self::KeyMissing { .. } => "KEY_MISSING",
            Self::KeyMismatch { .. } => "KEY_MISMATCH",
            Self::StillThere { .. } => "KEY_STILL_THERE",
            Self::Token { .. } => "HSM_UNAVAILABLE",
            Self::Profile { .. } => "BAD_PROFILE",
            Self::Malformed { .. } | Self::Vocabulary(_) => "MALFORMED",
            Self::NotAuthentic { .. } => "NOT_AUTHENTIC",
            Self::CorruptChunk { .. } => "CORRUPT_CHUNK",
            Self::BadSignature { .. } => "BAD_SIGNATURE",
            Self::NotEnrolled { .. } => "FOREIGN_SITE",
            Self::SiteRevoked { .. } => "SITE_REVOKED",
            Self::ForeignChallenge => "FOREIGN_CHALLENGE",
            Self::ForeignPackage => "FOREIGN_PACKAGE",
            Self::WrongSecret { .. } => "WRONG_SECRET",
            Self::WrongShare { .. } => "WRONG_SHARE",
            Self::SessionLimit => "SESSION_LIMIT",
            Self::Expired { .. } => "EXPIRED",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::BadProof { .. } => "BAD_PROOF",
            Self::RandomUnavailable => "RANDOM_UNAVAILABLE",
            Self::Primitive { .. } => "PRIMITIVE_FAILED",
            Self::KeyFile { .. } => "KEY_FILE",
        }
    }

    /// What to try.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::ModuleUnavailable { .. } => {
                "install the HSM's PKCS#11 module and correct `module` in the profile"
            }
            Self::TokenNotFound { test: true, .. } => {
                "check the label or serial number, and that the token is connected and initialised; is SOFTHSM2_CONF set and does it name the folder of the tokens?"
            }
            Self::TokenNotFound { test: false, .. } => {
                "check the label or serial number, and that the token is connected and initialised"
            }
            Self::TokenAmbiguous { .. } => "name the token by its serial number",
            Self::WrongPin { .. } => {
                "have the PIN holder check the PIN before the next try: hardware locks or wipes itself"
            }
            Self::PinLocked { .. } => "the security officer must reset the PIN in a ceremony",
            Self::BadPinFile => "write the PIN, and nothing else, on the file's only line",
            Self::OpenPinFile { .. } => {
                "run `chmod 600` on it, and change the PIN if a stranger may have read it"
            }
            Self::KeyMissing { .. } | Self::KeyMismatch { .. } => {
                "check that token and inventory come from the same ceremony"
            }
            Self::StillThere { .. } => {
                "destroy it, and let the ceremony prove it again; until then it counts as alive"
            }
            Self::Token { .. } => {
                "check the HSM and its connection; the work is resumed when it answers"
            }
            Self::Profile { .. } => "correct the profile; the shipped samples are under profiles/",
            Self::Malformed { .. } | Self::Vocabulary(_) | Self::NotAuthentic { .. } => {
                "fetch or make the document again, and compare its digest with the sender's"
            }
            Self::CorruptChunk { .. } => "send the batch again from this chunk on",
            Self::BadSignature { .. } => {
                "check that the signer's key is the one that was enrolled or pinned"
            }
            Self::NotEnrolled { .. } => {
                "enrol the site in a ceremony, have it accept its package, and deploy the new enrolment"
            }
            Self::SiteRevoked { .. } => {
                "a revoked site comes back only with new keys: make them, enrol them in a ceremony, and deploy the new enrolment"
            }
            Self::ForeignChallenge => {
                "send the custodians the present enrol request, and ask for a challenge to it"
            }
            Self::ForeignPackage => {
                "ask the custodians for the package that carries this site's name"
            }
            Self::WrongSecret { .. } => "accept the package of the epoch in force and encode again",
            Self::WrongShare { .. } => {
                "have this custodian compare the sheet with what was typed; another sheet or another custodian's name gives the same"
            }
            Self::SessionLimit => {
                "end other programs that use the token, or correct `sessions` in the profile; nothing was lost"
            }
            Self::Expired { .. } => {
                "check the clock; if it is right, ask the custodians for a new one"
            }
            Self::TooLarge { .. } => "split it",
            Self::BadProof { .. } => {
                "keep the evidence and call the auditor: the log may have been rewritten"
            }
            Self::RandomUnavailable | Self::Primitive { .. } => {
                "restart; if it happens again, replace the machine"
            }
            Self::KeyFile { .. } => "check the path, its owner and its permissions (0600)",
        }
    }
}
