//! Which rules are heard, how loud, and where: what the user chose, as values.

use super::Glob;
use crate::date::Date;
use crate::finding::{Category, Severity};
use crate::rule::Rule;
use crate::rules;
use std::cmp::Reverse;
use std::str::FromStr;

/// What the user chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Only these; empty for the default set.
    pub select: Vec<Selector>,
    /// Not these.
    pub ignore: Vec<Selector>,
    /// Other severities than the rules' own; a rule's name is stronger than its category.
    pub severity: Vec<(Selector, Level)>,
    /// What is different for some files; later ones are stronger.
    pub paths: Vec<PathPolicy>,
    /// Today; without it no allow expires.
    pub today: Option<Date>,
}

/// What is different for the files that a pattern fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPolicy {
    /// The files.
    pub glob: Glob,
    /// Not these rules.
    pub ignore: Vec<Selector>,
    /// Other severities.
    pub severity: Vec<(Selector, Level)>,
}

/// One rule or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// All there are.
    All,
    /// Those that need not be asked for.
    Default,
    /// All of a category.
    Category(Category),
    /// One.
    Rule(&'static Rule),
}

/// How loud a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Silent.
    Off,
    /// Heard.
    On(Severity),
}

/// A name that is neither a rule's nor a group's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule {name:?}")]
pub struct UnknownRule {
    /// As it was written.
    pub name: String,
    /// The rule whose name is most like it.
    pub alike: Option<&'static str>,
}

impl UnknownRule {
    /// A name that is not known, and what it may have meant.
    pub fn of(name: &str) -> Self {
        let words: Vec<&str> = name.split('-').filter(|word| word.len() > 3).collect();
        let likeness = |rule: &&Rule| {
            let same = rule.code.split('-').filter(|own| words.contains(own)).count();
            let alike = words.iter().filter(|word| rule.code.contains(**word)).count();
            (rule.code.starts_with(name), alike, same, Reverse(rule.code.len()))
        };
        let alike = rules::ALL.iter().copied().filter(|rule| likeness(rule).1 > 0);
        Self {
            name: name.to_owned(),
            alike: alike.max_by_key(likeness).map(|rule| rule.code),
        }
    }
}

impl FromStr for Selector {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let category = Category::ALL.into_iter().find(|category| category.word() == name);
        match (name, category) {
            ("all", _) => Ok(Self::All),
            ("default", _) => Ok(Self::Default),
            (_, Some(category)) => Ok(Self::Category(category)),
            _ => rules::find(name).map(Self::Rule).ok_or_else(|| UnknownRule::of(name)),
        }
    }
}

impl Selector {
    /// Whether it means the rule. A category means its rules that need not be asked for, and style all of its own.
    pub fn means(self, rule: &Rule) -> bool {
        match self {
            Self::All => true,
            Self::Default => !rule.opt_in,
            Self::Category(Category::Style) => rule.category == Category::Style,
            Self::Category(category) => rule.category == category && !rule.opt_in,
            Self::Rule(own) => own == rule,
        }
    }

    /// How exactly it means it.
    fn rank(self) -> u8 {
        match self {
            Self::All | Self::Default => 0,
            Self::Category(_) => 1,
            Self::Rule(_) => 2,
        }
    }
}

impl Policy {
    /// How bad a finding of the rule in that file is; `None` where nobody wants to hear it.
    pub fn severity(&self, rule: &Rule, path: &str) -> Option<Severity> {
        let selected = match self.select.as_slice() {
            [] => Selector::Default.means(rule),
            select => means(select, rule),
        };
        let own: Vec<&PathPolicy> = self.paths.iter().filter(|of_path| of_path.glob.fits(path)).collect();
        let ignored = means(&self.ignore, rule) || own.iter().any(|of_path| means(&of_path.ignore, rule));
        if !selected || ignored {
            return None;
        }
        let of_paths = own.iter().map(|of_path| of_path.severity.as_slice());
        let layers = std::iter::once(self.severity.as_slice()).chain(of_paths);
        let level = layers.filter_map(|layer| level(layer, rule)).next_back();
        match level {
            Some(Level::Off) => None,
            Some(Level::On(severity)) => Some(severity),
            None => Some(rule.severity),
        }
    }
}

fn means(selectors: &[Selector], rule: &Rule) -> bool {
    selectors.iter().any(|selector| selector.means(rule))
}

/// The most exact of a layer.
fn level(layer: &[(Selector, Level)], rule: &Rule) -> Option<Level> {
    let own = layer.iter().filter(|(selector, _)| selector.means(rule));
    own.max_by_key(|(selector, _)| selector.rank()).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &Rule = &rules::create_index_blocks_writes::RULE;
    const OTHER: &Rule = &rules::changes_many_rows::RULE;

    fn policy(select: &[&str], ignore: &[&str]) -> Policy {
        let selectors = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        Policy {
            select: selectors(select),
            ignore: selectors(ignore),
            ..Policy::default()
        }
    }

    #[test]
    fn what_is_selected_is_heard() {
        let heard = |select: &[&str], ignore: &[&str]| policy(select, ignore).severity(RULE, "a.sql").is_some();
        assert!(heard(&[], &[]) && heard(&["blocking"], &[]) && heard(&["all"], &[]));
        assert!(heard(&["compat", RULE.code], &[]));
        assert!(!heard(&["compat"], &[]) && !heard(&[], &["blocking"]) && !heard(&["default"], &[RULE.code]));
    }

    #[test]
    fn the_most_exact_severity_counts() {
        let mut policy = Policy {
            severity: vec![
                (
                    "create-index-blocks-writes".parse().unwrap(),
                    Level::On(Severity::Warning),
                ),
                ("blocking".parse().unwrap(), Level::Off),
            ],
            ..Policy::default()
        };
        assert_eq!(policy.severity(RULE, "old/a.sql"), Some(Severity::Warning));
        assert_eq!(policy.severity(OTHER, "old/a.sql"), None);
        policy.paths = vec![PathPolicy {
            glob: "old/**".parse().unwrap(),
            ignore: vec![Selector::Rule(RULE)],
            severity: vec![(Selector::Default, Level::On(Severity::Error))],
        }];
        assert_eq!(policy.severity(RULE, "old/a.sql"), None);
        assert_eq!(policy.severity(OTHER, "old/a.sql"), Some(Severity::Error));
        assert_eq!(policy.severity(RULE, "new/a.sql"), Some(Severity::Warning));
    }

    #[test]
    fn a_wrong_name_says_what_is_alike() {
        let error = "create-index".parse::<Selector>().unwrap_err();
        assert_eq!(error.to_string(), "there is no rule \"create-index\"");
        assert_eq!(error.alike, Some("create-index-blocks-writes"));
    }
}
