//! Publications as written.

use super::NameRef;

/// `CREATE`, `ALTER` or `DROP PUBLICATION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationChange {
    /// Its name.
    pub name: String,
    /// What is done.
    pub verb: PublicationVerb,
    /// The tables named.
    pub tables: Vec<NameRef>,
    /// The schemas named; an empty name for the current one.
    pub schemas: Vec<String>,
    /// `FOR ALL TABLES`.
    pub all_tables: bool,
    /// `publish = '…'`, where it is said.
    pub publish: Option<Vec<String>>,
}

/// What is done to a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the SQL word")]
pub enum PublicationVerb {
    Create,
    Add,
    Set,
    Remove,
    Options,
    Drop,
}
