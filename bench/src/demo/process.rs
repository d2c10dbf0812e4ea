//! Child processes of the demo: started with their messages in a log, their memory watched, and ended
//! by their own number when the demo ends, however it ends.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    process::{Child, Command},
    time::{interval, timeout},
};

use crate::{
    error::{BenchError, file},
    limits::{MEMORY_POLL, STOP_WAIT, TAIL_LINES},
    machine::peak_rss,
};

/// Largest memory by name of process, in bytes.
pub type Peaks = Arc<Mutex<BTreeMap<String, u64>>>;

/// Starts processes and remembers what they needed.
#[derive(Debug, Clone)]
pub struct Crew {
    logs: PathBuf,
    environment: Vec<(String, PathBuf)>,
    peaks: Peaks,
}

impl Crew {
    /// A crew that writes its logs to a folder.
    #[must_use]
    pub fn new(logs: PathBuf) -> Self {
        Self {
            logs,
            environment: Vec::new(),
            peaks: Peaks::default(),
        }
    }

    /// Sets a variable of every process that is started from now on.
    pub fn set(&mut self, name: &str, value: &Path) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Largest memory of each process so far, and of this one.
    #[must_use]
    pub fn peaks(&self) -> BTreeMap<String, u64> {
        let mut peaks = self
            .peaks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        peaks.extend(peak_rss("self").map(|bytes| ("bench".to_owned(), bytes)));
        peaks
    }

    /// Where a process writes its messages.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Runs a program to its end and returns its standard output.
    ///
    /// # Errors
    /// [`BenchError::Child`] if it does not end well.
    pub async fn run(
        &self,
        name: &str,
        program: &Path,
        arguments: &[&str],
    ) -> Result<String, BenchError> {
        let output = self.logs.join(format!("{name}.out"));
        let mut running = self.start(name, program, arguments)?;
        let status = running.wait().await?;
        if status.success() {
            fs::read_to_string(&output).map_err(file(format!("read {}", output.display())))
        } else {
            Err(self.failure(name, status))
        }
    }

    /// Starts a program that goes on by itself.
    ///
    /// # Errors
    /// [`BenchError::Program`] or [`BenchError::File`].
    pub fn start(
        &self,
        name: &str,
        program: &Path,
        arguments: &[&str],
    ) -> Result<Running, BenchError> {
        if !program.exists() {
            return Err(BenchError::Program {
                program: program.to_owned(),
            });
        }
        let make =
            |path: PathBuf| File::create(&path).map_err(file(format!("make {}", path.display())));
        let child = Command::new(program)
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(make(self.logs.join(format!("{name}.out")))?)
            .stderr(make(self.log(name))?)
            // A group of its own: what a terminal sends reaches the demo alone, which ends its children.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(file(format!("start {}", program.display())))?;
        Ok(Running {
            name: name.to_owned(),
            child,
            peaks: self.peaks.clone(),
        })
    }

    /// What went wrong with a process that ended badly.
    #[must_use]
    pub fn failure(&self, name: &str, status: ExitStatus) -> BenchError {
        let log = self.log(name);
        let text = fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        BenchError::Child {
            name: name.to_owned(),
            status: status.to_string(),
            log,
            tail,
        }
    }
}

/// A process that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    peaks: Peaks,
}

impl Running {
    /// Waits for the end, watching the memory.
    ///
    /// # Errors
    /// [`BenchError::File`] if the system cannot say how it ended.
    pub async fn wait(&mut self) -> Result<ExitStatus, BenchError> {
        let mut clock = interval(MEMORY_POLL);
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    return status.map_err(file(format!("wait for {}", self.name)));
                }
                _tick = clock.tick() => self.look(),
            }
        }
    }

    /// Notes the memory that the process has needed so far.
    pub fn look(&self) {
        let peak = self
            .child
            .id()
            .and_then(|number| peak_rss(&number.to_string()));
        if let Some(bytes) = peak {
            let mut peaks = self.peaks.lock().unwrap_or_else(PoisonError::into_inner);
            let known = peaks.entry(self.name.clone()).or_default();
            *known = bytes.max(*known);
        }
    }

    /// Kills the process at once and waits until it is gone.
    ///
    /// # Errors
    /// [`BenchError::File`] if the system cannot say how it ended.
    pub async fn kill(&mut self) -> Result<(), BenchError> {
        let failed = || file(format!("kill {}", self.name));
        self.child.kill().await.map_err(failed())
    }

    /// Whether the process has not ended yet.
    ///
    /// # Errors
    /// [`BenchError::File`] if the system cannot say.
    pub fn is_running(&mut self) -> Result<bool, BenchError> {
        let failed = || file(format!("ask for {}", self.name));
        Ok(self.child.try_wait().map_err(failed())?.is_none())
    }

    /// Asks the process to end, and ends it if it does not.
    ///
    /// # Errors
    /// [`BenchError::File`] if the system cannot say how it ended.
    pub async fn stop(&mut self) -> Result<(), BenchError> {
        self.look();
        let Some(number) = self.child.id() else {
            return Ok(());
        };
        let failed = || file(format!("stop {}", self.name));
        // The shell's own kill: always there, and the number is that of our unreaped child.
        let asked = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -TERM {number}"))
            .status()
            .await;
        asked.map_err(failed())?;
        if timeout(STOP_WAIT, self.child.wait()).await.is_err() {
            self.child.kill().await.map_err(failed())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn a_failing_process_shows_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let crew = Crew::new(folder.path().to_owned());
        let shell = Path::new("/bin/sh");
        runtime().block_on(async {
            let good = crew
                .run("good", shell, &["-c", "echo out; echo err >&2"])
                .await
                .unwrap();
            assert_eq!(good, "out\n");
            let bad = crew
                .run("bad", shell, &["-c", "echo last words >&2; exit 3"])
                .await
                .unwrap_err();
            assert_eq!(bad.code(), "CHILD_FAILED");
            assert!(bad.advice().contains("last words"), "{}", bad.advice());
            let missing = crew
                .run("missing", Path::new("/no/such"), &[])
                .await
                .unwrap_err();
            assert_eq!(missing.code(), "PROGRAM_MISSING");
        });
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let crew = Crew::new(folder.path().to_owned());
        let number = runtime().block_on(async {
            let running = crew
                .start("sleeper", Path::new("/bin/sh"), &["-c", "exec sleep 600"])
                .unwrap();
            running.look();
            running.child.id().unwrap()
        });
        // A kill takes its moment. A zombie has ended: what is left of it waits to be collected.
        let state = || {
            let status = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            status
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .trim_start()
                .to_owned()
        };
        let ended = |state: String| state.is_empty() || state.starts_with('Z');
        let gone = (0..100).any(|_try| {
            runtime().block_on(async { tokio::time::sleep(MEMORY_POLL).await });
            ended(state())
        });
        assert!(gone, "{}", state());
        assert!(crew.peaks().contains_key("sleeper"));
    }
}
