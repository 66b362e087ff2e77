//! A script and the catalog before it in, findings out.
//!
//! What a statement locks and does comes from `effect`; here it is only judged: work under a lock that keeps others out of
//! a table which is in use and not known to be small.

mod assume;

use crate::catalog::Catalog;
use crate::effect::{Effect, effect};
use crate::finding::{Category, Finding, FindingLock, Range, Severity};
use crate::migration::{Migration, TransactionModel};
use crate::quote::Name;
use crate::replay::{self, Certainty};
use crate::settings::SMALL_BYTES;
use crate::source::SourceFile;
use crate::sql::{ActionKind, ConstraintKindDef, Directive, Kind, Script, Statement};
use crate::step::Work;

/// What a statement does, for `--effects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEffect {
    /// Which statement, from 1.
    pub statement: usize,
    /// Where it stands.
    pub range: Range,
    /// What it does.
    pub effect: Effect,
}

/// Everything about one migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// In the order of the file.
    pub findings: Vec<Finding>,
    /// One for each statement.
    pub effects: Vec<StatementEffect>,
}

/// What is known before a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knowledge {
    /// What exists.
    pub catalog: Catalog,
    /// Whether that is all. Otherwise what a statement names is taken to exist.
    pub is_complete: bool,
    /// Tables of at most this many rows are small, where their size is known.
    pub small_rows: u64,
}

impl Knowledge {
    /// After a statement that is not judged.
    pub fn pass(&mut self, statement: &Statement) {
        if !self.is_complete {
            assume::relations(&mut self.catalog, statement);
        }
        self.is_complete &= replay::apply(&mut self.catalog, statement) == Certainty::Known;
    }

    /// What a statement does. Where not all is known, "does not exist" is no prediction.
    fn effect(&mut self, statement: &Statement) -> Effect {
        if self.is_complete {
            return effect(statement, &self.catalog);
        }
        assume::relations(&mut self.catalog, statement);
        let mut found = effect(statement, &self.catalog);
        if found.error.as_ref().is_some_and(|error| error.sqlstate == "42703") {
            assume::columns(&mut self.catalog, statement);
            found = effect(statement, &self.catalog);
        }
        found.error = found.error.filter(|error| !MISSING.contains(&error.sqlstate));
        found
    }
}

/// Undefined table, column, object, function.
const MISSING: [&str; 4] = ["42P01", "42703", "42704", "42883"];

/// Judges a migration, and brings what is known to the state after it.
pub fn lint(migration: &Migration, file: &SourceFile, script: &Script, known: &mut Knowledge) -> Judged {
    let mut judged = Judged::default();
    for statement in &script.statements {
        let effect = known.effect(statement);
        let case = Case {
            migration,
            file,
            script,
            statement,
            effect: &effect,
            catalog: &known.catalog,
            small_rows: known.small_rows,
        };
        let found = case.findings();
        judged.findings.extend(found);
        judged.effects.push(StatementEffect {
            statement: statement.ordinal,
            range: Range::of(file, statement.span),
            effect,
        });
        known.pass(statement);
    }
    allow(&mut judged.findings, migration, file, script);
    judged
}

/// One statement in its place.
struct Case<'a> {
    migration: &'a Migration,
    file: &'a SourceFile,
    script: &'a Script,
    statement: &'a Statement,
    effect: &'a Effect,
    catalog: &'a Catalog,
    small_rows: u64,
}

impl Case<'_> {
    fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(predicted) = &self.effect.error {
            let text = format!(
                "This statement fails with SQLSTATE {}: {}.",
                predicted.sqlstate, predicted.message
            );
            let help = "Change the statement, or what stands before it.";
            found.push(self.finding("statement-fails", Severity::Error, Category::Reliability, text, help));
        }
        found.extend(self.blocking());
        found.extend(self.many_rows());
        for breaks in &self.effect.breaks {
            let category = if breaks.data_loss {
                Category::DataLoss
            } else {
                Category::Compat
            };
            let help = "Deploy the code that no longer needs it first, and this migration after it.";
            let text = breaks.message.clone();
            found.push(self.finding(breaks.rule, Severity::Warning, category, text, help));
        }
        found.extend(self.outside_transaction());
        if let Some(reason) = &self.effect.opaque {
            let text = format!("What this statement locks and does is not known from its text: {reason}.");
            let help = "Look at what it runs; on a live database it runs as written, guarded by the watchdog.";
            found.push(self.finding(
                "effect-is-unknown",
                Severity::Warning,
                Category::Reliability,
                text,
                help,
            ));
        }
        found
    }

    /// Work under a lock that keeps others out.
    fn blocking(&self) -> Option<Finding> {
        let (name, work) = self
            .effect
            .work
            .iter()
            .filter(|entry| entry.work != Work::None && self.in_use_and_large(&entry.relation))
            .map(|entry| (&entry.relation, entry.work))
            .max_by_key(|(_, work)| *work)?;
        let locks = self.effect.locks.iter().filter(|lock| lock.relation == *name);
        let mode = locks.map(|lock| lock.mode).max().filter(|mode| mode.blocks_writes())?;
        let doing = match work {
            Work::Rewrite => "writes every row anew",
            Work::IndexBuild => "builds an index",
            Work::Scan | Work::None => "reads every row",
        };
        let text = format!(
            "It {doing} while it holds {mode} on {name}: all {} on {name} wait until it is done.",
            mode.blocks_in_words()
        );
        let form = safe_form(&self.statement.kind, work);
        let mut finding = self.finding(form.rule, Severity::Error, Category::Blocking, text, form.help);
        finding.work = work;
        finding.fixable = form.fixable;
        Some(finding)
    }

    /// Rows that stay locked to the end of the transaction.
    fn many_rows(&self) -> Option<Finding> {
        let name = self.effect.changes.iter().find(|name| self.in_use_and_large(name))?;
        let text = format!(
            "It may change any number of rows of {name} at once; writes to each of them wait until the whole is committed."
        );
        let help = "Change the rows in batches over the primary key.";
        Some(self.finding("changes-many-rows", Severity::Warning, Category::Blocking, text, help))
    }

    /// Tools that send a file as one transaction fail here; nonstop does not.
    fn outside_transaction(&self) -> Option<Finding> {
        let whole = self.migration.transaction == TransactionModel::Whole && self.script.statements.len() > 1;
        if !self.effect.outside_transaction || !whole {
            return None;
        }
        let text = "It cannot run inside a transaction block, and a tool that sends this file as one transaction (Prisma up \
                    to 7.3) fails here with SQLSTATE 25001.";
        let help =
            "`nonstop deploy` runs it alone, so the file may stay; for other tools give it a migration of its own.";
        let rule = "needs-to-run-outside-transaction";
        let mut finding = self.finding(rule, Severity::Warning, Category::Reliability, text.to_owned(), help);
        finding.fixable = true;
        Some(finding)
    }

    fn in_use_and_large(&self, name: &Name) -> bool {
        let existing = self
            .effect
            .locks
            .iter()
            .any(|lock| lock.relation == *name && lock.existing);
        let size = self.catalog.relation(name).and_then(|relation| relation.size);
        let small = size.is_some_and(|size| size.rows <= self.small_rows && size.bytes <= SMALL_BYTES);
        existing && !(small && self.small_rows > 0)
    }

    fn finding(&self, rule: &str, severity: Severity, category: Category, message: String, help: &str) -> Finding {
        let strong = self.effect.locks.iter().filter(|lock| lock.mode.blocks_writes());
        Finding {
            rule: rule.to_owned(),
            severity,
            category,
            message,
            migration: self.migration.name.clone(),
            file: self.file.path.clone(),
            statement: self.statement.ordinal,
            range: Range::of(self.file, self.statement.span),
            relations: strong
                .map(|lock| FindingLock {
                    name: lock.relation.to_string(),
                    lock: lock.mode,
                    existing: lock.existing,
                })
                .collect(),
            work: Work::None,
            fixable: false,
            help: help.to_owned(),
            url: "https://www.postgresql.org/docs/current/explicit-locking.html".to_owned(),
        }
    }
}

/// The rule of a statement that blocks and works, and what becomes of it.
struct SafeForm {
    rule: &'static str,
    fixable: bool,
    help: &'static str,
}

const fn fixed(rule: &'static str, help: &'static str) -> SafeForm {
    SafeForm {
        rule,
        fixable: true,
        help,
    }
}

const fn open(rule: &'static str, help: &'static str) -> SafeForm {
    SafeForm {
        rule,
        fixable: false,
        help,
    }
}

const UNIQUE: &str =
    "Build the unique index CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX; `nonstop deploy` does.";
const VALIDATE: &str = "Add it NOT VALID, then VALIDATE it in a step of its own; `nonstop deploy` does.";

fn safe_form(kind: &Kind, work: Work) -> SafeForm {
    match kind {
        Kind::CreateIndex(_) => fixed(
            "create-index-blocks-writes",
            "Build it CONCURRENTLY, alone and outside a transaction; `nonstop deploy` does.",
        ),
        Kind::Refresh { .. } => fixed(
            "refresh-blocks-reads",
            "Refresh it CONCURRENTLY, which needs a unique index on it; `nonstop deploy` does.",
        ),
        Kind::AlterTable(alter) => {
            let forms = alter
                .actions
                .iter()
                .filter_map(|action| action_form(&action.kind, work));
            // What has no safe form decides for the statement.
            forms.min_by_key(|form| form.fixable).unwrap_or_else(|| general(work))
        }
        _ => general(work),
    }
}

/// `None` for an action that does no such work.
fn action_form(action: &ActionKind, work: Work) -> Option<SafeForm> {
    match (action, work) {
        (ActionKind::AlterType { .. }, Work::Rewrite) => Some(open(
            "type-change-rewrites-table",
            "Add a new column, keep both equal by a trigger, fill it in batches, and swap.",
        )),
        (ActionKind::AddColumn { .. }, Work::Rewrite) => Some(open(
            "add-column-rewrites-table",
            "Add the column without the default, set the default, and fill the rows in batches.",
        )),
        (ActionKind::SetNotNull { .. }, Work::Scan) => Some(fixed(
            "set-not-null-scans-table",
            "Prove it first: a CHECK (… IS NOT NULL) that is NOT VALID, then validated; `nonstop deploy` does.",
        )),
        (ActionKind::AddConstraint(constraint), _) => constraint_form(&constraint.kind),
        (ActionKind::AddColumn { column, .. }, _) => column
            .inline
            .iter()
            .find_map(|constraint| constraint_form(&constraint.kind)),
        _ => None,
    }
}

fn constraint_form(kind: &ConstraintKindDef) -> Option<SafeForm> {
    match kind {
        ConstraintKindDef::ForeignKey { .. } => Some(fixed("foreign-key-scans-table", VALIDATE)),
        ConstraintKindDef::Check(_) => Some(fixed("check-scans-table", VALIDATE)),
        ConstraintKindDef::Unique(_) => Some(fixed("unique-builds-index", UNIQUE)),
        ConstraintKindDef::PrimaryKey(_) => Some(fixed("primary-key-builds-index", UNIQUE)),
        ConstraintKindDef::Exclude => Some(open(
            "exclude-builds-index",
            "An exclusion constraint cannot be built concurrently; run it in a quiet hour.",
        )),
        ConstraintKindDef::NotNull => None,
    }
}

fn general(work: Work) -> SafeForm {
    match work {
        Work::Rewrite => open("rewrites-table", "Move the rows in batches, or run it in a quiet hour."),
        Work::IndexBuild => open(
            "builds-index-under-lock",
            "Build the index CONCURRENTLY on the table itself first.",
        ),
        Work::Scan | Work::None => open(
            "scans-table-under-lock",
            "Prove the rule first by a constraint that is NOT VALID.",
        ),
    }
}

/// Takes out what is allowed with a reason; an allow that is not needed is itself reported.
fn allow(findings: &mut Vec<Finding>, migration: &Migration, file: &SourceFile, script: &Script) {
    for directive in &script.directives {
        let Directive::Allow {
            rules, statement, span, ..
        } = directive
        else {
            continue;
        };
        for rule in rules {
            let before = findings.len();
            findings.retain(|finding| finding.statement != *statement || finding.rule != *rule);
            if findings.len() == before {
                findings.push(Finding {
                    rule: "allow-is-not-needed".to_owned(),
                    severity: Severity::Warning,
                    category: Category::Reliability,
                    message: format!("`{rule}` finds nothing in the statement that this allows it for."),
                    migration: migration.name.clone(),
                    file: file.path.clone(),
                    statement: *statement,
                    range: Range::of(file, *span),
                    relations: Vec::new(),
                    work: Work::None,
                    fixable: false,
                    help: "Take the comment out, or correct the rule's name.".to_owned(),
                    url: String::new(),
                });
            }
        }
    }
    findings.sort_by_key(|finding| (finding.range.line, finding.range.column));
}

#[cfg(test)]
mod tests;
