//! A script and the catalog before it in, findings out.
//!
//! What a statement locks and does comes from `effect`, what is to be said of it from `rules`; here the two meet, with
//! the transaction that the file's tool makes of it, and what the file allows.

mod allow;
mod assume;
mod glob;
mod policy;
mod safe;

pub use glob::Glob;
pub use policy::{Level, PathPolicy, Policy, Selector, UnknownRule};

use crate::catalog::Catalog;
use crate::effect::{self, Effect, EffectLock, Transaction, effect};
use crate::finding::{Finding, FindingLock, Range};
use crate::hash;
use crate::migration::{Migration, TransactionModel};
use crate::planner::{self, glue};
use crate::replay::{Certainty, Playback};
use crate::rule::{Context, Cure, Found, Rule, Session, Surroundings, by_table, strongest};
use crate::rules;
use crate::settings::PlanSettings;
use crate::source::{SourceFile, Span};
use crate::sql::{self, Script, Statement};
use crate::step::Work;
use std::collections::{BTreeMap, VecDeque};

/// What a statement does, for `--effects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEffect {
    /// Which statement, from 1.
    pub statement: usize,
    /// Where it stands.
    pub span: Span,
    /// What it does.
    pub effect: Effect,
}

/// Everything about one migration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// In the order of the file.
    pub findings: Vec<Finding>,
    /// One for each statement, where they are wanted.
    pub effects: Vec<StatementEffect>,
}

/// What besides findings somebody will read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// What every statement does.
    pub effects: bool,
    /// By what a finding is known again; without, it is empty.
    pub fingerprints: bool,
}

impl Wanted {
    /// All there is.
    pub const ALL: Self = Self {
        effects: true,
        fingerprints: true,
    };
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
    /// What exists after each of the next statements, and whether that is all, where somebody has replayed them.
    ahead: VecDeque<(Catalog, bool)>,
}

/// More statements than these are too many to look through for each.
const MANY: usize = 100;

impl Knowledge {
    /// Before the first migration.
    pub fn new(catalog: Catalog, is_complete: bool, small_rows: u64) -> Self {
        Self {
            catalog,
            is_complete,
            small_rows,
            ahead: VecDeque::new(),
        }
    }

    /// After a file that is judged elsewhere: with what this gives, in which no statement is replayed again. It holds what is
    /// known after each statement, so this is for files that are not very long.
    pub fn pass_on(&mut self, model: TransactionModel, script: &Script) -> Self {
        let mut before = self.clone();
        self.replay(model, script, Some(&mut before.ahead));
        before
    }

    /// After a file that is not judged.
    pub fn pass(&mut self, model: TransactionModel, script: &Script) {
        self.replay(model, script, None);
    }

    fn replay(&mut self, model: TransactionModel, script: &Script, mut kept: Option<&mut VecDeque<(Catalog, bool)>>) {
        let mut playback = Playback::open(&self.catalog, model, script);
        for statement in &script.statements {
            if !self.is_complete {
                // What is assumed on the way is the same as where it is judged.
                self.own_effect(statement);
            }
            self.advance(&mut playback, statement);
            if let Some(kept) = &mut kept {
                kept.push_back((self.catalog.clone(), self.is_complete));
            }
        }
        playback.close(&mut self.catalog);
    }

    /// Brings what is known to the state after a statement.
    pub(crate) fn advance(&mut self, playback: &mut Playback, statement: &Statement) {
        if let Some((catalog, is_complete)) = self.ahead.pop_front() {
            (self.catalog, self.is_complete) = (catalog, is_complete);
            return;
        }
        if !self.is_complete {
            assume::relations(&mut self.catalog, statement);
        }
        let certainty = playback.apply(&mut self.catalog, statement);
        if certainty == Certainty::Unknown {
            self.is_complete = false;
            assume::forget(&mut self.catalog, statement);
        }
    }

    /// What a statement does, and the triggers that it fires.
    pub(crate) fn effect(&mut self, statement: &Statement) -> Effect {
        let own = self.own_effect(statement);
        effect::with_triggers(own, statement, &self.catalog)
    }

    /// Where not all is known, "does not exist" is no prediction.
    fn own_effect(&mut self, statement: &Statement) -> Effect {
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
        found.error = found.error.filter(|error| !UNSURE.contains(&error.sqlstate));
        found
    }
}

/// Undefined table, column, object, function, key; something depends on it, something that is needed is not there, and what
/// depends on the type that a column has by now: all of them hang on what unknown code may have made or dropped.
const UNSURE: [&str; 9] = [
    "42P01", "42703", "42704", "42883", "2BP01", "55000", "42830", "42804", "42846",
];

/// Judges a migration, and brings what is known to the state after it.
pub fn lint(
    migration: &Migration,
    file: &SourceFile,
    script: &Script,
    known: &mut Knowledge,
    policy: &Policy,
    wanted: Wanted,
) -> Judged {
    let mut judged = Judged::default();
    let settings = PlanSettings {
        small_rows: known.small_rows,
        ..PlanSettings::default()
    };
    let place = Place {
        migration,
        file,
        script,
        policy,
        copies: glue::pairs(script, &known.catalog, &settings),
        is_its_own_master: script.statements.iter().any(planner::controls_transaction),
        settings,
    };
    let by_table = (script.statements.len() > MANY).then(|| by_table(&script.statements));
    let mut playback = Playback::open(&known.catalog, migration.transaction, script);
    let mut transaction = Transaction::of_file(migration.transaction, script.statements.len());
    let mut session = Session::of_file(migration.transaction, script.statements.len());
    for statement in &script.statements {
        let mut effect = known.effect(statement);
        if effect.error.is_none() {
            effect.error = transaction.error(statement, &effect, &known.catalog);
        }
        if let Some(error) = effect.error {
            effect = Effect::of_failure(error);
        }
        let around = Surroundings {
            script: &script.statements,
            by_table: by_table.as_ref(),
            held: transaction.held(),
            drops_copied: place.copies.iter().any(|(_, drop)| *drop == statement.ordinal),
            session: session.clone(),
        };
        let context = Context::within(statement, &effect, &known.catalog, known.small_rows, around);
        judged.findings.extend(place.findings(&context));
        transaction.pass(statement, &effect, &known.catalog);
        session.pass(statement);
        if wanted.effects {
            judged.effects.push(StatementEffect {
                statement: statement.ordinal,
                span: statement.span,
                effect,
            });
        }
        known.advance(&mut playback, statement);
    }
    playback.close(&mut known.catalog);
    place.allow(&mut judged.findings);
    place.choose(&mut judged.findings);
    if wanted.fingerprints {
        place.identify(&mut judged.findings);
    }
    judged
}

/// After the last migration: takes out what a later one put right.
pub fn settle(findings: &mut Vec<Finding>, last: &Catalog) {
    findings.retain_mut(|finding| finding.holds_while.take().is_none_or(|condition| condition.holds(last)));
}

/// Makes one finding of several that a file has of a rule of which one is enough.
pub fn gather(findings: &mut Vec<Finding>) {
    let mut gathered: Vec<(Finding, usize)> = Vec::with_capacity(findings.len());
    let mut first: BTreeMap<(String, String), usize> = BTreeMap::new();
    for finding in findings.drain(..) {
        let is_once = rules::find(&finding.rule).is_some_and(|rule| rule.once);
        let own = (finding.rule.clone(), finding.file.clone());
        let at = *first.entry(own).or_insert(gathered.len());
        let Some((known, more)) = gathered.get_mut(at).filter(|_| is_once) else {
            gathered.push((finding, 0));
            continue;
        };
        *more += 1;
        for lock in finding.relations {
            if !known.relations.contains(&lock) {
                known.relations.push(lock);
            }
        }
    }
    let said = gathered.into_iter().map(|(finding, more)| {
        let message = match more {
            0 => finding.message,
            1 => format!("{} So it is at one more place of the file.", finding.message),
            more => format!("{} So it is at {more} more places of the file.", finding.message),
        };
        Finding { message, ..finding }
    });
    findings.extend(said);
}

/// The finding of a migration that has no file, unless nobody wants to hear it.
pub fn missing_file(migration: &Migration, policy: &Policy) -> Option<Finding> {
    let message = "The migration has no SQL file: a deploy fails when its turn comes (Prisma's P3015).".to_owned();
    let range = Range {
        line: 1,
        column: 1,
        end_line: 1,
        end_column: 1,
    };
    let rule = &rules::missing_file::RULE;
    let finding = about_file(rule, &migration.name, &migration.path, range, message);
    without_statement(rule, finding, policy)
}

/// The finding of an entry at a byte of a baseline file, for which nothing is found any more.
pub fn stale_baseline_entry(
    baseline: &SourceFile,
    at: usize,
    code: &str,
    migration: &str,
    policy: &Policy,
) -> Option<Finding> {
    // Of a rule that nobody listens to, nobody knows whether it finds anything.
    if rules::find(code).is_some_and(|rule| policy.severity(rule, "").is_none()) {
        return None;
    }
    let line = baseline.place(at).line;
    let text = baseline.text.lines().nth(line - 1).unwrap_or_default();
    let range = Range {
        line,
        column: 1,
        end_line: line,
        end_column: text.chars().count() + 1,
    };
    let message = format!("{code} finds in {migration} no longer what this entry stands for.");
    let rule = &rules::baseline_entry_is_stale::RULE;
    let finding = about_file(rule, migration, &baseline.path, range, message);
    without_statement(rule, finding, policy)
}

fn without_statement(rule: &Rule, finding: Finding, policy: &Policy) -> Option<Finding> {
    Some(Finding {
        severity: policy.severity(rule, &finding.file)?,
        fingerprint: fingerprint(&finding, &finding.message, 0),
        ..finding
    })
}

/// What stays the same when lines move: rule, migration and statement, and which of several alike.
fn fingerprint(finding: &Finding, statement: &str, alike: usize) -> String {
    let text = format!("{}\0{}\0{statement}\0{alike}", finding.rule, finding.migration);
    hash::sha256_hex(text.as_bytes())[..32].to_owned()
}

fn about_file(rule: &Rule, migration: &str, file: &str, range: Range, message: String) -> Finding {
    Finding {
        rule: rule.code.to_owned(),
        severity: rule.severity,
        category: rule.category,
        message,
        migration: migration.to_owned(),
        file: file.to_owned(),
        statement: 0,
        range,
        relations: Vec::new(),
        work: Work::None,
        fixable: false,
        safe: Vec::new(),
        help: rule.help.to_owned(),
        url: rule.url.to_owned(),
        fingerprint: String::new(),
        holds_while: None,
    }
}

/// A migration that is judged.
struct Place<'a> {
    migration: &'a Migration,
    file: &'a SourceFile,
    script: &'a Script,
    policy: &'a Policy,
    settings: PlanSettings,
    copies: Vec<(usize, usize)>,
    /// The file has transaction statements of its own.
    is_its_own_master: bool,
}

impl Place<'_> {
    fn findings(&self, context: &Context<'_>) -> Vec<Finding> {
        let mut found = rules::findings(context);
        // Of several rules for one cause the one that says most is heard.
        let heard = found.iter().map(|(rule, _)| *rule);
        let heard = heard.filter(|rule| self.policy.severity(rule, &self.file.path).is_some());
        let covered: Vec<&str> = heard.flat_map(|rule| rule.instead_of).copied().collect();
        found.retain(|(rule, _)| !covered.contains(&rule.code));
        let is_planned = found.iter().any(|(rule, _)| rule.cure == Cure::Planned);
        let safe_form = is_planned.then(|| self.safe_form(context)).flatten();
        let finding = |(rule, found): (&Rule, Found)| {
            let locks = relevant(&found, &context.effect.locks);
            let work = work_of(&found, context.effect);
            let about = about_file(
                rule,
                &self.migration.name,
                &self.file.path,
                Range::of(self.file, place_of(context.statement, found.inside)),
                found.message,
            );
            Finding {
                statement: context.statement.ordinal,
                relations: locks.iter().map(FindingLock::of).collect(),
                work,
                fixable: match rule.cure {
                    Cure::Planned => safe_form.is_some(),
                    Cure::Always => true,
                    Cure::Never => false,
                },
                safe: match rule.cure {
                    Cure::Planned => safe_form.clone().unwrap_or_default(),
                    Cure::Always | Cure::Never => Vec::new(),
                },
                help: found.help.unwrap_or(about.help),
                holds_while: found.holds_while,
                ..about
            }
        };
        found.into_iter().map(finding).collect()
    }

    /// Leaves what the user wants to hear, as loud as they want it.
    fn choose(&self, findings: &mut Vec<Finding>) {
        findings.retain_mut(|finding| {
            let rule = rules::find(&finding.rule);
            let severity = rule.and_then(|rule| self.policy.severity(rule, &finding.file));
            finding.severity = severity.unwrap_or(finding.severity);
            severity.is_some()
        });
    }

    /// Gives each what makes it known again.
    fn identify(&self, findings: &mut [Finding]) {
        let mut alike: BTreeMap<(String, String), usize> = BTreeMap::new();
        for finding in findings {
            let statement = self.script.statements.get(finding.statement.wrapping_sub(1));
            let text = statement.map_or_else(String::new, |statement| sql::normalised(statement.sql.as_str()));
            let before = alike.entry((finding.rule.clone(), text.clone())).or_default();
            finding.fingerprint = fingerprint(finding, &text, *before);
            *before += 1;
        }
    }
}

/// Where a finding stands: at the statement inside a block, where that is known.
fn place_of(statement: &Statement, inside: Option<Span>) -> Span {
    let whole = statement.span;
    let inner = inside.map(|inner| Span {
        start: whole.start + inner.start,
        end: whole.start + inner.end,
    });
    inner.filter(|inner| inner.end <= whole.end).unwrap_or(whole)
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
