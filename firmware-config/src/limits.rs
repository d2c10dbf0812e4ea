//! Every bound of this package.

/// Bytes of a site file. The sample is 4 KiB; a thousand networks of 50 bytes each add 50 KiB, for four lists.
pub const SITE_BYTES_MAX: u64 = 256 * 1024;

/// Entries of one list in a site file: a national system has hundreds of source sites behind shared gateways.
pub const LIST_ENTRIES_MAX: usize = 1024;

/// Bytes of a path in a site file; Linux allows 4,096, a unit line stays readable below this.
pub const PATH_BYTES_MAX: usize = 200;

/// Bytes of a host name label (RFC 1035, section 2.3.4).
pub const HOST_NAME_BYTES_MAX: usize = 63;

/// The lowest port that needs no capability (`CAP_NET_BIND_SERVICE`) to listen on.
pub const LISTEN_PORT_MIN: u16 = 1024;

/// GiB of memory that a unit may be given.
pub const MEMORY_GIB_MAX: u32 = 4096;

/// New connections a minute from one address: a hundred a second is far above what an agent needs.
pub const CONNECTIONS_PER_MINUTE_MAX: u32 = 6000;

/// Minutes of random delay of the agent's timer: half a day.
pub const DELAY_MINUTES_MAX: u32 = 720;

/// Highest exposure that a service may have, in tenths of `systemd-analyze security`'s scale of 0 to 10.
pub const EXPOSURE_TENTHS_MAX: u32 = 20;

/// Shortest reason that says anything, in characters.
pub const REASON_CHARS_MIN: usize = 12;

const _: () = assert!(SITE_BYTES_MAX > 4 * 50 * 1024 && LIST_ENTRIES_MAX == 1024);
const _: () = assert!(EXPOSURE_TENTHS_MAX <= 100);
