//! The quorum as a type: a step that needs one takes `&Quorum`, and this is the only way to get it.

use std::collections::BTreeSet;

use crate::{error::CeremonyError, recipe::Recipe};

/// One custodian's statement: "this is the recipe that I reviewed".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub(crate) custodian: String,
    pub(crate) recipe_hash: [u8; 32],
}

/// Proof that enough custodians confirmed one recipe.
#[derive(Debug)]
pub(crate) struct Quorum {
    recipe_hash: [u8; 32],
    present: BTreeSet<String>,
}

impl Quorum {
    /// Checks confirmations against the recipe's custodians and threshold.
    pub(crate) fn of(
        recipe: &Recipe,
        confirmations: &[Confirmation],
    ) -> Result<Self, CeremonyError> {
        let refuse = |rule| CeremonyError::NoQuorum { rule };
        let mut present = BTreeSet::new();
        for confirmation in confirmations {
            if !recipe.custodians.contains(&confirmation.custodian) {
                return Err(refuse(
                    "someone who is not a custodian of the recipe confirmed",
                ));
            }
            if confirmation.recipe_hash != recipe.hash {
                return Err(refuse("a custodian confirmed another recipe"));
            }
            present.insert(confirmation.custodian.clone());
        }
        if present.len() < recipe.threshold {
            return Err(refuse("fewer custodians confirmed than the threshold"));
        }
        Ok(Self {
            recipe_hash: recipe.hash,
            present,
        })
    }

    /// Who confirmed.
    pub(crate) fn present(&self) -> String {
        let names: Vec<_> = self.present.iter().map(String::as_str).collect();
        names.join(" ")
    }

    /// Their names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.present.iter().map(String::as_str)
    }

    /// Refuses another recipe than the confirmed one.
    pub(crate) fn require(&self, recipe: &Recipe) -> Result<(), CeremonyError> {
        if self.recipe_hash == recipe.hash {
            Ok(())
        } else {
            Err(CeremonyError::NoQuorum {
                rule: "the quorum confirmed another recipe",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enough_different_custodians_of_this_recipe_make_a_quorum() {
        let recipe = Recipe::parse(include_str!("../samples/recipe.toml")).expect("parses");
        let confirm = |custodian: &str, recipe_hash| Confirmation {
            custodian: custodian.to_owned(),
            recipe_hash,
        };
        let (a, b) = (
            confirm("custodian-a", recipe.hash),
            confirm("custodian-b", recipe.hash),
        );
        let quorum = Quorum::of(&recipe, &[a.clone(), b.clone()]).expect("two of three");
        assert_eq!(quorum.present(), "custodian-a custodian-b");
        assert!(
            Quorum::of(&recipe, std::slice::from_ref(&a)).is_err(),
            "one"
        );
        assert!(
            Quorum::of(&recipe, &[a.clone(), a.clone()]).is_err(),
            "one twice"
        );
        let stranger = confirm("custodian-x", recipe.hash);
        assert!(Quorum::of(&recipe, &[a.clone(), b, stranger]).is_err());
        let other = confirm("custodian-b", [0; 32]);
        assert!(Quorum::of(&recipe, &[a, other]).is_err(), "another recipe");
    }
}
