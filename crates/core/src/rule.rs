//! What a rule is, and what it sees.
//!
//! A rule judges facts of the effect; it never says by itself what a statement locks. Its documentation is its doc
//! comment, whose `sql bad` and `sql safe` fences are its tests.

mod block;
mod context;
mod session;

pub use block::Block;
pub use context::{ByTable, Context, Found, Surroundings};
pub(crate) use context::{by_table, strongest};
pub use session::Session;

use crate::finding::{Category, Severity};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, as in `allow create-index-blocks-writes because …`; also the name of its file.
    pub code: &'static str,
    /// The first version that has it.
    pub since: &'static str,
    /// How bad its findings are.
    pub severity: Severity,
    /// What they are about.
    pub category: Category,
    /// Who is left for what nobody else explains.
    pub general: bool,
    /// Only for who asks for it by `--select`.
    pub opt_in: bool,
    /// Several findings of one file are shown as one.
    pub once: bool,
    /// The rules that say less about the same cause, and are not heard beside it.
    pub instead_of: &'static [&'static str],
    /// Whether `deploy` runs a safe form by itself.
    pub cure: Cure,
    /// What to do, in a sentence or two.
    pub help: &'static str,
    /// The manual's section.
    pub url: &'static str,
    /// Title and explanation, Markdown.
    pub docs: &'static str,
    /// Finds.
    pub check: fn(&Context<'_>) -> Vec<Found>,
}

/// Whether `deploy` makes it harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// Where the planner has a safe form of the statement.
    Planned,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Eq for Rule {}

/// There is one rule of each name.
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Rule {
    /// The first line of the documentation.
    pub fn title(&self) -> &'static str {
        self.docs.lines().next().unwrap_or_default().trim()
    }

    /// The documentation as Markdown, its examples in fences.
    pub fn markdown(&self) -> String {
        let lines = self.docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
        lines.flat_map(|line| [line, "\n"]).collect()
    }
}

/// A [`Rule`] from its doc comment and its facts.
macro_rules! rule {
    ($(#[doc = $doc:literal])+ code: $code:literal, $($field:ident: $value:expr,)+) => {
        pub(crate) static RULE: crate::rule::Rule = crate::rule::Rule {
            code: $code,
            docs: concat!($($doc, "\n"),+),
            $($field: $value,)+
            ..crate::rule::BLANK
        };
    };
}
pub(crate) use rule;

/// What most rules have in common.
pub(crate) const BLANK: Rule = Rule {
    code: "",
    since: "0.1.0",
    severity: Severity::Error,
    category: Category::Blocking,
    general: false,
    opt_in: false,
    once: false,
    instead_of: &[],
    cure: Cure::Never,
    help: "",
    url: "https://www.postgresql.org/docs/current/explicit-locking.html",
    docs: "",
    check: |_| Vec::new(),
};
