//! Which recipes make sense in which folder.

use super::*;

const SAMPLE: &str = include_str!("../../samples/recipe.toml");
const SAMPLE_STEPS: &str = "\"token-init\", \"generate\", \"enrol-site\", \"issue\"";

/// The sample with other steps, and without what they are not about.
fn recipe(steps: &[&str]) -> Recipe {
    let listed: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
    let mut text = SAMPLE.replacen(SAMPLE_STEPS, &listed.join(", "), 1);
    if !steps.contains(&"enrol-site") && !steps.contains(&"issue") {
        text = text.replacen("sites = [\"clinic\", \"hospital\"]", "", 1);
    }
    if steps.contains(&"rotate") {
        text = format!("rotate = [\"ask\", \"tmk\"]\n{text}");
    }
    if steps.contains(&"revoke-site") {
        text = format!("revoke = [\"hospital\"]\n{text}");
    }
    Recipe::parse(&text).expect("parses")
}

fn names(actions: &[Action]) -> Vec<String> {
    actions.iter().map(ToString::to_string).collect()
}

fn refusal(steps: &[&str], state: &State) -> &'static str {
    let refused = plan(&recipe(steps), state).expect_err("must be refused");
    assert_eq!(refused.code(), "BAD_PLAN");
    let CeremonyError::Plan { rule, .. } = refused else {
        unreachable!("another error: {refused}");
    };
    rule
}

/// A folder after the sample recipe.
fn after_sample() -> State {
    let sites: BTreeSet<_> = recipe(&["token-init", "generate", "enrol-site", "issue"])
        .sites
        .into_iter()
        .collect();
    State {
        facts: [Fact::Tokens, Fact::Keys, Fact::Backup].into(),
        enrolled: sites.clone(),
        issued: sites,
        custodians: ["custodian-a", "custodian-b", "custodian-c"]
            .map(str::to_owned)
            .into(),
        ..State::default()
    }
}

#[test]
fn the_sample_is_planned_as_it_always_ran() {
    let recipe = Recipe::parse(SAMPLE).expect("parses");
    let actions = plan(&recipe, &State::default()).expect("plans");
    let wanted = [
        "token-init custody",
        "token-init appliance",
        "generate csk",
        "generate lek",
        "backup",
        "generate tmk",
        "generate dkek",
        "generate psk",
        "generate aik",
        "generate ask",
        "enrol-site clinic",
        "enrol-site hospital",
        "issue clinic",
        "issue hospital",
        "publish",
    ];
    assert_eq!(names(&actions), wanted);
}

#[test]
fn a_named_backup_stands_where_the_recipe_names_it() {
    let steps = ["token-init", "generate", "backup", "restore"];
    let actions = names(&plan(&recipe(&steps), &State::default()).expect("plans"));
    assert_eq!(actions.iter().filter(|name| *name == "backup").count(), 1);
    assert_eq!(actions[9..], ["backup", "restore", "publish"]);
}

#[test]
fn a_later_epoch_keeps_what_belongs_to_no_epoch() {
    let state = State {
        facts: [Fact::Tokens].into(),
        ..State::default()
    };
    let actions = plan(&recipe(&["generate"]), &state).expect("plans");
    let wanted = [
        "generate adopt",
        "generate lek",
        "backup",
        "generate tmk",
        "generate dkek",
        "publish",
    ];
    assert_eq!(names(&actions), wanted);
}

#[test]
fn each_step_is_refused_where_it_makes_no_sense() {
    let fresh = State::default();
    assert_eq!(refusal(&["generate"], &fresh), Fact::Tokens.missing());
    for step in ["backup", "restore", "rotate", "reshare", "destroy"] {
        assert_eq!(refusal(&[step], &fresh), Fact::Keys.missing(), "{step}");
    }
    assert_eq!(refusal(&["enrol-site"], &fresh), Fact::Keys.missing());
    let order = ["generate", "token-init", "enrol-site", "issue"];
    assert_eq!(refusal(&order, &fresh), Fact::Tokens.missing());
    let order = ["token-init", "generate", "issue", "enrol-site"];
    assert!(refusal(&order, &fresh).contains("no imported key"));
    let order = ["token-init", "generate", "enrol-site", "issue", "backup"];
    assert_eq!(refusal(&order, &fresh), Fact::Backup.missing());

    let full = after_sample();
    assert_eq!(refusal(&["token-init"], &full), Fact::Tokens.present());
    assert_eq!(refusal(&["generate"], &full), Fact::Keys.present());
    assert_eq!(refusal(&["backup"], &full), Fact::Backup.present());
    assert_eq!(refusal(&["destroy"], &full), Fact::Drilled.missing());
    assert!(refusal(&["enrol-site"], &full).contains("enrolled already"));
    assert!(refusal(&["issue"], &full).contains("package already"));
    assert!(refusal(&["handover"], &full).contains("reshare"));
    let undrilled = refusal(&["restore", "reshare", "destroy"], &full);
    assert_eq!(undrilled, Fact::Drilled.missing(), "the shares are new");
    let mut gone = full.clone();
    gone.facts.extend([Fact::Drilled, Fact::Destroyed]);
    for step in ["restore", "rotate", "reshare", "destroy", "revoke-site"] {
        assert_eq!(refusal(&[step], &gone), Fact::Destroyed.present(), "{step}");
    }
    let mut other = full.clone();
    other.custodians.remove("custodian-c");
    assert!(refusal(&["reshare"], &other).contains("handover"));
    let mut revoked = full;
    for set in [&mut revoked.issued, &mut revoked.enrolled] {
        set.clear();
    }
    assert!(refusal(&["revoke-site"], &revoked).contains("never had a package"));
    revoked.revoked = recipe(&["enrol-site"]).sites.into_iter().collect();
    assert!(refusal(&["enrol-site"], &revoked).contains("was revoked"));
}

#[test]
fn production_issues_only_after_a_restore_drill() {
    let production = State {
        production: true,
        ..State::default()
    };
    let steps = ["token-init", "generate", "enrol-site", "issue"];
    assert_eq!(refusal(&steps, &production), Fact::Drilled.missing());
    let steps = ["token-init", "generate", "restore", "enrol-site", "issue"];
    plan(&recipe(&steps), &production).expect("plans");
}

#[test]
fn the_samples_of_later_ceremonies_can_be_done() {
    let sample = |text| Recipe::parse(text).expect("parses");
    let mut state = after_sample();
    let keep = sample(include_str!("../../samples/keep.toml"));
    assert_eq!(plan(&keep, &state).expect("plans").len(), 5);
    state.facts.insert(Fact::Drilled);
    let destroy = sample(include_str!("../../samples/destroy.toml"));
    assert_eq!(plan(&destroy, &state).expect("plans").len(), 2);
    let next = sample(include_str!("../../samples/next-epoch.toml"));
    let state = State {
        facts: [Fact::Tokens].into(),
        production: true,
        ..State::default()
    };
    assert_eq!(plan(&next, &state).expect("plans").len(), 11);
}

/// Every order of every choice of steps is planned or refused, and a plan never does a thing twice.
#[test]
fn every_order_is_planned_without_repetition_or_refused() {
    let all: Vec<_> = Step::ALL.iter().map(|step| step.name()).collect();
    let (mut planned, mut refused) = (0, 0);
    for first in &all {
        for second in &all {
            for third in &all {
                let mut steps = vec![*first, *second, *third];
                steps.sort_unstable();
                steps.dedup();
                if steps.len() < 3 {
                    continue;
                }
                for state in [State::default(), after_sample()] {
                    match plan(&recipe(&[first, second, third]), &state) {
                        Ok(actions) => {
                            let names = names(&actions);
                            for (action, name) in actions.iter().zip(&names) {
                                assert_eq!(Action::parse(name).as_ref(), Some(action));
                            }
                            let different: BTreeSet<_> = names.iter().collect();
                            assert_eq!(different.len(), names.len(), "{names:?}");
                            planned += 1;
                        }
                        Err(error) => {
                            assert_eq!(error.code(), "BAD_PLAN");
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(planned + refused, 2 * 11 * 10 * 9);
    assert!(planned > 20 && refused > 1_000, "{planned} {refused}");
}
