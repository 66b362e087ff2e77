//! Which major first had a statement's grammar, where the parser, which is the newest's, reads more than the oldest.
//!
//! The sources are the manual's release notes and the changes of `gram.y` between the majors. An older server refuses the
//! statement with 42601 before it looks at anything; so what is listed here must be grammar, not an option's value.

use super::super::Since;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    self, AlterTableCmd, AlterTableType as At, ColumnDef, ConstrType, Constraint, LimitOption, MergeMatchKind, Node,
    ObjectType, PublicationObjSpecType, SelectStmt,
};

/// The newest grammar in the statement; `None` where every supported server has it.
pub(super) fn since(node: &NodeEnum) -> Option<Since> {
    let mut newest = Newest(None);
    newest.statement(node);
    newest.0
}

struct Newest(Option<Since>);

impl Newest {
    fn needs(&mut self, major: u32, syntax: &'static str) {
        if self.0.is_none_or(|known| known.major < major) {
            self.0 = Some(Since { major, syntax });
        }
    }

    fn needs_if(&mut self, has: bool, major: u32, syntax: &'static str) {
        if has {
            self.needs(major, syntax);
        }
    }

    fn each(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.node {
            Some(NodeEnum::ColumnDef(column)) => self.column(column),
            Some(NodeEnum::Constraint(constraint)) => self.constraint(constraint, false),
            Some(NodeEnum::AlterTableCmd(cmd)) => self.action(cmd),
            Some(NodeEnum::CommonTableExpr(cte)) => {
                self.needs_if(cte.search_clause.is_some(), 14, "SEARCH");
                self.needs_if(cte.cycle_clause.is_some(), 14, "CYCLE");
                cte.ctequery.iter().for_each(|query| self.node(query));
            }
            Some(other) => self.statement(other),
            None => {}
        }
    }

    fn statement(&mut self, node: &NodeEnum) {
        match node {
            NodeEnum::CreateStmt(create) => {
                self.each(&create.table_elts);
                self.each(&create.constraints);
            }
            NodeEnum::CreateForeignTableStmt(create) => {
                if let Some(base) = &create.base_stmt {
                    self.each(&base.table_elts);
                }
            }
            NodeEnum::AlterTableStmt(alter) => self.each(&alter.cmds),
            NodeEnum::IndexStmt(index) => self.needs_if(index.nulls_not_distinct, 15, "NULLS NOT DISTINCT"),
            NodeEnum::CreateTrigStmt(trigger) => {
                self.needs_if(trigger.replace, 14, "CREATE OR REPLACE TRIGGER");
            }
            NodeEnum::CreateFunctionStmt(function) => {
                self.needs_if(function.sql_body.is_some(), 14, "a function body that is not a string");
            }
            NodeEnum::AlterDomainStmt(alter) => {
                if let Some(NodeEnum::Constraint(constraint)) = alter.def.as_ref().and_then(|def| def.node.as_ref()) {
                    self.needs_if(
                        constraint.contype() == ConstrType::ConstrNotnull,
                        17,
                        "NOT NULL as a constraint of a domain",
                    );
                }
            }
            NodeEnum::CreateStatsStmt(stats) => {
                self.needs_if(stats.defnames.is_empty(), 16, "CREATE STATISTICS without a name");
                let expression = |node: &Node| matches!(&node.node, Some(NodeEnum::StatsElem(e)) if e.expr.is_some());
                self.needs_if(
                    stats.exprs.iter().any(expression),
                    14,
                    "CREATE STATISTICS on an expression",
                );
            }
            NodeEnum::AlterStatsStmt(_) => self.needs(13, "ALTER STATISTICS … SET STATISTICS"),
            NodeEnum::AlterTypeStmt(_) => self.needs(13, "ALTER TYPE … SET"),
            NodeEnum::RenameStmt(rename) => self.needs_if(
                rename.rename_type() == ObjectType::ObjectColumn && rename.relation_type() == ObjectType::ObjectView,
                13,
                "ALTER VIEW … RENAME COLUMN",
            ),
            NodeEnum::DropdbStmt(drop) => self.needs_if(!drop.options.is_empty(), 13, "DROP DATABASE … WITH"),
            NodeEnum::CreatePublicationStmt(publication) => self.publication(&publication.pubobjects),
            NodeEnum::AlterPublicationStmt(publication) => self.publication(&publication.pubobjects),
            NodeEnum::GrantStmt(grant) => {
                self.needs_if(
                    grant.objtype() == ObjectType::ObjectParameterAcl,
                    15,
                    "privileges on a parameter",
                );
                let maintain =
                    |node: &Node| matches!(&node.node, Some(NodeEnum::AccessPriv(p)) if p.priv_name == "maintain");
                self.needs_if(grant.privileges.iter().any(maintain), 17, "the privilege MAINTAIN");
            }
            NodeEnum::MergeStmt(merge) => self.merge(merge),
            NodeEnum::InsertStmt(insert) => {
                self.with(insert.with_clause.as_ref());
                self.returning(insert.returning_clause.as_ref());
                insert.select_stmt.iter().for_each(|query| self.node(query));
            }
            NodeEnum::UpdateStmt(update) => {
                self.with(update.with_clause.as_ref());
                self.returning(update.returning_clause.as_ref());
                self.each(&update.from_clause);
            }
            NodeEnum::DeleteStmt(delete) => {
                self.with(delete.with_clause.as_ref());
                self.returning(delete.returning_clause.as_ref());
                self.each(&delete.using_clause);
            }
            NodeEnum::SelectStmt(select) => self.select(select),
            NodeEnum::ViewStmt(view) => view.query.iter().for_each(|query| self.node(query)),
            NodeEnum::CreateTableAsStmt(create) => create.query.iter().for_each(|query| self.node(query)),
            NodeEnum::ExplainStmt(explain) => explain.query.iter().for_each(|query| self.node(query)),
            NodeEnum::CopyStmt(copy) => copy.query.iter().for_each(|query| self.node(query)),
            NodeEnum::RangeSubselect(part) => {
                self.needs_if(part.alias.is_none(), 16, "a subquery in FROM without an alias");
                part.subquery.iter().for_each(|query| self.node(query));
            }
            NodeEnum::JoinExpr(join) => {
                self.needs_if(join.join_using_alias.is_some(), 14, "an alias for JOIN … USING");
                join.larg.iter().chain(&join.rarg).for_each(|part| self.node(part));
            }
            NodeEnum::JsonTable(_) => self.needs(17, "JSON_TABLE"),
            _ => {}
        }
    }

    fn column(&mut self, column: &ColumnDef) {
        self.needs_if(!column.compression.is_empty(), 14, "COMPRESSION");
        self.needs_if(
            !column.storage_name.is_empty(),
            16,
            "STORAGE in the definition of a column",
        );
        for node in &column.constraints {
            if let Some(NodeEnum::Constraint(constraint)) = &node.node {
                self.constraint(constraint, true);
            }
        }
    }

    fn constraint(&mut self, constraint: &Constraint, of_column: bool) {
        self.needs_if(constraint.nulls_not_distinct, 15, "NULLS NOT DISTINCT");
        self.needs_if(
            !constraint.fk_del_set_cols.is_empty(),
            15,
            "columns behind ON DELETE SET",
        );
        self.needs_if(constraint.without_overlaps, 18, "WITHOUT OVERLAPS");
        self.needs_if(
            constraint.fk_with_period || constraint.pk_with_period,
            18,
            "PERIOD in a foreign key",
        );
        match constraint.contype() {
            ConstrType::ConstrNotnull => {
                self.needs_if(!of_column, 18, "NOT NULL as a constraint of a table");
                self.needs_if(constraint.is_no_inherit, 18, "NOT NULL … NO INHERIT");
            }
            ConstrType::ConstrGenerated => self.needs_if(
                constraint.generated_kind == "v",
                18,
                "a generated column that is not STORED",
            ),
            ConstrType::ConstrAttrEnforced => self.needs(18, "ENFORCED"),
            ConstrType::ConstrAttrNotEnforced => self.needs(18, "NOT ENFORCED"),
            ConstrType::ConstrCheck | ConstrType::ConstrForeign => {
                self.needs_if(!constraint.is_enforced, 18, "NOT ENFORCED");
            }
            _ => {}
        }
    }

    fn action(&mut self, cmd: &AlterTableCmd) {
        let def = cmd.def.as_ref().and_then(|def| def.node.as_ref());
        match (cmd.subtype(), def) {
            (At::AtAddColumn, Some(NodeEnum::ColumnDef(column))) => self.column(column),
            (At::AtAddConstraint, Some(NodeEnum::Constraint(constraint))) => self.constraint(constraint, false),
            (At::AtDropExpression, _) => self.needs(13, "DROP EXPRESSION"),
            (At::AtSetExpression, _) => self.needs(17, "SET EXPRESSION"),
            (At::AtSetCompression, _) => self.needs(14, "SET COMPRESSION"),
            (At::AtSetAccessMethod, _) => {
                self.needs(15, "SET ACCESS METHOD");
                self.needs_if(cmd.name.is_empty(), 17, "SET ACCESS METHOD DEFAULT");
            }
            (At::AtSetStatistics, None) => self.needs(17, "SET STATISTICS DEFAULT"),
            (At::AtSetStorage, Some(NodeEnum::String(word))) => {
                self.needs_if(word.sval == "default", 16, "SET STORAGE DEFAULT");
            }
            (At::AtDetachPartition, Some(NodeEnum::PartitionCmd(part))) => {
                self.needs_if(part.concurrent, 14, "DETACH PARTITION … CONCURRENTLY");
            }
            (At::AtDetachPartitionFinalize, _) => self.needs(14, "DETACH PARTITION … FINALIZE"),
            (At::AtAlterConstraint, Some(NodeEnum::AtalterConstraint(alter))) => {
                self.needs_if(alter.alter_enforceability, 18, "ALTER CONSTRAINT … ENFORCED");
                self.needs_if(alter.alter_inheritability, 18, "ALTER CONSTRAINT … INHERIT");
            }
            _ => {}
        }
    }

    fn publication(&mut self, objects: &[Node]) {
        for node in objects {
            let Some(NodeEnum::PublicationObjSpec(spec)) = &node.node else {
                continue;
            };
            let of_schema = matches!(
                spec.pubobjtype(),
                PublicationObjSpecType::PublicationobjTablesInSchema
                    | PublicationObjSpecType::PublicationobjTablesInCurSchema
            );
            self.needs_if(of_schema, 15, "TABLES IN SCHEMA");
            let table = spec.pubtable.as_ref();
            self.needs_if(
                table.is_some_and(|table| table.where_clause.is_some() || !table.columns.is_empty()),
                15,
                "columns or rows of a table in a publication",
            );
        }
    }

    fn merge(&mut self, merge: &protobuf::MergeStmt) {
        self.needs(15, "MERGE");
        self.needs_if(merge.returning_clause.is_some(), 17, "MERGE … RETURNING");
        let by_source = |node: &Node| {
            matches!(&node.node, Some(NodeEnum::MergeWhenClause(when))
                if when.match_kind() == MergeMatchKind::MergeWhenNotMatchedBySource)
        };
        self.needs_if(
            merge.merge_when_clauses.iter().any(by_source),
            17,
            "WHEN NOT MATCHED BY SOURCE",
        );
        self.with(merge.with_clause.as_ref());
        self.returning(merge.returning_clause.as_ref());
        merge.source_relation.iter().for_each(|source| self.node(source));
    }

    fn with(&mut self, with: Option<&protobuf::WithClause>) {
        if let Some(with) = with {
            self.each(&with.ctes);
        }
    }

    fn returning(&mut self, returning: Option<&protobuf::ReturningClause>) {
        self.needs_if(
            returning.is_some_and(|clause| !clause.options.is_empty()),
            18,
            "RETURNING WITH",
        );
    }

    fn select(&mut self, select: &SelectStmt) {
        self.needs_if(
            select.limit_option() == LimitOption::WithTies,
            13,
            "FETCH FIRST … WITH TIES",
        );
        self.needs_if(select.group_distinct, 14, "GROUP BY DISTINCT");
        self.with(select.with_clause.as_ref());
        self.each(&select.from_clause);
        select
            .larg
            .iter()
            .chain(&select.rarg)
            .for_each(|part| self.select(part));
    }
}
