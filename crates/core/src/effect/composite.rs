//! Types that tables are made of: attributes of composite types, and domains.

use super::Builder;
use crate::catalog::{RelationKind, TypeDef};
use crate::lock::LockMode::{AccessExclusive, Share};
use crate::quote::Name;
use crate::sql::{ActionKind, AlterTable, NameRef};
use crate::step::Work;

impl Builder<'_> {
    /// A composite type has a relation of its own, which is locked; tables of the type follow with CASCADE.
    pub(super) fn alter_composite(&mut self, alter: &AlterTable) {
        let Some(name) = self.catalog.resolve_type(&alter.name) else {
            return;
        };
        self.lock(&name, AccessExclusive);
        let retypes = alter
            .actions
            .iter()
            .any(|action| matches!(action.kind, ActionKind::AlterType { .. }));
        let mut users = self
            .catalog
            .typed(&name)
            .filter(|(_, rel, _)| rel.kind != RelationKind::View);
        let user = users
            .next()
            .map(|(table, _, column)| (table.clone(), column.name.clone()));
        if let Some((table, column)) = user.filter(|_| retypes) {
            return self.fails(
                "0A000",
                format!("cannot alter type \"{name}\" because column \"{table}.{column}\" uses it"),
            );
        }
        let tables: Vec<Name> = self
            .catalog
            .relations
            .iter()
            .filter(|(_, rel)| rel.of_type.as_ref() == Some(&name))
            .map(|(table, _)| table.clone())
            .collect();
        let cascades = alter
            .actions
            .iter()
            .any(|action| action.sql.as_str().ends_with("CASCADE"));
        if let Some(table) = tables.first().filter(|_| !cascades) {
            return self.fails(
                "2BP01",
                format!("cannot alter type \"{name}\" because it is the type of table {table}"),
            );
        }
        for table in tables {
            self.lock_family(&table, AccessExclusive);
            if retypes {
                self.work_family(&table, Work::Rewrite);
            }
        }
    }

    /// Tables with a column of the domain are locked and, where rows are checked, read.
    pub(super) fn alter_domain(&mut self, name: &NameRef, reads_rows: bool) {
        let Some(domain) = self.catalog.resolve_type(name).filter(|_| reads_rows) else {
            return;
        };
        let mut domains = vec![domain];
        let mut at = 0;
        // Domains over it hold its values too.
        while at < domains.len() {
            let over = self.catalog.types.iter().filter(|(name, definition)| {
                let base = match definition {
                    TypeDef::Domain { base, .. } => self.catalog.resolve_type(&NameRef::dotted(base)),
                    TypeDef::Enum(_) | TypeDef::Composite | TypeDef::Other => None,
                };
                base.as_ref() == Some(&domains[at]) && !domains.contains(name)
            });
            let over: Vec<Name> = over.map(|(name, _)| name.clone()).collect();
            domains.extend(over);
            at += 1;
        }
        let holds_rows = |kind| matches!(kind, RelationKind::Table | RelationKind::MaterializedView);
        for (table, rel) in self.catalog.relations.iter().filter(|(_, rel)| holds_rows(rel.kind)) {
            let typed =
                |column: &&crate::catalog::Column| column.user_type.as_ref().is_some_and(|own| domains.contains(own));
            let mut columns = rel.columns.iter().filter(typed);
            if let Some(column) = columns.clone().find(|column| column.type_name.ends_with("[]")) {
                self.fails(
                    "0A000",
                    format!(
                        "cannot alter type \"{name}\" because column \"{table}.{}\" uses it",
                        column.name
                    ),
                );
            }
            if columns.next().is_some() {
                self.lock(table, Share);
                self.work(table, Work::Scan);
            }
        }
    }
}
