//! What can go wrong, with a stable code, advice and an exit code.

use std::{io, path::PathBuf};

/// Why a value of the site file is refused. It never repeats the value, which may be hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A character that could end a line or start something else in a rendered file.
    #[error("has a character other than A-Z a-z 0-9 / . _ : -")]
    Character,
    /// Not an absolute, normalised path.
    #[error("is not an absolute path without empty, dot or dash-led parts")]
    Path,
    /// Outside the folders where such a file may lie.
    #[error("lies outside the folders allowed for it")]
    Folder,
    /// Too long.
    #[error("is too long")]
    Length,
    /// Not a host name label.
    #[error("is not a host name of lower-case letters, digits and inner dashes")]
    HostName,
    /// Neither an address nor a network in its simplest form.
    #[error("is not an IP address or a network without host bits")]
    Network,
    /// Not a single address.
    #[error("is not an IP address")]
    Address,
    /// Everything, nothing, multicast or an IPv4 address in IPv6 clothes.
    #[error("is not a plain unicast address or network")]
    Unicast,
    /// Named twice.
    #[error("is named twice")]
    Twice,
    /// Too many entries.
    #[error("has too many entries")]
    Entries,
    /// No entry where one is needed.
    #[error("needs at least one entry")]
    Empty,
    /// A privileged port, or none.
    #[error("is not a port from 1024 to 65535")]
    ListenPort,
    /// No port.
    #[error("is not a port from 1 to 65535")]
    Port,
    /// Outside its range.
    #[error("is out of range")]
    Range,
    /// Not HH:MM.
    #[error("is not a time of day HH:MM")]
    TimeOfDay,
    /// A caller of one address family cannot reach a listener of the other.
    #[error("is of another address family than the listener, so it could never call")]
    Family,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// The site file cannot be read.
    #[error("the site file cannot be read")]
    SiteRead(#[source] io::Error),
    /// The site file is larger than any real one.
    #[error("the site file is larger than {} bytes", crate::limits::SITE_BYTES_MAX)]
    SiteSize,
    /// The site file is no TOML, lacks a key, or has a key that is not known.
    #[error("the site file is not well formed at line {line}")]
    SiteForm {
        /// Line, counted from 1.
        line: usize,
        /// What the parser found.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value is refused.
    #[error("{key} {problem}")]
    Value {
        /// The key, with the position in a list.
        key: String,
        /// Why.
        problem: Problem,
    },
    /// Both listeners on one port: the unit allows ports, not addresses.
    #[error("appliance.grpc_port and appliance.admin_port are the same port")]
    PortCollision,
    /// Neither role, or both.
    #[error("exactly one of appliance.enabled and tokenizer.enabled must be true")]
    Role,
    /// The shipped data are inconsistent.
    #[error("data file {file}: {what}")]
    Catalogue {
        /// The data file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Text cannot be printed.
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
    /// At least one check failed.
    #[error("{failed} of the checks failed")]
    Refused {
        /// How many.
        failed: usize,
    },
    /// At least one check could not be made, and the caller asked for all.
    #[error("{missing} of the checks could not be made")]
    NotChecked {
        /// How many.
        missing: usize,
    },
}

impl FirmwareError {
    /// A stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SiteRead(_) => "SITE_READ",
            Self::SiteSize => "SITE_SIZE",
            Self::SiteForm { .. } => "SITE_FORM",
            Self::Value { .. } => "SITE_VALUE",
            Self::PortCollision => "PORT_COLLISION",
            Self::Role => "ROLE",
            Self::Catalogue { .. } => "CATALOGUE",
            Self::Write { .. } => "WRITE",
            Self::Output(_) => "OUTPUT",
            Self::Refused { .. } => "REFUSED",
            Self::NotChecked { .. } => "NOT_CHECKED",
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::SiteRead(_) => "name an existing, readable file with --site",
            Self::SiteSize => "split the site into hosts, one file each",
            Self::SiteForm { .. } => "compare with samples/site.toml, which has every key",
            Self::Value { .. } => "read the comment on this key in samples/site.toml",
            Self::PortCollision => "give the admin listener a port of its own",
            Self::Role => "run the linkage unit and a site's agent on different hosts",
            Self::Catalogue { .. } => "give every directive a reason and a known threat",
            Self::Write { .. } | Self::Output(_) => "check free space and permissions",
            Self::Refused { .. } => "read the failed checks above",
            Self::NotChecked { .. } => "install systemd and nftables, and run as root",
        }
    }

    /// The exit code: 1 refused, 64 configuration, 69 a needed tool is missing, 74 input or output.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { .. } => 1,
            Self::SiteRead(_)
            | Self::SiteSize
            | Self::SiteForm { .. }
            | Self::Value { .. }
            | Self::PortCollision
            | Self::Role
            | Self::Catalogue { .. } => 64,
            Self::NotChecked { .. } => 69,
            Self::Write { .. } | Self::Output(_) => 74,
        }
    }
}
