//! Finding one's way in a catalog.

use super::model::{
    Catalog, Column, Constraint, ConstraintKind, Expression, Index, Origin, Relation, RelationKind, Size,
};
use super::{Mention, Named, ReplicaIdentity};
use crate::quote::Name;
use crate::version::ServerVersion;
use std::collections::{BTreeMap, BTreeSet};

/// The schema of temporary relations, as SQL names it.
pub const TEMPORARY: &str = "pg_temp";

impl Catalog {
    /// An empty database of this version: schema `public`, and nothing in it.
    pub fn empty(version: ServerVersion) -> Self {
        Self {
            version,
            search_path: vec!["public".to_owned()],
            time_zone: None,
            schemas: BTreeSet::from(["public".to_owned()]),
            relations: Named::new(),
            types: Named::new(),
            functions: Named::new(),
            extensions: BTreeSet::new(),
            publications: BTreeMap::new(),
            locked_away: BTreeSet::new(),
        }
    }

    /// The relation of that name.
    pub fn relation(&self, name: &Name) -> Option<&Relation> {
        self.relations.get(name)
    }

    /// The table and the index of that index name.
    pub fn index(&self, name: &Name) -> Option<(&Name, &Index)> {
        let tables = self.relations.mentioning(Mention::Index(&name.schema, &name.name));
        tables
            .filter(|(table, _)| table.schema == name.schema)
            .flat_map(|(table, rel)| rel.indexes.iter().map(move |i| (table, i)))
            .find(|(_, i)| i.name == name.name)
    }

    /// Direct partitions and inheritance children of a relation.
    pub fn children<'a>(&'a self, parent: &'a Name) -> impl Iterator<Item = &'a Name> {
        self.relations
            .mentioning(Mention::Parent(parent))
            .filter(move |(_, rel)| rel.parents.contains(parent))
            .map(|(name, _)| name)
    }

    /// All partitions and inheritance children below a relation, itself left out.
    pub fn descendants(&self, parent: &Name) -> Vec<Name> {
        let mut found: Vec<Name> = self.children(parent).cloned().collect();
        let mut at = 0;
        while at < found.len() {
            let below: Vec<Name> = self
                .children(&found[at])
                .filter(|name| !found.contains(name))
                .cloned()
                .collect();
            found.extend(below);
            at += 1;
        }
        found
    }

    /// Foreign keys of other tables that point at a table, with the table each belongs to.
    pub fn referencing<'a>(&'a self, table: &'a Name) -> impl Iterator<Item = (&'a Name, &'a Constraint)> {
        let all = self
            .relations
            .mentioning(Mention::References(table))
            .flat_map(|(name, rel)| rel.constraints.iter().map(move |c| (name, c)));
        all.filter(
            move |(_, c)| matches!(&c.kind, ConstraintKind::ForeignKey { references, .. } if references == table),
        )
    }

    /// Sequences that columns of a table own, with the column of each.
    pub fn sequences_of<'a>(&'a self, table: &'a Name) -> impl Iterator<Item = (&'a Name, &'a str)> {
        let owned = self.relations.mentioning(Mention::OwnedBy(table));
        owned.filter_map(move |(name, rel)| {
            let (owner, column) = rel.owned_by.as_ref()?;
            (owner == table).then_some((name, column.as_str()))
        })
    }

    /// Views that read a relation, with the columns that each reads.
    pub fn readers<'a>(&'a self, read: &'a Name) -> impl Iterator<Item = (&'a Name, &'a BTreeSet<String>)> {
        let readers = self.relations.mentioning(Mention::Reads(read));
        readers.filter_map(move |(name, rel)| Some((name, rel.reads.get(read)?)))
    }

    /// Relations with a column of a type or of rows of a table, with the first such column.
    pub fn typed<'a>(&'a self, of: &'a Name) -> impl Iterator<Item = (&'a Name, &'a Relation, &'a Column)> {
        let users = self.relations.mentioning(Mention::Typed(of));
        users.filter_map(move |(name, rel)| {
            let mut columns = rel.columns.iter();
            let column = columns.find(|column| column.user_type.as_ref() == Some(of))?;
            Some((name, rel, column))
        })
    }

    /// The partitioned tables that a partition is part of, nearest first.
    pub fn partitioned_above(&self, table: &Name) -> Vec<Name> {
        let mut above: Vec<Name> = Vec::new();
        let mut at = table;
        while let Some(rel) = self.relation(at).filter(|rel| rel.bound.is_some()) {
            match rel.parents.first().filter(|parent| !above.contains(parent)) {
                Some(parent) => {
                    above.push(parent.clone());
                    at = parent;
                }
                None => break,
            }
        }
        above
    }

    /// After a migration is done: what it made exists from now on.
    pub fn settle(&mut self) {
        self.relations.change_mentioning([Mention::New], |rel| {
            rel.origin = Origin::Existing;
            rel.indexes.iter_mut().for_each(|index| index.origin = Origin::Existing);
        });
    }

    /// Nobody knows how large a table has become since it was made.
    pub fn forget_sizes(&mut self) {
        self.relations
            .change_mentioning([Mention::Sized], |rel| rel.size = None);
    }
}

impl Index {
    /// Whether a column stands in it anywhere: it goes with the column, and is made again with its type.
    pub fn uses(&self, column: &str) -> bool {
        let names = |expression: &Option<Expression>| expression.as_ref().is_some_and(|e| e.columns.contains(column));
        self.keys.iter().chain(&self.include).any(|key| key == column)
            || names(&self.expressions)
            || names(&self.predicate)
    }

    /// Whether it is built in the same way, so that it can be attached to the other.
    pub fn is_like(&self, other: &Index) -> bool {
        let text = |expression: &Option<Expression>| expression.as_ref().map(|e| e.sql.clone());
        self.method == other.method
            && self.keys == other.keys
            && self.include == other.include
            && self.unique == other.unique
            && self.nulls_not_distinct == other.nulls_not_distinct
            && text(&self.expressions) == text(&other.expressions)
            && text(&self.predicate) == text(&other.predicate)
    }
}

impl Expression {
    /// The sequence that `nextval('s'::regclass)` draws from, as written, without quotes. Of `nextval('s'::text)` the server
    /// notes no sequence: the name is looked up at each call.
    pub fn drawn_from(&self) -> Option<String> {
        let (_, inside) = self.sql.split_once("nextval(")?;
        let (name, rest) = inside.strip_prefix('\'')?.split_once('\'')?;
        let is_noted = [")", "::regclass", "::pg_catalog.regclass"]
            .iter()
            .any(|end| rest.starts_with(end));
        is_noted.then(|| name.replace('"', ""))
    }
}

impl Constraint {
    /// Whether both are foreign keys from the same columns to the same.
    pub fn is_same_key(&self, other: &Constraint) -> bool {
        matches!(self.kind, ConstraintKind::ForeignKey { .. })
            && self.kind == other.kind
            && self.columns == other.columns
    }
}

impl Relation {
    /// A relation of this kind with nothing in it yet, made by the present migration.
    pub fn created(kind: RelationKind) -> Self {
        Self {
            kind,
            origin: Origin::Created,
            temporary: false,
            drop_on_commit: false,
            unlogged: false,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            triggers: Vec::new(),
            policies: Vec::new(),
            parents: Vec::new(),
            bound: None,
            partition_key: None,
            reads: BTreeMap::new(),
            owned_by: None,
            last_value: None,
            owner: None,
            of_type: None,
            detach_pending: false,
            statistics: Vec::new(),
            replica_identity: ReplicaIdentity::Default,
            filled: false,
            size: Some(Size { rows: 0, bytes: 0 }),
        }
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether an index on all rows begins with these columns, in whatever order.
    pub fn has_index_on(&self, columns: &[String]) -> bool {
        let own: BTreeSet<&String> = columns.iter().collect();
        self.indexes.iter().any(|index| {
            let first: BTreeSet<&String> = index.keys.iter().take(own.len()).collect();
            index.predicate.is_none() && first == own
        })
    }

    /// The constraint of that name.
    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.name == name)
    }

    /// Whether another session can see it and wait for it.
    pub fn is_shared(&self) -> bool {
        self.origin == Origin::Existing && !self.temporary
    }
}
