//! What a rule is, and what it sees.
//!
//! A rule judges facts of the effect; it never says by itself what a statement locks. Its documentation is its doc
//! comment, whose `sql bad` and `sql safe` fences are its tests.

use crate::catalog::Catalog;
use crate::effect::{self, Breaks, Effect, EffectLock};
use crate::finding::{Category, Severity};
use crate::lock::LockMode;
use crate::quote::{Name, SqlText};
use crate::replay;
use crate::settings::SMALL_BYTES;
use crate::source::Span;
use crate::sql::{ActionKind, AlterTable, ConstraintKindDef, Kind, Statement};
use crate::step::Work;

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
    cure: Cure::Never,
    help: "",
    url: "https://www.postgresql.org/docs/current/explicit-locking.html",
    docs: "",
    check: |_| Vec::new(),
};

/// What a rule has found in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What happens to traffic, in whole sentences.
    pub message: String,
    /// The blocks that it explains.
    pub blocks: Vec<Block>,
    /// The locks that matter; empty for those of the statement that keep writes out.
    pub locks: Vec<EffectLock>,
}

/// Work that keeps others out of a table in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The table.
    pub relation: Name,
    /// Under which lock.
    pub mode: LockMode,
    /// What is done.
    pub work: Work,
    /// The action of an `ALTER TABLE` that does it, from 0.
    pub action: Option<usize>,
}

/// A statement in its place.
#[derive(Debug)]
pub struct Context<'a> {
    /// The statement.
    pub statement: &'a Statement,
    /// What it does.
    pub effect: &'a Effect,
    /// What exists before it.
    pub catalog: &'a Catalog,
    /// Tables of at most so many rows are small.
    pub small_rows: u64,
    /// Locks that its transaction holds already.
    pub held: &'a [EffectLock],
    /// It drops what an earlier statement copied rows from.
    pub drops_copied: bool,
    /// Work that keeps others out.
    pub blocks: Vec<Block>,
}

impl<'a> Context<'a> {
    /// A statement by itself.
    pub fn new(statement: &'a Statement, effect: &'a Effect, catalog: &'a Catalog, small_rows: u64) -> Self {
        let mut context = Self {
            statement,
            effect,
            catalog,
            small_rows,
            held: &[],
            drops_copied: false,
            blocks: Vec::new(),
        };
        context.blocks = context.find_blocks();
        context
    }

    /// In use by others, and not known to be small.
    pub fn is_in_use(&self, name: &Name) -> bool {
        let mut locks = self.effect.locks.iter().chain(self.held);
        let existing = locks.any(|lock| lock.relation == *name && lock.existing);
        let size = self.catalog.relation(name).and_then(|relation| relation.size);
        let small = size.is_some_and(|size| size.rows <= self.small_rows && size.bytes <= SMALL_BYTES);
        existing && !(small && self.small_rows > 0)
    }

    /// What of this rule's name the statement breaks.
    pub fn breaks(&self, code: &str) -> Vec<Found> {
        let own = |breaks: &&Breaks| breaks.rule == code;
        let breaks = self.effect.breaks.iter().filter(own);
        breaks.map(|breaks| Found::said(sentence(&breaks.message))).collect()
    }

    /// One finding of all blocks that the rule explains.
    pub fn explain(&self, explains: impl Fn(&Block) -> bool) -> Vec<Found> {
        let blocks: Vec<Block> = self.blocks.iter().filter(|block| explains(block)).cloned().collect();
        let Some(worst) = blocks.iter().max_by_key(|block| (block.work, block.mode)) else {
            return Vec::new();
        };
        let mut others: Vec<&Name> = blocks.iter().map(|block| &block.relation).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|name| **name != worst.relation);
        let others = match others.as_slice() {
            [] => String::new(),
            [other] => format!(" The same goes for {other}."),
            [other, rest @ ..] => format!(" The same goes for {other} and {} more.", rest.len()),
        };
        let message = format!("{}{others}", worst.sentence());
        vec![Found {
            message,
            blocks,
            ..Found::default()
        }]
    }

    /// The action that does it; `None` where the statement is no `ALTER TABLE`.
    pub fn action(&self, block: &Block) -> Option<&'a ActionKind> {
        match &self.statement.kind {
            Kind::AlterTable(alter) => Some(&alter.actions.get(block.action?)?.kind),
            _ => None,
        }
    }

    /// The constraint that an `ADD CONSTRAINT` adds.
    pub fn added(&self, block: &Block) -> Option<&'a ConstraintKindDef> {
        match self.action(block)? {
            ActionKind::AddConstraint(constraint) => Some(&constraint.kind),
            _ => None,
        }
    }

    fn find_blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let alter = match &self.statement.kind {
            Kind::AlterTable(alter) => Some(alter),
            _ => None,
        };
        for (action, effect) in alter.map(|alter| self.each_action(alter)).unwrap_or_default() {
            self.collect(&effect, Some(action), &mut blocks);
        }
        // What only the actions together do, and every other statement.
        self.collect(self.effect, None, &mut blocks);
        blocks
    }

    fn collect(&self, effect: &Effect, action: Option<usize>, blocks: &mut Vec<Block>) {
        for entry in &effect.work {
            let relation = &entry.relation;
            let known = blocks
                .iter()
                .any(|block: &Block| action.is_none() && block.relation == *relation && block.work == entry.work);
            if let Some(mode) = strongest(&self.effect.locks, relation)
                && mode.blocks_writes()
                && self.is_in_use(relation)
                && !known
            {
                blocks.push(Block {
                    relation: relation.clone(),
                    mode,
                    work: entry.work,
                    action,
                });
            }
        }
    }

    /// What each action does by itself, on what those before it left; the server's order.
    fn each_action(&self, alter: &AlterTable) -> Vec<(usize, Effect)> {
        let Some(table) = self.catalog.resolve(&alter.name) else {
            return Vec::new();
        };
        let mut order: Vec<usize> = (0..alter.actions.len()).collect();
        order.sort_by_key(|at| replay::pass(&alter.actions[*at].kind));
        let mut catalog = self.catalog.clone();
        let mut effects = Vec::new();
        for at in order {
            let action = &alter.actions[at];
            let alone = Statement {
                kind: Kind::AlterTable(AlterTable {
                    actions: vec![action.clone()],
                    ..alter.clone()
                }),
                span: Span { start: 0, end: 0 },
                sql: SqlText::verbatim(""),
                ordinal: self.statement.ordinal,
                since: None,
            };
            effects.push((at, effect::effect(&alone, &catalog)));
            replay::apply_action(&mut catalog, &table, &action.kind);
        }
        effects
    }
}

impl Found {
    /// A finding that is a sentence.
    pub fn said(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }
}

impl Block {
    /// The same work on the same table, whoever does it.
    pub(crate) fn is_same(&self, other: &Block) -> bool {
        self.relation == other.relation && self.work == other.work
    }

    fn sentence(&self) -> String {
        let (mode, relation) = (self.mode, &self.relation);
        let doing = match self.work {
            Work::Rewrite => "writes every row anew",
            Work::IndexBuild => "builds an index",
            Work::Scan | Work::None => "reads every row",
        };
        let out = mode.blocks_in_words();
        format!("It {doing} while it holds {mode} on {relation}: all {out} on {relation} wait until it is done.")
    }
}

/// The strongest lock on a relation.
pub(crate) fn strongest(locks: &[EffectLock], relation: &Name) -> Option<LockMode> {
    let own = locks.iter().filter(|lock| lock.relation == *relation);
    own.map(|lock| lock.mode).max()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), letters.as_str())
}
