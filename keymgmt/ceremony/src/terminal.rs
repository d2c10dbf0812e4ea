//! The terminal: lines with and without echo, and a screen that is wiped.
//!
//! Lines are read from the terminal itself and written to it, not through the standard library's buffers,
//! which would keep what was typed and shown.

use std::io::IsTerminal as _;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::{
    error::CeremonyError,
    limits::TYPED_BYTES_MAX,
    say::{Language, Text},
};

/// Cursor home, screen cleared, and the lines above it too.
const WIPE: &str = "\u{1b}[H\u{1b}[2J\u{1b}[3J";

/// A terminal on which people are asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    pub(crate) language: Language,
}

impl Terminal {
    /// The terminal of this process, for input and output.
    pub(crate) fn open(language: Language) -> Result<Self, CeremonyError> {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            Ok(Self { language })
        } else {
            Err(CeremonyError::NoTerminal)
        }
    }

    /// Says a sentence.
    pub(crate) fn say(self, text: Text, values: &[(&str, &str)]) -> Result<(), CeremonyError> {
        self.show(&text.fill(self.language, values))
    }

    /// Shows a line as it is.
    pub(crate) fn show(self, line: &str) -> Result<(), CeremonyError> {
        self.write(line)?;
        self.write("\n")
    }

    /// Wipes the screen.
    pub(crate) fn wipe(self) -> Result<(), CeremonyError> {
        self.write(WIPE)
    }

    /// Asks for a line that everybody may see.
    pub(crate) fn ask(self, text: Text, values: &[(&str, &str)]) -> Result<String, CeremonyError> {
        self.write(&text.fill(self.language, values))?;
        Ok(line()?.trim().to_owned())
    }

    /// Asks for a line that nobody sees. What was typed before the question is thrown away.
    pub(crate) fn ask_hidden(
        self,
        text: Text,
        values: &[(&str, &str)],
    ) -> Result<Zeroizing<String>, CeremonyError> {
        let hidden = Hidden::begin()?;
        self.write(&text.fill(self.language, values))?;
        let typed = line();
        drop(hidden);
        self.write("\n")?;
        let typed = typed?;
        // The interrupt key does not end the program here, for it would leave a terminal without echo.
        if typed.contains(char::is_control) {
            return Err(CeremonyError::OnBreak);
        }
        Ok(typed)
    }

    #[expect(clippy::unused_self, reason = "who has a terminal may write to it")]
    fn write(self, text: &str) -> Result<(), CeremonyError> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(std::io::stdout(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => {}
                Err(_closed) => return Err(CeremonyError::NoTerminal),
            }
        }
        Ok(())
    }
}

/// Echo is off for as long as this lives.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> Result<Self, CeremonyError> {
        let terminal = std::io::stdin();
        let before = tcgetattr(&terminal).map_err(|_errno| CeremonyError::NoTerminal)?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        let set = tcsetattr(&terminal, OptionalActions::Flush, &silent);
        set.map_err(|_errno| CeremonyError::NoTerminal)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Without its terminal the program ends at the next question anyway.
        let _gone = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// One line, without its end.
fn line() -> Result<Zeroizing<String>, CeremonyError> {
    let mut buffer = Zeroizing::new([0_u8; TYPED_BYTES_MAX]);
    let read = loop {
        match rustix::io::read(std::io::stdin(), &mut buffer[..]) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) | Err(_) => return Err(CeremonyError::NoTerminal),
            Ok(read) => break read,
        }
    };
    let typed = std::str::from_utf8(&buffer[..read]).unwrap_or("\u{fffd}");
    let typed = typed.trim_end_matches(['\r', '\n']);
    let mut line = Zeroizing::new(String::with_capacity(TYPED_BYTES_MAX));
    line.push_str(typed);
    Ok(line)
}
