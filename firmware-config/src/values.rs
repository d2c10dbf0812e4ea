//! Values that may stand in a rendered file: checked once, trusted afterwards.
//!
//! A unit file has no quoting that could be relied on: a line break starts a new directive, `%` a
//! specifier, `$` a variable, `;` a second command in a firewall. Hence a [`Value`] consists of
//! letters, digits and `/ . _ : -` only, and there is no other way to make one.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    error::{FirmwareError, Problem},
    limits::{HOST_NAME_BYTES_MAX, PATH_BYTES_MAX},
};

/// An address family, in the words of nftables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
}

impl Family {
    /// The word that an nftables rule uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
        }
    }
}

/// Text that is safe in every rendered file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value {
    text: String,
    family: Option<Family>,
}

impl Value {
    /// The text as it stands in a file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The address family, where the value is an address or a network.
    pub fn family(&self) -> Option<Family> {
        self.family
    }

    /// A number.
    pub fn number(number: u32) -> Self {
        Self {
            text: number.to_string(),
            family: None,
        }
    }

    /// A host name label (RFC 1123, lower case).
    pub fn host_name(text: &str) -> Result<Self, Problem> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let sound = !text.is_empty()
            && text.len() <= HOST_NAME_BYTES_MAX
            && text.bytes().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if sound {
            Self::plain(text, None)
        } else {
            Err(Problem::HostName)
        }
    }

    /// An absolute path below one of the given folders.
    pub fn path(text: &str, folders: &[&str]) -> Result<Self, Problem> {
        if text.len() > PATH_BYTES_MAX {
            return Err(Problem::Length);
        }
        let value = Self::plain(text, None)?;
        let parts = text.strip_prefix('/').ok_or(Problem::Path)?;
        let sound = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']);
        if text.contains(':') || !parts.split('/').all(sound) {
            return Err(Problem::Path);
        }
        let below = |folder: &&str| {
            text.strip_prefix(*folder)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if folders.iter().any(below) {
            Ok(value)
        } else {
            Err(Problem::Folder)
        }
    }

    /// One address of one machine.
    pub fn address(text: &str) -> Result<Self, Problem> {
        let address: IpAddr = text.parse().map_err(|_ignored| Problem::Address)?;
        Self::checked_address(address)?;
        Self::plain(&address.to_string(), Some(family(address)))
    }

    /// An address, or a network `address/prefix` whose host bits are zero.
    pub fn network(text: &str) -> Result<Self, Problem> {
        let Some((address, prefix)) = text.split_once('/') else {
            let problem = |problem| {
                if problem == Problem::Address {
                    Problem::Network
                } else {
                    problem
                }
            };
            return Self::address(text).map_err(problem);
        };
        let address: IpAddr = address.parse().map_err(|_ignored| Problem::Network)?;
        let sound =
            !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u32 = if sound {
            prefix.parse().map_err(|_ignored| Problem::Network)?
        } else {
            return Err(Problem::Network);
        };
        Self::checked_address(address)?;
        let host_bits = match address {
            IpAddr::V4(v4) if (1..=32).contains(&prefix) => {
                u128::from(v4.to_bits()) & low_bits(32 - prefix)
            }
            IpAddr::V6(v6) if (1..=128).contains(&prefix) => v6.to_bits() & low_bits(128 - prefix),
            IpAddr::V4(_) | IpAddr::V6(_) => return Err(Problem::Network),
        };
        if host_bits != 0 {
            return Err(Problem::Network);
        }
        Self::plain(&format!("{address}/{prefix}"), Some(family(address)))
    }

    /// A time of day `HH:MM`.
    pub fn time_of_day(text: &str) -> Result<Self, Problem> {
        let two_digits = |part: &str, below: u8| {
            part.len() == 2
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse::<u8>().is_ok_and(|n| n < below)
        };
        match text.split_once(':') {
            Some((hour, minute)) if two_digits(hour, 24) && two_digits(minute, 60) => {
                Self::plain(text, None)
            }
            Some(_) | None => Err(Problem::TimeOfDay),
        }
    }

    fn checked_address(address: IpAddr) -> Result<(), Problem> {
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        let refused = address.is_unspecified() || address.is_multicast() || mapped || broadcast;
        if refused {
            Err(Problem::Unicast)
        } else {
            Ok(())
        }
    }

    /// The one place where a value is made out of text.
    fn plain(text: &str, family: Option<Family>) -> Result<Self, Problem> {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:-".contains(&byte);
        if text.is_empty() || !text.bytes().all(safe) {
            return Err(Problem::Character);
        }
        Ok(Self {
            text: text.to_owned(),
            family,
        })
    }
}

fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::Ip,
        IpAddr::V6(_) => Family::Ip6,
    }
}

/// The lowest `count` bits set.
fn low_bits(count: u32) -> u128 {
    u128::MAX.checked_shr(128 - count).unwrap_or(0)
}

/// Named lists of values; a single value is a list of one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Values(BTreeMap<&'static str, Vec<Value>>);

impl Values {
    /// Adds a list.
    pub(crate) fn put(&mut self, name: &'static str, values: Vec<Value>) {
        self.0.insert(name, values);
    }

    /// Adds a single value.
    pub(crate) fn put_one(&mut self, name: &'static str, value: Value) {
        self.put(name, vec![value]);
    }

    /// The list of a name, or nothing where the name is unknown.
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The single value of a name.
    pub fn one(&self, name: &str) -> Option<&Value> {
        match self.list(name) {
            Some([value]) => Some(value),
            Some(_) | None => None,
        }
    }
}

/// Puts the key beside the problem.
pub(crate) fn at(key: impl Into<String>) -> impl FnOnce(Problem) -> FirmwareError {
    let key = key.into();
    move |problem| FirmwareError::Value { key, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Result<String, Problem> {
        Value::network(text).map(|value| value.text)
    }

    #[test]
    fn networks_have_no_host_bits_and_are_not_everything() {
        assert_eq!(network("192.0.2.0/24"), Ok("192.0.2.0/24".into()));
        assert_eq!(network("2001:DB8::/32"), Ok("2001:db8::/32".into()));
        assert_eq!(network("192.0.2.7"), Ok("192.0.2.7".into()));
        assert_eq!(network("192.0.2.7/32"), Ok("192.0.2.7/32".into()));
        for wrong in [
            "192.0.2.1/24",
            "192.0.2.0/33",
            "192.0.2.0/0",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "x",
            "2001:db8::/129",
            "192.0.2.0/024 ",
        ] {
            assert_eq!(network(wrong), Err(Problem::Network), "{wrong}");
        }
        for wrong in [
            "0.0.0.0",
            "0.0.0.0/0",
            "::",
            "::/0",
            "224.0.0.0/4",
            "ff02::1",
            "::ffff:192.0.2.1",
            "255.255.255.255",
        ] {
            assert_eq!(network(wrong), Err(Problem::Unicast), "{wrong}");
        }
    }

    #[test]
    fn paths_stay_below_their_folders() {
        let path = |text: &str| Value::path(text, &["/var/lib", "/srv"]).map(|value| value.text);
        assert_eq!(path("/var/lib/x"), Ok("/var/lib/x".into()));
        for (text, problem) in [
            ("/var/lib", Problem::Folder),
            ("/var/library/x", Problem::Folder),
            ("/etc/x", Problem::Folder),
            ("/var/lib/../../etc/x", Problem::Path),
            ("/var/lib//x", Problem::Path),
            ("/var/lib/x/", Problem::Path),
            ("/var/lib/-x", Problem::Path),
            ("/var/lib/.x", Problem::Path),
            ("/var/lib/a:b", Problem::Path),
            ("var/lib/x", Problem::Path),
            ("/var/lib/%n", Problem::Character),
            ("/var/lib/a b", Problem::Character),
            ("/var/lib/a\nUser=root", Problem::Character),
            ("", Problem::Character),
        ] {
            assert_eq!(path(text), Err(problem), "{text:?}");
        }
        let longest = format!("/srv/{}", "a".repeat(PATH_BYTES_MAX - 5));
        assert!(path(&longest).is_ok());
        assert_eq!(path(&format!("{longest}a")), Err(Problem::Length));
    }

    #[test]
    fn host_names_and_times() {
        assert!(Value::host_name(&"a".repeat(HOST_NAME_BYTES_MAX)).is_ok());
        for wrong in ["", "-a", "a-", "A", "a.b", "a b", "a\n"] {
            assert_eq!(Value::host_name(wrong), Err(Problem::HostName), "{wrong:?}");
        }
        assert_eq!(
            Value::host_name(&"a".repeat(HOST_NAME_BYTES_MAX + 1)),
            Err(Problem::HostName)
        );
        assert!(Value::time_of_day("23:59").is_ok());
        for wrong in [
            "24:00", "00:60", "1:00", "01:0", "+1:00", "01:00:00", "", "0100",
        ] {
            assert_eq!(
                Value::time_of_day(wrong),
                Err(Problem::TimeOfDay),
                "{wrong:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_an_unsafe_value(text in "\\PC*|[\\x00-\\x7f]*|(/srv/|/var/lib/)[\\x00-\\x7f]{0,20}|[0-9./:a-f]{0,20}") {
            let made = [
                Value::host_name(&text),
                Value::path(&text, &["/var/lib", "/srv"]),
                Value::address(&text),
                Value::network(&text),
                Value::time_of_day(&text),
            ];
            for value in made.into_iter().flatten() {
                prop_assert!(!value.text.is_empty());
                prop_assert!(value.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._:-".contains(&b)));
            }
        }
    }
}
