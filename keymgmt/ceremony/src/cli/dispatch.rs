//! From verbs to what they do.

use std::collections::BTreeMap;

use super::{Arguments, Place, PlanArguments, Remark, TranscriptVerb, Verb, Voice};
use crate::{
    booklet::{self, TokenName, Where},
    challenge, check,
    clock::Clock,
    environment::{Environment, TokenPlace},
    error::CeremonyError,
    folder,
    print::{booklet_markdown, booklet_pdf},
    receipt,
    recipe::Recipe,
    rehearse, resume, start,
    steps::{elsewhere, sites},
    terminal::Terminal,
    transcript, verify_share,
};

impl Arguments {
    /// Runs the verb; the result is for standard output.
    pub(crate) fn run(self, clock: Clock) -> Result<String, CeremonyError> {
        match self.verb {
            Verb::Plan(arguments) => arguments.run(clock),
            Verb::Rehearse { recipe, place } => {
                rehearse::rehearse(&recipe, &place.environment, &place.out, clock)?;
                Ok(format!("{}\n", place.out.display()))
            }
            Verb::Run {
                recipe,
                place,
                voice,
            } => {
                let talk = voice.talk(false)?;
                start::start(&recipe, &place.environment, &place.out, clock, talk)?;
                Ok(format!("{}\n", place.out.display()))
            }
            Verb::Resume { place, voice } => {
                let talk = |silent| voice.talk(silent);
                resume::resume(&place.environment, &place.out, clock, talk)?;
                Ok(format!("{}\n", place.out.display()))
            }
            Verb::Abort(Remark {
                place,
                remark,
                voice,
            }) => {
                let talk = |silent| voice.talk(silent);
                resume::abort(&place.environment, &place.out, clock, &remark, talk)
            }
            Verb::Exception(remark) => remark.note(clock, transcript::EXCEPTION, UNPLANNED),
            Verb::Break(remark) => remark.note(clock, "break", BREAK),
            Verb::VerifyShare {
                out,
                custodian,
                share,
                voice,
            } => verify_share::verify_share(&out, &custodian, share.as_deref(), || {
                Terminal::open(voice.language())
            }),
            Verb::Challenge {
                recipe,
                environment,
                out,
            } => Ok(joined(&challenge::challenges(&recipe, &environment, &out)?)),
            Verb::Receipt {
                place,
                voice,
                files,
            } => {
                let talk = |silent| voice.talk(silent);
                let sites = receipt::receipts(&place.environment, &place.out, &files, clock, talk)?;
                let enrolled = sites.iter().map(|site| format!("enrolled {site}\n"));
                Ok(enrolled.collect())
            }
            Verb::Transcript { verb } => verb.run(clock),
            Verb::Inventory { place } => {
                let talk = Voice { language: None }.talk_if_possible();
                Ok(joined(&check::inventory(
                    &place.environment,
                    &place.out,
                    &talk,
                )?))
            }
            Verb::Attest { place, voice } => attest(place, clock, voice),
            Verb::Elsewhere { environment } => {
                elsewhere::serve(&environment)?;
                Ok(String::new())
            }
            Verb::Selftest { environment } => {
                let talk = Voice { language: None }.talk_if_possible();
                Ok(joined(&check::selftest(&environment, &talk)?))
            }
        }
    }
}

const UNPLANNED: &str = "something unplanned happened";
const BREAK: &str = "the ceremony has a break";

impl TranscriptVerb {
    fn run(self, clock: Clock) -> Result<String, CeremonyError> {
        match self {
            Self::Verify { file, csk } => {
                let summary = transcript::verify(&file, &folder::read_bytes(&csk)?)?;
                let (lines, closings) = (summary.lines, summary.closings);
                let mut told = format!("whole: {lines} lines, {closings} signed closings\n");
                for line in summary.set_aside {
                    told.push_str(&format!(
                        "EXCEPTION in line {line}: an unsigned end was set aside and does not count\n"
                    ));
                }
                for line in summary.exceptions {
                    told.push_str(&format!("EXCEPTION in line {line}: read it\n"));
                }
                Ok(told)
            }
            Self::Sign { place, voice } => {
                let talk = |_| Ok(voice.talk_if_possible());
                resume::sign(&place.environment, &place.out, clock, talk)?;
                Ok("the record is signed to its last line\n".to_owned())
            }
        }
    }
}

impl PlanArguments {
    fn run(self, clock: Clock) -> Result<String, CeremonyError> {
        let recipe = Recipe::load(&self.recipe)?;
        let environment = self.environment.as_deref().map(Environment::load);
        let environment = environment.transpose()?;
        if let Some((environment, out)) = environment.as_ref().zip(self.out) {
            let actions = start::plan_for(&recipe, environment, &out, clock)?;
            let numbered = (1..).zip(actions);
            let lines = numbered.map(|(number, action)| format!("{number}. {action}\n"));
            return Ok(lines.collect());
        }
        let prints = match &environment {
            Some(environment) => sites::fingerprints(&recipe, environment)?,
            None => BTreeMap::new(),
        };
        let place = environment.as_ref().map(|environment| Where {
            profile: environment.profile.name(),
            custody: printed(&environment.custody),
            appliance: printed(&environment.appliance),
            fingerprints: prints
                .iter()
                .map(|(site, print)| (site.as_str(), print.as_str()))
                .collect(),
        });
        let mut booklet = booklet::of_recipe(&recipe, place.as_ref());
        booklet.rehearsal = environment.is_some_and(|environment| environment.profile.is_test());
        let language = self.voice.language().printed();
        let Some(file) = self.pdf else {
            return Ok(booklet_markdown(&booklet, language));
        };
        folder::write_new(
            &file,
            &booklet_pdf(&booklet, language)?,
            folder::Readers::Everyone,
        )?;
        Ok(format!("{}\n", file.display()))
    }
}

/// A token as the booklet names it.
fn printed(place: &TokenPlace) -> TokenName<'_> {
    TokenName {
        label: &place.label,
        serial: place.serial.as_deref(),
    }
}

/// Uses every key, and writes down that it did.
fn attest(place: Place, clock: Clock, voice: Voice) -> Result<String, CeremonyError> {
    let talk = voice.talk_if_possible();
    let lines = check::inventory(&place.environment, &place.out, &talk)?;
    let right = format!("{} keys answer as listed", lines.len());
    let remark = Remark {
        place,
        remark: "every key was used".to_owned(),
        voice,
    };
    remark.note(clock, "attest", &right)?;
    Ok(joined(&lines))
}

impl Remark {
    /// Writes the remark into the record.
    fn note(&self, clock: Clock, step: &str, what: &str) -> Result<String, CeremonyError> {
        if self.remark.contains(char::is_control) {
            return Err(CeremonyError::Config {
                file: "the remark",
                rule: "it must be one line".to_owned(),
            });
        }
        let talk = |_| Ok(self.voice.talk_if_possible());
        let line = (step, what, self.remark.as_str());
        let Place { environment, out } = &self.place;
        resume::mark(environment, out, clock, line, talk)?;
        Ok("it is in the record\n".to_owned())
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
