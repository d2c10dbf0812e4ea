//! What `watch` waits for.

use std::time::Duration;

use serde::Deserialize;

use super::{
    parse::value,
    time::{minute, shown},
};
use crate::{
    error::AgentError,
    limits::{WATCH_EVERY_MINUTES_MAX, WATCH_POLL_MIN, WATCH_SECONDS_MAX, WATCH_TIMES_MAX},
    say,
};

/// What `watch` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Whether a changed source begins a run.
    pub follow: bool,
    /// How often the source is looked at.
    pub poll: Duration,
    /// How long it must have stayed the same.
    pub settle: Duration,
    /// Minutes of the day at which a run begins.
    pub daily_at: Vec<u16>,
    /// Minutes between the beginnings of runs.
    pub every_minutes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawWatch {
    follow: bool,
    poll_seconds: u64,
    settle_seconds: u64,
    daily_at: Vec<String>,
    every_minutes: u32,
}

impl Default for RawWatch {
    fn default() -> Self {
        Self {
            follow: true,
            poll_seconds: 60,
            settle_seconds: 120,
            daily_at: Vec::new(),
            every_minutes: 0,
        }
    }
}

pub(super) fn resolve(raw: &RawWatch) -> Result<Watch, AgentError> {
    let (least, most) = (WATCH_POLL_MIN.as_secs(), WATCH_SECONDS_MAX);
    if !(least..=most).contains(&raw.poll_seconds) {
        let rule = say!("it is {least} to {most}", least = least, most = most);
        return Err(value("watch.poll_seconds", rule));
    }
    if !(least..=most).contains(&raw.settle_seconds) {
        let rule = say!("it is {least} to {most}", least = least, most = most);
        return Err(value("watch.settle_seconds", rule));
    }
    if raw.daily_at.len() > WATCH_TIMES_MAX {
        let rule = say!("there are at most {limit}", limit = WATCH_TIMES_MAX);
        return Err(value("watch.daily_at", rule));
    }
    if raw.every_minutes > WATCH_EVERY_MINUTES_MAX {
        let rule = say!("it is at most {limit}", limit = WATCH_EVERY_MINUTES_MAX);
        return Err(value("watch.every_minutes", rule));
    }
    let daily_at = raw.daily_at.iter().map(|text| {
        // Midnight at the end of a day is the one at the beginning of the next.
        minute("watch.daily_at", text).map(|minute| minute % 1440)
    });
    let watch = Watch {
        follow: raw.follow,
        poll: Duration::from_secs(raw.poll_seconds),
        settle: Duration::from_secs(raw.settle_seconds),
        daily_at: daily_at.collect::<Result<_, _>>()?,
        every_minutes: Some(raw.every_minutes).filter(|&minutes| minutes > 0),
    };
    if !watch.follow && watch.daily_at.is_empty() && watch.every_minutes.is_none() {
        let rule = "without it, watch needs daily_at or every_minutes";
        return Err(value("watch.follow", rule));
    }
    Ok(watch)
}

impl Watch {
    pub(super) fn describe(&self) -> [(&'static str, String); 5] {
        let times: Vec<String> = self.daily_at.iter().copied().map(shown).collect();
        let every = self.every_minutes.unwrap_or(0);
        [
            ("watch.follow", self.follow.to_string()),
            ("watch.poll_seconds", self.poll.as_secs().to_string()),
            ("watch.settle_seconds", self.settle.as_secs().to_string()),
            ("watch.daily_at", format!("{times:?}")),
            ("watch.every_minutes", every.to_string()),
        ]
    }
}
