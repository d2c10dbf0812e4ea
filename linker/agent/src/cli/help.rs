//! Parses the command line and says in the user's language what is wrong with it.

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, Command, CommandFactory as _, FromArgMatches as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    Cli,
    words::{ABOUT, AFTER, USAGE, VALUES, WORDS},
};
use crate::{language::Language, say, say::Say};

/// The command line ended before a verb began: help, version, or a mistake.
#[derive(Debug)]
pub struct Stop {
    /// What to print.
    pub text: String,
    /// Exit code: 0 after help, 2 after a mistake. Text of a mistake belongs on standard error.
    pub exit: u8,
}

/// Parses arguments, the program's name first.
///
/// # Errors
/// What is to be printed instead of working.
pub fn parse(args: &[OsString], language: Language) -> Result<Cli, Stop> {
    let mut command = command(language);
    let matches = command.try_get_matches_from_mut(args);
    let parsed = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| Stop {
        exit: if error.use_stderr() { 2 } else { 0 },
        text: match language {
            Language::En => error.render().to_string(),
            Language::Ja => japanese(&error),
        },
    })
}

/// The command line with its help in a language.
#[must_use]
pub fn command(language: Language) -> Command {
    let command = Cli::command();
    match language {
        Language::En => command,
        Language::Ja => localise(command.about(ABOUT).after_help(AFTER), ""),
    }
}

fn localise(command: Command, verb: &str) -> Command {
    let root = verb.is_empty();
    let about = word("", verb).map(str::to_owned);
    let mut command = command
        .help_template("{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}")
        .subcommand_help_heading("コマンド")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help),
        );
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(after) = word("", &format!("{verb}.after")) {
        command = command.after_help(after);
    }
    if root {
        let version = Arg::new("version").short('V').long("version");
        command = command.arg(version.action(ArgAction::Version));
    }
    command = command.mut_args(|arg| {
        let heading = if arg.is_positional() {
            "引数"
        } else {
            "オプション"
        };
        let help = word(verb, arg.get_id().as_str()).unwrap_or_default();
        let named = arg.get_action().takes_values();
        let values = arg.get_value_names().unwrap_or_default().first();
        let value = values.and_then(|name| value_name(name)).filter(|_| named);
        let arg = arg.help(help).help_heading(heading);
        match value {
            Some(value) => arg.value_name(value),
            None => arg,
        }
    });
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        localise(verb, &name)
    })
}

/// The Japanese word for a verb (`verb` is empty), or for an argument of a verb.
fn word(verb: &str, id: &str) -> Option<&'static str> {
    let find = |key: &str| {
        WORDS
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, word)| *word)
    };
    if verb.is_empty() && !id.is_empty() && find(id).is_some() {
        return find(id);
    }
    find(&format!("{verb}.{id}")).or_else(|| find(&format!("*.{id}")))
}

fn value_name(name: &str) -> Option<&'static str> {
    VALUES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, word)| *word)
}

/// Text of the parser in Japanese: help as it is rendered, mistakes by their kind.
fn japanese(error: &clap::Error) -> String {
    let mut text = if error.use_stderr()
        && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        let usage = match error.get(ContextKind::Usage) {
            Some(ContextValue::StyledStr(usage)) => format!("\n{usage}\n"),
            Some(_) | None => String::new(),
        };
        let hint = "\n詳しくは --help を付けて実行してください。\n";
        let said = say!("usage error: {what}", what = mistake(error));
        said.line(Language::Ja) + &usage + hint
    } else {
        error.render().to_string()
    };
    for (english, word) in USAGE {
        text = text.replace(english, word);
    }
    text
}

/// What is wrong, by the kind of mistake.
fn mistake(error: &clap::Error) -> Say {
    let of = |kind| match error.get(kind) {
        Some(ContextValue::String(one)) => one.clone(),
        Some(ContextValue::Strings(many)) => many.join(" "),
        Some(_) | None => String::new(),
    };
    let argument = of(ContextKind::InvalidArg);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enum is open; other mistakes are told in one sentence"
    )]
    match error.kind() {
        ErrorKind::UnknownArgument => say!("unknown argument {argument}", argument = argument),
        ErrorKind::InvalidSubcommand => {
            say!(
                "unknown command {command}",
                command = of(ContextKind::InvalidSubcommand)
            )
        }
        ErrorKind::MissingRequiredArgument => {
            say!("missing argument {argument}", argument = argument)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => say!(
            "value {value} cannot be used for {argument}",
            value = of(ContextKind::InvalidValue),
            argument = argument
        ),
        ErrorKind::ArgumentConflict => say!(
            "argument {argument} stands twice or beside one that excludes it",
            argument = argument
        ),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            say!(
                "argument {argument} has the wrong number of values",
                argument = argument
            )
        }
        _ => say!("the command line cannot be understood"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_japanese(text: &str) -> bool {
        text.chars().any(|c| ('\u{3040}'..='\u{9fff}').contains(&c))
    }

    /// Every verb and argument of the English command line, as keys of the Japanese words.
    fn visit(command: &Command, verb: &str, seen: &mut Vec<String>) {
        if !verb.is_empty() && command.get_after_help().is_some() {
            let key = format!("{verb}.after");
            assert!(has_japanese(word("", &key).unwrap_or_default()), "{key}");
            seen.push(key);
        }
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let id = arg.get_id().as_str();
            assert!(
                has_japanese(word(verb, id).unwrap_or_default()),
                "{verb}.{id} has no Japanese text"
            );
            seen.push(format!("{verb}.{id}"));
            seen.push(format!("*.{id}"));
            for name in arg.get_value_names().unwrap_or_default() {
                let takes = arg.get_action().takes_values();
                assert!(
                    !takes || value_name(name).is_some(),
                    "{name} has no Japanese word"
                );
            }
        }
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            assert!(
                has_japanese(word("", name).unwrap_or_default()),
                "{name} has no Japanese text"
            );
            seen.push(name.to_owned());
            visit(verb, name, seen);
        }
    }

    #[test]
    fn every_verb_and_argument_has_a_japanese_text() {
        let mut seen = vec!["*.help".to_owned(), "*.version".to_owned()];
        visit(&Cli::command(), "", &mut seen);
        for (key, _) in WORDS {
            assert!(
                seen.iter().any(|seen| seen == key),
                "{key} belongs to nothing"
            );
        }
    }

    #[test]
    fn the_japanese_command_line_is_sound() {
        command(Language::Ja).debug_assert();
        command(Language::En).debug_assert();
    }

    #[test]
    fn japanese_help_has_no_english_words() {
        let mut commands = vec![vec!["tokenizer"]];
        let english = Cli::command();
        for verb in english.get_subcommands() {
            commands.push(vec!["tokenizer", verb.get_name()]);
        }
        for mut args in commands {
            args.push("--help");
            let args: Vec<_> = args.iter().map(OsString::from).collect();
            let stop = parse(&args, Language::Ja).unwrap_err();
            assert_eq!(stop.exit, 0);
            for word in [
                "Usage",
                "Options",
                "Commands",
                "Arguments",
                "Print",
                "default:",
                "possible",
            ] {
                assert!(
                    !stop.text.contains(word),
                    "{args:?}: {word} in\n{}",
                    stop.text
                );
            }
            assert!(stop.text.contains("使い方:"), "{}", stop.text);
        }
    }

    #[test]
    fn mistakes_are_told_in_both_languages() {
        for (args, expected) in [
            (&["run"][..], "--config"),
            (&["run", "--nonsense"], "--nonsense"),
            (&["nonsense"], "nonsense"),
            (&["--lang", "de", "status", "--config", "x"], "de"),
            (&["init", "--from"], "--from"),
            (&[], "コマンド"),
        ] {
            let args: Vec<_> = ["tokenizer"]
                .iter()
                .chain(args)
                .map(OsString::from)
                .collect();
            let stop = parse(&args, Language::Ja).unwrap_err();
            assert_eq!(stop.exit, 2, "{args:?}");
            assert!(stop.text.contains(expected), "{args:?}: {}", stop.text);
            assert!(
                has_japanese(&stop.text) && !stop.text.contains("error"),
                "{}",
                stop.text
            );
            assert_eq!(parse(&args, Language::En).unwrap_err().exit, 2);
        }
    }
}
