//! A catalog as a file: what `check` needs of a database where there is none.
//!
//! The document is JSON with a schema of its own. Within a schema fields are added and never renamed, so a field that comes
//! later has a default, and one that an older nonstop does not know is passed over. Everything stands in order: the same
//! database gives the same text.

use super::Catalog;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The schema that is written, and the only one that is read.
const SCHEMA: &str = "nonstop.catalog/1";

/// A catalog, and which migrations have led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    schema: String,
    /// Names of applied migrations, in order.
    pub applied: Vec<String>,
    /// The schema of the database with its sizes.
    pub catalog: Catalog,
}

/// Why a text is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It is no JSON, or a field is missing or of another kind.
    #[error("{line}:{column}: {message}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Another schema, or another version of it.
    #[error("its schema is {found:?}; this nonstop reads {wanted:?}")]
    Schema {
        /// What it says.
        found: String,
        /// What can be read.
        wanted: &'static str,
    },
}

#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

impl Snapshot {
    /// A snapshot of this catalog.
    pub fn new(catalog: Catalog, mut applied: Vec<String>) -> Self {
        applied.sort();
        applied.dedup();
        Self {
            schema: SCHEMA.to_owned(),
            applied,
            catalog,
        }
    }

    /// Its text, which ends with a line end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a catalog is strings, numbers and lists of them");
        text.push('\n');
        text
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn from_json(text: &str) -> Result<Self, SnapshotError> {
        read(text, SCHEMA)
    }
}

/// Reads a document of this schema. Another schema is told before what is missing of this one.
pub(crate) fn read<T: DeserializeOwned>(text: &str, wanted: &'static str) -> Result<T, SnapshotError> {
    let head: Head = serde_json::from_str(text).map_err(|error| SnapshotError::of(&error))?;
    match head.schema {
        Some(found) if found == wanted => {}
        found => {
            let found = found.unwrap_or_default();
            return Err(SnapshotError::Schema { found, wanted });
        }
    }
    serde_json::from_str(text).map_err(|error| SnapshotError::of(&error))
}

impl SnapshotError {
    fn of(error: &serde_json::Error) -> Self {
        let said = error.to_string();
        Self::Form {
            line: error.line(),
            column: error.column(),
            message: said.split(" at line ").next().unwrap_or_default().to_owned(),
        }
    }
}

/// A map whose keys are names, as a list of entries: JSON's own keys are strings.
pub(super) mod by_name {
    use crate::quote::Name;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    struct Written<'a, T> {
        name: &'a Name,
        value: &'a T,
    }

    #[derive(Deserialize)]
    struct Read<T> {
        name: Name,
        value: T,
    }

    pub(crate) fn write<'a, T: Serialize + 'a, S: Serializer>(
        entries: impl Iterator<Item = (&'a Name, &'a T)>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(entries.map(|(name, value)| Written { name, value }))
    }

    pub(crate) fn serialize<T: Serialize, S: Serializer>(map: &BTreeMap<Name, T>, to: S) -> Result<S::Ok, S::Error> {
        write(map.iter(), to)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<BTreeMap<Name, T>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let entries: Vec<Read<T>> = Vec::deserialize(from)?;
        Ok(entries.into_iter().map(|entry| (entry.name, entry.value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::{Ident, Literal, SqlText};
    use crate::source::SourceFile;
    use crate::version::ServerVersion;
    use crate::{replay, sql};
    use proptest::prelude::*;

    /// Statements around names and texts of any kind.
    fn statements(name: &str, text: &str) -> Vec<SqlText> {
        let (name, text) = (Ident(name), Literal(text));
        vec![
            crate::sql!("CREATE SCHEMA {}", name),
            crate::sql!("CREATE TYPE {}.mood AS ENUM ({}, 'ok')", name, text),
            crate::sql!("CREATE DOMAIN few AS int CHECK (VALUE > 0)"),
            crate::sql!("CREATE TYPE pair AS (a int)"),
            crate::sql!(
                "CREATE TABLE t ({} serial PRIMARY KEY, b varchar(50) DEFAULT {} UNIQUE, m {}.mood, f few, g int GENERATED ALWAYS AS (1) STORED)",
                name,
                text,
                name
            ),
            crate::sql!(
                "CREATE TABLE {}.{} (id int REFERENCES t, CHECK (id > 0), EXCLUDE USING gist (id WITH =)) WITH (fillfactor = 70)",
                name,
                name
            ),
            crate::sql!(
                "CREATE UNIQUE INDEX ON t (lower(b), {}) INCLUDE (m) WHERE b <> {}",
                name,
                text
            ),
            crate::sql!("CREATE TABLE p (day date NOT NULL) PARTITION BY RANGE (day)"),
            crate::sql!("CREATE TABLE p1 PARTITION OF p DEFAULT"),
            crate::sql!("CREATE INDEX ON p (day)"),
            crate::sql!("CREATE VIEW v AS SELECT t.*, count(*) AS {} FROM t", name),
            crate::sql!("CREATE FUNCTION f(x int, OUT y text) LANGUAGE sql STABLE AS {}", text),
            crate::sql!("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
            crate::sql!(
                "CREATE TRIGGER {} BEFORE UPDATE OF b ON t FOR EACH ROW EXECUTE FUNCTION f()",
                name
            ),
            crate::sql!("CREATE POLICY {} ON t USING (b = {})", name, text),
            crate::sql!("CREATE PUBLICATION {} FOR TABLE t", name),
            crate::sql!("ALTER TABLE t REPLICA IDENTITY FULL"),
            crate::sql!("CREATE STATISTICS s ON b, m FROM t"),
            crate::sql!("CREATE EXTENSION citext"),
            crate::sql!("SET timezone = {}", text),
            crate::sql!("INSERT INTO t SELECT 1 FROM {}", name),
        ]
    }

    proptest! {
        /// A catalog of anything is read back as it was, and written in one way only.
        #[test]
        fn what_is_written_is_read_back(
            name in "[a-zA-Z0-9_ .\"'ä€\\\\-]{1,20}",
            text in "\\PC{0,20}",
            chosen in proptest::collection::vec(any::<bool>(), 21),
            major in 12..=18_u32,
            applied in proptest::collection::vec("\\PC{1,10}", 0..4),
        ) {
            let mut catalog = Catalog::empty(ServerVersion::of_major(major));
            for (statement, chosen) in statements(&name, &text).iter().zip(chosen) {
                let file = SourceFile::new("m.sql", statement.as_str());
                let parsed = sql::parse(&file).unwrap_or_else(|error| panic!("{error}: {statement}"));
                for statement in parsed.statements.iter().filter(|_| chosen) {
                    replay::apply(&mut catalog, statement);
                }
            }
            let snapshot = Snapshot::new(catalog, applied);
            let written = snapshot.to_json();
            let read = Snapshot::from_json(&written).unwrap();
            prop_assert_eq!(&read, &snapshot);
            prop_assert_eq!(read.to_json(), written);
        }

        /// Any text is a snapshot or an error.
        #[test]
        fn any_text_is_read_or_refused(text in "[{}\\[\\]\":,a-z0-9 ]{0,60}") {
            let _: Result<Snapshot, SnapshotError> = Snapshot::from_json(&text);
        }
    }

    #[test]
    fn another_schema_is_named() {
        let error = Snapshot::from_json("{\"schema\":\"nonstop.catalog/2\",\"tables\":[]}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "its schema is \"nonstop.catalog/2\"; this nonstop reads \"nonstop.catalog/1\""
        );
        let error = Snapshot::from_json("{}").unwrap_err();
        assert!(matches!(error, SnapshotError::Schema { .. }), "{error}");
        let error = Snapshot::from_json("{\n \"schema\": \"nonstop.catalog/1\"\n}").unwrap_err();
        assert_eq!(error.to_string(), "3:1: missing field `applied`");
    }

    /// A field that a later nonstop writes is passed over.
    #[test]
    fn what_is_added_later_is_passed_over() {
        let snapshot = Snapshot::new(Catalog::empty(ServerVersion::of_major(15)), vec!["1_a".to_owned()]);
        let more = snapshot
            .to_json()
            .replace("\"applied\"", "\"added_later\": {\"a\": [1]}, \"applied\"");
        assert_eq!(Snapshot::from_json(&more).unwrap(), snapshot);
    }
}
