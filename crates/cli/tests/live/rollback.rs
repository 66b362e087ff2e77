//! `rollback`: by down scripts or by what the folder tells, and what it refuses.

use crate::newest;
use crate::project::Project;

const INIT: &str = "CREATE TABLE tip (id int PRIMARY KEY, amount int, note text);
    CREATE VIEW big AS SELECT id FROM tip WHERE amount > 10;
    CREATE INDEX tip_note ON tip (note);";

#[tokio::test]
async fn by_scripts_and_by_what_the_folder_tells() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&[
        ("1_init", INIT),
        ("2_drop", "DROP VIEW big; DROP INDEX tip_note;"),
        ("3_check", "ALTER TABLE tip ADD CONSTRAINT pos CHECK (amount > 0);"),
    ]);
    project.write(
        "prisma/migrations/3_check/down.sql",
        "ALTER TABLE tip DROP CONSTRAINT pos;\n",
    );
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    let large = ["--small-rows", "0"];
    insta::assert_snapshot!(project.on(&database, &[&["rollback", "--steps", "2", "--dry-run"][..], &large].concat()).shown(), @r#"
    2 migrations to roll back, PostgreSQL N
      3_check
      2_drop
    Rolled back 0 migrations in N s.
    2 migrations to roll back, PostgreSQL N

    3_check  one transaction
       1  ddl       ALTER TABLE tip DROP CONSTRAINT pos
                    locks public.tip ACCESS EXCLUSIVE: blocks reads and writes for a moment
                    instant; waits at most N s for a lock; about N s
                    undo: ALTER TABLE "public"."tip" ADD CONSTRAINT "pos" CHECK ((amount > 0)) NOT VALID; ALTER TABLE "public"."tip" VALIDATE CONSTRAINT "pos"

    2_drop  2 steps
       1  index     CREATE INDEX CONCURRENTLY "tip_note" ON "public"."tip" USING btree (note)
                    reads and writes go on while it is built
                    locks public.tip SHARE UPDATE EXCLUSIVE: blocks no reads or writes
                    builds an index; no lock timeout; about N s
                    undo: DROP INDEX CONCURRENTLY IF EXISTS "public"."tip_note"
       2  ddl       CREATE VIEW big AS SELECT id FROM tip WHERE amount > 10
                    instant; waits at most N s for a lock; about N s
                    undo: DROP VIEW IF EXISTS "public"."big"
      warning [rollback-without-script] line 1: it has no down script; its way back is made from it and the files before it
              `--dry-run` shows it; where it needs more than that, write a down script.

    That was a dry run; nothing was touched.
    [0]
    "#);
    insta::assert_snapshot!(project.on(&database, &[&["rollback", "--to", "1_init"][..], &large].concat()).shown(), @r#"
    2 migrations to roll back, PostgreSQL N
      3_check
      2_drop
    3_check  back, 1 step
      1/1 ddl      ALTER TABLE tip DROP CONSTRAINT pos
      rolled back in N s
    warning: 2_drop: it has no down script; its way back is made from it and the files before it (rollback-without-script)
    2_drop  back, 2 steps
      1/2 index    CREATE INDEX CONCURRENTLY "tip_note" ON "public"."tip" USING btree (note)
      2/2 ddl      CREATE VIEW big AS SELECT id FROM tip WHERE amount > 10
      rolled back in N s
    Rolled back 2 migrations in N s.
    [0]
    "#);
    insta::assert_snapshot!(project.on(&database, &["rollback", "--to", "1_init"]).shown(), @r"
    Nothing to do: no such migration is applied.
    [0]
    ");
    let there = "SELECT to_regclass('big') IS NOT NULL AND to_regclass('tip_note') IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'pos')";
    let client = database.connect().await;
    assert!(client.query_one(there, &[]).await.unwrap().get::<_, bool>(0));
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
}

#[tokio::test]
async fn what_is_lost_is_asked_for_and_what_is_unknown_refused() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&[
        ("1_init", INIT),
        ("2_note", "DROP INDEX tip_note; ALTER TABLE tip DROP COLUMN note;"),
        (
            "3_block",
            "DO $$ BEGIN PERFORM set_config('a.b', now()::text, false); END $$;",
        ),
    ]);
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    insta::assert_snapshot!(project.on(&database, &["rollback", "--to", "1_init"]).shown(), @r"
    refused 3_block (rollback-is-unknown): there is no down script, and the folder does not tell what would take this back: DO $$ BEGIN PERFORM set_config('a.b', now()::text, false); E …: its way back is not known
      hint         Write a down script. `nonstop fix` shows what of it can be made.
      next         Nothing of this migration was touched.
    refused 2_note (rollback-loses-data): what the migration took does not come back: ALTER TABLE tip DROP COLUMN note: the values of public.tip.note are gone
      hint         Make sure that nobody needs it, or keep a copy, then say `--allow data-loss`.
      next         Nothing of this migration was touched.
    Refused; nothing was touched.
    [5]
    ");
    let tried = ["test-rollback", "--to", "1_init"];
    let unknown = project.run(&tried);
    assert_eq!(unknown.code, 5, "{unknown:?}");
    assert!(unknown.err.contains("3_block: DO $$"), "{unknown:?}");
    // Its tool sends it as a whole: LOCK stands in a transaction.
    let down = "LOCK TABLE tip IN ACCESS SHARE MODE;\nSELECT count(*) FROM tip;\n";
    project.write("prisma/migrations/3_block/down.sql", down);
    let told = project.run(&tried);
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.out.contains("2_note: no down script"), "{told:?}");
    assert!(
        told.out
            .contains("does not come back: ALTER TABLE tip DROP COLUMN note"),
        "{told:?}"
    );
    let ran = project.on(
        &database,
        &["rollback", "--to", "1_init", "--allow", "data-loss", "--format", "json"],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines = ran.lines();
    let find = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap();
    assert_eq!(find("run_started")["direction"], "back");
    assert_eq!(find("migration_finished")["migration"], "3_block");
    assert_eq!(find("run_finished")["rolled_back"], 2);
    assert_eq!(find("run_finished")["outcome"], "done");
    let column = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'tip'::regclass AND attname = 'note')";
    let client = database.connect().await;
    assert!(client.query_one(column, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_file_that_was_changed_says_nothing_of_what_was_applied() {
    let Some(database) = newest().await else { return };
    let project = Project::prisma(&[("1_init", INIT), ("2_view", "DROP VIEW big;")]);
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    project.write("prisma/migrations/2_view/migration.sql", "DROP VIEW big; -- edited");
    insta::assert_snapshot!(project.on(&database, &["rollback"]).shown(), @r"
    warning history: applied, and the file was changed since: 2_view.
    refused 2_view (rollback-of-changed-file): prisma/migrations/2_view/migration.sql was changed after it was applied, so its way back may not fit
      hint         Restore the file as it was applied; what was changed belongs into a new migration.
      next         Nothing of this migration was touched.
    Refused; nothing was touched.
    [5]
    ");
}

/// Diesel's folders, whose history is our own.
#[tokio::test]
async fn folders_of_other_tools_go_back_as_well() {
    let Some(database) = newest().await else { return };
    let project = Project::new(&[
        ("diesel.toml", ""),
        ("migrations/2024-01-01-000000_a/up.sql", "CREATE TABLE a (id int);"),
        ("migrations/2024-01-01-000000_a/down.sql", "DROP TABLE a;"),
        ("migrations/2024-01-02-000000_b/up.sql", "CREATE INDEX a_id ON a (id);"),
        ("migrations/2024-01-02-000000_b/down.sql", "DROP INDEX a_id;"),
    ]);
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
    assert_eq!(project.on(&database, &["rollback"]).code, 0);
    let status = project.on(&database, &["status", "--format", "json"]).json();
    assert_eq!(status["pending"], serde_json::json!(["2024-01-02-000000_b"]));
    assert_eq!(project.on(&database, &["rollback"]).code, 5, "the rows of a");
    assert_eq!(project.on(&database, &["rollback", "--allow", "data-loss"]).code, 0);
    assert_eq!(project.on(&database, &["rollback"]).code, 0, "there is nothing left");
    assert_eq!(project.on(&database, &["deploy"]).code, 0);
}
