//! The statements of a migration, each with the pieces that it becomes.

use super::{Down, Look, Made, Split, down, words};
use crate::catalog::{Catalog, Mention, Origin};
use crate::effect::{Effect, effect};
use crate::lint::Knowledge;
use crate::migration::Migration;
use crate::plan::Notice;
use crate::planner::session::{self, Settings};
use crate::planner::{directed_as_written, glue, group};
use crate::replay::Playback;
use crate::rewrite::{self, Body, Piece, Refusal, Scene};
use crate::rules;
use crate::settings::PlanSettings;
use crate::source::SourceFile;
use crate::sql::{self, ActionKind, AlterTable, ConstraintKindDef, Directive, Kind, Script, Statement};
use crate::step::StepKind;
use std::collections::BTreeSet;

/// A statement and what becomes of it.
pub(super) struct Part {
    pub(super) statement: Statement,
    /// What it becomes, checks left out. As written where nothing is wrong with it.
    pub(super) pieces: Vec<Piece>,
    /// It stays word by word; it may still have to go to another file.
    pub(super) is_kept: bool,
    /// It has no place but its own: `BEGIN`, `SET`.
    pub(super) is_bound: bool,
    /// Without the others it means nothing: `BEGIN`, `SET lock_timeout`.
    pub(super) is_frame: bool,
    /// It is an index or foreign key of a table that the same migration made.
    pub(super) is_on_new_table: bool,
    /// Names stand in the schema that the tool looks into first, and the file does not say otherwise.
    pub(super) is_plain_path: bool,
    /// How each piece is taken back.
    pub(super) downs: Vec<Down>,
    /// What it becomes in a later file, where a table that the migration makes is no longer new.
    later: Option<(Vec<Piece>, Vec<Down>)>,
    pub(super) looks: Vec<Look>,
    /// Settings of the file that a statement needs in another file.
    pub(super) prefix: String,
    /// The server takes it only outside a transaction.
    is_outside: bool,
    /// The schema that is left out of names.
    schema: Option<String>,
}

/// All of them, and what is to be said.
pub(super) struct Read {
    pub(super) parts: Vec<Part>,
    pub(super) unfixed: Vec<Notice>,
    pub(super) notes: Vec<String>,
    /// What is to be said of timeouts, where files are split.
    pub(super) timeouts: Vec<String>,
}

/// Where a piece may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Beside others in a transaction.
    Together,
    /// Beside others that validate.
    Validate,
    /// Alone in its file.
    Alone,
}

impl Part {
    pub(super) fn is_index(&self) -> bool {
        matches!(self.statement.kind, Kind::CreateIndex(_))
    }

    pub(super) fn place(&self, piece: &Piece) -> Place {
        match &piece.body {
            Body::Lone(lone) if lone.kind == StepKind::Validate => Place::Validate,
            Body::Lone(_) | Body::Batches(_) => Place::Alone,
            Body::Instant(_) if self.is_kept && self.is_outside => Place::Alone,
            Body::Instant(instant) if instant.slow && validates(&self.statement.kind) => Place::Validate,
            Body::Instant(_) | Body::Check { .. } => Place::Together,
        }
    }

    /// Goes to a later file, whether it wanted or not; `false` where that changes nothing.
    pub(super) fn goes_later(&mut self) -> bool {
        let Some((pieces, downs)) = self.later.take() else {
            return false;
        };
        (self.pieces, self.downs) = (pieces, downs);
        (self.is_kept, self.is_on_new_table) = (false, false);
        true
    }

    /// A text of ours with the names as the user would write them.
    pub(super) fn unqualified(&self, text: &str) -> String {
        match &self.schema {
            Some(schema) => words::without_schema(text, schema),
            None => text.to_owned(),
        }
    }
}

/// `VALIDATE CONSTRAINT` and nothing else.
fn validates(kind: &Kind) -> bool {
    matches!(kind, Kind::AlterTable(alter) if !alter.actions.is_empty()
        && alter.actions.iter().all(|action| matches!(action.kind, ActionKind::ValidateConstraint { .. })))
}

pub(super) fn read(
    migration: &Migration,
    file: &SourceFile,
    script: &Script,
    known: &mut Knowledge,
    made: &mut Made,
    split: Split,
) -> Read {
    let settings = PlanSettings {
        small_rows: known.small_rows,
        ..PlanSettings::default()
    };
    let mut reader = Reader {
        file,
        script,
        glued: glue::copies_before_drops(script, &known.catalog, &settings),
        settings: &settings,
        split,
        path: known.catalog.search_path.clone(),
        session: Settings::default(),
        read: Read {
            parts: Vec::new(),
            unfixed: Vec::new(),
            notes: Vec::new(),
            timeouts: Vec::new(),
        },
    };
    let mut playback = Playback::open(&known.catalog, migration.transaction, script);
    for statement in &script.statements {
        let effect = known.effect(statement);
        let part = reader.part(statement, &effect, &known.catalog, made);
        reader.read.parts.push(part);
        made.note(statement, &known.catalog);
        known.advance(&mut playback, statement);
    }
    playback.close(&mut known.catalog);
    let mut read = reader.read;
    close_enum_values(&mut read.parts, script);
    read
}

/// What uses a new label goes behind its commit.
fn close_enum_values(parts: &mut [Part], script: &Script) {
    let mut pieces: Vec<Piece> = parts.iter().flat_map(|part| part.pieces.iter().cloned()).collect();
    group::close_enum_values(&mut pieces, script);
    let mut pieces = pieces.into_iter();
    for piece in parts.iter_mut().flat_map(|part| &mut part.pieces) {
        if let Some(closed) = pieces.next() {
            *piece = closed;
        }
    }
}

struct Reader<'a> {
    file: &'a SourceFile,
    script: &'a Script,
    settings: &'a PlanSettings,
    glued: BTreeSet<usize>,
    split: Split,
    path: Vec<String>,
    session: Settings,
    read: Read,
}

impl Reader<'_> {
    fn part(&mut self, statement: &Statement, effect: &Effect, catalog: &Catalog, made: &Made) -> Part {
        let schema = self.path.first().filter(|schema| {
            let names = sql::identifiers(statement.sql.as_str());
            catalog.search_path == self.path && names.iter().all(|word| word.name != **schema)
        });
        let mut part = Part {
            statement: statement.clone(),
            pieces: Vec::new(),
            is_kept: true,
            is_bound: true,
            is_frame: true,
            is_on_new_table: false,
            is_plain_path: catalog.search_path == self.path,
            downs: Vec::new(),
            later: None,
            looks: Vec::new(),
            prefix: String::new(),
            is_outside: effect.outside_transaction,
            schema: schema.cloned(),
        };
        if let Kind::Set { name, values, .. } = &statement.kind
            && !session::is_of_transaction(name)
        {
            self.session.set(name, values);
            part.is_frame = session::is_bound(name);
            self.timeout_lasts(statement, name);
            return part;
        }
        if matches!(statement.kind, Kind::Transaction(_) | Kind::Set { .. }) {
            return part;
        }
        part.is_bound = false;
        let scene = Scene {
            catalog,
            settings: self.settings,
            as_written: false,
        };
        part.is_on_new_table = is_of_new_table(&statement.kind, catalog);
        let pieces = self.pieces(statement, effect, &scene, part.is_on_new_table);
        let (looks, pieces): (Vec<Piece>, Vec<Piece>) = pieces
            .unwrap_or_default()
            .into_iter()
            .partition(|piece| matches!(piece.body, Body::Check { .. }));
        let is_new = !pieces.is_empty()
            && pieces.iter().any(|piece| !piece.part)
            && words::text(&pieces[0]) != Some(&statement.sql);
        part.is_kept = !is_new;
        let whole = || {
            rewrite::rewrite(
                statement,
                effect,
                &Scene {
                    as_written: true,
                    ..scene
                },
            )
        };
        part.pieces = match pieces {
            pieces if is_new => pieces,
            // What is added behind a statement that stays would be added again and again.
            mut pieces if pieces.iter().all(|piece| !piece.part) && !pieces.is_empty() => {
                pieces.truncate(1);
                pieces
            }
            _ => whole().unwrap_or_default(),
        };
        if is_concurrently(&statement.kind) && part.pieces.iter().all(|piece| matches!(piece.body, Body::Lone(_))) {
            part.is_kept = part.pieces.len() == 1;
        }
        part.looks = looks
            .iter()
            .filter(|_| !part.is_kept)
            .filter_map(|piece| look(&part, piece))
            .collect();
        self.session.prefix().as_str().clone_into(&mut part.prefix);
        part.downs = part
            .pieces
            .iter()
            .map(|piece| down::of(&part, piece, &scene, made))
            .collect();
        part.later = if part.is_kept { later(&part, &scene, made) } else { None };
        part
    }

    /// The safe form, unless there is none or nobody wants it; then why, where that is worth saying.
    fn pieces(
        &mut self,
        statement: &Statement,
        effect: &Effect,
        scene: &Scene<'_>,
        is_on_new_table: bool,
    ) -> Option<Vec<Piece>> {
        let ordinal = statement.ordinal;
        let line = self.file.place(statement.span.start).line;
        if self.glued.contains(&ordinal) {
            if self.glued.first() == Some(&ordinal) {
                self.read.unfixed.push(copied_and_dropped().notice(statement, line));
            }
            return None;
        }
        if directed_as_written(self.script, ordinal) || self.is_allowed(ordinal) {
            let pieces = rewrite::rewrite(statement, effect, scene).unwrap_or_default();
            if pieces
                .iter()
                .any(|piece| !piece.part && words::text(piece) != Some(&statement.sql))
            {
                let note = format!("Line {line} stays as it is: a `-- nonstop:` directive above it wants it so.");
                self.read.notes.push(note);
            }
            return None;
        }
        if self.split == Split::All && is_on_new_table {
            let (old, settings) = as_old(scene);
            return Some(as_on_old_table(statement, &scene_of(&old, &settings)));
        }
        match rewrite::rewrite(statement, effect, scene) {
            Ok(pieces) if pieces.iter().any(|piece| matches!(piece.body, Body::Batches(_))) => {
                self.read
                    .unfixed
                    .push(needs_batches(statement, effect, scene).notice(statement, line));
                None
            }
            Ok(pieces) => Some(pieces),
            Err(refusal) => {
                self.read.unfixed.push(in_files(refusal).notice(statement, line));
                None
            }
        }
    }

    /// A tool with one session for all files carries a `SET` into the next.
    fn timeout_lasts(&mut self, statement: &Statement, name: &str) {
        let Kind::Set {
            local: false, values, ..
        } = &statement.kind
        else {
            return;
        };
        if matches!(name, "lock_timeout" | "statement_timeout" | "transaction_timeout") && !values.is_empty() {
            let line = self.file.place(statement.span.start).line;
            self.read.timeouts.push(format!(
                "Line {line} sets {name} for the whole session, which Prisma carries into the files behind: there it would \
                 cut an index build short, and leave it INVALID. Write SET LOCAL."
            ));
        }
    }

    fn is_allowed(&self, ordinal: usize) -> bool {
        self.script
            .directives
            .iter()
            .any(|directive| matches!(directive, Directive::Allow { statement, .. } if *statement == ordinal))
    }
}

fn look(part: &Part, piece: &Piece) -> Option<Look> {
    match &piece.body {
        Body::Check { violation, .. } => Some(Look {
            message: violation.message.clone(),
            sql: crate::quote::SqlText::verbatim(part.unqualified(violation.find_all.as_str())),
        }),
        Body::Instant(_) | Body::Lone(_) | Body::Batches(_) => None,
    }
}

fn is_concurrently(kind: &Kind) -> bool {
    match kind {
        Kind::CreateIndex(index) => index.concurrently,
        Kind::Drop(drop) => drop.concurrently,
        Kind::Reindex { concurrently, .. } | Kind::Refresh { concurrently, .. } => *concurrently,
        _ => false,
    }
}

fn copied_and_dropped() -> Refusal {
    Refusal {
        rule: rules::copy_then_drop_loses_writes::RULE.code,
        message: "rows are copied and then what they were copied from is dropped: apart, what is written in between would be \
                  lost"
            .to_owned(),
        help: "Keep both for a while: add the new, write both, fill in batches, and drop the old one later.".to_owned(),
    }
}

/// What a statement about a table that the migration makes becomes in a later file.
fn later(part: &Part, scene: &Scene<'_>, made: &Made) -> Option<(Vec<Piece>, Vec<Down>)> {
    let statement = &part.statement;
    let table = match &statement.kind {
        Kind::CreateIndex(index) => &index.table,
        Kind::AlterTable(alter) => &alter.name,
        _ => return None,
    };
    let relation = scene.catalog.relation(&scene.catalog.resolve(table)?)?;
    if relation.is_shared() || relation.temporary {
        return None;
    }
    let (old, settings) = as_old(scene);
    let scene = scene_of(&old, &settings);
    let pieces = as_on_old_table(statement, &scene);
    let is_new = |piece: &Piece| !piece.part && words::text(piece) != Some(&statement.sql);
    if !pieces.first().is_some_and(is_new) {
        return None;
    }
    let written = Part {
        is_kept: false,
        is_on_new_table: false,
        pieces: Vec::new(),
        downs: Vec::new(),
        later: None,
        looks: Vec::new(),
        statement: statement.clone(),
        prefix: String::new(),
        schema: part.schema.clone(),
        ..*part
    };
    let downs = pieces
        .iter()
        .map(|piece| down::of(&written, piece, &scene, made))
        .collect();
    Some((pieces, downs))
}

/// How far batches came is known only to whoever runs them.
fn needs_batches(statement: &Statement, effect: &Effect, scene: &Scene<'_>) -> Refusal {
    let tables: Vec<String> = effect.changes.iter().map(ToString::to_string).collect();
    let of_tables = if tables.is_empty() {
        String::new()
    } else {
        format!(" of {}", tables.join(", "))
    };
    let retypes = |alter: &sql::AlterTable| {
        alter
            .actions
            .iter()
            .any(|own| matches!(own.kind, sql::ActionKind::AlterType { .. }))
    };
    if let Kind::AlterTable(alter) = &statement.kind
        && retypes(alter)
        && let Some(hurts) = rewrite::hazard(statement, effect, scene)
    {
        return Refusal {
            help: "`nonstop deploy` fills a column of the new type in batches beside the old one, and swaps the two: no file of SQL can \
                   make batches."
                .to_owned(),
            ..hurts
        };
    }
    Refusal {
        rule: rules::changes_many_rows::RULE.code,
        message: format!(
            "any number of rows{of_tables} is changed, and each stays locked until all are: this needs batches, which no file \
             of SQL can make"
        ),
        help: "`nonstop deploy` makes them of the statement as it stands.".to_owned(),
    }
}

/// What a refusal says of flags of `deploy` is no help here.
fn in_files(refusal: Refusal) -> Refusal {
    let help = refusal.help.split(" Or allow it").next().unwrap_or_default().to_owned();
    Refusal { help, ..refusal }
}

/// A plain index or foreign key of a table that the same migration made. Unique ones are rules that hold from the first row
/// on, and stay.
fn is_of_new_table(kind: &Kind, catalog: &Catalog) -> bool {
    let is_new = |name: &sql::NameRef| {
        let relation = catalog.resolve(name).and_then(|name| catalog.relation(&name));
        relation.is_some_and(|relation| !relation.is_shared() && !relation.temporary)
    };
    match kind {
        Kind::CreateIndex(index) => !index.unique && !index.concurrently && is_new(&index.table),
        Kind::AlterTable(alter) => is_new(&alter.name) && adds_keys(alter),
        _ => false,
    }
}

fn adds_keys(alter: &AlterTable) -> bool {
    let is_key = |kind: &ActionKind| {
        matches!(kind, ActionKind::AddConstraint(def)
            if matches!(def.kind, ConstraintKindDef::ForeignKey { .. }) && !def.not_valid)
    };
    !alter.actions.is_empty() && alter.actions.iter().all(|action| is_key(&action.kind))
}

/// The catalog and settings as they are when the migration's tables are no longer new.
fn as_old(scene: &Scene<'_>) -> (Catalog, PlanSettings) {
    let mut old = scene.catalog.clone();
    old.relations
        .change_mentioning([Mention::New, Mention::Sized], |relation| {
            relation.origin = Origin::Existing;
            relation.size = None;
        });
    let settings = PlanSettings {
        small_rows: 0,
        ..scene.settings.clone()
    };
    (old, settings)
}

fn scene_of<'a>(catalog: &'a Catalog, settings: &'a PlanSettings) -> Scene<'a> {
    Scene {
        catalog,
        settings,
        as_written: false,
    }
}

/// The safe form if the tables of the migration were there before it; there are no rows to look at.
fn as_on_old_table(statement: &Statement, scene: &Scene<'_>) -> Vec<Piece> {
    let pieces = rewrite::rewrite(statement, &effect(statement, scene.catalog), scene).unwrap_or_default();
    let is_look = |piece: &Piece| matches!(piece.body, Body::Check { .. });
    pieces.into_iter().filter(|piece| !is_look(piece)).collect()
}
