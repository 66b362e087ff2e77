//! What is wrong with a column's definition: its type, its default, how it is generated.

use super::Builder;
use super::types::{Cast, Shape, Type, assignment, is_system_type};
use super::volatility::missing_function;
use crate::catalog::{Column, Expression, Generated};
use crate::quote::Name;
use crate::sql::{ColumnDef, TypeRef};

impl Builder<'_> {
    /// `ADD COLUMN` of something that the server refuses.
    pub(super) fn added_error(&mut self, table: &Name, only: bool, column: &ColumnDef) {
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let has_children = self.catalog.children(table).next().is_some();
        if rel.bound.is_some() {
            self.fails("42809", "cannot add column to a partition");
        }
        if super::key::SYSTEM_COLUMNS.contains(&column.name.as_str()) {
            self.fails(
                "42701",
                format!("column name \"{}\" conflicts with a system column name", column.name),
            );
        }
        self.type_error(&column.type_ref);
        let identity = column.generated == Generated::Identity;
        if column.default.is_some() && (identity || column.type_ref.serial) {
            self.fails(
                "42601",
                format!("both default and identity specified for column \"{}\"", column.name),
            );
        }
        let to = Type::of_ref(self.catalog, &column.type_ref);
        if identity {
            self.identity_type_error(&to);
            let recursive = self.is_partitioned(table) && self.version(17);
            if has_children && !recursive {
                self.fails(
                    "42P16",
                    "cannot recursively add identity column to table that has child tables",
                );
            }
        }
        if only && has_children {
            self.fails("42P16", "column must be added to child tables too");
        }
        if let Some(default) = &column.default {
            match column.generated {
                Generated::Stored | Generated::Virtual => self.generation_error(table, &column.name, default),
                Generated::No | Generated::Identity => self.default_error(&column.name, &to, default),
            }
        }
    }

    /// A type that there is not. Without the extensions that the catalog knows, their types are missing.
    pub(super) fn type_error(&mut self, written: &TypeRef) {
        let Some(user) = &written.user else { return };
        let extended = self.catalog.extensions.iter().any(|name| name != "plpgsql");
        let of_system = user
            .schema
            .as_deref()
            .is_some_and(|schema| schema.starts_with("pg_") || schema == "information_schema");
        let known = self.catalog.resolve_type(user).is_some() || self.catalog.resolve(user).is_some();
        if !known && !extended && !of_system && !is_system_type(&user.name) {
            self.fails("42704", format!("type \"{user}\" does not exist"));
        }
    }

    pub(super) fn identity_type_error(&mut self, of: &Type) {
        let fits = match &of.shape {
            Shape::BuiltIn(name) => matches!(name.as_str(), "smallint" | "integer" | "bigint") && !of.domain,
            Shape::Unknown => true,
            Shape::Enum(_) | Shape::Composite(_) | Shape::Array(_) => false,
        };
        if !fits {
            self.fails("22023", "identity column type must be smallint, integer, or bigint");
        }
    }

    /// A default must come to the column's type in an assignment.
    pub(super) fn default_error(&mut self, column: &str, to: &Type, default: &Expression) {
        self.function_error(default);
        if let Some(of) = type_of(self.catalog, &default.sql)
            && assignment(&of, to) == Some(Cast::Missing)
        {
            self.fails(
                "42804",
                format!("column \"{column}\" is of another type than its default expression"),
            );
        }
    }

    fn generation_error(&mut self, table: &Name, column: &str, expression: &Expression) {
        self.function_error(expression);
        let Some(rel) = self.catalog.relation(table) else {
            return;
        };
        let generated = |name: &String| {
            rel.column(name)
                .is_some_and(|own| matches!(own.generated, Generated::Stored | Generated::Virtual))
        };
        let names_generated = expression.columns.iter().any(generated);
        if names_generated {
            self.fails(
                "42P17",
                format!("cannot use a generated column in the generation expression of column \"{column}\""),
            );
        }
        self.immutable(expression, "generation expression is not immutable");
    }

    /// A function that came with a later major.
    pub(super) fn function_error(&mut self, expression: &Expression) {
        let missing = expression
            .functions
            .iter()
            .find(|function| missing_function(self.catalog, function));
        if let Some(function) = missing {
            self.fails("42883", format!("function {function}() does not exist"));
        }
    }

    /// `SET DEFAULT`, `DROP DEFAULT`: not for what is generated.
    pub(super) fn generated_error(&mut self, table: &Name, column: &str) {
        match self.column(table, column).map(|own| own.generated) {
            Some(Generated::Identity) => {
                self.fails("42601", format!("column \"{column}\" is an identity column"));
            }
            Some(Generated::Stored | Generated::Virtual) => {
                self.fails("42601", format!("column \"{column}\" is a generated column"));
            }
            Some(Generated::No) | None => {}
        }
    }

    /// `ADD GENERATED … AS IDENTITY` wants a column that is NOT NULL and has no other source.
    pub(super) fn add_identity_error(&mut self, table: &Name, column: &str) {
        let Some(found) = self.column(table, column).cloned() else {
            return;
        };
        let of = Type::of_column(self.catalog, &found);
        self.identity_type_error(&of);
        let Column {
            not_null,
            default,
            generated,
            ..
        } = found;
        if !not_null {
            self.fails(
                "55000",
                format!("column \"{column}\" must be declared NOT NULL before identity can be added"),
            );
        } else if generated == Generated::Identity {
            self.fails("55000", format!("column \"{column}\" is already an identity column"));
        } else if default.is_some() {
            self.fails("55000", format!("column \"{column}\" already has a default value"));
        }
    }

    /// `DROP NOT NULL` of what must stay so.
    pub(super) fn drop_not_null_error(&mut self, table: &Name, column: &str) {
        let (Some(rel), Some(found)) = (self.catalog.relation(table), self.column(table, column)) else {
            return;
        };
        if !found.not_null {
            return;
        }
        let in_key = rel.constraints.iter().any(|own| {
            own.kind == crate::catalog::ConstraintKind::PrimaryKey && own.columns.iter().any(|name| name == column)
        });
        let above = rel.bound.is_some()
            && rel
                .parents
                .iter()
                .any(|parent| self.column(parent, column).is_some_and(|own| own.not_null));
        if found.generated == Generated::Identity {
            self.fails("42601", format!("column \"{column}\" is an identity column"));
        } else if in_key {
            self.fails("42P16", format!("column \"{column}\" is in a primary key"));
        } else if above {
            self.fails(
                "42P16",
                format!("column \"{column}\" is marked NOT NULL in parent table"),
            );
        }
    }
}

/// The type of an expression that says it by itself; `None` for all others.
pub(super) fn type_of(catalog: &crate::catalog::Catalog, sql: &str) -> Option<Type> {
    let text = sql.trim();
    let name = match text.to_ascii_lowercase().as_str() {
        "true" | "false" => "boolean",
        "now()" | "current_timestamp" | "clock_timestamp()" | "statement_timestamp()" => "timestamp with time zone",
        "current_date" => "date",
        "gen_random_uuid()" => "uuid",
        "random()" => "double precision",
        number if number.parse::<i32>().is_ok() => "integer",
        number if number.parse::<i64>().is_ok() => "bigint",
        number if is_decimal(number) => "numeric",
        _ => return None,
    };
    let display = TypeRef {
        display: name.to_owned(),
        user: None,
        serial: false,
        array: false,
    };
    let shadowed = text.ends_with("()")
        && catalog
            .resolve_function(&crate::sql::NameRef::bare(text.trim_end_matches("()")))
            .is_some();
    (!shadowed).then(|| Type::of_ref(catalog, &display))
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.contains('.') && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
}
