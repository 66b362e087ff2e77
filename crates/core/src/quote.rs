//! Names, identifiers and literals: the only way SQL text is built.
//!
//! [`SqlText`] is what a session runs. It comes from a user's own file ([`SqlText::verbatim`]) or from the [`sql!`]
//! macro, whose template is a literal and whose parts quote themselves; a bare string is not a part.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt::{self, Write as _};

/// The schema and name of an object, unquoted.
///
/// In an order by the name first: most names of a database stand in one schema, and catalogs compare them all the time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The schema, as stored in the catalog.
    pub schema: String,
    /// The name, as stored in the catalog.
    pub name: String,
}

impl Name {
    /// A name from its two parts.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }

    /// Another name in the same schema.
    pub fn sibling(&self, name: impl Into<String>) -> Self {
        Self {
            schema: self.schema.clone(),
            name: name.into(),
        }
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_name = self.name.cmp(&other.name);
        by_name.then_with(|| self.schema.cmp(&other.schema))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// For people and reports: `public.Tip`, without quotes.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// SQL that may be sent to a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SqlText(String);

impl SqlText {
    /// Text that the user wrote (a migration, or the parser's rendering of a part of it).
    pub fn verbatim(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Fills the `{}` of a template, in order. Use the [`sql!`] macro.
    #[doc(hidden)]
    pub fn fill(template: &'static str, parts: &[&dyn Part]) -> Self {
        let mut out = String::with_capacity(template.len() + 16 * parts.len());
        let mut pieces = template.split("{}");
        out.push_str(pieces.next().unwrap_or(""));
        let mut parts = parts.iter();
        for piece in pieces {
            let part = parts.next().expect("sql!: fewer parts than places");
            part.write_to(&mut out);
            out.push_str(piece);
        }
        assert!(parts.next().is_none(), "sql!: more parts than places");
        Self(out)
    }
}

impl fmt::Display for SqlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that knows how to stand inside SQL.
pub trait Part: Sync {
    /// Appends itself, quoted as it needs.
    fn write_to(&self, out: &mut String);
}

/// One identifier.
#[derive(Debug, Clone, Copy)]
pub struct Ident<'a>(pub &'a str);

/// Several identifiers between commas.
#[derive(Debug, Clone, Copy)]
pub struct Idents<'a>(pub &'a [String]);

/// A string literal.
#[derive(Debug, Clone, Copy)]
pub struct Literal<'a>(pub &'a str);

/// Several parts between commas.
pub struct List<'a, T: Part>(pub &'a [T]);

impl Part for Ident<'_> {
    fn write_to(&self, out: &mut String) {
        out.push('"');
        for ch in self.0.chars() {
            if ch == '"' {
                out.push('"');
            }
            out.push(ch);
        }
        out.push('"');
    }
}

impl Part for Idents<'_> {
    fn write_to(&self, out: &mut String) {
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            Ident(name).write_to(out);
        }
    }
}

/// With a backslash in the text the `E''` form is used, so `standard_conforming_strings` does not matter.
impl Part for Literal<'_> {
    fn write_to(&self, out: &mut String) {
        if self.0.contains('\\') {
            out.push('E');
        }
        out.push('\'');
        for ch in self.0.chars() {
            if ch == '\'' || ch == '\\' {
                out.push(ch);
            }
            out.push(ch);
        }
        out.push('\'');
    }
}

impl<T: Part> Part for List<'_, T> {
    fn write_to(&self, out: &mut String) {
        for (at, part) in self.0.iter().enumerate() {
            if at > 0 {
                out.push_str(", ");
            }
            part.write_to(out);
        }
    }
}

impl Part for Name {
    fn write_to(&self, out: &mut String) {
        Ident(&self.schema).write_to(out);
        out.push('.');
        Ident(&self.name).write_to(out);
    }
}

impl Part for SqlText {
    fn write_to(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Part for crate::lock::LockMode {
    fn write_to(&self, out: &mut String) {
        out.push_str(self.as_sql());
    }
}

impl Part for u64 {
    fn write_to(&self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

impl<T: Part + ?Sized> Part for &T {
    fn write_to(&self, out: &mut String) {
        (**self).write_to(out);
    }
}

/// SQL from a literal template; each `{}` takes one [`Part`].
///
/// ```
/// use nonstop_core::{quote::{Ident, Name}, sql};
/// let table = Name::new("public", "Tip");
/// let text = sql!("ALTER TABLE {} DROP CONSTRAINT {}", table, Ident("a\"b"));
/// assert_eq!(text.as_str(), r#"ALTER TABLE "public"."Tip" DROP CONSTRAINT "a""b""#);
/// ```
#[macro_export]
macro_rules! sql {
    ($template:literal $(, $part:expr)* $(,)?) => {
        $crate::quote::SqlText::fill($template, &[$(&$part as &dyn $crate::quote::Part),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the name, the parser reads back exactly that name and nothing else.
        #[test]
        fn hostile_names_stay_names(name in "[^\\x00]{1,20}") {
            let text = sql!("DROP TABLE {}", Ident(&name));
            let parsed = pg_query::parse(text.as_str(), pg_query::ParserOptions::default()).unwrap();
            prop_assert_eq!(parsed.tables(), vec![name]);
        }

        #[test]
        fn hostile_literals_stay_literals(value in "[^\\x00]{0,20}") {
            let text = sql!("SELECT {}", Literal(&value));
            let scanned = pg_query::scan(text.as_str()).unwrap();
            prop_assert_eq!(scanned.tokens.len(), 2);
        }
    }
}
