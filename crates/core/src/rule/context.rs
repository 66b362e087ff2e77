//! A statement in its place, and what a rule finds in it.

use super::{Block, Session};
use crate::catalog::{Catalog, Generated, Relation};
use crate::effect::{Breaks, Effect, EffectLock};
use crate::finding::Condition;
use crate::lock::LockMode;
use crate::quote::Name;
use crate::settings;
use crate::source::Span;
use crate::sql::{
    self, Action, ActionKind, ColumnDef, ConstraintDef, ConstraintKindDef, Kind, NameRef, ObjectKind, Statement,
};
use std::collections::BTreeMap;

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
    /// What must still be so when the last migration was read.
    pub holds_while: Option<Condition>,
}

/// A column that a statement defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewColumn<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type as PostgreSQL would print it.
    pub type_name: &'a str,
    /// `serial` and its kin.
    pub is_serial: bool,
    /// A primary key is made of it, or it counts by itself.
    pub is_key: bool,
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

/// The statements of a file that make, alter or index a table, by its name without the schema.
pub type ByTable<'a> = BTreeMap<&'a str, Vec<&'a Statement>>;

/// What stands around a statement in its file; nothing for a statement by itself.
#[derive(Debug, Clone, Default)]
pub struct Surroundings<'a> {
    /// All statements of the file.
    pub script: &'a [Statement],
    /// Those of them that are about a table, where there are too many to look through for each.
    pub by_table: Option<&'a ByTable<'a>>,
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

    /// Locked by the statement or before it, in use by others, and not known to be small.
    pub fn is_in_use(&self, name: &Name) -> bool {
        // One of that name that the migration dropped may have been there.
        let existing = self.catalog.relation(name).map_or_else(
            || {
                let mut locks = self.effect.locks.iter().chain(self.around.held);
                locks.any(|lock| lock.relation == *name && lock.existing)
            },
            Relation::is_shared,
        );
        existing && !self.is_small(name)
    }

    /// A later statement of the file makes a relation of that name.
    pub fn makes_again(&self, name: &Name) -> bool {
        let is =
            |own: &NameRef| own.name == name.name && own.schema.as_ref().is_none_or(|schema| *schema == name.schema);
        self.later().any(|later| match &later.kind {
            Kind::CreateTable(create) => is(&create.name),
            Kind::CreateTableAs(create) => is(&create.name),
            Kind::CreateView { name, .. } => is(name),
            Kind::Rename(rename) => {
                let to = NameRef {
                    name: rename.to.clone(),
                    ..rename.name.clone()
                };
                rename.object == ObjectKind::Table && is(&to)
            }
            _ => false,
        })
    }

    /// There before the migration, and not known to be small.
    pub fn is_large(&self, name: &Name) -> bool {
        self.is_shared(name) && !self.is_small(name)
    }

    fn is_small(&self, name: &Name) -> bool {
        let relation = self.catalog.relation(name);
        settings::is_small(relation.and_then(|relation| relation.size), self.small_rows)
    }

    /// Whether others may queue behind a request of the statement: on a table in use, which its transaction does not hold
    /// as firmly already.
    pub fn waits_for(&self, lock: &EffectLock) -> bool {
        let held = strongest(self.around.held, &lock.relation);
        self.is_in_use(&lock.relation) && held.is_none_or(|held| held < lock.mode)
    }

    /// The strongest lock that keeps others out of a table in use, and that an earlier statement of its transaction took.
    pub fn held_against_others(&self) -> Option<&'a EffectLock> {
        let held = self.around.held.iter();
        let strong = held.filter(|lock| lock.mode.blocks_writes() && self.is_in_use(&lock.relation));
        strong.max_by_key(|lock| lock.mode)
    }

    /// Whether it is one of the statements that work `CONCURRENTLY` and leave something behind when they are cut off.
    pub fn is_concurrent(&self) -> bool {
        match &self.statement.kind {
            Kind::CreateIndex(index) => index.concurrently,
            Kind::Drop(drop) => drop.concurrently,
            Kind::Reindex { concurrently, .. } => *concurrently,
            _ => self
                .actions()
                .any(|action| matches!(action, ActionKind::DetachPartition { concurrently: true, .. })),
        }
    }

    /// Its text in capitals, with one space between its words: for clauses that [`Kind`] does not hold.
    pub fn words(&self) -> String {
        sql::normalised(self.statement.sql.as_str()).to_uppercase()
    }

    /// The statements of the file behind this one.
    pub fn later(&self) -> impl Iterator<Item = &'a Statement> {
        // They are numbered from 1.
        let behind = self.around.script.get(self.statement.ordinal..);
        behind.unwrap_or_default().iter()
    }

    /// The statements of the file before this one.
    pub fn earlier(&self) -> impl Iterator<Item = &'a Statement> {
        let before = self.around.script.get(..self.statement.ordinal.saturating_sub(1));
        before.unwrap_or_default().iter()
    }

    /// The statements of the file that make, alter or index a table of that name, in whatever schema.
    pub fn about(&self, table: &str) -> Vec<&'a Statement> {
        if let Some(known) = self.around.by_table {
            return known.get(table).cloned().unwrap_or_default();
        }
        let all = self.around.script.iter();
        all.filter(|statement| table_of(statement) == Some(table)).collect()
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

    /// The columns that the statement defines, in a new table or an old one.
    pub fn new_columns(&self) -> Vec<NewColumn<'a>> {
        let column = |column: &'a ColumnDef, keys: &[ConstraintDef]| {
            let is_primary = |constraint: &ConstraintDef| {
                matches!(constraint.kind, ConstraintKindDef::PrimaryKey(_)) && constraint.columns.contains(&column.name)
            };
            let counts = column.type_ref.serial || column.generated == Generated::Identity;
            NewColumn {
                name: &column.name,
                type_name: &column.type_ref.display,
                is_serial: column.type_ref.serial,
                is_key: counts || column.inline.iter().chain(keys).any(is_primary),
            }
        };
        match &self.statement.kind {
            Kind::CreateTable(create) if !create.temporary => {
                let columns = create.columns.iter();
                columns.map(|own| column(own, &create.constraints)).collect()
            }
            _ => {
                let added = self.actions().filter_map(|action| match action {
                    ActionKind::AddColumn { column, .. } => Some(column),
                    _ => None,
                });
                added.map(|own| column(own, &[])).collect()
            }
        }
    }

    /// It was there before the migration, however small, and others can see it.
    pub fn is_shared(&self, name: &Name) -> bool {
        self.catalog.relation(name).is_some_and(Relation::is_shared)
    }

    /// What of this rule's name the statement breaks, as one finding.
    pub fn breaks(&self, code: &str) -> Vec<Found> {
        let own = |breaks: &&Breaks| breaks.rule == code;
        let mut breaks = self.effect.breaks.iter().filter(own);
        let Some(first) = breaks.next() else {
            return Vec::new();
        };
        let more = match breaks.count() {
            0 => String::new(),
            1 => " The same goes for one more that the statement names.".to_owned(),
            more => format!(" The same goes for {more} more that the statement names."),
        };
        vec![Found::said(format!("{}{more}", sentence(&first.message)))]
    }
}

impl Found {
    /// A finding that is a sentence, where it is so.
    pub fn when(is_so: bool, message: impl Into<String>) -> Vec<Self> {
        is_so.then(|| Self::said(message)).into_iter().collect()
    }

    /// A finding that is a sentence.
    pub fn said(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }
}

/// See [`ByTable`].
pub(crate) fn by_table(script: &[Statement]) -> ByTable<'_> {
    let mut all = ByTable::new();
    for statement in script {
        if let Some(table) = table_of(statement) {
            all.entry(table).or_default().push(statement);
        }
    }
    all
}

fn table_of(statement: &Statement) -> Option<&str> {
    match &statement.kind {
        Kind::CreateTable(create) => Some(&create.name.name),
        Kind::AlterTable(alter) => Some(&alter.name.name),
        Kind::CreateIndex(index) => Some(&index.table.name),
        _ => None,
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
