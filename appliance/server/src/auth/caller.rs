//! From a verified certificate to a caller with a grant.
//!
//! A certificate is named by its one URI in the subject alternative name. The role comes from the
//! configuration's table keyed by that URI, never from the subject's text.

use std::collections::{BTreeMap, BTreeSet};

use linker_token::{ProjectId, SiteId};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

use crate::{
    auth::roles::{Method, Permission, Role},
    error::ServiceError,
    limits,
};

/// What a caller may act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// One source site.
    Site(SiteId),
    /// A processing service.
    Processing {
        /// The projects whose releases it may make and read.
        projects: BTreeSet<ProjectId>,
        /// Whether it may ask whom a token belongs to that no site uploaded.
        resolve_tokens: bool,
    },
    /// The service as a whole.
    Operator,
    /// One consultation desk, under the name of its keys. It may ask whether a person is in.
    Consultation(SiteId),
}

impl Grant {
    /// The grant's role.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Site(_) => Role::Site,
            Self::Processing { .. } => Role::Processing,
            Self::Operator => Role::Operator,
            Self::Consultation(_) => Role::Consultation,
        }
    }

    /// Whether it has a permission.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        match permission {
            Permission::ResolveTokens => matches!(
                self,
                Self::Processing {
                    resolve_tokens: true,
                    ..
                }
            ),
        }
    }

    /// Whether it allows a method: by its role, and by a permission where the method needs one.
    #[must_use]
    pub fn allows(&self, method: Method) -> bool {
        let role = self.role();
        let needed = method.permission(role);
        method.roles().contains(&role) && needed.is_none_or(|needed| self.has(needed))
    }
}

/// A caller whose certificate was verified and whose URI stands in the table. Only [`Callers`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    uri: String,
    grant: Grant,
}

impl Caller {
    /// The certificate's URI, the actor of audit entries.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What the caller may act for.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The caller's site.
    ///
    /// # Errors
    /// [`ServiceError::NotPermitted`] if the caller is no site.
    pub fn site(&self) -> Result<&SiteId, ServiceError> {
        if let Grant::Site(site) = &self.grant {
            Ok(site)
        } else {
            Err(ServiceError::NotPermitted)
        }
    }

    /// Whether the caller may see releases of `project`.
    #[must_use]
    pub fn has_project(&self, project: &ProjectId) -> bool {
        matches!(&self.grant, Grant::Processing { projects, .. } if projects.contains(project))
    }
}

/// The table of callers.
#[derive(Debug, Clone, Default)]
pub struct Callers {
    grants: BTreeMap<String, Grant>,
}

impl Callers {
    /// Enters a caller; `false` if the URI stands there already.
    pub fn enter(&mut self, uri: String, grant: Grant) -> bool {
        let free = !self.grants.contains_key(&uri);
        if free {
            self.grants.insert(uri, grant);
        }
        free
    }

    /// Every entry, by URI.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Grant)> {
        self.grants.iter().map(|(uri, grant)| (uri.as_str(), grant))
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.grants.len()
    }

    /// Whether no caller is entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// The caller that a verified certificate's URI names.
    ///
    /// # Errors
    /// [`ServiceError::NotPermitted`] if there is no URI, or it is not in the table.
    pub fn identify(&self, uri: Option<&str>) -> Result<Caller, ServiceError> {
        let uri = uri.ok_or(ServiceError::NotPermitted)?;
        let grant = self.grants.get(uri).ok_or(ServiceError::NotPermitted)?;
        Ok(Caller {
            uri: uri.to_owned(),
            grant: grant.clone(),
        })
    }
}

/// The one URI of a certificate, or nothing if it has none, several, or one that is too long.
#[must_use]
pub fn certificate_uri(der: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names.value.general_names.iter().filter_map(|name| {
        if let GeneralName::URI(uri) = name {
            Some(*uri)
        } else {
            None
        }
    });
    let uri = uris.next()?;
    (uris.next().is_none() && uri.len() <= limits::URI_BYTES_MAX).then(|| uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::roles::{Method, authorise};

    fn callers() -> Callers {
        let mut callers = Callers::default();
        let site = SiteId::parse("hospital").expect("a good name");
        let project = ProjectId::parse("study").expect("a good name");
        assert!(callers.enter("spiffe://m/site".into(), Grant::Site(site)));
        for resolve_tokens in [false, true] {
            let grant = Grant::Processing {
                projects: [project.clone()].into(),
                resolve_tokens,
            };
            assert!(callers.enter(format!("spiffe://m/processing/{resolve_tokens}"), grant));
        }
        assert!(callers.enter("spiffe://m/operator".into(), Grant::Operator));
        let desk = SiteId::parse("desk").expect("a good name");
        assert!(callers.enter("spiffe://m/desk".into(), Grant::Consultation(desk)));
        callers
    }

    #[test]
    fn every_cell_of_the_table_holds() {
        for (_, grant) in callers().iter() {
            let caller = Caller {
                uri: String::new(),
                grant: grant.clone(),
            };
            for method in Method::ALL {
                let allowed = authorise(&caller, method).is_ok();
                let without = matches!(
                    grant,
                    Grant::Processing {
                        resolve_tokens: false,
                        ..
                    }
                );
                let cell = method.roles().contains(&grant.role());
                let expected = cell && !(without && method == Method::ResolveToken);
                assert_eq!(allowed, expected, "{} as {grant:?}", method.name());
            }
        }
    }

    #[test]
    fn unknown_certificates_are_nobody() {
        let callers = callers();
        assert!(callers.identify(None).is_err());
        assert!(callers.identify(Some("spiffe://m/site/")).is_err());
        assert!(callers.identify(Some("spiffe://m/SITE")).is_err());
        assert!(callers.identify(Some("spiffe://m/site")).is_ok());
    }

    #[test]
    fn a_certificate_has_one_uri_or_none() {
        let certificate = |uris: &[&str]| {
            let key = rcgen::KeyPair::generate().expect("a key");
            let mut params =
                rcgen::CertificateParams::new(vec!["host.example".into()]).expect("a name");
            for uri in uris {
                let uri = (*uri).try_into().expect("ASCII");
                params.subject_alt_names.push(rcgen::SanType::URI(uri));
            }
            params
                .self_signed(&key)
                .expect("a certificate")
                .der()
                .to_vec()
        };
        assert_eq!(
            certificate_uri(&certificate(&["spiffe://m/a"])).as_deref(),
            Some("spiffe://m/a")
        );
        assert_eq!(certificate_uri(&certificate(&[])), None);
        assert_eq!(
            certificate_uri(&certificate(&["spiffe://m/a", "spiffe://m/b"])),
            None
        );
        let long = format!("spiffe://m/{}", "a".repeat(limits::URI_BYTES_MAX));
        assert_eq!(certificate_uri(&certificate(&[&long])), None);
        assert_eq!(certificate_uri(b"not a certificate"), None);
    }
}
