//! What is known of the database from the files, and what then is said and not said.

use super::{TABLES, judged_on};
use crate::finding::Finding;
use crate::migration::TransactionModel;

fn findings(before: &str, text: &str, model: TransactionModel) -> Vec<Finding> {
    judged_on(before, text, model).findings
}

/// The rules that fire on [`TABLES`] and more, each statement by itself.
fn rules(more: &str, text: &str) -> Vec<String> {
    let found = findings(&format!("{TABLES};{more}"), text, TransactionModel::PerStatement);
    found.into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn what_was_there_decides() {
    let more =
        "ALTER TABLE t ADD v varchar(50), ADD at timestamp, ADD n int, ADD CONSTRAINT there CHECK (n IS NOT NULL)";
    let silent = [
        "ALTER TABLE t ALTER v TYPE varchar(100)",
        "SET timezone = 'UTC'; ALTER TABLE t ALTER at TYPE timestamptz",
        "SET timezone = 'UTC'; ALTER TABLE t ALTER at TYPE timestamptz USING t.at, ALTER v TYPE text USING v",
        "CREATE TABLE n (id int); CREATE INDEX ON n (id); ALTER TABLE n ALTER id TYPE bigint",
        "CREATE TABLE IF NOT EXISTS t (id int, z int); DROP TABLE IF EXISTS nowhere",
    ];
    for text in silent {
        assert_eq!(rules(more, text), [""; 0], "{text}");
    }
    let loud = [
        ("ALTER TABLE t ALTER v TYPE varchar(20)", "type-change-rewrites-table"),
        ("ALTER TABLE t ALTER at TYPE timestamptz", "type-change-rewrites-table"),
        (
            "ALTER TABLE t ALTER v TYPE varchar(100) USING upper(v)",
            "type-change-rewrites-table",
        ),
        (
            "SET timezone = 'Europe/Berlin'; ALTER TABLE t ALTER at TYPE timestamptz",
            "type-change-rewrites-table",
        ),
        (
            "SET timezone = 'UTC'; RESET timezone; ALTER TABLE t ALTER at TYPE timestamptz",
            "type-change-rewrites-table",
        ),
    ];
    for (text, rule) in loud {
        assert_eq!(rules(more, text).first().map(String::as_str), Some(rule), "{text}");
    }
    // A validated check proves it: what is left is that old code may fail.
    let proved = rules(more, "ALTER TABLE t ALTER n SET NOT NULL");
    assert!(
        !proved.iter().any(|rule| rule == "set-not-null-scans-table"),
        "{proved:?}"
    );
}

#[test]
fn transactions_are_played_back() {
    let index = "CREATE INDEX i ON t (a)";
    let found = ["create-index-blocks-writes"];
    let dropped = "drop-table-breaks-code";
    assert_eq!(
        rules("", &format!("BEGIN; DROP TABLE t CASCADE; ROLLBACK; {index}")),
        [dropped, found[0]]
    );
    assert_eq!(
        rules(
            "",
            &format!("BEGIN; SAVEPOINT s; DROP TABLE t CASCADE; ROLLBACK TO s; {index}; COMMIT")
        ),
        [dropped, found[0]]
    );
    assert_eq!(
        rules("", &format!("BEGIN; DROP TABLE t CASCADE; COMMIT; {index}")),
        [dropped, "statement-fails"]
    );
    let of_app = "CREATE SCHEMA app; CREATE TABLE app.x (a int)";
    assert_eq!(rules(of_app, "SET search_path TO app; CREATE INDEX i ON x (a)"), found);
    assert_eq!(rules(of_app, "CREATE INDEX i ON x (a)"), ["statement-fails"]);
    assert_eq!(
        rules(
            of_app,
            "BEGIN; SET LOCAL search_path TO app; COMMIT; CREATE INDEX i ON x (a)"
        ),
        ["statement-fails"]
    );
    // A temporary table stands before the one of the same name, and nobody waits for it.
    assert_eq!(rules("", &format!("CREATE TEMP TABLE t (a int); {index}")), [""; 0]);
    assert_eq!(
        rules("", &format!("CREATE TEMP TABLE t (a int); DROP TABLE t; {index}")),
        found
    );
    assert_eq!(
        rules(
            "",
            &format!("BEGIN; CREATE TEMP TABLE t (a int) ON COMMIT DROP; COMMIT; {index}")
        ),
        found
    );
}

/// Locks that were taken after a savepoint are let go with it.
#[test]
fn a_savepoint_lets_locks_go() {
    let held = |text: &str| {
        let found = findings(TABLES, text, TransactionModel::Message);
        found.iter().any(|finding| finding.rule == "changes-rows-under-lock")
    };
    assert!(held("ALTER TABLE t ADD c int; UPDATE t SET c = 1"));
    assert!(!held(
        "SAVEPOINT s; ALTER TABLE t ADD c int; ROLLBACK TO s; UPDATE t SET b = 1"
    ));
}

#[test]
fn common_blocks_give_the_findings_of_what_is_in_them() {
    let key = "foreign-key-scans-table";
    let add = "ALTER TABLE u ADD CONSTRAINT k FOREIGN KEY (t) REFERENCES t (id)";
    let caught = format!("DO $$ BEGIN\n  {add};\nEXCEPTION WHEN duplicate_object THEN null;\nEND $$;");
    let looked = format!(
        "DO $$ BEGIN\n  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'k') THEN\n    {add};\n  END IF;\nEND $$;"
    );
    let built = "DO $$\nDECLARE tbl text := 'u';\nBEGIN\n  EXECUTE format('ALTER TABLE %I ADD CONSTRAINT k FOREIGN KEY (t) REFERENCES t (id)', tbl);\nEND $$;";
    for (text, line) in [(caught.as_str(), 2), (&looked, 3), (built, 4)] {
        let found = findings(TABLES, text, TransactionModel::Message);
        let of_key: Vec<&Finding> = found.iter().filter(|finding| finding.rule == key).collect();
        let [finding] = of_key[..] else {
            panic!("{text}: {found:#?}")
        };
        assert_eq!(
            (finding.statement, finding.range.line, finding.fixable),
            (1, line, false),
            "{text}"
        );
        assert!(
            !found.iter().any(|finding| finding.rule == "effect-is-unknown"),
            "{text}"
        );
    }
    // Where it is there already, nothing is done.
    let there = "ALTER TABLE u ADD CONSTRAINT k FOREIGN KEY (t) REFERENCES t (id)";
    assert_eq!(rules(there, &caught), [""; 0]);
    assert_eq!(rules(there, &looked), [""; 0]);
    // What a block has made is known behind it.
    let behind = format!("{caught} ALTER TABLE u DROP CONSTRAINT k; ALTER TABLE u ALTER COLUMN nowhere SET NOT NULL");
    assert!(rules("", &behind).contains(&"statement-fails".to_owned()));
}

#[test]
fn called_functions_are_read() {
    let made = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM g(); END';
        CREATE FUNCTION g() RETURNS void LANGUAGE sql AS 'CREATE INDEX i ON t (a)';
        CREATE FUNCTION h() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
        CREATE FUNCTION again() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM again(); END'";
    for text in [
        "SELECT f()",
        "DO $$ BEGIN PERFORM f(); END $$",
        "INSERT INTO u SELECT 1 FROM f()",
    ] {
        assert_eq!(rules(made, text), ["create-index-blocks-writes"], "{text}");
    }
    assert_eq!(rules(made, "SELECT h()"), [""; 0]);
    assert_eq!(rules(made, "SELECT again()"), ["effect-is-unknown"]);
}

#[test]
fn what_stays_unknown_says_why() {
    let reason = |text: &str| {
        let found = findings(TABLES, text, TransactionModel::Message);
        let unknown = found.into_iter().find(|finding| finding.rule == "effect-is-unknown");
        unknown.map(|finding| finding.message).unwrap_or_default()
    };
    for (text, why) in [
        (
            "DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP EXECUTE 'DROP TABLE ' || r.x; END LOOP; END $$",
            "the block: it runs SQL that it puts together: EXECUTE 'DROP TABLE ' || r.x",
        ),
        (
            "DO LANGUAGE plpython3u $$ pass $$",
            "the block: its body is in plpython3u",
        ),
        ("CALL missing()", "procedure missing is not known"),
        (
            "DO $$ BEGIN COMMIT; END $$",
            "the block: it ends transactions by itself",
        ),
    ] {
        assert!(reason(text).contains(why), "{text}: {}", reason(text));
    }
}

/// Behind a block that cannot be read nothing is said to be missing, and what it names may have changed.
#[test]
fn behind_the_unknown_less_is_known() {
    let opaque =
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 LOOP EXECUTE 'ALTER TABLE t ADD c' || r.x; END LOOP; END $$;";
    assert_eq!(
        rules("", &format!("{opaque} ALTER TABLE t ALTER cx SET NOT NULL")),
        [
            "effect-is-unknown",
            "set-not-null-scans-table",
            "set-not-null-breaks-writes"
        ]
    );
    assert_eq!(
        rules("", &format!("{opaque} CREATE INDEX i ON nowhere (a)")),
        ["effect-is-unknown", "create-index-blocks-writes"]
    );
    assert_eq!(rules("", "CREATE INDEX i ON nowhere (a)"), ["statement-fails"]);
}

/// One that nobody can tell the outcome of is judged, and then nothing is said to be missing.
#[test]
fn a_condition_may_hold() {
    let text = "DO $$ BEGIN IF random() > 0.5 THEN DROP TABLE u; END IF; END $$; SELECT * FROM u";
    let found = rules("", text);
    assert!(found.contains(&"drop-table-breaks-code".to_owned()), "{found:?}");
    assert!(!found.contains(&"statement-fails".to_owned()), "{found:?}");
}
