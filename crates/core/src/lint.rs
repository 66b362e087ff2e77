//! A script and the catalog before it in, findings out.
//!
//! What a statement locks and does comes from `effect`, what is to be said of it from `rules`; here the two meet, with
//! the transaction that the file's tool makes of it, and what the file allows.

mod assume;

use crate::catalog::Catalog;
use crate::effect::{Effect, EffectLock, Transaction, effect};
use crate::finding::{Finding, FindingLock, Range};
use crate::migration::Migration;
use crate::planner::{self, glue};
use crate::replay::{self, Certainty};
use crate::rewrite::{self, Scene};
use crate::rule::{Context, Cure, Found, Rule, strongest};
use crate::rules;
use crate::settings::PlanSettings;
use crate::source::SourceFile;
use crate::sql::{Directive, Script, Statement};
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
        assume::types(&mut self.catalog, statement);
        let mut found = effect(statement, &self.catalog);
        if found.error.as_ref().is_some_and(|error| error.sqlstate == "42703") {
            assume::columns(&mut self.catalog, statement);
            assume::types(&mut self.catalog, statement);
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
    let settings = PlanSettings {
        small_rows: known.small_rows,
        ..PlanSettings::default()
    };
    let place = Place {
        migration,
        file,
        script,
        copies: glue::pairs(script, &known.catalog, &settings),
        settings,
    };
    let mut transaction = Transaction::of_file(migration.transaction, script.statements.len());
    for statement in &script.statements {
        let mut effect = known.effect(statement);
        if effect.error.is_none() {
            effect.error = transaction.error(statement, &effect, &known.catalog);
        }
        let mut context = Context::new(statement, &effect, &known.catalog, known.small_rows);
        context.held = transaction.held();
        context.drops_copied = place.copies.iter().any(|(_, drop)| *drop == statement.ordinal);
        judged.findings.extend(place.findings(&context));
        transaction.pass(statement, &effect, &known.catalog);
        judged.effects.push(StatementEffect {
            statement: statement.ordinal,
            range: Range::of(file, statement.span),
            effect,
        });
        known.pass(statement);
    }
    place.allow(&mut judged.findings);
    judged
}

/// The finding of a migration that has no file.
pub fn missing_file(migration: &Migration) -> Finding {
    let message = "The migration has no SQL file: a deploy fails when its turn comes (Prisma's P3015).".to_owned();
    let range = Range {
        line: 1,
        column: 1,
        end_line: 1,
        end_column: 1,
    };
    about_file(&rules::missing_file::RULE, migration, &migration.path, range, message)
}

fn about_file(rule: &Rule, migration: &Migration, file: &str, range: Range, message: String) -> Finding {
    Finding {
        rule: rule.code.to_owned(),
        severity: rule.severity,
        category: rule.category,
        message,
        migration: migration.name.clone(),
        file: file.to_owned(),
        statement: 0,
        range,
        relations: Vec::new(),
        work: Work::None,
        fixable: false,
        help: rule.help.to_owned(),
        url: rule.url.to_owned(),
    }
}

/// A migration that is judged.
struct Place<'a> {
    migration: &'a Migration,
    file: &'a SourceFile,
    script: &'a Script,
    settings: PlanSettings,
    copies: Vec<(usize, usize)>,
}

impl Place<'_> {
    fn findings(&self, context: &Context<'_>) -> Vec<Finding> {
        let found = rules::findings(context);
        let has_safe_form = !found.is_empty() && self.has_safe_form(context);
        let finding = |(rule, found): (&Rule, Found)| {
            let locks = relevant(&found, &context.effect.locks);
            Finding {
                statement: context.statement.ordinal,
                relations: locks.iter().map(FindingLock::of).collect(),
                work: work_of(&found, context.effect),
                fixable: match rule.cure {
                    Cure::Planned => has_safe_form,
                    Cure::Always => true,
                    Cure::Never => false,
                },
                ..about_file(
                    rule,
                    self.migration,
                    &self.file.path,
                    Range::of(self.file, context.statement.span),
                    found.message,
                )
            }
        };
        found.into_iter().map(finding).collect()
    }

    /// Whether `deploy` takes the statement apart, or runs it in another way that keeps nobody out.
    fn has_safe_form(&self, context: &Context<'_>) -> bool {
        let ordinal = context.statement.ordinal;
        let glued = self
            .copies
            .iter()
            .any(|(copy, drop)| (*copy..=*drop).contains(&ordinal));
        let scene = Scene {
            catalog: context.catalog,
            settings: &self.settings,
            as_written: false,
        };
        !glued
            && !planner::directed_as_written(self.script, ordinal)
            && !self.script.statements.iter().any(planner::controls_transaction)
            && rewrite::rewrite(context.statement, context.effect, &scene).is_ok()
    }

    /// Takes out what is allowed with a reason; an allow that is not needed is itself reported.
    fn allow(&self, findings: &mut Vec<Finding>) {
        for directive in &self.script.directives {
            let Directive::Allow {
                rules: names,
                statement,
                span,
                ..
            } = directive
            else {
                continue;
            };
            for name in names {
                let before = findings.len();
                findings.retain(|finding| finding.statement != *statement || finding.rule != *name);
                if findings.len() < before {
                    continue;
                }
                let message = match rules::find(name) {
                    Some(_) => format!("`{name}` finds nothing in the statement that this allows it for."),
                    None => format!("There is no rule `{name}`; `nonstop rules` lists them."),
                };
                let range = Range::of(self.file, *span);
                let rule = &rules::allow_is_not_needed::RULE;
                findings.push(Finding {
                    statement: *statement,
                    ..about_file(rule, self.migration, &self.file.path, range, message)
                });
            }
        }
        findings.sort_by_key(|finding| (finding.range.line, finding.range.column));
    }
}

/// The heaviest work that the finding is about.
fn work_of(found: &Found, effect: &Effect) -> Work {
    let blocked = found.blocks.iter().map(|block| block.work);
    let under = effect
        .work
        .iter()
        .filter(|entry| found.locks.iter().any(|lock| lock.relation == entry.relation));
    blocked.chain(under.map(|entry| entry.work)).max().unwrap_or(Work::None)
}

/// The strongest lock on each relation that the finding is about.
fn relevant(found: &Found, all: &[EffectLock]) -> Vec<EffectLock> {
    let mut locks: Vec<EffectLock> = if found.locks.is_empty() {
        all.iter().filter(|lock| lock.mode.blocks_writes()).cloned().collect()
    } else {
        found.locks.clone()
    };
    let every = locks.clone();
    locks.retain(|lock| strongest(&every, &lock.relation) == Some(lock.mode));
    locks
}

#[cfg(test)]
mod tests;
