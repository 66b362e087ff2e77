//! Queries of files, plans as lines, and what counts as another plan.

use super::*;
use crate::source::SourceFile;
use serde_json::json;

fn measured(name: &str, sql: &str, plan: Value, blocks: u64) -> Measured {
    let mut plan = plan;
    plan["Shared Hit Blocks"] = json!(blocks);
    plan["Shared Read Blocks"] = json!(0);
    plan["Actual Rows"] = json!(1.0);
    plan["Total Cost"] = json!(blocks);
    Measured {
        name: name.to_owned(),
        file: "q.sql".to_owned(),
        sql: SqlText::verbatim(sql),
        not_run: None,
        timed_out: false,
        error: None,
        plan: Some(json!({"Plan": plan, "Execution Time": 1.5, "Planning Time": 0.1})),
    }
}

fn saved(queries: Vec<Measured>) -> Saved {
    Saved::new("2026-01-01T00:00:00Z".to_owned(), "15.18".to_owned(), queries)
}

fn seq() -> Value {
    json!({"Node Type": "Seq Scan", "Relation Name": "Job", "Alias": "Job"})
}

fn index(name: &str) -> Value {
    json!({"Node Type": "Index Scan", "Scan Direction": "Forward", "Index Name": name, "Relation Name": "Job"})
}

fn verdict(before: Measured, after: Measured) -> Verdict {
    compare(&saved(vec![before]), &saved(vec![after])).gravest()
}

#[test]
fn queries_have_names() {
    let text =
        "-- name: jobs of a teacher :many\n-- why\nSELECT 1;\n\nSELECT 2; -- name: late\n-- name: newest ten\nSELECT 3";
    let names = |text: &str| {
        let all = asked(&SourceFile::new("q.sql", text), "q").unwrap();
        all.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(names(text), ["jobs of a teacher", "q:2", "newest ten"]);
    assert_eq!(names("\u{feff}SELECT 1"), ["q"]);
    assert_eq!(names("-- nothing"), [""; 0]);
    let wrong = asked(&SourceFile::new("q.sql", "SELECT 1;\nDROP TABLE t"), "q").unwrap_err();
    assert!(wrong.to_string().starts_with("q.sql:2: this is no query"), "{wrong}");
}

#[test]
fn a_saved_query_is_asked_again_and_nothing_else() {
    let again = saved(vec![measured("a b", "SELECT 1", seq(), 1)])
        .asked_again()
        .unwrap();
    assert_eq!((again[0].name.as_str(), again[0].sql.as_str()), ("a b", "SELECT 1"));
    for sql in ["DROP TABLE t", "SELECT 1; DELETE FROM t", ""] {
        let tampered = saved(vec![measured("a", sql, seq(), 1)]);
        assert!(tampered.asked_again().is_err(), "{sql}");
    }
}

#[test]
fn plans_are_lines_in_the_servers_words() {
    let plan = json!({"Node Type": "Limit", "Plans": [
        {"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Finalize", "Plans": [
            {"Node Type": "Gather", "Plans": [
                {"Node Type": "Hash Join", "Join Type": "Left", "Plans": [
                    {"Node Type": "Seq Scan", "Parallel Aware": true, "Relation Name": "Job"},
                    {"Node Type": "Bitmap Heap Scan", "Relation Name": "XPAudit", "Plans": [
                        {"Node Type": "Bitmap Index Scan", "Index Name": "XPAudit_reason_idx"}]},
                    {"Node Type": "Index Only Scan", "Scan Direction": "Backward", "Index Name": "i",
                     "Relation Name": "XPAudit", "Parent Relationship": "InitPlan"}]}]}]}]});
    let lines: Vec<String> = tree(&plan).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Limit
      Finalize HashAggregate
        Gather
          Hash Left Join
            Parallel Seq Scan on Job
            Bitmap Heap Scan on XPAudit
              Bitmap Index Scan on XPAudit_reason_idx
            InitPlan: Index Only Scan Backward using i on XPAudit
    ");
}

#[test]
fn another_plan_is_worse_where_it_reads_more() {
    let q = |plan, blocks| measured("q", "SELECT 1", plan, blocks);
    assert_eq!(verdict(q(seq(), 100), q(seq(), 9_000)), Verdict::Same);
    assert_eq!(verdict(q(seq(), 100), q(index("i"), 4)), Verdict::Changed);
    assert_eq!(verdict(q(index("i"), 4), q(index("j"), 5)), Verdict::Changed);
    assert_eq!(verdict(q(index("i"), 4), q(seq(), 100)), Verdict::Worse);
    let planned = |plan: Value, cost| {
        let mut one = q(plan, cost);
        one.plan
            .as_mut()
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("Execution Time");
        one.not_run = Some("it changes rows".to_owned());
        one
    };
    assert_eq!(planned(seq(), 5).blocks(), None);
    assert_eq!(verdict(planned(index("i"), 4), planned(seq(), 100)), Verdict::Worse);
    assert_eq!(verdict(planned(seq(), 100), planned(index("i"), 4)), Verdict::Changed);
}

#[test]
fn what_fails_or_does_not_end_is_told_apart() {
    let q = || measured("q", "SELECT a FROM t", seq(), 1);
    let failed = || Measured {
        error: Some("column \"a\" does not exist (42703)".to_owned()),
        plan: None,
        ..q()
    };
    let late = || Measured { timed_out: true, ..q() };
    assert_eq!(verdict(q(), failed()), Verdict::Failed);
    assert_eq!(verdict(failed(), failed()), Verdict::Same);
    assert_eq!(verdict(q(), late()), Verdict::Worse);
    assert_eq!(verdict(late(), late()), Verdict::Same);
    let edited = || measured("q", "SELECT b FROM t", seq(), 1);
    let (before, after) = (saved(vec![q()]), saved(vec![edited()]));
    let verdicts: Vec<Verdict> = compare(&before, &after)
        .queries
        .iter()
        .map(|pair| pair.verdict)
        .collect();
    assert_eq!(verdicts, [Verdict::Gone, Verdict::New]);
    let layout = measured("q", "SELECT a -- of all\n FROM t", seq(), 1);
    assert_eq!(verdict(q(), layout), Verdict::Same);
}

#[test]
fn indexes_are_counted_from_the_first_moment() {
    let index = |name: &str, scans| Index {
        schema: "public".to_owned(),
        table: "Job".to_owned(),
        index: name.to_owned(),
        scans,
        bytes: 8192,
        valid: true,
    };
    let moment = |indexes: Vec<Index>, since: Option<&str>| Saved {
        indexes,
        counted_since: since.map(str::to_owned),
        ..saved(Vec::new())
    };
    let before = moment(vec![index("gone", 3), index("kept", 10)], None);
    let after = moment(vec![index("kept", 15), index("new", 2)], None);
    let seen = |after: &Saved| {
        let all = compare(&before, after).indexes.into_iter();
        all.map(|one| (one.index.index.clone(), one.fate, one.scans))
            .collect::<Vec<_>>()
    };
    let told = |name: &str, fate, scans| (name.to_owned(), fate, scans);
    let (gone, new) = (told("gone", IndexFate::Gone, 3), told("new", IndexFate::New, 2));
    let kept = told("kept", IndexFate::Kept, 5);
    assert_eq!(seen(&after), [gone.clone(), kept, new.clone()]);
    let reset = moment(after.indexes.clone(), Some("2026-01-02"));
    assert_eq!(seen(&reset), [gone, told("kept", IndexFate::Kept, 15), new]);
}

#[test]
fn what_is_written_is_read_and_nothing_else() {
    let one = saved(vec![measured("q", "SELECT 1", seq(), 1)]);
    assert_eq!(Saved::from_json(&one.to_json()).unwrap(), one);
    let other = Saved::from_json(r#"{"schema":"nonstop.catalog/1"}"#).unwrap_err();
    assert!(other.to_string().contains("nonstop.explain/1"), "{other}");
    assert!(Saved::from_json("{").is_err());
}
