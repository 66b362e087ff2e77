//! Statements to begin with: the rules' own examples, and beside the repository measured statements and real histories.

use nonstop_core::rules;
use nonstop_core::source::SourceFile;
use nonstop_core::sql;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Statements, each by itself.
pub(crate) fn seeds() -> Vec<String> {
    let mut seeds = Vec::new();
    for rule in rules::ALL {
        let fences = rule.docs.split("```sql").skip(1);
        for fence in fences.filter_map(|fence| fence.split("```").next()) {
            let text = fence.split_once('\n').map_or("", |(_, text)| text);
            add(&mut seeds, text);
        }
    }
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let rows = fs::read_to_string(shared.join("facts/locks.jsonl")).unwrap_or_default();
    for row in rows.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        for field in ["setup_sql", "sql"] {
            add(&mut seeds, row[field].as_str().unwrap_or_default());
        }
    }
    files(&shared.join("corpus"), &mut seeds);
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

fn files(folder: &Path, seeds: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, seeds);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            add(seeds, &fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

fn add(seeds: &mut Vec<String>, text: &str) {
    if let Ok(script) = sql::parse(&SourceFile::new("seed.sql", text)) {
        let texts = script.statements.iter().map(|one| one.sql.as_str().to_owned());
        seeds.extend(texts.filter(|text| text.len() < 20_000));
    }
}
