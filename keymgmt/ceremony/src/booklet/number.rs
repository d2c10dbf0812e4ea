//! Which step of the printed booklet an action is.

use crate::{
    plan::{Action, Which},
    print::{Booklet, Step},
};

/// An action's first step in the booklet, and its number, counted through all sections.
pub(crate) fn number<'a>(booklet: &'a Booklet, action: &Action) -> Option<(usize, &'a Step)> {
    let title = format!("({})", action.step());
    let name = match action {
        Action::TokenInit(Which::Custody) => "custody".to_owned(),
        Action::TokenInit(Which::Appliance) => "appliance".to_owned(),
        Action::Generate(_, key) | Action::Rotate(key) => key.to_uppercase(),
        Action::EnrolSite(site) | Action::Issue(site) | Action::RevokeSite(site) => {
            site.to_string()
        }
        Action::Adopt
        | Action::Backup
        | Action::Restore
        | Action::Reshare
        | Action::Destroy
        | Action::Publish => String::new(),
    };
    let mut number = 0;
    for section in &booklet.sections {
        if section.title.english.ends_with(&title) {
            // The first step of every section is the video mark.
            let mut steps = section.steps.iter().enumerate().skip(1);
            let names = |step: &Step| {
                let mut words = step.text.english.split([' ', ':', ',']);
                name.is_empty() || words.any(|word| word == name)
            };
            return steps
                .find(|(_, step)| names(step))
                .map(|(index, step)| (number + index + 1, step));
        }
        number += section.steps.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        booklet::of_recipe,
        print::{Language, booklet_markdown},
        recipe::Recipe,
    };

    const SAMPLE: &str = include_str!("../../samples/recipe.toml");

    #[test]
    fn actions_have_the_numbers_of_the_printed_steps() {
        let recipe = Recipe::parse(SAMPLE).expect("parses");
        let booklet = of_recipe(&recipe, None);
        let printed = booklet_markdown(&booklet, Language::English);
        for (action, words) in [
            (Action::TokenInit(Which::Appliance), "The appliance token"),
            (Action::Generate(Which::Custody, "lek"), "LEK is generated"),
            (
                Action::Generate(Which::Appliance, "ask"),
                "ASK is generated",
            ),
            (Action::Backup, "The backup key BK"),
            (
                Action::Issue(recipe.sites[1].clone()),
                "hospital: the package",
            ),
        ] {
            let (number, _) = number(&booklet, &action).expect("printed");
            let line = printed.lines().find(|line| line.contains(words));
            let line = line.expect("printed");
            assert!(line.contains(&format!(" {number}. ")), "{number}: {line}");
        }
        assert_eq!(number(&booklet, &Action::Publish), None);
    }
}
