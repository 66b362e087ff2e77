//! The rule `identifier-too-long`.

use crate::finding::{Category, Severity};
use crate::rule::{Context, Found, rule};
use crate::sql::{self, Kind};

rule! {
    /// A name is longer than the server keeps.
    ///
    /// # What it catches
    /// A name of more than 63 bytes in a statement that changes the schema.
    ///
    /// # Why it hurts
    /// The server cuts it to 63 bytes and says so in a notice that nobody reads. Code and later migrations that build
    /// the name themselves do not find it, and two names that begin alike become one (SQLSTATE 42P07).
    ///
    /// # The safe way
    /// A shorter name.
    ///
    /// # When it is fine
    /// The tool that reads the name cuts it in the same way.
    ///
    /// ```sql bad
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN a_name_that_says_all_about_the_column_and_the_table_and_then_some_more int;
    /// ```
    ///
    /// ```sql safe
    /// CREATE TABLE "Tip" (id int PRIMARY KEY, amount int, "userId" int, note varchar(50));
    /// -- next migration
    /// ALTER TABLE "Tip" ADD COLUMN a_name_of_decent_length int;
    /// ```
    code: "identifier-too-long",
    severity: Severity::Warning,
    category: Category::Reliability,
    help: "Choose a name of at most 63 bytes.",
    url: "https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS",
    check: check,
}

/// `NAMEDATALEN - 1`.
const LIMIT: usize = 63;

fn check(context: &Context<'_>) -> Vec<Found> {
    let text = context.statement.sql.as_str();
    let changes_schema = !matches!(
        context.statement.kind,
        Kind::Dml(_) | Kind::Select(_) | Kind::Copy { .. } | Kind::Do { .. } | Kind::Set { .. }
    );
    if !changes_schema || !has_long_word(text) {
        return Vec::new();
    }
    let long = sql::identifiers(text)
        .into_iter()
        .map(|word| word.name)
        .find(|name| name.len() > LIMIT);
    let found = long.map(|name| {
        let end = (0..=LIMIT).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        Found::said(format!(
            "The name {name} has {} bytes; the server keeps 63: {}.",
            name.len(),
            &name[..end]
        ))
    });
    found.into_iter().collect()
}

/// Most texts have none, and need not be taken apart.
fn has_long_word(text: &str) -> bool {
    let is_of_name = |letter: &u8| letter.is_ascii_alphanumeric() || !letter.is_ascii() || b"_$".contains(letter);
    let mut quoted = text.split('"').skip(1).step_by(2);
    let mut bare = text.as_bytes().split(|letter| !is_of_name(letter));
    text.len() > LIMIT && (quoted.any(|word| word.len() > LIMIT) || bare.any(|word| word.len() > LIMIT))
}
