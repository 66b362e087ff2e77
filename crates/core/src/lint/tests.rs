mod histories;
mod knowledge;

use super::*;
use crate::catalog::Relation;
use crate::finding::Severity;
use crate::migration::TransactionModel;
use crate::sql;
use crate::version::ServerVersion;
use std::collections::BTreeSet;

/// The rules that fire in a file, after another file made what exists.
fn rules(before: &str, text: &str) -> Vec<String> {
    let migration = |text: &str| Migration {
        name: "m".to_owned(),
        up: Some(SourceFile::new("m.sql", text)),
        path: "m.sql".to_owned(),
        down: None,
        transaction: TransactionModel::Message,
    };
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(15)), !before.is_empty(), 10_000);
    let mut run = |text: &str| {
        let migration = migration(text);
        let file = SourceFile::new("m.sql", text);
        let script = sql::parse(&file).unwrap();
        let judged = lint(&migration, &file, &script, &mut known, &Policy::default(), Wanted::ALL);
        known.catalog.settle();
        known.catalog.forget_sizes();
        judged.findings.into_iter().map(|finding| finding.rule).collect()
    };
    let _: Vec<String> = run(before);
    run(text)
}

const TABLES: &str = "CREATE TABLE t (id int PRIMARY KEY, a text, b int); CREATE TABLE u (id int PRIMARY KEY, t int); \
                      CREATE INDEX ut ON u (t);";

#[test]
fn what_blocks_and_works_is_found() {
    let cases = [
        ("CREATE INDEX i ON t (a)", "create-index-blocks-writes"),
        ("ALTER TABLE t ADD CONSTRAINT k UNIQUE (a)", "unique-builds-index"),
        ("ALTER TABLE t ADD CHECK (b > 0)", "check-scans-table"),
        ("ALTER TABLE t ALTER a SET NOT NULL", "set-not-null-scans-table"),
        (
            "ALTER TABLE u ADD FOREIGN KEY (t) REFERENCES t (id)",
            "foreign-key-scans-table",
        ),
        ("ALTER TABLE t ALTER b TYPE bigint", "type-change-rewrites-table"),
        ("UPDATE t SET b = 1", "changes-many-rows"),
        ("UPDATE t SET b = 1 WHERE id > 0 AND id <= 500000", "changes-many-rows"),
        ("UPDATE t SET b = 1 WHERE id > 0 OR id IN (1)", "changes-many-rows"),
        ("DELETE FROM t WHERE b IN (1, 2)", "changes-many-rows"),
        ("ALTER TABLE t DROP COLUMN b", "drop-column-breaks-code"),
    ];
    for (text, rule) in cases {
        assert_eq!(rules(TABLES, text).first().map(String::as_str), Some(rule), "{text}");
    }
}

#[test]
fn what_is_harmless_is_not() {
    let harmless = [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0",
        "ALTER TABLE u ADD FOREIGN KEY (t) REFERENCES t (id) NOT VALID",
        "CREATE TABLE n (id int); CREATE INDEX i ON n (id); UPDATE n SET id = 1",
        "ALTER TABLE t ALTER a TYPE varchar",
        "UPDATE t SET b = 1 WHERE id > 0 AND id <= 5000 AND b IS NULL",
        "DELETE FROM t WHERE id IN (1, 2, 3)",
        "UPDATE t SET b = 1 WHERE id BETWEEN 5 AND 10",
    ];
    for text in harmless {
        assert_eq!(rules(TABLES, text), [""; 0], "{text}");
    }
}

#[test]
fn an_index_anywhere_in_a_file_serves_a_key_however_long_the_file_is() {
    for length in [2, MANY, 2 * MANY] {
        let keys = (1..=length).map(|at| format!("CREATE TABLE t{at} (a int REFERENCES t (id));\n"));
        let index = |table: usize| format!("CREATE INDEX ON t{table} (a);\n");
        let text: String = keys.chain([index(1), index(length)]).collect();
        let found = rules(TABLES, &text);
        let bare = found.iter().filter(|rule| *rule == "foreign-key-without-index");
        assert_eq!(bare.count(), length - 2, "{length}");
    }
}

#[test]
fn concurrently_among_others_is_said() {
    let text = "CREATE INDEX CONCURRENTLY i ON t (a); SELECT 1";
    assert_eq!(rules(TABLES, text), ["concurrently-in-transaction"]);
}

#[test]
fn an_allow_needs_its_finding() {
    let allowed = "-- nonstop: allow create-index-blocks-writes because it is small\nCREATE INDEX i ON t (a)";
    assert_eq!(rules(TABLES, allowed), [""; 0]);
    let malformed = "-- nonstop: allow create-index-blocks-writes\nCREATE INDEX i ON t (a)";
    assert_eq!(
        rules(TABLES, malformed),
        ["directive-is-wrong", "create-index-blocks-writes"]
    );
    let unknown = "-- nonstop: allow create-indexes because reasons\nCREATE INDEX i ON t (a)";
    assert_eq!(
        rules(TABLES, unknown),
        ["directive-is-wrong", "create-index-blocks-writes"]
    );
    let needless = "-- nonstop: allow check-scans-table because reasons\nCREATE INDEX i ON t (a)";
    assert_eq!(
        rules(TABLES, needless),
        ["allow-is-not-needed", "create-index-blocks-writes"]
    );
}

#[test]
fn an_allow_ends_on_its_day() {
    let text = "SELECT 1;\n-- nonstop: allow create-index-blocks-writes because it is small until 2026-05-31\n\
                CREATE INDEX i ON t (a)";
    let rules = |today: &str| {
        let policy = Policy {
            today: today.parse().ok(),
            ..Policy::default()
        };
        judged_by(TABLES, text, TransactionModel::Whole, &policy).findings
    };
    assert!(rules("2026-05-31").is_empty());
    let over = rules("2026-06-01");
    let said: Vec<_> = over.iter().map(|f| (f.rule.as_str(), f.range.line)).collect();
    assert_eq!(said, [("allow-has-expired", 2), ("create-index-blocks-writes", 3)]);
}

/// What makes a finding known again does not depend on the lines around it.
#[test]
fn a_fingerprint_stays() {
    let prints = |text: &str| -> Vec<String> {
        let findings = judged(text, TransactionModel::Whole).findings;
        findings.into_iter().map(|finding| finding.fingerprint).collect()
    };
    let one = prints("CREATE INDEX i ON t (a)");
    assert_eq!(one, prints("SELECT 1;\n\n  CREATE  INDEX i -- why\n ON t (a);"));
    assert_ne!(one, prints("CREATE INDEX i ON t (b)"));
    let alike = prints("UPDATE t SET b = 1; UPDATE t SET b = 1");
    assert!(alike.len() == 2 && alike[0] != alike[1], "{alike:?}");
}

#[test]
fn the_policy_decides_what_is_heard() {
    let rules = |select: &str| -> Vec<_> {
        let policy = Policy {
            select: vec![select.parse().unwrap()],
            severity: vec![("blocking".parse().unwrap(), Level::On(Severity::Warning))],
            ..Policy::default()
        };
        let text = "ALTER TABLE t ADD CHECK (b > 0), DROP COLUMN a";
        let findings = judged_by(TABLES, text, TransactionModel::Whole, &policy).findings;
        findings.into_iter().map(|f| (f.rule, f.severity)).collect()
    };
    let heard = |rule: &str, severity| vec![(rule.to_owned(), severity)];
    assert_eq!(rules("blocking"), heard("check-scans-table", Severity::Warning));
    assert_eq!(rules("data-loss"), heard("drop-column-breaks-code", Severity::Warning));
    assert_eq!(rules("compat"), []);
}

#[test]
fn what_is_not_known_is_taken_to_exist() {
    assert_eq!(
        rules("", "CREATE INDEX i ON \"Tip\" (a)"),
        ["create-index-blocks-writes"]
    );
    assert_eq!(
        rules("", "ALTER TABLE x ADD FOREIGN KEY (a) REFERENCES y (id)"),
        ["foreign-key-scans-table"]
    );
    assert_eq!(
        rules("", "ALTER TABLE x ALTER a SET NOT NULL"),
        ["set-not-null-scans-table", "set-not-null-breaks-writes"]
    );
    assert_eq!(
        rules("", "ALTER TABLE x ALTER a TYPE bigint, ALTER b SET NOT NULL"),
        [
            "set-not-null-scans-table",
            "type-change-rewrites-table",
            "type-change-breaks-plans",
            "set-not-null-breaks-writes"
        ]
    );
    assert_eq!(rules("", "ALTER TABLE x ALTER a TYPE text"), [""; 0]);
    assert_eq!(
        rules("", "SELECT 1; DROP INDEX CONCURRENTLY IF EXISTS i"),
        ["concurrently-in-transaction"]
    );
    assert_eq!(rules("", "CREATE TABLE x (id int); CREATE INDEX i ON x (id)"), [""; 0]);
    let hidden = "CREATE TABLE t (id int); DO $$ BEGIN EXECUTE 'ALTER TABLE t ADD c int'; END $$;";
    assert_eq!(
        rules(hidden, "ALTER TABLE t ALTER c SET NOT NULL"),
        ["set-not-null-scans-table", "set-not-null-breaks-writes"]
    );
    assert_eq!(rules(TABLES, "CREATE INDEX i ON nowhere (a)"), ["statement-fails"]);
}

/// The example of the contract, as it stands there.
#[test]
fn the_index_on_tips_is_one_finding() {
    let tip = "CREATE TABLE \"Tip\" (id int PRIMARY KEY, \"createdAt\" timestamp);\n";
    let text = "SELECT 1;\n\nCREATE INDEX \"tip_created_at_idx\" ON \"Tip\" (\"createdAt\");\n";
    let findings = judged_on(tip, text, TransactionModel::Message).findings;
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}")
    };
    let value = serde_json::to_value(finding).unwrap();
    let expected = serde_json::json!({
        "rule": "create-index-blocks-writes", "severity": "error", "category": "blocking",
        "migration": "m", "file": "m.sql", "statement": 2,
        "line": 3, "column": 1, "end_line": 3, "end_column": 58,
        "relations": [{"name": "public.Tip", "lock": "SHARE", "existing": true}],
        "work": "index-build", "fixable": true,
    });
    for (field, expected) in expected.as_object().unwrap() {
        assert_eq!(&value[field], expected, "{field}");
    }
}

/// The findings of one file on [`TABLES`], as its tool runs it.
fn judged(text: &str, transaction: TransactionModel) -> Judged {
    judged_on(TABLES, text, transaction)
}

fn judged_on(before: &str, text: &str, transaction: TransactionModel) -> Judged {
    judged_by(before, text, transaction, &Policy::default())
}

fn judged_by(before: &str, text: &str, transaction: TransactionModel, policy: &Policy) -> Judged {
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(15)), true, 10_000);
    let before = SourceFile::new("before.sql", before);
    known.pass(TransactionModel::Message, &sql::parse(&before).unwrap());
    known.catalog.settle();
    known.catalog.forget_sizes();
    let file = SourceFile::new("m.sql", text);
    let migration = Migration {
        name: "m".to_owned(),
        up: Some(file.clone()),
        path: "m.sql".to_owned(),
        down: None,
        transaction,
    };
    let script = sql::parse(&file).unwrap();
    lint(&migration, &file, &script, &mut known, policy, Wanted::ALL)
}

/// What only a database tells.
#[test]
fn a_key_near_its_end_is_found_once() {
    let file = |text: &str| SourceFile::new("m.sql", text);
    let parse = |text: &str| sql::parse(&file(text)).unwrap();
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(15)), true, 10_000);
    known.pass(
        TransactionModel::Message,
        &parse("CREATE TABLE t (id serial PRIMARY KEY)"),
    );
    known.catalog.settle();
    let mut said = |last: i64| -> Vec<String> {
        let owned = |relation: &Relation| relation.owned_by.is_some();
        known
            .catalog
            .relations
            .change(owned, |relation| relation.last_value = Some(last));
        let text = "ALTER TABLE t ADD COLUMN a int; INSERT INTO t (a) VALUES (1)";
        let migration = Migration {
            name: "m".to_owned(),
            up: Some(file(text)),
            path: "m.sql".to_owned(),
            down: None,
            transaction: TransactionModel::Message,
        };
        let mut known = known.clone();
        let judged = lint(
            &migration,
            &file(text),
            &parse(text),
            &mut known,
            &Policy::default(),
            Wanted::ALL,
        );
        judged.findings.into_iter().map(|finding| finding.message).collect()
    };
    assert_eq!(said(1_000_000_000), [""; 0]);
    let near = said(2_000_000_000);
    assert!(near.len() == 1 && near[0].starts_with("93 %"), "{near:?}");
}

#[test]
fn the_transaction_decides() {
    let text = "ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT k; \
                CREATE INDEX CONCURRENTLY i ON t (a)";
    let rules = |model| -> Vec<String> {
        let findings = judged(text, model).findings;
        findings.into_iter().map(|finding| finding.rule).collect()
    };
    assert_eq!(
        rules(TransactionModel::Message),
        ["validate-in-same-transaction", "concurrently-in-transaction"]
    );
    assert_eq!(rules(TransactionModel::PerStatement), [""; 0]);
    let errors: Vec<_> = judged(text, TransactionModel::Message)
        .effects
        .into_iter()
        .map(|one| one.effect.error.map(|error| error.sqlstate))
        .collect();
    assert_eq!(errors, [None, None, Some("25001")]);
}

#[test]
fn fixable_is_what_deploy_takes_apart() {
    let cases = [
        ("CREATE INDEX i ON t (a)", true),
        ("ALTER TABLE t ALTER a SET NOT NULL", true),
        ("ALTER TABLE t ADD COLUMN c int UNIQUE", true),
        ("ALTER TABLE t ALTER b TYPE bigint", true),
        ("ALTER TABLE t ALTER b TYPE bigint USING random()", false),
        ("ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()", true),
        ("ALTER TABLE t ADD EXCLUDE USING btree (a WITH =)", false),
        ("-- nonstop: as-written\nCREATE INDEX i ON t (a)", false),
        ("UPDATE t SET b = 1", true),
        ("UPDATE t SET b = random()", false),
    ];
    for (text, fixable) in cases {
        let findings = judged(text, TransactionModel::Message).findings;
        assert_eq!(findings.first().map(|finding| finding.fixable), Some(fixable), "{text}");
    }
}

#[test]
fn the_safe_form_is_what_deploy_runs() {
    let safe = |text: &str| -> Vec<String> {
        let findings = judged(text, TransactionModel::Whole).findings;
        let first = findings.into_iter().next().unwrap();
        first.safe.iter().map(|sql| sql.as_str().to_owned()).collect()
    };
    assert_eq!(
        safe("CREATE INDEX i ON t (a)"),
        [r#"CREATE INDEX CONCURRENTLY "i" ON "public"."t" USING btree (a)"#]
    );
    let steps = safe("ALTER TABLE t ALTER a SET NOT NULL");
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert!(
        steps[0].ends_with("NOT VALID") && steps[1].contains("VALIDATE"),
        "{steps:?}"
    );
    assert_eq!(safe("ALTER TABLE t ALTER b TYPE bigint"), [""; 0]);
}

#[test]
fn a_block_is_judged_by_what_stands_in_it() {
    let text = "DO $$ BEGIN IF true THEN CREATE INDEX i ON t (a); END IF; END $$";
    let findings = judged(text, TransactionModel::Message).findings;
    let rules: Vec<_> = findings.iter().map(|f| (f.rule.as_str(), f.fixable)).collect();
    assert_eq!(rules, [("create-index-blocks-writes", false)]);
}

/// Several reasons to block in one statement are several findings, each once.
#[test]
fn each_action_has_its_rule() {
    let text = "ALTER TABLE t ADD CONSTRAINT k UNIQUE (a), ALTER b SET NOT NULL, ADD CHECK (b > 0)";
    let findings = judged(text, TransactionModel::Message).findings;
    let rules: BTreeSet<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(
        rules,
        BTreeSet::from([
            "check-scans-table",
            "set-not-null-breaks-writes",
            "set-not-null-scans-table",
            "unique-builds-index"
        ])
    );
    assert_eq!(findings.len(), 4);
}
