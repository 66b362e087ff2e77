use super::*;
use crate::catalog::Catalog;
use crate::migration::TransactionModel;
use crate::version::ServerVersion;

const BEFORE: &str = "CREATE TABLE \"T\" (id int PRIMARY KEY, a int, b text DEFAULT 'x', p int);
    CREATE TABLE \"P\" (id int PRIMARY KEY);
    CREATE INDEX old_idx ON \"T\" (a);
    CREATE VIEW v AS SELECT id FROM \"T\";
    CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TYPE color AS ENUM ('red');";

fn migration(sql: &str) -> (Migration, SourceFile) {
    let file = SourceFile::new("migration.sql", sql);
    let migration = Migration {
        name: "1_a".to_owned(),
        up: Some(file.clone()),
        path: "migration.sql".to_owned(),
        down: None,
        transaction: TransactionModel::Either,
    };
    (migration, file)
}

fn ground() -> (Knowledge, Made) {
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(15)), true, 0);
    let mut made = Made::default();
    let (migration, file) = migration(BEFORE);
    pass(&migration, &file, &mut known, &mut made).unwrap();
    (known, made)
}

fn fixed_as(sql: &str, split: Split, room: Room) -> Fixed {
    let (mut known, mut made) = ground();
    let (migration, file) = migration(sql);
    let fixed = fix(&migration, &file, &mut known, &mut made, (split, room)).unwrap();
    changes_nothing_again(&fixed, split, room);
    fixed
}

/// What was written is safe: each of its files stays as it is.
fn changes_nothing_again(fixed: &Fixed, split: Split, room: Room) {
    let (mut known, mut made) = ground();
    for one in &fixed.files {
        let (migration, file) = migration(&one.text);
        let again = fix(&migration, &file, &mut known, &mut made, (split, room)).unwrap();
        assert!(
            !again.changes(&file.text),
            "{:?} becomes {:?}",
            file.text,
            texts(&again)
        );
    }
}

fn texts(fixed: &Fixed) -> Vec<&str> {
    fixed.files.iter().map(|file| file.text.as_str()).collect()
}

#[track_caller]
fn becomes(sql: &str, files: &[&str]) -> Fixed {
    let fixed = fixed_as(sql, Split::Needed, Room::Siblings);
    assert_eq!(texts(&fixed), files);
    fixed
}

fn downs(sql: &str) -> Vec<String> {
    let fixed = fixed_as(sql, Split::Needed, Room::Siblings);
    fixed.files.into_iter().map(|file| file.down.text).collect()
}

#[test]
fn one_statement_is_edited_in_place() {
    becomes(
        "-- why\nCREATE INDEX i ON \"T\"(a DESC) -- end\n;",
        &["-- why\nCREATE INDEX CONCURRENTLY i ON \"T\"(a DESC) -- end\n;"],
    );
    becomes("DROP INDEX old_idx", &["DROP INDEX CONCURRENTLY old_idx"]);
}

#[test]
fn what_stays_stays_byte_for_byte() {
    let fixed = becomes(
        "\u{feff}/* head\r\n\r\n of it */\r\n-- Index\r\nCREATE INDEX i ON \"T\" (a);\r\n\r\n-- Column\r\nALTER  TABLE \"T\"\r\n  ADD c int;\r\n",
        &[
            "\u{feff}/* head\r\n\r\n of it */\r\n-- Column\r\nALTER  TABLE \"T\"\r\n  ADD c int;\r\n",
            "-- Index\r\nCREATE INDEX CONCURRENTLY i ON \"T\" (a);\r\n",
        ],
    );
    assert_eq!(
        fixed.files[0].down.text,
        "ALTER TABLE \"T\" DROP COLUMN IF EXISTS \"c\";\r\n"
    );
    becomes(
        "ALTER TABLE \"T\" ADD c int; CREATE INDEX i ON \"T\" (a); ALTER TABLE \"T\" ADD d int;",
        &[
            "ALTER TABLE \"T\" ADD c int; ALTER TABLE \"T\" ADD d int;",
            "CREATE INDEX CONCURRENTLY i ON \"T\" (a);\n",
        ],
    );
    becomes(
        "SELECT 1;\n\n-- about i\nCREATE INDEX i ON \"T\" (a);",
        &["SELECT 1;\n", "-- about i\nCREATE INDEX CONCURRENTLY i ON \"T\" (a);\n"],
    );
}

#[test]
fn keys_are_checked_in_a_file_of_their_own() {
    let fixed = becomes(
        "CREATE INDEX i ON \"T\" (a);\nALTER TABLE \"T\" ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES \"P\" (id);\n",
        &[
            "ALTER TABLE \"T\" ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES \"P\" (id) NOT VALID;\n",
            "-- Old rows are checked here, while reads and writes go on.\nALTER TABLE \"T\" VALIDATE CONSTRAINT \"k\";\n",
            "CREATE INDEX CONCURRENTLY i ON \"T\" (a);\n",
        ],
    );
    assert_eq!(fixed.files[1].role, Role::Validate("fks"));
    assert_eq!(fixed.look_first.len(), 1);
    let sql = fixed.look_first[0].sql.as_str();
    assert!(sql.contains("FROM \"T\" AS c"), "{sql}");
}

#[test]
fn what_needs_an_index_stands_behind_it() {
    becomes(
        "ALTER TABLE \"T\" ADD CONSTRAINT u UNIQUE (a);\nALTER TABLE \"P\" ADD x int;\n",
        &[
            "ALTER TABLE \"P\" ADD x int;\n",
            "CREATE UNIQUE INDEX CONCURRENTLY \"u\" ON \"T\" USING btree (a);\n",
            "ALTER TABLE \"T\" ADD CONSTRAINT \"u\" UNIQUE USING INDEX \"u\";\n",
        ],
    );
    becomes(
        "ALTER TABLE \"T\" ALTER a SET NOT NULL;",
        &[
            "ALTER TABLE \"T\" ADD CONSTRAINT \"T_a_nonstop_not_null\" CHECK (\"a\" IS NOT NULL) NOT VALID;",
            "-- Old rows are checked here, while reads and writes go on.\nALTER TABLE \"T\" VALIDATE CONSTRAINT \"T_a_nonstop_not_null\";\n",
            "ALTER TABLE \"T\" ALTER COLUMN \"a\" SET NOT NULL;\nALTER TABLE \"T\" DROP CONSTRAINT \"T_a_nonstop_not_null\";\n",
        ],
    );
}

#[test]
fn statements_that_fail_together_are_parted() {
    becomes(
        "ALTER TABLE \"P\" ADD x int;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON \"T\" (a);\nDROP INDEX CONCURRENTLY IF EXISTS old_idx;\n",
        &[
            "ALTER TABLE \"P\" ADD x int;\n",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON \"T\" (a);\n",
            "DROP INDEX CONCURRENTLY IF EXISTS old_idx;\n",
        ],
    );
    becomes(
        "ALTER TYPE color ADD VALUE 'blue';\nCREATE TABLE n (c color DEFAULT 'blue');\n",
        &[
            "ALTER TYPE color ADD VALUE 'blue';\n",
            "CREATE TABLE n (c color DEFAULT 'blue');\n",
        ],
    );
    becomes(
        "ALTER TABLE \"T\" ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE \"T\" VALIDATE CONSTRAINT c;\n",
        &[
            "ALTER TABLE \"T\" ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n",
            "ALTER TABLE \"T\" VALIDATE CONSTRAINT c;\n",
        ],
    );
}

#[test]
fn new_tables_are_split_only_on_demand() {
    let sql = "CREATE TABLE n (id int PRIMARY KEY, p int);\nCREATE UNIQUE INDEX u ON n (p);\nCREATE INDEX i ON n (p);\nALTER TABLE n ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES \"P\" (id);\nCREATE INDEX j ON \"T\" (a);\n";
    let needed = fixed_as(sql, Split::Needed, Room::Siblings);
    assert_eq!(needed.files.len(), 2);
    assert!(
        needed.notes[0].starts_with("1 index and 1 foreign key of tables"),
        "{:?}",
        needed.notes
    );
    assert_eq!(needed.files[0].down.text, "DROP TABLE IF EXISTS \"n\";\n");
    let all = fixed_as(sql, Split::All, Room::Siblings);
    assert_eq!(
        texts(&all),
        [
            "CREATE TABLE n (id int PRIMARY KEY, p int);\nCREATE UNIQUE INDEX u ON n (p);\nALTER TABLE n ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES \"P\" (id) NOT VALID;\n",
            "-- Old rows are checked here, while reads and writes go on.\nALTER TABLE \"n\" VALIDATE CONSTRAINT \"k\";\n",
            "CREATE INDEX CONCURRENTLY i ON n (p);\n",
            "CREATE INDEX CONCURRENTLY j ON \"T\" (a);\n",
        ]
    );
    assert!(all.look_first.is_empty() && all.notes.is_empty());
}

#[test]
fn nothing_is_done_against_the_will_of_the_author() {
    for sql in [
        "-- nonstop: as-written\nCREATE INDEX i ON \"T\" (a);",
        "-- nonstop: allow create-index-blocks-writes because it is small\nCREATE INDEX i ON \"T\" (a);",
    ] {
        let fixed = becomes(sql, &[sql]);
        assert!(fixed.notes[0].starts_with("Line 2 stays"), "{:?}", fixed.notes);
    }
    let own = "BEGIN;\nSAVEPOINT a;\nCREATE INDEX i ON \"T\" (a);\nROLLBACK TO a;\nCOMMIT;";
    assert!(becomes(own, &[own]).notes[0].starts_with("It has ROLLBACK"));
}

#[test]
fn what_has_no_form_in_files_is_named() {
    let sql = "UPDATE \"T\" SET a = 1;\nALTER TABLE \"T\" ALTER a TYPE bigint;\nCREATE INDEX i ON \"P\" (id);\n";
    let fixed = fixed_as(sql, Split::Needed, Room::Siblings);
    let rules: Vec<&str> = fixed.unfixed.iter().map(|notice| notice.rule.as_str()).collect();
    assert_eq!(rules, ["changes-many-rows", "type-change-rewrites-table"]);
    assert!(fixed.unfixed.iter().all(|notice| !notice.help.contains("--allow")));
    assert_eq!(fixed.files.len(), 2);
    let copied = "ALTER TABLE \"T\" ADD c int;\nUPDATE \"T\" SET c = a;\nALTER TABLE \"T\" DROP COLUMN a;\n";
    let fixed = becomes(copied, &[copied]);
    assert_eq!(fixed.unfixed[0].rule, "copy-then-drop-loses-writes");
}

#[test]
fn a_file_of_its_own_is_edited_in_place() {
    let sql = "CREATE INDEX i ON \"T\" (a);\nALTER TABLE \"T\" ADD CONSTRAINT c CHECK (a > 0);\n";
    let fixed = fixed_as(sql, Split::Needed, Room::Alone);
    assert_eq!(
        texts(&fixed),
        [
            "CREATE INDEX CONCURRENTLY i ON \"T\" (a);\nALTER TABLE \"T\" ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\nALTER TABLE \"T\" VALIDATE CONSTRAINT \"c\";\n"
        ]
    );
}

#[test]
fn settings_go_along() {
    let fixed = becomes(
        "SET search_path = other;\nCREATE TABLE x (a int);\nCREATE INDEX i ON public.\"T\" (a);\nDO 'BEGIN END';\n",
        &[
            "SET search_path = other;\nCREATE TABLE x (a int);\n",
            "CREATE INDEX CONCURRENTLY \"i\" ON \"public\".\"T\" USING btree (a);\n",
            "SELECT pg_catalog.set_config('search_path', '\"other\"', true);\nDO 'BEGIN END';\n",
        ],
    );
    assert!(fixed.notes.is_empty());
    let fixed = becomes(
        "SET lock_timeout = '1s';\nCREATE INDEX i ON \"T\" (a);\n",
        &["CREATE INDEX CONCURRENTLY i ON \"T\" (a);\n"],
    );
    assert!(fixed.notes.is_empty());
    let fixed = fixed_as(
        "SET lock_timeout = '1s';\nALTER TABLE \"T\" ADD c int;\nCREATE INDEX i ON \"T\" (a);\n",
        Split::Needed,
        Room::Siblings,
    );
    assert!(fixed.notes[0].contains("SET LOCAL"), "{:?}", fixed.notes);
}

#[test]
fn what_was_dropped_is_made_again() {
    assert_eq!(
        downs("DROP INDEX old_idx;"),
        ["CREATE INDEX CONCURRENTLY IF NOT EXISTS \"old_idx\" ON \"T\" USING btree (a);\n"]
    );
    assert_eq!(
        downs("DROP VIEW v;\nDROP FUNCTION f();\nALTER TABLE \"T\" ALTER b DROP DEFAULT;\n"),
        [
            "ALTER TABLE \"T\" ALTER COLUMN \"b\" SET DEFAULT 'x';\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nCREATE VIEW v AS SELECT id FROM \"T\";\n"
        ]
    );
    assert_eq!(
        downs("ALTER TABLE \"T\" DROP COLUMN a;"),
        [
            "-- Each statement by itself: CONCURRENTLY cannot run in a transaction.\n-- Does not come back:\n-- the values of public.T.a are gone\nALTER TABLE \"T\" ADD COLUMN \"a\" integer;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS \"old_idx\" ON \"T\" USING btree (a);\n"
        ]
    );
    let down = downs("DROP TABLE \"P\";").concat();
    assert!(
        down.contains("-- the rows of table public.P\nCREATE TABLE \"P\" (\"id\" integer NOT NULL);\n"),
        "{down}"
    );
    assert!(down.contains("ADD CONSTRAINT \"P_pkey\" PRIMARY KEY (id);\n"), "{down}");
    assert_eq!(
        downs("COMMENT ON TABLE \"T\" IS 'a';\nCREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';"),
        ["CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nCOMMENT ON TABLE \"T\" IS NULL;\n"]
    );
}
