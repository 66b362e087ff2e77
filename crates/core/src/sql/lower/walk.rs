//! All nodes below a node of the parser's tree.
//!
//! The parser's own walk leaves out some places in which a query can stand: rows of `VALUES`, what several columns are set to
//! at once, `ON CONFLICT`, branches of `MERGE`, limits, arrays. Whoever asks what a statement reads must see those too.

use pg_query::protobuf::Node;
use pg_query::{Context, NodeEnum, NodeRef};

/// The nodes, the first among them, each with what is done to the relation that it names.
pub(super) fn nodes(root: &NodeEnum) -> Vec<(NodeRef<'_>, Context)> {
    let mut found = Vec::new();
    let mut roots = vec![root];
    while let Some(root) = roots.pop() {
        for (node, _, context, _) in root.nodes() {
            roots.extend(left_out(&node).filter_map(|node| node.node.as_ref()));
            found.push((node, context));
        }
    }
    found
}

fn left_out<'a>(node: &NodeRef<'a>) -> Box<dyn Iterator<Item = &'a Node> + 'a> {
    match *node {
        NodeRef::SelectStmt(select) => {
            let rows = select.values_lists.iter().flat_map(|row| match &row.node {
                Some(NodeEnum::List(row)) => row.items.as_slice(),
                _ => &[],
            });
            let limits = select
                .limit_count
                .as_deref()
                .into_iter()
                .chain(select.limit_offset.as_deref());
            Box::new(
                rows.filter(|value| !is_plain(value))
                    .chain(limits)
                    .chain(&select.distinct_clause),
            )
        }
        NodeRef::OnConflictClause(clause) => Box::new(clause.target_list.iter().chain(clause.where_clause.as_deref())),
        NodeRef::MergeWhenClause(clause) => Box::new(
            clause
                .condition
                .as_deref()
                .into_iter()
                .chain(&clause.target_list)
                .chain(&clause.values),
        ),
        NodeRef::MultiAssignRef(set) => Box::new(set.source.as_deref().into_iter()),
        NodeRef::SubLink(link) => Box::new(link.testexpr.as_deref().into_iter()),
        NodeRef::FuncCall(call) => Box::new(call.agg_order.iter().chain(call.agg_filter.as_deref())),
        NodeRef::CaseExpr(case) => Box::new(case.arg.as_deref().into_iter()),
        NodeRef::AArrayExpr(array) => Box::new(array.elements.iter()),
        NodeRef::CollateClause(clause) => Box::new(clause.arg.as_deref().into_iter()),
        NodeRef::AIndirection(part) => Box::new(part.arg.as_deref().into_iter()),
        NodeRef::NamedArgExpr(named) => Box::new(named.arg.as_deref().into_iter()),
        NodeRef::RangeFunction(function) => Box::new(function.functions.iter()),
        NodeRef::RangeTableSample(sample) => Box::new(sample.relation.as_deref().into_iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Values that hold no query and call nothing: of those a file may hold very many.
fn is_plain(value: &Node) -> bool {
    matches!(
        value.node,
        None | Some(NodeEnum::AConst(_) | NodeEnum::SetToDefault(_) | NodeEnum::ColumnRef(_) | NodeEnum::ParamRef(_))
    )
}

#[cfg(test)]
mod tests {
    use crate::source::SourceFile;
    use crate::sql::{Kind, Query, parse};

    fn query(text: &str) -> Query {
        let script = parse(&SourceFile::new("m", text)).unwrap();
        match script.statements.into_iter().next().unwrap().kind {
            Kind::Dml(dml) => dml.query,
            Kind::Select(query) => query,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_read_is_seen_wherever_it_stands() {
        for text in [
            "INSERT INTO t VALUES (1, 2), (3, (SELECT max(id) FROM old))",
            "INSERT INTO t SELECT 1 ON CONFLICT (id) DO UPDATE SET a = (SELECT b FROM old)",
            "UPDATE t SET (a, b) = (SELECT x, y FROM old WHERE old.id = t.id)",
            "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET a = (SELECT 1 FROM old)",
            "MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES ((SELECT 1 FROM old))",
            "DELETE FROM t WHERE a = ANY (ARRAY[(SELECT id FROM old)])",
            "DELETE FROM t WHERE (SELECT id FROM old) IN (SELECT 1)",
            "SELECT 1 LIMIT (SELECT count(*) FROM old)",
            "SELECT CASE (SELECT id FROM old) WHEN 1 THEN 2 END",
            "SELECT * FROM unnest((SELECT ids FROM old))",
            "SELECT * FROM old TABLESAMPLE system (10)",
            "SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM old))",
        ] {
            let reads: Vec<String> = query(text).reads.iter().map(ToString::to_string).collect();
            assert!(reads.contains(&"old".to_owned()), "{text}: {reads:?}");
        }
        let query = query("INSERT INTO t VALUES (nextval('s'), gen_random_uuid())");
        assert_eq!(query.rows.sequences[0].name, "s");
        assert!(query.functions.contains(&"gen_random_uuid".to_owned()), "{query:?}");
    }
}
