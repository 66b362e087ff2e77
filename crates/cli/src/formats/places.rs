//! Where statements stand that a story speaks of.

use nonstop_core::migration::Migration;
use nonstop_core::source::SourceFile;
use std::collections::BTreeMap;

/// Where statements stand: the migrations' files by name.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<String, (String, Option<SourceFile>)>);

impl Places {
    /// Of these migrations.
    pub fn of(migrations: &[Migration]) -> Self {
        let file = |one: &Migration| (one.name.clone(), (one.path.clone(), one.up.clone()));
        Self(migrations.iter().map(file).collect())
    }

    /// Of their ways back; a folder that has none has no file to point at.
    pub fn of_ways(migrations: &[Migration]) -> Self {
        let file = |one: &Migration| {
            let down = one.down.as_ref()?;
            Some((one.name.clone(), (down.path.clone(), Some(down.clone()))))
        };
        Self(migrations.iter().filter_map(file).collect())
    }

    /// `FILE:LINE:COLUMN` of a statement as written, `FILE` of one that is not in the file in these words.
    pub fn find(&self, migration: &str, statement: Option<&str>) -> Option<String> {
        let (path, file) = self.0.get(migration)?;
        let found = file.as_ref().zip(statement).and_then(|(file, statement)| {
            let statement = statement.trim().trim_end_matches(';');
            let at = file.text.find(statement).filter(|_| !statement.is_empty())?;
            Some(file.place(at))
        });
        Some(match found {
            Some(place) => format!("{path}:{}:{}", place.line, place.column),
            None => path.clone(),
        })
    }
}
