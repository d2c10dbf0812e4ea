//! A pseudo-terminal with the binary at its other end, and somebody who reads and types.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::rig::Room;

/// Longer than any key takes to be made on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    child: Child,
    /// Everything that was ever shown.
    pub(crate) seen: String,
    /// How far it was read.
    read: usize,
}

impl Terminal {
    /// Starts the binary on a terminal.
    pub(crate) fn start(room: &Room, arguments: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let peer = File::from(ioctl_tiocgptpeer(&master, flags).expect("its other end"));
        let end = || Stdio::from(peer.try_clone().expect("clones"));
        let child = room
            .command(arguments)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("the binary runs");
        drop(peer);
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().expect("clones");
        let (send, receive) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The read fails when the other end is closed.
            while let Ok(read @ 1..) = screen.read(&mut buffer) {
                if send.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keyboard,
            screen: receive,
            child,
            seen: String::new(),
            read: 0,
        }
    }

    /// Waits until one of these is shown, and says which and what stood before it. `None` at the end.
    pub(crate) fn wait(&mut self, wanted: &[&str]) -> Option<(usize, String)> {
        let end = Instant::now() + PATIENCE;
        loop {
            let rest = &self.seen[self.read..];
            let found = wanted.iter().enumerate();
            let found = found.filter_map(|(index, text)| Some((rest.find(text)?, index)));
            if let Some((at, index)) = found.min() {
                let before = rest[..at].to_owned();
                self.read += at + wanted[index].len();
                return Some((index, before));
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.child.kill().expect("kills");
                    unreachable!("none of {wanted:?} in {}", self.seen);
                }
            }
        }
    }

    /// Waits for one text.
    pub(crate) fn expect(&mut self, wanted: &str) -> String {
        let found = self.wait(&[wanted]);
        assert!(found.is_some(), "{wanted} in {}", self.seen);
        found.map(|(_, before)| before).unwrap_or_default()
    }

    /// Types a line.
    pub(crate) fn send(&mut self, line: &str) {
        self.keyboard
            .write_all(format!("{line}\n").as_bytes())
            .expect("types");
    }

    /// Reads to the end: everything that was shown, and the exit status.
    pub(crate) fn end(mut self) -> (String, i32) {
        while self.wait(&["\u{0}"]).is_some() {}
        let status = self.child.wait().expect("ends");
        (self.seen, status.code().expect("not killed"))
    }
}
