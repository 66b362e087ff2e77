//! What `fix` would write: a pure function of the folder and of what is known.

use super::Verified;
use crate::exit::Problem;
use crate::layouts::{self, Folder, LayoutChoice, Selection};
use nonstop_core::catalog::Catalog;
use nonstop_core::fix::{self, Fixed, FixedFile, Look, Made, Role, Room, Split};
use nonstop_core::lint::Knowledge;
use nonstop_core::migration::{Migration, TransactionModel, flyway_version};
use nonstop_core::plan::Notice;
use nonstop_core::source::SourceFile;
use nonstop_core::sql::{self, SyntaxError};
use nonstop_core::version::ServerVersion;
use std::collections::BTreeSet;

/// Everything that `fix` would do, or did.
#[derive(Debug, Default)]
pub struct Report {
    /// Migrations that were looked at and of which there is something to say.
    pub migrations: Vec<Outcome>,
    /// Files that do not parse.
    pub errors: Vec<SyntaxError>,
    /// How many were looked at.
    pub looked: usize,
    /// Left alone because they are applied.
    pub applied: usize,
    /// Whether a database said what is applied.
    pub is_asked: bool,
    /// Whether the files are written.
    pub is_written: bool,
    /// What `--verify` found, one for each folder.
    pub proofs: Vec<Verified>,
}

/// What becomes of one migration.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// Whether it is changed.
    pub state: State,
    /// Files to write, the migration itself first.
    pub changes: Vec<Change>,
    /// Statements without a safe form in files.
    pub unfixed: Vec<Notice>,
    /// What is to be known of it.
    pub notes: Vec<String>,
    /// Queries of which none may find a row.
    pub look_first: Vec<Look>,
    /// What the down scripts do not bring back.
    pub lost: Vec<String>,
}

/// Whether a migration is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There is nothing to change.
    Unchanged,
    /// There is a safer form.
    Fixed,
    /// It must not be changed, or there is no room; the reason.
    Refused(String),
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The migration that it belongs to.
    pub migration: String,
    /// The file.
    pub path: String,
    /// What it holds; `None` where it is new.
    pub before: Option<String>,
    /// What it is to hold.
    pub after: String,
    /// What it does, in a few words.
    pub does: &'static str,
}

impl Outcome {
    /// Whether it must not be changed.
    pub fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }

    fn of(migration: &Migration, state: State) -> Self {
        Self {
            name: migration.name.clone(),
            path: migration.path.clone(),
            state,
            changes: Vec::new(),
            unfixed: Vec::new(),
            notes: Vec::new(),
            look_first: Vec::new(),
            lost: Vec::new(),
        }
    }
}

/// What is known before the first migration, and what must not be touched.
#[derive(Debug)]
pub struct Ground {
    known: Knowledge,
    /// The catalog is the live one: what is applied is in it.
    is_live: bool,
    pending: Option<Vec<String>>,
    applied: Option<BTreeSet<String>>,
}

impl Ground {
    /// Nothing is known but the files; of a file without its folder not even what exists.
    pub fn files(version: ServerVersion, selection: &Selection) -> Self {
        Self {
            known: Knowledge::new(
                Catalog::empty(version),
                selection.folder.layout != LayoutChoice::Auto,
                0,
            ),
            is_live: false,
            pending: None,
            applied: None,
        }
    }

    /// All is known from a database.
    pub(super) fn live(catalog: Catalog, small_rows: u64, pending: Vec<String>) -> Self {
        Self {
            known: Knowledge::new(catalog, true, small_rows),
            is_live: true,
            pending: Some(pending),
            applied: None,
        }
    }

    /// These are applied.
    pub(super) fn without(self, applied: BTreeSet<String>) -> Self {
        Self {
            applied: Some(applied),
            ..self
        }
    }

    fn is_applied(&self, name: &String) -> bool {
        let is_pending = self.pending.as_ref().is_none_or(|pending| pending.contains(name));
        !is_pending || self.applied.as_ref().is_some_and(|applied| applied.contains(name))
    }
}

/// What is to be written for what is selected.
pub fn changes(
    selection: &Selection,
    since: Option<&str>,
    mut ground: Ground,
    split: Split,
    report: &mut Report,
) -> Result<(), Problem> {
    let folder = &selection.folder;
    let mut is_behind = match since {
        None => true,
        Some(name) if folder.migrations.iter().any(|migration| migration.name == name) => false,
        Some(name) => {
            let message = format_args!("--since {name}: there is no such migration in {}", folder.path);
            return Err(Problem::usage(message));
        }
    };
    report.is_asked |= ground.pending.is_some() || ground.applied.is_some();
    let mut made = Made::default();
    for migration in &folder.migrations {
        let is_named = selection.only.as_deref() == Some(migration.name.as_str());
        let is_asked = is_behind && (selection.only.is_none() || is_named);
        let is_applied = ground.is_applied(&migration.name);
        is_behind |= since == Some(migration.name.as_str());
        match &migration.up {
            Some(file) if is_asked && !is_applied => {
                report.looked += 1;
                let one = One {
                    folder,
                    migration,
                    file,
                    is_named: is_named || folder.layout == LayoutChoice::Auto,
                    split,
                };
                match one.outcome(&mut ground.known, &mut made) {
                    Ok(outcome) => report.migrations.extend(outcome),
                    Err(error) => report.errors.push(error),
                }
            }
            up => {
                if is_named && is_applied {
                    let reason = "it is applied: the history holds the checksum of its file, and what it did is done. Write \
                                  a new migration";
                    report
                        .migrations
                        .push(Outcome::of(migration, State::Refused(reason.to_owned())));
                }
                report.applied += usize::from(is_asked && is_applied);
                pass(migration, up.as_ref(), &mut ground, &mut made);
            }
        }
        if !ground.is_live {
            ground.known.catalog.forget_sizes();
        }
        if is_named {
            break;
        }
    }
    Ok(())
}

/// A migration that is not looked at; a live catalog has what is applied.
fn pass(migration: &Migration, file: Option<&SourceFile>, ground: &mut Ground, made: &mut Made) {
    let Some(file) = file else { return };
    if ground.is_live && ground.is_applied(&migration.name) {
        let Ok(script) = sql::parse(file) else { return };
        for statement in &script.statements {
            made.note(statement, &ground.known.catalog);
        }
        return;
    }
    // What does not parse was never run: whoever asks for it is told.
    let _ = fix::pass(migration, file, &mut ground.known, made);
}

/// Why no files are written for a folder: the form of its files is not one that `fix` can write.
pub(super) fn unwritable(folder: &Folder) -> Option<String> {
    let is_flyway = |migration: &Migration| flyway_version(&migration.name).is_some();
    let form = match folder.layout {
        LayoutChoice::BothWays => "files that hold both ways",
        LayoutChoice::Plain if folder.migrations.iter().any(is_flyway) => "Flyway's files",
        _ => return None,
    };
    Some(format!(
        "`{}`: fix does not write {form}. `nonstop check` says what hurts, and `nonstop deploy` runs the safe form of it",
        folder.path
    ))
}

struct One<'a> {
    folder: &'a Folder,
    migration: &'a Migration,
    file: &'a SourceFile,
    is_named: bool,
    split: Split,
}

impl One<'_> {
    /// `None`: there is nothing to say of it.
    fn outcome(&self, known: &mut Knowledge, made: &mut Made) -> Result<Option<Outcome>, SyntaxError> {
        let room = if self.folder.layout == LayoutChoice::Auto {
            Room::Alone
        } else {
            Room::Siblings
        };
        let before = (known.clone(), made.clone());
        let needed = fix::fix(self.migration, self.file, known, made, (Split::Needed, room))?;
        let has_hazards = needed.changes(&self.file.text);
        // All is split where there is something to split, or where it is asked for by name.
        let fixed = if self.split == Split::All && (has_hazards || self.is_named) {
            (*known, *made) = before;
            fix::fix(self.migration, self.file, known, made, (Split::All, room))?
        } else {
            needed
        };
        if !fixed.changes(&self.file.text) && !self.is_named && fixed.unfixed.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.with_files(fixed)))
    }

    fn with_files(&self, fixed: Fixed) -> Outcome {
        let is_changed = fixed.changes(&self.file.text);
        let mut outcome = Outcome {
            unfixed: fixed.unfixed,
            notes: fixed.notes,
            look_first: fixed.look_first,
            ..Outcome::of(self.migration, State::Unchanged)
        };
        let mut lost: Vec<String> = fixed.files.iter().flat_map(|file| file.down.lost.clone()).collect();
        if !is_changed && (!self.is_named || self.has_down()) {
            return outcome;
        }
        lost.dedup();
        outcome.lost = lost;
        let titles: Vec<String> = fixed.files.iter().skip(1).map(|file| self.title(file)).collect();
        let names = match layouts::names_behind(self.folder, &self.migration.name, &titles) {
            Ok(names) => names,
            Err(error) => {
                outcome.state = State::Refused(error.to_string());
                return outcome;
            }
        };
        if is_changed {
            outcome.state = State::Fixed;
        }
        for (file, name) in fixed
            .files
            .iter()
            .zip(std::iter::once(&self.migration.name).chain(&names))
        {
            self.write(file, name, &mut outcome);
        }
        outcome
    }

    /// The words behind the number of a new migration's name.
    fn title(&self, file: &FixedFile) -> String {
        let own = layouts::title(&self.migration.name);
        match &file.role {
            Role::Together => format!("finish_{own}"),
            Role::Validate(what) => {
                let core = ["add_", "create_"]
                    .iter()
                    .find_map(|verb| own.strip_prefix(verb))
                    .unwrap_or(own);
                let core = ["_tables", "_table"]
                    .iter()
                    .find_map(|end| core.strip_suffix(end))
                    .unwrap_or(core);
                format!("validate_{core}_{what}")
            }
            Role::Alone(object) => plain(object),
        }
    }

    fn has_down(&self) -> bool {
        self.migration.down.as_ref().is_some_and(says_something)
    }

    fn write(&self, file: &FixedFile, name: &str, outcome: &mut Outcome) {
        let is_own = name == self.migration.name;
        let before = is_own.then(|| self.file.text.clone());
        let change = |path: String, before: Option<String>, after: String, does: &'static str| Change {
            migration: name.to_owned(),
            path,
            before,
            after,
            does,
        };
        let (up, down) = self.paths(name);
        if before.as_ref() != Some(&file.text) {
            outcome
                .changes
                .push(change(up, before, file.text.clone(), does(&file.role)));
        }
        if is_own && self.has_down() {
            if outcome.state == State::Fixed {
                let down = self.migration.down.as_ref().map_or("", |down| down.path.as_str());
                outcome.notes.push(format!(
                    "{down} is there and stays as it is: what went into other files has its way back beside those, so look \
                     that it does not say it twice."
                ));
            }
        } else {
            let before = self
                .migration
                .down
                .as_ref()
                .filter(|_| is_own)
                .map(|down| down.text.clone());
            outcome
                .changes
                .push(change(down, before, file.down.text.clone(), "the way back"));
        }
        let needs_metadata = self.folder.layout == LayoutChoice::Diesel
            && !file.transaction
            && !(is_own && self.migration.transaction == TransactionModel::Unwrapped);
        if needs_metadata {
            let path = self.path(&[name, "metadata.toml"]);
            let before = std::fs::read_to_string(&path).ok().filter(|_| is_own);
            let after = metadata(before.as_deref());
            outcome
                .changes
                .push(change(path, before, after, "no transaction around it"));
        }
    }

    fn path(&self, parts: &[&str]) -> String {
        let tree = layouts::Tree {
            path: self.folder.path.clone(),
            ..layouts::Tree::default()
        };
        tree.path_of(parts)
    }

    /// The files of a migration of this name, up and down.
    fn paths(&self, name: &str) -> (String, String) {
        if let Some([up, down]) = layouts::files_of(self.folder.layout, name) {
            return (self.path(&[&up]), self.path(&[&down]));
        }
        let path = self.migration.path.clone();
        let stem = path.strip_suffix(".sql").unwrap_or(&path);
        let down = format!("{stem}.down.sql");
        (path, down)
    }
}

/// `run_in_transaction = false`, beside what else is there.
fn metadata(before: Option<&str>) -> String {
    let others = before.unwrap_or_default().lines();
    let others = others.filter(|line| !line.trim_start().starts_with("run_in_transaction"));
    let lines: Vec<&str> = std::iter::once("run_in_transaction = false").chain(others).collect();
    format!("{}\n", lines.join("\n"))
}

/// Diesel makes a file with a comment in it.
fn says_something(down: &SourceFile) -> bool {
    sql::parse(down).map_or(true, |script| !script.statements.is_empty())
}

/// As part of a file name.
fn plain(object: &str) -> String {
    let letter = |letter: char| {
        if letter.is_alphanumeric() || matches!(letter, '_' | '-') {
            letter
        } else {
            '_'
        }
    };
    let name: String = object.chars().take(100).map(letter).collect();
    if name.is_empty() { "alone".to_owned() } else { name }
}

fn does(role: &Role) -> &'static str {
    match role {
        Role::Together => "together in one transaction",
        Role::Validate(_) => "checks old rows",
        Role::Alone(_) => "alone, outside a transaction",
    }
}
