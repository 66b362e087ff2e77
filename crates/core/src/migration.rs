//! One migration of a folder, and the order of names.
//!
//! Layouts (in the cli) make these values; nothing below cares which tool wrote the files.

use crate::hash;
use crate::source::SourceFile;
use icu_collator::{Collator, CollatorBorrowed, options::CollatorOptions};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// One migration as a layout found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The name that the history records: Prisma's folder name, or the file name without its `.up.sql`.
    pub name: String,
    /// The SQL; `None` for a folder without its file, which fails when its turn comes (Prisma: P3015).
    pub up: Option<SourceFile>,
    /// The path where [`Migration::up`] is, or should be.
    pub path: String,
    /// The SQL of the way back, where the layout has one.
    pub down: Option<SourceFile>,
    /// How the tool that owns the folder runs the file.
    pub transaction: TransactionModel,
}

impl Migration {
    /// SHA-256 of the text as it stands on disk, as Prisma computes it; empty without a file.
    pub fn checksum(&self) -> String {
        let text = self.up.as_ref().map(|file| file.text.as_bytes());
        text.map_or_else(String::new, hash::sha256_hex)
    }
}

/// How the tool that owns a folder sends a file to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionModel {
    /// `BEGIN` and `COMMIT` around the whole file (Diesel by default).
    Whole,
    /// The file is one message: several statements share a transaction, one alone has none (Prisma up to 7.3).
    Message,
    /// One message too, but without a transaction by its author's wish (Diesel's `run_in_transaction = false`).
    Unwrapped,
    /// Each statement is a message of its own (psql, Prisma from 7.8).
    PerStatement,
    /// [`Message`](Self::Message) or [`PerStatement`](Self::PerStatement): the version of the tool decides, and nobody knows
    /// it (Prisma). What is unsafe in either is unsafe.
    Either,
}

impl TransactionModel {
    /// Whether so many statements of a file may share a transaction without a `BEGIN` of their own.
    pub fn is_together(self, statements: usize) -> bool {
        match self {
            Self::Whole => true,
            Self::Message | Self::Unwrapped | Self::Either => statements > 1,
            Self::PerStatement => false,
        }
    }
}

/// How a layout orders names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// JavaScript's `localeCompare` under `en-US`: what Prisma has used since 6.6.
    Prisma,
    /// By bytes.
    Bytes,
    /// Diesel: by the part before the first underscore without its dashes, then by bytes.
    Diesel,
    /// By the number at its front, behind Flyway's `V` with all of its parts, then by bytes.
    Number,
}

impl Order {
    /// Compares two migration names.
    pub fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Order::Prisma => collator().compare(a, b).then_with(|| a.cmp(b)),
            Order::Bytes => a.cmp(b),
            Order::Number => numbers(a).cmp(&numbers(b)).then_with(|| a.cmp(b)),
            Order::Diesel => diesel_version(a).cmp(&diesel_version(b)).then_with(|| a.cmp(b)),
        }
    }
}

/// The version that Diesel stores for a folder name: digits and letters before the first underscore, dashes removed.
pub fn diesel_version(name: &str) -> String {
    name.split('_').next().unwrap_or(name).replace('-', "")
}

/// The version in a name of Flyway's, `1.2` of `V1.2__name`.
pub fn flyway_version(name: &str) -> Option<&str> {
    let (version, _) = name.strip_prefix('V')?.split_once("__")?;
    Some(version)
}

/// Whether a number stands where [`Order::Number`] looks for it.
pub fn is_numbered(name: &str) -> bool {
    without_v(name).starts_with(|first: char| first.is_ascii_digit())
}

fn without_v(name: &str) -> &str {
    name.trim_start_matches(['V', 'v'])
}

/// The number at the front of a name, a `v` before it or not; of Flyway's `V1.2__name` and `V1_2__name` each part.
fn numbers(name: &str) -> Vec<u128> {
    let parts: Vec<&str> = match flyway_version(name) {
        Some(version) => version.split(['.', '_']).collect(),
        None => vec![without_v(name)],
    };
    let number = |part: &str| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part[..digits].parse().unwrap_or(u128::MAX)
    };
    parts.into_iter().map(number).collect()
}

fn collator() -> CollatorBorrowed<'static> {
    Collator::try_new(icu_locale_core::locale!("en-US").into(), CollatorOptions::default())
        .expect("collation data for en-US is compiled in")
}

/// Whether a table of this name is where a tool notes which migrations it ran: no migration makes it, and it is there.
pub fn is_history_table(name: &str) -> bool {
    [
        "_prisma_migrations",
        "_sqlx_migrations",
        "__diesel_schema_migrations",
        "flyway_schema_history",
        "refinery_schema_history",
        "schema_migrations",
        "goose_db_version",
        "seaql_migrations",
    ]
    .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight names whose order was measured with Prisma's own CLI.
    #[test]
    fn prisma_orders_by_collation() {
        let measured = [
            "10_x",
            "20240101_a",
            "20240101-b",
            "202401010_a",
            "20240101a",
            "20240101B",
            "9_x",
            "init",
        ];
        let mut names = measured;
        names.sort_unstable();
        assert_ne!(names, measured);
        names.sort_by(|a, b| Order::Prisma.compare(a, b));
        assert_eq!(names, measured);
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_by(|a, b| Order::Number.compare(a, b));
            names
        };
        assert_eq!(sorted(vec!["10_b", "9_c", "a", "9_a"]), ["9_a", "9_c", "10_b", "a"]);
        assert_eq!(sorted(vec!["v10_a", "v9_b"]), ["v9_b", "v10_a"]);
        assert_eq!(
            sorted(vec!["V1.10__a", "V2__a", "V1_9__b", "V1__z"]),
            ["V1__z", "V1_9__b", "V1.10__a", "V2__a"]
        );
    }

    #[test]
    fn diesel_mixes_dashes_and_digits() {
        let mut names = [
            "2017-09-23-182408_b",
            "20170309122510_a",
            "00000000000000_diesel_initial_setup",
        ];
        names.sort_by(|a, b| Order::Diesel.compare(a, b));
        assert_eq!(
            names,
            [
                "00000000000000_diesel_initial_setup",
                "20170309122510_a",
                "2017-09-23-182408_b"
            ]
        );
    }
}
