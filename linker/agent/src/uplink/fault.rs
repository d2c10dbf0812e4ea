//! What a failed connection or call means for the site.

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    error::{AgentError, Fault},
    limits::REMOTE_TEXT_CHARS_MAX,
    say,
};

/// The meaning of an error of our own TLS stack.
pub(super) fn of_tls(error: &TlsError) -> (Fault, &'static str) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enums are open; every other case is a broken conversation"
    )]
    match error {
        TlsError::InvalidCertificate(reason) => (Fault::ServerUntrusted, server_rule(reason)),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::PeerIncompatible(_) => (Fault::TlsRefused, "its TLS version or key exchange"),
        TlsError::InvalidMessage(_) | TlsError::PeerMisbehaved(_) => {
            (Fault::TlsRefused, "what answers does not speak TLS")
        }
        _ => (Fault::TlsRefused, ""),
    }
}

fn server_rule(reason: &CertificateError) -> &'static str {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enum is open; the chain names the other cases"
    )]
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "it is from another issuer"
        }
        _ => "it is not usable",
    }
}

fn of_alert(alert: AlertDescription) -> (Fault, &'static str) {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's enum is open; every other alert ends the conversation alike"
    )]
    match alert {
        AlertDescription::CertificateExpired => (Fault::CertificateRefused, "it has expired"),
        AlertDescription::CertificateRevoked => (Fault::CertificateRefused, "it is revoked"),
        AlertDescription::UnknownCA => (Fault::CertificateRefused, "it is from another issuer"),
        AlertDescription::CertificateRequired => (Fault::CertificateRefused, "none was sent"),
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => (Fault::CertificateRefused, "it is not usable"),
        _ => (Fault::TlsRefused, "the appliance ended the handshake"),
    }
}

/// The meaning of a failed call to `address`.
pub(super) fn of_status(status: &Status, address: &str) -> AgentError {
    // A status that came over the wire has no source; one made on this side has.
    if let Some(cause) = status.source() {
        return AgentError::new(Fault::Unreachable, address).because(first_cause(cause));
    }
    let Some(info) = status.get_details_error_info() else {
        return AgentError::new(of_code(status.code()), shorten(status.message()));
    };
    let fault = of_reason(&info.reason).unwrap_or_else(|| of_code(status.code()));
    let detail = shorten(&format!("{}: {}", info.reason, status.message()));
    let error = AgentError::new(fault, detail).with_reason(&shorten(&info.reason));
    if fault == Fault::SiteRevoked {
        // The table's advice is in the clerk's language and says what to do here.
        return error;
    }
    match info.metadata.get("advice") {
        Some(advice) => error.advise(shorten(advice)),
        None => error,
    }
}

/// The same for a connection that was made and ended before the appliance's first word. In TLS 1.3 it
/// judges this side's certificate at that moment, and its alert can be lost on the way.
pub(super) fn closed(error: AgentError) -> AgentError {
    if error.fault() != Fault::Unreachable {
        return error;
    }
    error
        .worded(say!(
            "the appliance closes the connection (is this site's certificate its own and still valid?)"
        ))
        .advise(say!(
            "check appliance.certificate and appliance.address, then run again; what is sealed is kept"
        ))
}

/// The text of the innermost error: the layers around it only repeat that the connection broke.
fn first_cause(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(inner) = error.source() {
        error = inner;
    }
    error.to_string()
}

/// Reasons that mean the same as a fault which this side can find by itself.
fn of_reason(reason: &str) -> Option<Fault> {
    match reason {
        "WRONG_PROJECT" => Some(Fault::WrongProject),
        "WRONG_EPOCH" | "WRONG_SECRET" => Some(Fault::WrongEpoch),
        "WRONG_SCHEMA" => Some(Fault::WrongSchema),
        "SITE_REVOKED" => Some(Fault::SiteRevoked),
        _ => None,
    }
}

fn of_code(code: Code) -> Fault {
    match code {
        // Too much at once or no room: the appliance will have room again.
        Code::Unavailable | Code::ResourceExhausted => Fault::Unavailable,
        Code::DeadlineExceeded | Code::Cancelled => Fault::Unreachable,
        Code::PermissionDenied | Code::Unauthenticated => Fault::RemoteForbidden,
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange => Fault::RemoteRefused,
        Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
            Fault::RemoteFailed
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(REMOTE_TEXT_CHARS_MAX).collect()
}
