use super::*;
use crate::event::Holder;
use nonstop_core::migration::TransactionModel;
use nonstop_core::source::SourceFile;

fn migration(name: &str, text: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        up: Some(SourceFile::new(format!("{name}/migration.sql"), text)),
        path: format!("{name}/migration.sql"),
        down: None,
        transaction: TransactionModel::Whole,
    }
}

fn row(name: &str, text: &str, finished: bool, rolled_back: bool) -> Row {
    let at = Timestamp::UNIX_EPOCH;
    Row {
        id: format!("id of {name}"),
        checksum: hash::sha256_hex(text.as_bytes()),
        finished_at: finished.then_some(at),
        name: name.to_owned(),
        logs: (!finished).then(|| "25001".to_owned()),
        rolled_back_at: rolled_back.then_some(at),
        started_at: at,
        applied_steps_count: i32::from(finished),
    }
}

fn holder() -> Holder {
    Holder {
        pid: 1,
        user: String::new(),
        application: String::new(),
        state: String::new(),
        age_ms: 0,
        query: String::new(),
        mode: None,
        relation: None,
    }
}

fn names(attempts: &[Attempt]) -> Vec<&str> {
    attempts.iter().map(|attempt| attempt.name.as_str()).collect()
}

#[test]
fn every_fact_is_told() {
    let folder = [
        migration("1", "a"),
        migration("2", "b\r\n"),
        migration("3", "c"),
        migration("4", "d"),
        migration("5", "e"),
        Migration {
            up: None,
            ..migration("6", "")
        },
    ];
    let rows = [
        row("0_gone", "x", true, false),
        row("1", "a, as it was", true, false),
        row("2", "b\n", true, false),
        row("4", "d", true, false),
        row("5", "e", false, true),
        row("5", "e", false, false),
    ];
    let found = diagnose(&rows, &folder, None);
    let applied: Vec<&str> = found.applied.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(applied, ["0_gone", "1", "2", "4"]);
    assert_eq!(found.unknown, ["0_gone"]);
    assert_eq!(found.edited, ["1"], "line endings alone are no edit");
    assert_eq!(found.pending, ["3", "6"], "an open row is not pending");
    assert_eq!(found.without_file, ["6"]);
    assert_eq!(names(&found.failed), ["5"]);
    assert_eq!(names(&found.rolled_back), ["5"]);
    assert_eq!(found.failed[0].logs.as_deref(), Some("25001"));
    assert_eq!(
        found.out_of_order,
        [OutOfOrder {
            name: "3".into(),
            before: "4".into()
        }]
    );
    assert_eq!(found.running, None);
}

#[test]
fn an_open_row_is_running_while_somebody_holds_the_lock() {
    let found = diagnose(&[row("1", "a", false, false)], &[migration("1", "a")], Some(&holder()));
    assert_eq!(found.running.map(|attempt| attempt.name).as_deref(), Some("1"));
    assert!(found.failed.is_empty() && found.pending.is_empty());
}

#[test]
fn a_rolled_back_name_is_pending_again() {
    let found = diagnose(&[row("1", "a", false, true)], &[migration("1", "a")], None);
    assert_eq!(found.pending, ["1"]);
}

#[test]
fn texts_quote_what_they_carry() {
    let target = Target::parse("postgresql://h/d?schema=it's").unwrap();
    let history = History::new(HistoryKind::Prisma, &target);
    let entry = Entry::new(&migration("20240101_it's", "x"));
    let text = history.complete(&entry).to_string();
    assert!(
        text.starts_with(r#"INSERT INTO "it's"."_prisma_migrations" "#),
        "{text}"
    );
    assert!(text.contains("'20240101_it''s'"), "{text}");
    assert!(history.fail("i", "a\0b'").to_string().contains("'a\u{fffd}b'''"));
    assert_eq!(
        time(Timestamp::UNIX_EPOCH).as_str(),
        "'1970-01-01T00:00:00.000000Z'::timestamptz"
    );
}
