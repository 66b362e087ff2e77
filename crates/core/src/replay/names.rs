//! Which object a name means, and which name PostgreSQL gives an object that has none.
//!
//! The rules of the second half are `makeObjectName`, `ChooseRelationName`, `ChooseConstraintName` and
//! `ChooseIndexName` of PostgreSQL's `indexcmds.c` and `pg_constraint.c`.

use crate::catalog::{Catalog, Expression, Index, Mention, TEMPORARY};
use crate::quote::{Ident, Name};
use crate::sql::{NameRef, TypeRef};
use std::collections::BTreeSet;

/// The longest identifier, in bytes.
pub const MAX_IDENTIFIER: usize = 63;

impl Catalog {
    /// The relation that a name means now, following the search path; temporary ones come first.
    pub fn resolve(&self, name: &NameRef) -> Option<Name> {
        let temporary = self.relations.has_temporary();
        self.lookup(name, temporary, |candidate| self.relations.contains_key(candidate))
    }

    /// The type that a name means now.
    pub fn resolve_type(&self, name: &NameRef) -> Option<Name> {
        self.lookup(name, self.types.has_temporary(), |candidate| {
            self.types.contains_key(candidate)
        })
    }

    /// The function that a name means now, any overload.
    pub fn resolve_function(&self, name: &NameRef) -> Option<Name> {
        let temporary = self.functions.has_temporary();
        self.lookup(name, temporary, |candidate| self.functions.contains_key(candidate))
    }

    /// The table and index that an index name means now.
    pub fn resolve_index(&self, name: &NameRef) -> Option<(&Name, &Index)> {
        let temporary = self.relations.has_temporary();
        let found = self.lookup(name, temporary, |candidate| self.index(candidate).is_some())?;
        self.index(&found)
    }

    /// The table of extended statistics of that name.
    pub fn table_of_statistics(&self, name: &NameRef) -> Option<Name> {
        let on = |name: &Name| {
            let mut relations = self.relations.mentioning(Mention::Statistics(name));
            relations
                .find(|(_, rel)| rel.statistics.iter().any(|own| own.name == *name))
                .map(|(table, _)| table)
        };
        let found = self.lookup(name, self.relations.has_temporary(), |candidate| {
            on(candidate).is_some()
        })?;
        on(&found).cloned()
    }

    /// Temporary things come first, unless the path says otherwise; functions among them are never found by a bare name.
    fn lookup(&self, name: &NameRef, temporary: bool, exists: impl Fn(&Name) -> bool) -> Option<Name> {
        let found = |schema: &str| Some(Name::new(schema, &name.name)).filter(&exists);
        match &name.schema {
            Some(schema) => found(schema),
            None => std::iter::once(TEMPORARY)
                .filter(|schema| temporary && !self.search_path.iter().any(|named| named == schema))
                .chain(self.search_path.iter().map(String::as_str))
                .find_map(found),
        }
    }

    /// Where an object of that name is created: the written schema, or the first of the search path that is there.
    pub fn target(&self, name: &NameRef) -> Name {
        let there = |schema: &&String| self.schemas.contains(*schema) || *schema == TEMPORARY;
        let named = |schema: &&String| !schema.is_empty() && *schema != "$user" && *schema != "pg_catalog";
        let current = || {
            let mut path = self.search_path.iter().filter(named);
            path.clone().find(there).or_else(|| path.next()).cloned()
        };
        let schema = name.schema.clone().or_else(current);
        Name::new(schema.unwrap_or_else(|| "public".to_owned()), &name.name)
    }

    /// Where a relation is created that may be temporary.
    pub fn target_of(&self, name: &NameRef, temporary: bool) -> Name {
        if temporary {
            Name::new(TEMPORARY, &name.name)
        } else {
            self.target(name)
        }
    }

    /// A type as the catalog prints it: a user's with the quotes it needs, and its schema where the path does not lead to it.
    pub fn type_display(&self, type_ref: &TypeRef) -> String {
        let Some(user) = &type_ref.user else {
            return type_ref.display.clone();
        };
        let rest = type_ref.display.strip_prefix(&user.to_string()).unwrap_or_default();
        let base = match self.resolve_type(user) {
            Some(name) => self.type_name(&name),
            None => match &user.schema {
                Some(schema) => format!("{}.{}", quoted_if_needed(schema), quoted_if_needed(&user.name)),
                None => quoted_if_needed(&user.name),
            },
        };
        format!("{base}{rest}")
    }

    /// A user's type as `format_type` prints it.
    pub fn type_name(&self, name: &Name) -> String {
        let bare = quoted_if_needed(&name.name);
        if self.resolve_type(&NameRef::bare(&name.name)).as_ref() == Some(name) {
            bare
        } else {
            format!("{}.{bare}", quoted_if_needed(&name.schema))
        }
    }

    /// The existing relation, or the place where it would be.
    pub fn resolve_or_target(&self, name: &NameRef) -> Name {
        self.resolve(name).unwrap_or_else(|| self.target(name))
    }

    /// The existing type, or the place where it would be.
    pub fn resolve_type_or_target(&self, name: &NameRef) -> Name {
        self.resolve_type(name).unwrap_or_else(|| self.target(name))
    }

    fn relation_name_taken(&self, name: &Name) -> bool {
        self.relations.contains_key(name) || self.index(name).is_some() || self.types.contains_key(name)
    }

    fn constraint_name_taken(&self, schema: &str, constraint: &str) -> bool {
        let tables = self.relations.mentioning(Mention::Constraint(schema, constraint));
        tables
            .filter(|(name, _)| name.schema == schema)
            .flat_map(|(_, rel)| &rel.constraints)
            .any(|c| c.name == constraint)
    }

    /// The name an index of a table gets when none is written.
    pub fn choose_index_name(&self, table: &Name, columns: &[String], key: Option<&str>) -> String {
        let addition = addition(columns);
        let (second, label, constraint) = match key {
            Some("pkey") => (None, "pkey", true),
            Some(label) => (Some(addition.as_str()), label, true),
            None => (Some(addition.as_str()), "idx", false),
        };
        numbered(label, |label| {
            let name = make_object_name(&table.name, second, label);
            let taken = self.relation_name_taken(&table.sibling(&name))
                || (constraint && self.constraint_name_taken(&table.schema, &name));
            (name, taken)
        })
    }

    /// The name a constraint without an index gets when none is written; `others` are names that the same statement
    /// takes already.
    pub fn choose_constraint_name(
        &self,
        table: &Name,
        columns: Option<&str>,
        label: &str,
        others: &BTreeSet<String>,
    ) -> String {
        numbered(label, |label| {
            let name = make_object_name(&table.name, columns, label);
            let taken = others.contains(&name) || self.constraint_name_taken(&table.schema, &name);
            (name, taken)
        })
    }
}

/// An identifier with quotes only where it needs them, words of the grammar not regarded.
pub fn quoted_if_needed(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() {
        name.to_owned()
    } else {
        crate::sql!("{}", Ident(name)).as_str().to_owned()
    }
}

/// A default without those that say NULL, which the server does not keep.
pub(super) fn without_null(default: Option<Expression>) -> Option<Expression> {
    default.filter(|default| {
        let value = default.sql.split("::").next().unwrap_or_default().trim();
        !value.eq_ignore_ascii_case("null")
    })
}

/// A type's text without its modifier: `character varying(50)[]` is of type `character varying[]`.
pub fn without_modifier(type_name: &str) -> String {
    match (type_name.find('('), type_name.find(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &type_name[..from], &type_name[to + 1..]),
        _ => type_name.to_owned(),
    }
}

fn numbered(label: &str, mut attempt: impl FnMut(&str) -> (String, bool)) -> String {
    let mut pass = 0_u32;
    loop {
        let suffixed = if pass == 0 {
            label.to_owned()
        } else {
            format!("{label}{pass}")
        };
        let (name, taken) = attempt(&suffixed);
        if !taken {
            return name;
        }
        pass += 1;
    }
}

/// Columns joined by `_`, as far as an identifier can be long.
pub fn addition(columns: &[String]) -> String {
    let mut out = String::new();
    for column in columns {
        if !out.is_empty() {
            out.push('_');
        }
        out.push_str(column);
        if out.len() > MAX_IDENTIFIER {
            break;
        }
    }
    out
}

/// Column names of an index, made different from each other as `ChooseIndexColumnNames` does.
pub fn index_column_names(names: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        let mut chosen = name.clone();
        let mut number = 1;
        while out.contains(&chosen) {
            chosen = format!("{}{number}", clip(name, MAX_IDENTIFIER - number.to_string().len()));
            number += 1;
        }
        out.push(chosen);
    }
    out
}

/// `name1_name2_label`, the longer of the first two cut until all fits in 63 bytes.
pub fn make_object_name(first: &str, second: Option<&str>, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(second.is_some());
    let available = MAX_IDENTIFIER.saturating_sub(overhead);
    let (mut a, mut b) = (first.len(), second.map_or(0, str::len));
    while a + b > available {
        if a > b { a -= 1 } else { b -= 1 }
    }
    let mut out = clip(first, a).to_owned();
    if let Some(second) = second {
        out.push('_');
        out.push_str(clip(second, b));
    }
    out.push('_');
    out.push_str(label);
    out
}

/// The longest prefix of at most so many bytes that ends between characters.
pub fn clip(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_like_the_server_does() {
        assert_eq!(make_object_name("t", Some("a"), "idx"), "t_a_idx");
        let name = make_object_name(&"a".repeat(60), Some(&"b".repeat(40)), "fkey");
        assert_eq!(name.len(), 63);
        assert_eq!(name, format!("{}_{}_fkey", "a".repeat(29), "b".repeat(28)));
        assert_eq!(clip("aü", 2), "a");
    }

    #[test]
    fn repeated_columns_are_numbered() {
        let names = ["expr".to_owned(), "expr".to_owned(), "a".to_owned()];
        assert_eq!(index_column_names(&names), ["expr", "expr1", "a"]);
    }
}
