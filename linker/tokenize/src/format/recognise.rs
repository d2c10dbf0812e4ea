//! Which format a file has, by its bytes alone.

use super::{care, checkup, dicom, dpc, eligibility, fhir, hl7, register, ssmix2, uke};

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident = $tag:literal: $looks:expr,)*) => {
        /// Formats that show themselves. A table does not: any text can be one, and only a mapping tells
        /// what its columns are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum SourceFormat {
            $($(#[$doc])* $name,)*
        }

        impl SourceFormat {
            /// All of them, those first that others could be taken for.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The format's name in a site's configuration.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $tag,)*
                }
            }

            /// Whether a file starts like this format.
            #[must_use]
            pub fn looks_like(self, bytes: &[u8]) -> bool {
                match self {
                    $(Self::$name => $looks(bytes),)*
                }
            }
        }
    };
}

formats! {
    /// An archive of specific health check-ups.
    Checkup = "checkup": checkup::looks_like,
    /// A response of online eligibility checks.
    Eligibility = "eligibility": eligibility::looks_like,
    /// FHIR patients with their coverage.
    Fhir = "fhir": fhir::looks_like,
    /// SS-MIX2 standardized storage: one ADT-00 message. A file of one HL7 message looks the same.
    SsMix2 = "ssmix2": ssmix2::looks_like,
    /// HL7 v2 ADT messages, many in a file.
    Hl7 = "hl7": hl7::looks_like,
    /// Electronic claims (UKE).
    Uke = "uke": uke::looks_like,
    /// DPC Form 1.
    Dpc = "dpc": dpc::looks_like,
    /// Care claims.
    Care = "care": care::looks_like,
    /// An extract of a resident register.
    Register = "register": register::looks_like,
    /// Headers of DICOM objects.
    Dicom = "dicom": dicom::looks_like,
}

impl SourceFormat {
    /// The format that the bytes show.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|format| format.looks_like(bytes))
    }
}
