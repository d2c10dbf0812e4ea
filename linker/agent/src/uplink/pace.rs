//! How fast bytes may leave: windows of the day with a rate, and a token bucket on the stream below TLS.
//! Time is passed in, so that a test can have its own.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use crate::{
    config::Window,
    limits::{PACE_BURST, PACE_WRITE_BYTES_MIN},
    local::LocalClock,
};

/// What the windows of a day allow.
#[derive(Debug)]
pub(super) struct Pace {
    windows: Vec<Window>,
    clock: LocalClock,
    began: Instant,
    bucket: Mutex<Bucket>,
}

impl Pace {
    /// No pace without windows.
    pub(super) fn of(windows: &[Window], clock: LocalClock) -> Option<Arc<Self>> {
        let windows = windows.to_vec();
        (!windows.is_empty()).then(|| {
            Arc::new(Self {
                windows,
                clock,
                began: Instant::now(),
                bucket: Mutex::default(),
            })
        })
    }

    /// How many of `wanted` bytes may leave now, or how long to wait until some may.
    fn allows(&self, wanted: usize) -> Result<usize, Duration> {
        let minute = self.clock.minute_of_day();
        let Some(rate) = rate_at(&self.windows, minute) else {
            return Ok(wanted);
        };
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.allows(self.began.elapsed(), rate, wanted)
    }

    fn spent(&self, bytes: usize) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.spent(bytes);
    }
}

/// The rate in bytes a second that holds in a minute of the day: the smallest, where windows overlap.
fn rate_at(windows: &[Window], minute: u16) -> Option<u64> {
    let open = windows.iter().filter(|window| window.holds(minute));
    open.map(|window| window.bytes_per_second).min()
}

/// Bytes that may leave. It fills with the rate, up to a quarter of a second's worth, and starts empty,
/// so that a line that breaks again and again gets no more than one that does not.
#[derive(Debug, Default)]
struct Bucket {
    bytes: u64,
    /// Up to when it was filled.
    at: Duration,
}

impl Bucket {
    fn allows(&mut self, now: Duration, rate: u64, wanted: usize) -> Result<usize, Duration> {
        let full = (u128::from(rate) * PACE_BURST.as_nanos() / NANOS).max(1);
        let gained = now.saturating_sub(self.at).as_nanos() * u128::from(rate) / NANOS;
        if u128::from(self.bytes) + gained >= full {
            self.bytes = u64::try_from(full).unwrap_or(u64::MAX);
            self.at = now;
        } else {
            self.bytes += u64::try_from(gained).unwrap_or(0);
            // Only the time of whole bytes is used up, or slow rates would lose the rest each time. It is
            // rounded up, so that many small steps never give more than the rate.
            self.at += nanos((gained * NANOS).div_ceil(u128::from(rate)));
        }
        let wanted = wanted as u64;
        // A few bytes at a time would each pay for a packet.
        let least = wanted
            .min(PACE_WRITE_BYTES_MIN)
            .min(u64::try_from(full).unwrap_or(u64::MAX));
        if self.bytes >= least {
            return Ok(usize::try_from(self.bytes.min(wanted)).unwrap_or(usize::MAX));
        }
        let missing = u128::from(least - self.bytes);
        Err(nanos((missing * NANOS).div_ceil(u128::from(rate))))
    }

    fn spent(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }
}

const NANOS: u128 = 1_000_000_000;

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A connection that keeps the pace.
#[derive(Debug)]
pub(super) struct Paced {
    stream: TcpStream,
    pace: Option<Arc<Pace>>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(super) fn new(stream: TcpStream, pace: Option<Arc<Pace>>) -> Self {
        Self {
            stream,
            pace,
            wait: None,
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let Some(pace) = self.pace.clone() else {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        };
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(cx));
                self.wait = None;
            }
            match pace.allows(bytes.len()) {
                Ok(allowed) => {
                    let written = Pin::new(&mut self.stream).poll_write(cx, &bytes[..allowed]);
                    if let Poll::Ready(Ok(count)) = written {
                        pace.spent(count);
                    }
                    return written;
                }
                Err(pause) => self.wait = Some(Box::pin(sleep(pause))),
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    const KIB: u64 = 1024;

    fn window(from: u16, to: u16, kib: u64) -> Window {
        Window {
            from,
            to,
            bytes_per_second: kib * KIB,
        }
    }

    #[test]
    fn windows_hold_from_their_first_minute_to_before_their_last() {
        let day = [window(8 * 60, 18 * 60, 512), window(12 * 60, 13 * 60, 64)];
        for (minute, kib) in [
            (479, None),
            (480, Some(512)),
            (719, Some(512)),
            (720, Some(64)),
            (779, Some(64)),
            (780, Some(512)),
            (1079, Some(512)),
            (1080, None),
        ] {
            assert_eq!(rate_at(&day, minute), kib.map(|kib| kib * KIB), "{minute}");
        }
        let night = [window(22 * 60, 6 * 60, 16)];
        for (minute, held) in [
            (1319, false),
            (1320, true),
            (0, true),
            (359, true),
            (360, false),
        ] {
            assert_eq!(rate_at(&night, minute).is_some(), held, "{minute}");
        }
    }

    /// Whatever the pattern of asking, no more leaves than the rate and one burst allow, and no less than
    /// the rate when somebody always wants to write.
    #[test]
    fn the_bucket_keeps_its_rate_to_the_byte() {
        for rate in [16 * KIB, 100_003, 512 * KIB, 64 * KIB * KIB] {
            for wanted in [1, 700, 16 * 1024, 1 << 20] {
                let (mut bucket, mut now, mut sent) = (Bucket::default(), Duration::ZERO, 0_u64);
                for _ask in 0..20_000 {
                    match bucket.allows(now, rate, wanted) {
                        Ok(allowed) => {
                            assert!((1..=wanted).contains(&allowed));
                            bucket.spent(allowed);
                            sent += allowed as u64;
                        }
                        Err(pause) => {
                            assert!(!pause.is_zero());
                            now += pause;
                        }
                    }
                }
                let due = now.as_nanos() * u128::from(rate) / NANOS;
                let (sent, slack) = (u128::from(sent), u128::from(wanted as u64) + 4096);
                assert!(sent <= due + 1, "{sent} of {due} at {rate}");
                assert!(sent + slack >= due, "{sent} of {due} at {rate}");
            }
        }
    }

    #[test]
    fn a_rest_fills_the_bucket_to_one_burst_and_no_more() {
        let mut bucket = Bucket::default();
        let day = Duration::from_secs(86_400);
        let burst = 100 * 1024 / 4;
        assert_eq!(bucket.allows(day, 100 * KIB, usize::MAX), Ok(burst));
        bucket.spent(burst);
        assert!(bucket.allows(day, 100 * KIB, 1).is_err());
        // A clock that stands still or goes back gives nothing.
        assert!(bucket.allows(Duration::ZERO, 100 * KIB, 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_keeps_the_pace_of_the_hour() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut receiver, _peer) = listener.accept().await.unwrap();
        // The wall clock of the test: 17:59 until ten seconds have gone by, then 18:00.
        let began = Instant::now();
        let wall = move || Duration::from_secs(17 * 3600 + 59 * 60 + 50) + began.elapsed();
        let clock = LocalClock::new(0, Arc::new(wall));
        let pace = Pace::of(&[window(8 * 60, 18 * 60, 64)], clock);
        let mut paced = Paced::new(sender, pace);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            receiver.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        paced.write_all(&vec![7; 64 * 1024 * 5]).await.unwrap();
        let five = began.elapsed().as_secs_f64();
        assert!(
            (4.9..5.2).contains(&five),
            "{five} s for five seconds' worth"
        );
        paced.write_all(&vec![7; 64 * 1024 * 50]).await.unwrap();
        let all = began.elapsed().as_secs_f64();
        assert!(
            (9.9..10.3).contains(&all),
            "{all} s: free from six o'clock on"
        );
        paced.shutdown().await.unwrap();
        assert_eq!(reading.await.unwrap(), 64 * 1024 * 55);
    }
}
