//! The safe form of a migration as files.
//!
//! What a statement becomes is `rewrite`'s to say, as for `deploy`; here its pieces find their files. A file is one message
//! of its tool, so what runs outside a transaction has a file of its own, and what must stand behind it has another.

mod down;
mod part;
mod sort;
mod text;
mod words;

pub use down::{Down, Made};

use crate::lint::Knowledge;
use crate::migration::Migration;
use crate::plan::Notice;
use crate::planner;
use crate::quote::SqlText;
use crate::source::SourceFile;
use crate::sql::{self, Script, SyntaxError};
use part::Part;

/// Which statements are taken out of their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Those that would keep the application out. A table that the migration itself makes is empty, and nobody uses it yet.
    Needed,
    /// Also every index and foreign key of new tables, as careful teams do by hand. Unique indexes stay: they are rules that
    /// hold from the first row on.
    All,
}

/// Where the parts of a migration can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Into files beside it.
    Siblings,
    /// Nowhere: a file of its own, whose statements are sent one by one.
    Alone,
}

/// A migration in its safe form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// In the order in which they run. The first takes the place of the migration; with one alone that is unchanged there is
    /// nothing to do.
    pub files: Vec<FixedFile>,
    /// Statements that have no safe form in files, with the reason.
    pub unfixed: Vec<Notice>,
    /// What was left as it is, and why, for people.
    pub notes: Vec<String>,
    /// Queries of which none may find a row: otherwise a later file fails.
    pub look_first: Vec<Look>,
}

/// A query to run before, and what it means when it finds rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// One sentence about the rows.
    pub message: String,
    /// The query that finds them all.
    pub sql: SqlText,
}

/// One file of a migration's safe form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedFile {
    /// What it does.
    pub role: Role,
    /// Its text; of the first the edited text of the migration.
    pub text: String,
    /// Its way back.
    pub down: Down,
    /// It may stand in a transaction.
    pub transaction: bool,
    /// Which statements of the migration it carries out, from 1.
    pub statements: Vec<usize>,
}

/// What a file does; its name comes from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Statements that share a transaction.
    Together,
    /// Constraints are validated, of this sort.
    Validate(&'static str),
    /// One statement outside a transaction, about this object.
    Alone(String),
}

impl Fixed {
    /// Whether anything is to be written.
    pub fn changes(&self, original: &str) -> bool {
        self.files.len() > 1 || self.files.first().is_some_and(|file| file.text != original)
    }
}

/// Passes over a migration that is not to be fixed: what it makes is known afterwards.
///
/// # Errors
/// A file that does not parse.
pub fn pass(
    migration: &Migration,
    file: &SourceFile,
    known: &mut Knowledge,
    made: &mut Made,
) -> Result<(), SyntaxError> {
    play(migration, &sql::parse(file)?, known, made);
    Ok(())
}

/// What a migration makes as it stands; afterwards nothing of it is new any more.
fn play(migration: &Migration, script: &Script, known: &mut Knowledge, made: &mut Made) {
    for statement in &script.statements {
        made.note(statement, &known.catalog);
    }
    known.pass(migration.transaction, script);
    known.catalog.settle();
}

/// The safe form of a migration, and brings what is known to the state after it.
///
/// # Errors
/// A file that does not parse, or a directive in it that says nothing.
pub fn fix(
    migration: &Migration,
    file: &SourceFile,
    known: &mut Knowledge,
    made: &mut Made,
    (split, room): (Split, Room),
) -> Result<Fixed, SyntaxError> {
    let script = sql::parse(file)?.with_clear_directives(file)?;
    if script.statements.iter().any(planner::controls_transaction) {
        return Ok(its_own_master(migration, file, &script, known, made));
    }
    let mut read = part::read(migration, file, &script, known, made, split);
    known.catalog.settle();
    let mut fixed = Fixed {
        files: Vec::new(),
        unfixed: read.unfixed,
        notes: read.notes,
        look_first: looks(&read.parts),
    };
    fixed.files = match room {
        Room::Siblings => {
            let own_files = sort::into_files(&mut read.parts);
            text::files(file, &read.parts, &own_files, migration.transaction)
        }
        Room::Alone => vec![text::in_place(file, &read.parts)],
    };
    if fixed.files.len() > 1 {
        fixed.notes.extend(read.timeouts);
    }
    if room == Room::Siblings {
        fixed.notes.extend(new_tables_stay(&read.parts, split));
    }
    Ok(fixed)
}

fn looks(parts: &[Part]) -> Vec<Look> {
    parts.iter().flat_map(|part| part.looks.iter().cloned()).collect()
}

/// Why not everything was split: what surprises those who have split by hand.
fn new_tables_stay(parts: &[Part], split: Split) -> Option<String> {
    let on_new: Vec<&Part> = parts.iter().filter(|part| part.is_on_new_table).collect();
    let splits = parts.iter().any(|part| !part.is_kept);
    if on_new.is_empty() || split == Split::All || !splits {
        return None;
    }
    let indexes = on_new.iter().filter(|part| part.is_index()).count();
    let keys = on_new.len() - indexes;
    let what = [(indexes, "index", "indexes"), (keys, "foreign key", "foreign keys")];
    let what = what.iter().filter(|(count, ..)| *count > 0);
    let what: Vec<String> = what
        .map(|(count, one, more)| format!("{count} {}", if *count == 1 { one } else { more }))
        .collect();
    Some(format!(
        "{} of tables that this migration itself makes stay where they are: such a table is empty and nobody uses it yet, so \
         they take a moment. `--split all` moves them too.",
        what.join(" and ")
    ))
}

/// A file with `ROLLBACK` or savepoints of its own is left alone.
fn its_own_master(
    migration: &Migration,
    file: &SourceFile,
    script: &Script,
    known: &mut Knowledge,
    made: &mut Made,
) -> Fixed {
    play(migration, script, known, made);
    let unchanged = FixedFile {
        role: Role::Together,
        text: file.text.clone(),
        down: Down::default(),
        transaction: true,
        statements: script.statements.iter().map(|statement| statement.ordinal).collect(),
    };
    Fixed {
        files: vec![unchanged],
        unfixed: Vec::new(),
        notes: vec![
            "It has ROLLBACK, savepoints or two-phase commit of its own: what of it stays only the server knows, so it is \
             left as it is."
                .to_owned(),
        ],
        look_first: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
