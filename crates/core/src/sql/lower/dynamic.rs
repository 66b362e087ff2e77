//! Text that a block puts together: known where it is made of constants alone.

use super::names;
use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use serde_json::Value;
use std::collections::BTreeMap;

/// Variables that keep the constant they begin with.
#[derive(Debug, Default)]
pub(super) struct Constants {
    known: BTreeMap<String, String>,
}

impl Constants {
    pub(super) fn declare(&mut self, name: &str, default: &str) {
        if let Some(value) = self.value(default) {
            self.known.insert(name.to_lowercase(), value);
        }
    }

    /// Variables that anything in the tree assigns to, loops over or reads into.
    pub(super) fn forget_assigned(&mut self, tree: &Value) {
        match tree {
            Value::Array(items) => items.iter().for_each(|item| self.forget_assigned(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "PLpgSQL_stmt_assign" => {
                            let text = value["expr"]["PLpgSQL_expr"]["query"].as_str().unwrap_or_default();
                            let target = text.split([':', '=', '[', '.']).next().unwrap_or_default();
                            self.known.remove(&target.trim().to_lowercase());
                        }
                        "target" | "var" => self.forget_named(value),
                        _ => {}
                    }
                    if name != "datums" {
                        self.forget_assigned(value);
                    }
                }
            }
            _ => {}
        }
    }

    fn forget_named(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.forget_named(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let ("name" | "refname", Some(text)) = (name.as_str(), value.as_str()) {
                        self.known.remove(&text.to_lowercase());
                    }
                    self.forget_named(value);
                }
            }
            _ => {}
        }
    }

    /// The text that an expression gives, where nothing else than constants goes into it.
    pub(super) fn value(&self, expression: &str) -> Option<String> {
        let parsed = pg_query::parse(&format!("SELECT {expression}"), pg_query::ParserOptions::DEFAULT).ok()?;
        let stmt = parsed.protobuf.stmts.into_iter().next()?.stmt?;
        let Some(NodeEnum::SelectStmt(select)) = stmt.node else {
            return None;
        };
        let [target] = select.target_list.as_slice() else {
            return None;
        };
        match target.node.as_ref()? {
            NodeEnum::ResTarget(target) => self.of_node(target.val.as_ref()?),
            _ => None,
        }
    }

    fn of_node(&self, node: &Node) -> Option<String> {
        match node.node.as_ref()? {
            NodeEnum::AConst(_) | NodeEnum::TypeCast(_) => names::constant(node),
            NodeEnum::ColumnRef(column) => match column.fields.as_slice() {
                [name] => self.known.get(&names::text(name)?).cloned(),
                _ => None,
            },
            NodeEnum::AExpr(e) if e.name.last().and_then(names::text).as_deref() == Some("||") => {
                Some(self.of_node(e.lexpr.as_ref()?)? + &self.of_node(e.rexpr.as_ref()?)?)
            }
            NodeEnum::FuncCall(call) => {
                let name = call.funcname.last().and_then(names::text)?;
                let arguments: Option<Vec<String>> = call.args.iter().map(|arg| self.of_node(arg)).collect();
                called(&name, &arguments?)
            }
            _ => None,
        }
    }
}

fn called(name: &str, arguments: &[String]) -> Option<String> {
    match (name, arguments) {
        ("quote_ident", [one]) => Some(quoted(one)),
        ("quote_literal", [one]) => Some(literal(one)),
        ("concat", all) => Some(all.concat()),
        ("format", [template, values @ ..]) => format(template, values),
        _ => None,
    }
}

fn quoted(name: &str) -> String {
    crate::sql!("{}", crate::quote::Ident(name)).as_str().to_owned()
}

fn literal(text: &str) -> String {
    crate::sql!("{}", crate::quote::Literal(text)).as_str().to_owned()
}

/// `%I`, `%L`, `%s` and `%%`, one after the other; widths and positions are rare, and not known.
fn format(template: &str, values: &[String]) -> Option<String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut parts = template.split('%');
    out.push_str(parts.next()?);
    let mut literal_sign = false;
    for part in parts {
        if std::mem::take(&mut literal_sign) {
            out.push_str(part);
            continue;
        }
        if part.is_empty() {
            out.push('%');
            literal_sign = true;
            continue;
        }
        match part.chars().next()? {
            'I' => out.push_str(&quoted(values.next()?)),
            'L' => out.push_str(&literal(values.next()?)),
            's' => out.push_str(values.next()?),
            _ => return None,
        }
        out.push_str(&part[1..]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_put_together() {
        let mut constants = Constants::default();
        constants.declare("tbl", "'Tip'");
        for (expression, expected) in [
            ("'a' || 'b'", Some("ab")),
            ("'ALTER TABLE ' || quote_ident(tbl)", Some("ALTER TABLE \"Tip\"")),
            (
                "format('%I.%I is %L, %s%%', 'a', tbl, 'it''s', 5)",
                Some("\"a\".\"Tip\" is 'it''s', 5%"),
            ),
            ("format('%2$I', 'a', 'b')", None),
            ("'a' || other", None),
            ("f('a')", None),
        ] {
            assert_eq!(constants.value(expression).as_deref(), expected, "{expression}");
        }
    }
}
