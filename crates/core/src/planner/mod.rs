//! Migrations and a catalog in, plan out.
//!
//! Statements become pieces (`rewrite`), pieces find their order (`schedule`), neighbours share transactions
//! (`group`). What the plan says is what `deploy` runs.

mod backfill;
mod estimate;
pub(crate) mod glue;
pub(crate) mod group;
mod outlook;
mod schedule;
pub(crate) mod session;
mod sweep;

use crate::catalog::Catalog;
use crate::effect::{Effect, effect};
use crate::migration::{Migration, TransactionModel};
use crate::plan::{MigrationPlan, Notice, UNKNOWN_EFFECT};
use crate::quote::SqlText;
use crate::replay::{self, Certainty};
use crate::rewrite::{self, Body, Piece, Refusal, Scene};
use crate::rules;
use crate::settings::{Breaking, PlanSettings};
use crate::source::SourceFile;
use crate::sql::{self, Directive, Kind, Script, Statement};
pub use backfill::backfill;
pub use outlook::Outlook;
use session::Settings;
use std::collections::BTreeSet;

/// A migration's plan, and whether the catalog still tells the truth after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The plan.
    pub plan: MigrationPlan,
    /// What of the catalog must be read from the server again before plans rest on it.
    pub outlook: Outlook,
}

/// Plans one migration against the catalog as it is before it, and brings the catalog to the state after it.
///
/// A file that is missing or does not parse gives a plan that is refused.
pub fn plan_migration(migration: &Migration, catalog: &mut Catalog, settings: &PlanSettings) -> Planned {
    let mut plan = MigrationPlan {
        name: migration.name.clone(),
        checksum: migration.checksum(),
        steps: Vec::new(),
        warnings: Vec::new(),
        refusals: Vec::new(),
    };
    let script = match migration.up.as_ref().map(|file| (file, read(file))) {
        None => {
            plan.refusals.push(refused_whole(
                rules::missing_file::RULE.code,
                format!("{} is not there", migration.path),
                "Restore the file, or remove the folder.",
            ));
            return Planned {
                plan,
                outlook: Outlook::default(),
            };
        }
        Some((_, Err(error))) => {
            plan.refusals.push(refused_whole(
                "syntax-error",
                error.to_string(),
                "Correct the file. Nothing was touched.",
            ));
            return Planned {
                plan,
                outlook: Outlook::default(),
            };
        }
        Some((file, Ok(script))) => (file, script),
    };
    let (file, script) = script;
    let mut work = Work {
        catalog,
        settings,
        plan,
        certainty: Certainty::Known,
        outlook: Outlook::new(&file.text),
    };
    if settings.as_written || script.statements.iter().any(controls_transaction) {
        work.as_written(migration, file, &script);
    } else {
        work.safely(file, &script);
    }
    let Work { plan, mut outlook, .. } = work;
    outlook.close(&plan);
    catalog.settle();
    Planned { plan, outlook }
}

fn read(file: &SourceFile) -> Result<Script, sql::SyntaxError> {
    sql::parse(file)?.with_clear_directives(file)
}

fn notice(file: &SourceFile, statement: &Statement, rule: &str, message: String, help: String) -> Notice {
    let line = file.place(statement.span.start).line;
    Notice {
        rule: rule.to_owned(),
        statement: statement.ordinal,
        line,
        message,
        help,
        sql: statement.sql.clone(),
    }
}

fn refused_whole(rule: &str, message: String, help: &str) -> Notice {
    Notice {
        rule: rule.to_owned(),
        statement: 0,
        line: 1,
        message,
        help: help.to_owned(),
        sql: SqlText::verbatim(""),
    }
}

/// `ROLLBACK`, savepoints and two-phase commit: the file is its own master.
pub(crate) fn controls_transaction(statement: &Statement) -> bool {
    matches!(&statement.kind, Kind::Transaction(verb) if !verb.is_boundary())
}

struct Work<'a> {
    catalog: &'a mut Catalog,
    settings: &'a PlanSettings,
    plan: MigrationPlan,
    certainty: Certainty,
    outlook: Outlook,
}

impl Work<'_> {
    fn safely(&mut self, file: &SourceFile, script: &Script) {
        let initial = self.catalog.clone();
        let glued = glue::copies_before_drops(script, self.catalog, self.settings);
        let mut pieces: Vec<Piece> = Vec::new();
        let mut session = Settings::default();
        let mut fills = sweep::Fills::default();
        for statement in &script.statements {
            if matches!(statement.kind, Kind::Transaction(_)) {
                continue;
            }
            if let Kind::Set { name, values, .. } = &statement.kind
                && !session::is_of_transaction(name)
            {
                self.set(file, statement, &mut session, name, values, &initial);
                continue;
            }
            let effect = effect(statement, self.catalog);
            self.breaks(file, statement, &effect);
            let as_written = directed_as_written(script, statement.ordinal);
            let scene = Scene {
                catalog: self.catalog,
                settings: self.settings,
                as_written: as_written || glued.contains(&statement.ordinal),
            };
            let own = self.pieces(statement, &effect, &scene, &glued);
            match own.and_then(|own| self.batched(own, script, statement, &effect, &scene)) {
                Ok(mut own) => {
                    fills.pass(statement, &mut own, self.catalog);
                    pieces.extend(own.into_iter().map(|piece| session.apply(piece)));
                }
                Err(refusal) => self.refuse(file, script, statement, refusal),
            }
            self.apply(statement, &effect);
        }
        self.outlook.settle(&initial, self.catalog, self.certainty);
        self.catalog.search_path.clone_from(&initial.search_path);
        group::close_enum_values(&mut pieces, script);
        let pieces = schedule::order(pieces, &initial);
        self.plan.steps = group::steps(pieces, script, self.settings, &glued);
        estimate::fill(&mut self.plan.steps, &initial);
    }

    fn pieces(
        &self,
        statement: &Statement,
        effect: &Effect,
        scene: &Scene<'_>,
        glued: &BTreeSet<usize>,
    ) -> Result<Vec<Piece>, Refusal> {
        if glued.contains(&statement.ordinal) && !self.settings.allow_blocking {
            if !self.settings.allow_data_loss {
                return Err(Refusal {
                    rule: rules::copy_then_drop_loses_writes::RULE.code,
                    message: "this migration copies rows of a table in use and then drops what it copied from: what the application writes in between would be lost, and with its locks taken first it blocks the table for as long as the copy takes".to_owned(),
                    help: "Keep both for a while (expand, fill, contract). Or allow the block in a quiet hour: `--allow blocking`; or the loss where nobody writes: `--allow data-loss`.".to_owned(),
                });
            }
            let unallowed = rewrite::hazard(
                statement,
                effect,
                &Scene {
                    as_written: false,
                    ..*scene
                },
            );
            if let Some(refusal) = unallowed {
                return Err(refusal);
            }
        }
        rewrite::rewrite(statement, effect, scene)
    }

    /// Batches as the file wants them; the statement stays whole where the migration later changes what they read.
    fn batched(
        &self,
        mut pieces: Vec<Piece>,
        script: &Script,
        statement: &Statement,
        effect: &Effect,
        scene: &Scene<'_>,
    ) -> Result<Vec<Piece>, Refusal> {
        let size = script.directives.iter().find_map(|directive| match directive {
            Directive::BatchSize { statement: of, rows } if *of == statement.ordinal => Some(*rows),
            _ => None,
        });
        let mut apart = false;
        for piece in &mut pieces {
            if let Body::Batches(batches) = &mut piece.body {
                batches.batch.size = size;
                apart = true;
            }
        }
        let Some(source) = glue::changed_later(script, statement, scene.catalog).filter(|_| apart) else {
            return Ok(pieces);
        };
        match rewrite::hazard(statement, effect, scene).filter(|_| !self.settings.allow_blocking) {
            Some(hurts) => Err(rewrite::whole(
                &hurts,
                &format!("the migration later changes {source}, which it reads"),
            )),
            None => rewrite::rewrite(
                statement,
                effect,
                &Scene {
                    as_written: true,
                    ..*scene
                },
            ),
        }
    }

    /// What somebody has allowed to be written is not allowed to block: that is for whoever deploys to say.
    fn refuse(&mut self, file: &SourceFile, script: &Script, statement: &Statement, refusal: Refusal) {
        let mut notice = refusal.notice(statement, file.place(statement.span.start).line);
        let is_allowed = |directive: &Directive| {
            matches!(directive, Directive::Allow { rules, statement: of, .. }
                if *of == statement.ordinal && rules.contains(&notice.rule))
        };
        if script.directives.iter().any(is_allowed) {
            let why = " The `-- nonstop: allow` above it speaks to `check` alone.";
            notice.help.push_str(why);
        }
        self.plan.refusals.push(notice);
    }

    /// Session settings: nonstop's own bounds stand, the others go with each transaction.
    fn set(
        &mut self,
        file: &SourceFile,
        statement: &Statement,
        session: &mut Settings,
        name: &str,
        values: &[String],
        initial: &Catalog,
    ) {
        if session::is_bound(name) {
            self.plan.warnings.push(notice(
                file,
                statement,
                "session-timeout-is-left-out",
                format!("{name} is not set: nonstop keeps its own bounds for every step"),
                "Use --max-block and --patience.".to_owned(),
            ));
            return;
        }
        // The default of a session of ours is the path that the migration began with.
        let values = if name == "search_path" && values.is_empty() {
            &initial.search_path
        } else {
            values
        };
        session.set(name, values);
        self.apply(statement, &Effect::default());
        if name == "search_path" {
            self.catalog.search_path = values.to_vec();
        }
    }

    /// Brings the catalog to the state after the statement.
    fn apply(&mut self, statement: &Statement, effect: &Effect) {
        let certainty = replay::apply(self.catalog, statement);
        self.outlook.pass(effect, certainty);
        self.certainty = self.certainty.max(certainty);
    }

    /// Statements that break running code: run with a warning, or refused; and those of which nobody knows what they do.
    fn breaks(&mut self, file: &SourceFile, statement: &Statement, effect: &Effect) {
        // The scripts of extensions lock no table of anybody's.
        if let Some(reason) = effect.opaque.as_ref()
            && !matches!(statement.kind, Kind::CreateExtension { .. })
        {
            let message = format!("what it locks and does is not known from its text: {reason}");
            let help = "It runs as written, and is cancelled when somebody waits for it longer than --max-block. `nonstop plan --trace` \
                        shows what it does on a throw-away server.";
            self.plan
                .warnings
                .push(notice(file, statement, UNKNOWN_EFFECT, message, help.to_owned()));
        }
        for breaks in &effect.breaks {
            let own = rules::find(breaks.rule).map_or("", |rule| rule.help);
            let help = format!("{own} `--breaking refuse` stops such migrations.");
            let notice = notice(file, statement, breaks.rule, breaks.message.clone(), help);
            match self.settings.breaking {
                Breaking::AsWritten => self.plan.warnings.push(notice),
                Breaking::Refuse => self.plan.refusals.push(notice),
            }
        }
    }

    /// The file unchanged: `--as-written`, or it controls its transactions itself.
    fn as_written(&mut self, migration: &Migration, file: &SourceFile, script: &Script) {
        let blocks = script.statements.iter().any(|s| matches!(s.kind, Kind::Transaction(_)));
        let per_statement = migration.transaction == TransactionModel::Unwrapped;
        let mut effects = Vec::new();
        // What is rolled back, and what of it stays, only the server knows.
        let mut open_ended = script.statements.iter().any(controls_transaction);
        for statement in &script.statements {
            let effect = effect(statement, self.catalog);
            self.breaks(file, statement, &effect);
            let scene = Scene {
                catalog: self.catalog,
                settings: self.settings,
                as_written: false,
            };
            open_ended |= rewrite::is_open_ended(statement, &effect, &scene);
            let may_block = self.settings.as_written || self.settings.allow_blocking;
            if let Some(refusal) = rewrite::hazard(statement, &effect, &scene).filter(|_| !may_block) {
                self.refuse(file, script, statement, refusal);
            }
            self.apply(statement, &effect);
            effects.push(effect);
        }
        // Which of its transactions stay is the file's own business.
        self.outlook.is_unknown |= self.certainty != Certainty::Known;
        self.plan.steps = group::as_written(
            file,
            script,
            &effects,
            (blocks, per_statement, open_ended),
            self.settings,
        );
    }
}

pub(crate) fn directed_as_written(script: &Script, ordinal: usize) -> bool {
    script
        .directives
        .iter()
        .any(|directive| matches!(directive, Directive::AsWritten { statement } if *statement == ordinal))
}

#[cfg(test)]
pub(crate) mod tests;
