//! Work that keeps others out of a table in use, action by action, and how it is said.

use super::{Context, Found, strongest};
use crate::effect::{self, Effect, EffectLock};
use crate::lock::LockMode;
use crate::quote::{Name, SqlText};
use crate::replay;
use crate::source::Span;
use crate::sql::{ActionKind, AlterTable, ConstraintKindDef, Kind, Statement};
use crate::step::Work;

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

impl<'a> Context<'a> {
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
        let held = strongest(self.around.held, &worst.relation).filter(|held| *held > worst.mode);
        let own = worst.sentence(held);
        let elsewhere = self.held_elsewhere(&blocks);
        let said = elsewhere.first().map(|lock| {
            let (mode, relation, out) = (lock.mode, &lock.relation, lock.mode.blocks_in_words());
            format!(" It still holds {mode} on {relation} too, so all {out} on {relation} wait as well.")
        });
        let message = format!("{own}{others}{}", said.unwrap_or_default());
        vec![Found {
            message,
            locks: self.locks_meanwhile(&elsewhere),
            blocks,
            ..Found::default()
        }]
    }

    /// Locks of earlier statements on other tables, which last as long as the work and stop reads; the strongest
    /// first.
    fn held_elsewhere(&self, blocks: &[Block]) -> Vec<EffectLock> {
        let held = self.around.held.iter();
        let others = held.filter(|lock| {
            lock.mode.blocks_reads()
                && self.is_in_use(&lock.relation)
                && !blocks.iter().any(|block| block.relation == lock.relation)
        });
        let mut others: Vec<EffectLock> = others.cloned().collect();
        others.sort_by_key(|lock| std::cmp::Reverse(lock.mode));
        others.dedup();
        others
    }

    /// The locks under which it works: its own, and those that its transaction holds.
    fn locks_meanwhile(&self, elsewhere: &[EffectLock]) -> Vec<EffectLock> {
        let own = self.effect.locks.iter().filter(|lock| lock.mode.blocks_writes());
        let known: Vec<&Name> = own.clone().map(|lock| &lock.relation).collect();
        let held = self.around.held.iter().filter(|lock| known.contains(&&lock.relation));
        let mut locks: Vec<EffectLock> = Vec::new();
        for lock in own.chain(held).chain(elsewhere) {
            if !locks.contains(lock) {
                locks.push(lock.clone());
            }
        }
        locks
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

    pub(super) fn find_blocks(&self) -> Vec<Block> {
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

impl Block {
    /// The same work on the same table, whoever does it.
    pub(crate) fn is_same(&self, other: &Block) -> bool {
        self.relation == other.relation && self.work == other.work
    }

    /// What happens to the table; with the stronger lock that an earlier statement took on it, if there is one.
    fn sentence(&self, held: Option<LockMode>) -> String {
        let (mode, relation) = (held.unwrap_or(self.mode), &self.relation);
        let holder = match held {
            Some(_) => "its transaction still holds",
            None => "it holds",
        };
        let doing = match self.work {
            Work::Rewrite => "writes every row anew",
            Work::IndexBuild => "builds an index",
            Work::Scan | Work::None => "reads every row",
        };
        let out = mode.blocks_in_words();
        format!("It {doing} while {holder} {mode} on {relation}: all {out} on {relation} wait until it is done.")
    }
}
