//! The verbs of `appliance audit` and their options.

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    Failure,
    audit::{self, LogArguments},
    exported,
    proved::{self, Against},
    witness::{self, WitnessArguments},
};

#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// Verify the store and its audit log, or an exported log or a proof without the store.
    ///
    /// With --config, the service must be stopped. With --log, --tiles or --proof, nothing of the service is
    /// needed: they are what `appliance audit export` and `appliance audit prove` wrote. Take the audit key
    /// from the ceremony (its file audit.spki), never from whoever hands over the log: a log is only as good
    /// as the key it is verified with.
    #[command(override_usage = "appliance audit verify --config <FILE>\n       \
                                appliance audit verify --log <FILE> --audit-key <FILE> [--origin <NAME>]\n       \
                                appliance audit verify --tiles <FOLDER> --audit-key <FILE> [--origin <NAME>]\n       \
                                appliance audit verify --proof <FILE> --audit-key <FILE> [--origin <NAME>] [--seen <FILE> [--witness <FILE>]]")]
    Verify(VerifyArguments),
    /// Print one entry with its proof, or the proof that the log of a former size is the beginning of this one.
    ///
    /// The service may run. What is printed is the file that `appliance audit verify --proof` reads; the proof
    /// of an entry is a C2SP tlog-proof.
    Prove {
        #[command(flatten)]
        log: LogArguments,
        /// Index of the entry, from 0.
        #[arg(required_unless_present = "from")]
        index: Option<u64>,
        /// Number of entries that the log had.
        #[arg(long, value_name = "SIZE", conflicts_with = "index")]
        from: Option<u64>,
        /// Print an object with the entry in clear.
        #[arg(long, conflicts_with = "from")]
        json: bool,
    },
    /// Write the whole log with its checkpoint to standard output, or into a folder of tiles.
    ///
    /// The service may run.
    Export {
        #[command(flatten)]
        log: LogArguments,
        /// Write C2SP tlog-tiles: hash tiles, entry bundles, checkpoint, and cosigned checkpoints beside them.
        #[arg(long, value_name = "FOLDER")]
        tiles: Option<PathBuf>,
    },
    /// Print size and age of the log, until when its entries must be kept, and which witnesses vouch for it.
    ///
    /// The service may run. Nothing removes entries; the deadline says until when nobody may.
    Status {
        #[command(flatten)]
        log: LogArguments,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Verify a checkpoint that a witness cosigned, and keep it beside the log.
    ///
    /// The service may run. From its next start on it refuses a log that is shorter than what a witness saw.
    Cosign {
        #[command(flatten)]
        log: LogArguments,
        /// The cosigned checkpoint.
        #[arg(long, value_name = "FILE")]
        note: PathBuf,
        /// The witness's verifier key, as the witness published it.
        #[arg(long, value_name = "FILE")]
        witness: PathBuf,
    },
    /// With the old token: end the present audit key. Its last checkpoint names the next key.
    ///
    /// The service must be stopped, and stay so until `take-over`.
    HandOver {
        /// The configuration file with the old token and inventory.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The next audit key (SubjectPublicKeyInfo, DER), from the ceremony that made it.
        #[arg(long, value_name = "FILE")]
        new_key: PathBuf,
    },
    /// With the new token: begin the next audit key. Its first checkpoint names the key before.
    TakeOver {
        /// The configuration file with the new token and inventory.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The audit key before (SubjectPublicKeyInfo, DER).
        #[arg(long, value_name = "FILE")]
        old_key: PathBuf,
    },
    /// As a witness: check that a log only grew, cosign its checkpoint and print it.
    ///
    /// Needs no store: custodians, sites and auditors do it on their own machines.
    Witness(WitnessArguments),
    /// As a witness: make a key. Prints what others verify with.
    WitnessKey {
        /// The witness's name, without spaces.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Where the seed goes; must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["config", "log", "tiles", "proof"])))]
pub(super) struct VerifyArguments {
    /// The configuration file; verifies the store that it names.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An exported log.
    #[arg(long, value_name = "FILE", requires = "audit_key")]
    log: Option<PathBuf>,
    /// A folder of exported tiles.
    #[arg(long, value_name = "FOLDER", requires = "audit_key")]
    tiles: Option<PathBuf>,
    /// A proof.
    #[arg(long, value_name = "FILE", requires = "audit_key")]
    proof: Option<PathBuf>,
    /// The audit key (SubjectPublicKeyInfo, DER): the file audit.spki that the ceremony writes.
    #[arg(long, alias = "key", value_name = "FILE")]
    audit_key: Option<PathBuf>,
    /// Name that the log must have; by default, the one it says it has.
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// A checkpoint that was kept: the proof must be about the log that it signs.
    #[arg(long, value_name = "FILE", requires = "proof")]
    seen: Option<PathBuf>,
    /// The verifier key of the witness that must have cosigned it.
    #[arg(long, value_name = "FILE", requires = "seen")]
    witness: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(verb: AuditVerb) -> Result<(), Failure> {
    match verb {
        AuditVerb::Verify(arguments) => verify(&arguments),
        AuditVerb::Prove {
            log,
            index,
            from,
            json,
        } => match (index, from) {
            (Some(index), _) => audit::prove_entry(&log, index, json),
            (None, Some(from)) => audit::prove_growth(&log, from),
            (None, None) => Err(Failure::usage("name an entry or a former size")),
        },
        AuditVerb::Export { log, tiles } => audit::export(&log, tiles.as_deref()),
        AuditVerb::Status { log, json } => audit::state(&log, json),
        AuditVerb::Cosign { log, note, witness } => audit::cosign(&log, &note, &witness),
        AuditVerb::HandOver { config, new_key } => audit::hand_over(&config, &new_key),
        AuditVerb::TakeOver { config, old_key } => audit::take_over(&config, &old_key),
        AuditVerb::Witness(arguments) => witness::cosign(&arguments),
        AuditVerb::WitnessKey { name, out } => witness::key(&name, &out),
    }
}

fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    if let Some(config) = &arguments.config {
        return audit::verify(config);
    }
    let origin = arguments.origin.as_deref();
    let nothing = || Failure::usage("name a configuration, an exported log or a proof");
    let key = arguments.audit_key.as_deref().ok_or_else(nothing)?;
    if let Some(log) = &arguments.log {
        exported::verify(log, key, origin)
    } else if let Some(tiles) = &arguments.tiles {
        proved::tiles(tiles, key, origin)
    } else if let Some(file) = &arguments.proof {
        let against = Against {
            origin,
            seen: arguments.seen.as_deref(),
            witness: arguments.witness.as_deref(),
        };
        proved::proof(file, key, &against)
    } else {
        Err(nothing())
    }
}
