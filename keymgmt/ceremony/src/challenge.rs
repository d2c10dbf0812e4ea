//! Challenges: before its key is enrolled, a site proves that it holds it.
//!
//! `ceremony challenge` writes two files for each site of a recipe. One goes to the site, which answers it.
//! The other stays with the custodians: it says what the right answer hashes to, and is no secret. With the
//! answer it is named in the environment, and `enrol-site` verifies the two.

use std::path::Path;

use keymgmt_custody::{challenge, site::EnrolRequest};
use linker_token::SiteId;

use crate::{
    environment::Environment,
    error::CeremonyError,
    folder::{self, Readers},
    limits::NOTE_BYTES_MAX,
    recipe::Recipe,
    steps::sites::read_request,
};

const KIND: &str = "musubi/challenge-expected/v1";

/// Writes the challenges of all sites of a recipe into a folder. Returns one line per file.
pub(crate) fn challenges(
    recipe: &Path,
    environment: &Path,
    out: &Path,
) -> Result<Vec<String>, CeremonyError> {
    let recipe = Recipe::load(recipe)?;
    let environment = Environment::load(environment)?;
    let requests = recipe.sites.iter().map(|site| {
        let request = read_request(site, &environment)?;
        Ok((site, request))
    });
    // Nothing is written before every request was read.
    let requests = requests.collect::<Result<Vec<_>, CeremonyError>>()?;
    folder::make(out)?;
    let mut told = Vec::new();
    for (site, request) in requests {
        let issued = challenge::issue(&request, environment.profile.oaep())?;
        let expected = expected(&request, &issued.commitment);
        for (end, text) in [("challenge", &issued.file), ("expected", &expected)] {
            let path = out.join(format!("{site}.{end}"));
            folder::write_new(&path, text.as_bytes(), Readers::Everyone)?;
            told.push(path.display().to_string());
        }
    }
    Ok(told)
}

fn expected(request: &EnrolRequest, commitment: &[u8; 32]) -> String {
    format!(
        "{KIND}\nsite {}\nrequest {}\nanswer-sha256 {}\n",
        request.site,
        hex::encode(request.digest),
        hex::encode(commitment),
    )
}

/// Verifies the answer of a site and returns what it hashes to. `None`: none is named, and only a test
/// profile goes on without.
pub(crate) fn proof(
    site: &SiteId,
    request: &EnrolRequest,
    environment: &Environment,
) -> Result<Option<[u8; 32]>, CeremonyError> {
    let refuse = |rule| CeremonyError::Answer {
        site: site.to_string(),
        rule,
    };
    let Some((expected, answer)) = environment.answers.get(site) else {
        return if environment.profile.is_test() {
            Ok(None)
        } else {
            Err(refuse("the environment names none"))
        };
    };
    let text = folder::read_text(expected, NOTE_BYTES_MAX)?;
    let commitment = commitment_in(&text, request)
        .ok_or_else(|| refuse("what is expected is not what was asked of this request"))?;
    let answer = folder::read_text(answer, NOTE_BYTES_MAX)?;
    challenge::verify(&answer, request, &commitment).map_err(|_source| {
        refuse("it is another challenge's, or the site does not hold the key")
    })?;
    Ok(Some(commitment))
}

/// The hash of the right answer, if the text is of this request.
fn commitment_in(text: &str, request: &EnrolRequest) -> Option<[u8; 32]> {
    let hash = text.lines().last()?.strip_prefix("answer-sha256 ")?;
    let mut commitment = [0; 32];
    hex::decode_to_slice(hash, &mut commitment).ok()?;
    (text == expected(request, &commitment)).then_some(commitment)
}

#[cfg(test)]
mod tests {
    use keymgmt_custody::{Oaep, site::SiteKeys};

    use super::*;

    #[test]
    fn only_the_right_answer_to_this_request_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let site = SiteId::parse("clinic").expect("a name");
        let keys = SiteKeys::generate().expect("keys");
        let other = SiteKeys::generate().expect("keys");
        let text = keys.enrol_request(&site, "test").expect("a request");
        let foreign = other.enrol_request(&site, "test").expect("a request");
        let request = EnrolRequest::parse_verified(&text).expect("verifies");
        let foreign = EnrolRequest::parse_verified(&foreign).expect("verifies");
        let issued = challenge::issue(&request, Oaep::Sha256).expect("issues");
        let answer = keys.answer_challenge(&issued.file, &request);
        let good = expected(&request, &issued.commitment);
        let write = |name: &str, text: &str| std::fs::write(at(name), text).expect("writes");
        write("answer", &answer.expect("answers"));
        write(
            "softhsm2.toml",
            include_str!("../../custody/profiles/softhsm2.toml"),
        );
        let sample = include_str!("../samples/environment.toml");
        let named = "name = \"clinic\"\n";
        let more = format!("{named}expected = \"expected\"\nanswer = \"answer\"\n");
        write("environment.toml", &sample.replace(named, &more));
        let environment = || Environment::load(&at("environment.toml")).expect("loads");
        write("expected", &good);
        let found = proof(&site, &request, &environment()).expect("verifies");
        assert_eq!(found, Some(issued.commitment));
        let refused = |request: &EnrolRequest| {
            let refused = proof(&site, request, &environment()).expect_err("refused");
            assert_eq!(refused.code(), "BAD_ANSWER");
        };
        // Another key's request under the same name.
        refused(&foreign);
        // Another expectation, and texts that are none.
        for text in [
            expected(&request, &[0; 32]),
            good.replace("clinic", "town"),
            format!("{good}\n"),
            String::new(),
        ] {
            write("expected", &text);
            refused(&request);
        }
        // Half of the two names is a mistake; none is for tests only.
        write(
            "environment.toml",
            &sample.replace(named, &format!("{named}answer = \"answer\"\n")),
        );
        assert!(Environment::load(&at("environment.toml")).is_err());
        write("environment.toml", sample);
        assert_eq!(
            proof(&site, &request, &environment()).expect("a test"),
            None
        );
        let earnest = include_str!("../../custody/profiles/softhsm2.toml")
            .replace("test = true", "test = false")
            .replace("\"sha1\"", "\"sha256\"");
        write("softhsm2.toml", &earnest);
        refused(&request);
    }
}
