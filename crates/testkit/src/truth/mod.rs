//! What each statement of a history really does on a server, beside what `nonstop check` says of it.
//!
//! Every statement runs in a transaction of its own, in the order of the history, so that its locks are its alone; a file
//! that its tool runs as one transaction is tried as such first, for the errors that come from there. Tables are empty:
//! scans, rewrites and index builds happen all the same, and are seen in counters and file names.

mod compare;
mod measure;
mod said;

pub use compare::{Miss, Score, Share};
pub use measure::{Locks, Measured, Migration, Play};
pub use said::{Said, StatementSaid, Told, read};

use anyhow::{Context as _, Result, bail};
use nonstop_core::source::SourceFile;
use nonstop_core::sql::{Kind, Script, Statement, parse};
use std::fs;
use std::path::Path;
use tokio::process::Command;
use tokio_postgres::error::SqlState;

/// What the program says of a folder of migrations, with the effect of every statement.
pub async fn said(nonstop: &Path, folder: &Path, major: u32) -> Result<String> {
    let mut command = Command::new(nonstop);
    command.arg("check").arg(folder);
    command.args(["--effects", "--format", "json", "--fail-on", "never"]);
    let output = command.args(["--pg-version", &major.to_string()]).output().await?;
    // Code 2: a file that does not parse, which the document says.
    if !matches!(output.status.code(), Some(0 | 2)) || output.stdout.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("nonstop check {}: {}: {said}", folder.display(), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Replays a history on an empty database, and scores what [`said`] has of it.
pub async fn judge(document: &str, url: &str) -> Result<Score> {
    let said = read(document)?;
    let mut score = Score::default();
    let play = Play::begin(url).await?;
    for told in &said.files {
        let text = fs::read_to_string(&told.path).with_context(|| told.path.clone())?;
        let file = SourceFile::new(&*told.path, text);
        let Ok(script) = parse(&file) else { continue };
        judge_file(told, &file, &script, &play, &mut score).await?;
    }
    Ok(score)
}

async fn judge_file(told: &Told, file: &SourceFile, script: &Script, play: &Play, score: &mut Score) -> Result<()> {
    let together = if is_one_transaction(Path::new(&told.path), script) {
        play.together(&script.statements).await?
    } else {
        None
    };
    let mut migration = play.migration().await?;
    for statement in &script.statements {
        let mut measured = migration.run(statement).await?;
        if let Some((ordinal, code)) = &together
            && *ordinal == statement.ordinal
            && comes_from_the_transaction(code)
        {
            measured.error = Some(code.code().to_owned());
        }
        let line = file.place(statement.span.start).line;
        let said = told.statements.get(&statement.ordinal);
        score.add(&told.path, line, statement, said, &measured, &migration.indexes);
    }
    Ok(())
}

/// Diesel puts a transaction around each file that does not say otherwise; several statements in one message are one.
fn is_one_transaction(path: &Path, script: &Script) -> bool {
    if script
        .statements
        .iter()
        .any(|one| matches!(one.kind, Kind::Transaction(_)))
    {
        return false;
    }
    let is_diesel = path.file_name().is_some_and(|name| name == "up.sql");
    let metadata = fs::read_to_string(path.with_file_name("metadata.toml")).unwrap_or_default();
    let words: String = metadata.split_whitespace().collect();
    match (is_diesel, words.contains("run_in_transaction=false")) {
        (_, true) => false,
        (true, false) => true,
        (false, false) => script.statements.len() > 1,
    }
}

fn comes_from_the_transaction(code: &SqlState) -> bool {
    crate::as_written::is_cured_by_splitting(code)
}

/// Whether a statement does nothing by itself but open or close what the others stand in.
fn is_control(statement: &Statement) -> bool {
    matches!(statement.kind, Kind::Transaction(_))
}
