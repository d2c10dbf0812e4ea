//! Stopping a real program at its exit, when everything was dropped and before its memory is taken away.

use nix::{
    sys::{
        ptrace,
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// A process that the kernel will stop at its exit. All of this happens on one thread.
pub(crate) struct Held(Pid);

impl Held {
    pub(crate) fn of(process: u32) -> Self {
        let pid = Pid::from_raw(i32::try_from(process).expect("a process number"));
        ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACEEXIT).expect("seizes");
        Self(pid)
    }

    /// Waits until the process is about to end. Signals on the way are handed on.
    pub(crate) fn until_exit(&self) {
        loop {
            let signal = match waitpid(self.0, None).expect("waits") {
                WaitStatus::PtraceEvent(..) => return,
                WaitStatus::Stopped(_, signal) => Some(signal),
                WaitStatus::PtraceSyscall(_)
                | WaitStatus::Continued(_)
                | WaitStatus::StillAlive => None,
                ended @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => {
                    unreachable!("it stops before it ends: {ended:?}")
                }
            };
            ptrace::cont(self.0, signal).expect("goes on");
        }
    }

    /// Lets it end.
    pub(crate) fn let_go(self) {
        ptrace::detach(self.0, None).expect("goes on");
    }
}
