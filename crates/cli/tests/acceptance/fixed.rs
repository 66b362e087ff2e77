//! A whole history in its safe form, file by file: the end is the end as written.

use crate::support::corpus;
use nonstop_core::catalog::Catalog;
use nonstop_core::fix::{Made, Room, Split, fix};
use nonstop_core::lint::Knowledge;
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::quote::SqlText;
use nonstop_core::source::SourceFile;
use nonstop_core::sql::parse;
use nonstop_core::version::ServerVersion;
use nonstop_engine::rehearsal::{Scene, differences};
use nonstop_engine::server::Options;
use testkit::own_server;

fn scene(name: &str, text: &str, transaction: TransactionModel) -> Scene {
    let file = SourceFile::new(name, text);
    let script = parse(&file).unwrap();
    Scene {
        name: name.to_owned(),
        up: SqlText::verbatim(file.body().0),
        statements: script.statements.into_iter().map(|one| one.sql).collect(),
        down: None,
        transaction,
    }
}

/// Both ways, and how many migrations have another form.
fn both(migrations: &[Migration], major: u32) -> (Vec<Scene>, Vec<Scene>, usize) {
    let mut known = Knowledge::new(Catalog::empty(ServerVersion::of_major(major)), true, 0);
    let mut made = Made::default();
    let (mut written, mut fixed, mut changed) = (Vec::new(), Vec::new(), 0);
    for migration in migrations {
        let Some(file) = &migration.up else { continue };
        let how = (Split::All, Room::Siblings);
        let safe = fix(migration, file, &mut known, &mut made, how).unwrap();
        known.catalog.forget_sizes();
        written.push(scene(&migration.name, &file.text, migration.transaction));
        let is_changed = safe.changes(&file.text);
        changed += usize::from(is_changed);
        for one in &safe.files {
            let model = if one.transaction && migration.transaction == TransactionModel::Whole {
                TransactionModel::Whole
            } else {
                TransactionModel::Message
            };
            fixed.push(scene(&migration.name, &one.text, model));
        }
    }
    (written, fixed, changed)
}

async fn ends_alike(history: &str) {
    let Some(folder) = corpus(history) else { return };
    let Some(major) = testkit::majors().pop() else {
        eprintln!("SKIPPED: no PostgreSQL server programs on this machine");
        return;
    };
    let (written, fixed, changed) = both(&folder.migrations, major);
    assert!(changed > 20, "{changed}");
    let server = own_server(major, Options::default()).await.unwrap();
    let found = differences(&server, &[], &written, &fixed).await.unwrap();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn langfuse_in_its_safe_form_ends_as_written() {
    ends_alike("langfuse").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crates_io_in_its_safe_form_ends_as_written() {
    ends_alike("crates-io").await;
}
