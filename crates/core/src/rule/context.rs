//! A statement in its place, and what a rule finds in it.

use super::Session;
use crate::catalog::{Catalog, Relation};
use crate::effect::{self, Breaks, Effect, EffectLock};
use crate::lock::LockMode;
use crate::quote::{Name, SqlText};
use crate::replay;
use crate::settings::SMALL_BYTES;
use crate::source::Span;
use crate::sql::{Action, ActionKind, AlterTable, ConstraintKindDef, Kind, Statement};
use crate::step::Work;

/// What a rule has found in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// What happens to traffic, in whole sentences.
    pub message: String,
    /// The blocks that it explains.
    pub blocks: Vec<Block>,
    /// The locks that matter; empty for those of the statement that keep writes out.
    pub locks: Vec<EffectLock>,
    /// What to do here, where it is more than the rule's own help.
    pub help: Option<String>,
    /// The place of the statement inside a block, counted from where the block begins.
    pub inside: Option<Span>,
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
    /// What stands around it.
    pub around: Surroundings<'a>,
    /// Work that keeps others out.
    pub blocks: Vec<Block>,
}

/// What stands around a statement in its file; nothing for a statement by itself.
#[derive(Debug, Clone, Default)]
pub struct Surroundings<'a> {
    /// All statements of the file.
    pub script: &'a [Statement],
    /// Locks that its transaction holds already.
    pub held: &'a [EffectLock],
    /// It drops what an earlier statement copied rows from.
    pub drops_copied: bool,
    /// Whether a transaction is open around it, and which timeouts the file has set.
    pub session: Session,
}

impl<'a> Context<'a> {
    /// A statement by itself.
    pub fn new(statement: &'a Statement, effect: &'a Effect, catalog: &'a Catalog, small_rows: u64) -> Self {
        Self::within(statement, effect, catalog, small_rows, Surroundings::default())
    }

    /// A statement in its file.
    pub fn within(
        statement: &'a Statement,
        effect: &'a Effect,
        catalog: &'a Catalog,
        small_rows: u64,
        around: Surroundings<'a>,
    ) -> Self {
        let mut context = Self {
            statement,
            effect,
            catalog,
            small_rows,
            around,
            blocks: Vec::new(),
        };
        context.blocks = context.find_blocks();
        context
    }

    /// In use by others, and not known to be small.
    pub fn is_in_use(&self, name: &Name) -> bool {
        let relation = self.catalog.relation(name);
        // One of that name that the migration dropped may have been there.
        let existing = relation.map_or_else(
            || {
                let mut locks = self.effect.locks.iter().chain(self.around.held);
                locks.any(|lock| lock.relation == *name && lock.existing)
            },
            Relation::is_shared,
        );
        let size = relation.and_then(|relation| relation.size);
        let small = size.is_some_and(|size| size.rows <= self.small_rows && size.bytes <= SMALL_BYTES);
        existing && !(small && self.small_rows > 0)
    }

    /// The statements of the file behind this one.
    pub fn later(&self) -> impl Iterator<Item = &'a Statement> {
        let own = self.statement.ordinal;
        let script = self.around.script.iter();
        script.filter(move |statement| statement.ordinal > own)
    }

    /// The statements of the file before this one.
    pub fn earlier(&self) -> impl Iterator<Item = &'a Statement> {
        let own = self.statement.ordinal;
        let script = self.around.script.iter();
        script.filter(move |statement| statement.ordinal < own)
    }

    /// The actions, where the statement is an `ALTER TABLE`.
    pub fn actions(&self) -> impl Iterator<Item = &'a ActionKind> {
        let actions: &[Action] = match &self.statement.kind {
            Kind::AlterTable(alter) => &alter.actions,
            _ => &[],
        };
        actions.iter().map(|action| &action.kind)
    }

    /// The relation that an `ALTER TABLE` is about.
    pub fn altered(&self) -> Option<Name> {
        match &self.statement.kind {
            Kind::AlterTable(alter) => self.catalog.resolve(&alter.name),
            _ => None,
        }
    }

    /// It was there before the migration, however small, and others can see it.
    pub fn is_shared(&self, name: &Name) -> bool {
        self.catalog.relation(name).is_some_and(Relation::is_shared)
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
        if self.effect.work.is_empty() {
            return blocks;
        }
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
        if alter.actions.len() == 1 {
            return vec![(0, self.effect.clone())];
        }
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
