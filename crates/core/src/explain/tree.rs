//! A plan as lines, in the words of the server's own text form.

use serde_json::Value;

/// One node of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// How far below the top.
    pub depth: usize,
    /// `Index Scan using "Job_teacherId_status_idx" on "Job"`, names without quotes.
    pub label: String,
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", "  ".repeat(self.depth), self.label)
    }
}

/// The nodes below one, itself first.
pub fn tree(root: &Value) -> Vec<Node> {
    let mut nodes = Vec::new();
    walk(root, 0, &mut nodes);
    nodes
}

fn walk(node: &Value, depth: usize, nodes: &mut Vec<Node>) {
    let label = label(node);
    nodes.push(Node { depth, label });
    for child in node.get("Plans").and_then(Value::as_array).into_iter().flatten() {
        walk(child, depth + 1, nodes);
    }
}

fn label(node: &Value) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or("");
    let mut label = String::new();
    if matches!(text("Parent Relationship"), "InitPlan" | "SubPlan") {
        label = format!("{}: ", text("Parent Relationship"));
    }
    if !matches!(text("Partial Mode"), "" | "Simple") {
        label.push_str(text("Partial Mode"));
        label.push(' ');
    }
    if node.get("Parallel Aware").and_then(Value::as_bool) == Some(true) {
        label.push_str("Parallel ");
    }
    label.push_str(&kind(node));
    if text("Scan Direction") == "Backward" {
        label.push_str(" Backward");
    }
    for (word, key) in [
        ("using", "Index Name"),
        ("on", "Relation Name"),
        ("on", "CTE Name"),
        ("on", "Function Name"),
    ] {
        // A bitmap's index is read by itself: the server's text says `on` for it.
        let word = if text("Node Type") == "Bitmap Index Scan" {
            "on"
        } else {
            word
        };
        if !text(key).is_empty() {
            label = format!("{label} {word} {}", text(key));
        }
    }
    label
}

fn kind(node: &Value) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or("");
    let (kind, join) = (text("Node Type"), text("Join Type"));
    match (kind, text("Strategy")) {
        ("ModifyTable", _) => text("Operation").to_owned(),
        ("Aggregate", "Sorted") => "GroupAggregate".to_owned(),
        ("Aggregate", "Hashed") => "HashAggregate".to_owned(),
        ("Aggregate", "Mixed") => "MixedAggregate".to_owned(),
        ("SetOp", "Hashed") => format!("HashSetOp {}", text("Command")),
        ("SetOp", _) => format!("SetOp {}", text("Command")),
        ("Nested Loop", _) if !matches!(join, "" | "Inner") => format!("Nested Loop {join} Join"),
        (kind, _) if !matches!(join, "" | "Inner") => kind.replacen(" Join", &format!(" {join} Join"), 1),
        (kind, _) => kind.to_owned(),
    }
}
