//! What `check` says of every statement of a history, beside what a live server shows. `./x truth` does it for all.

use crate::support::corpus_path;
use std::path::Path;
use testkit::truth::{Score, judge, said};

/// The shortest of the real histories, on the newest major that is here.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_history_is_judged_as_the_server_shows() {
    let folder = corpus_path("crates-io");
    let Some(&major) = testkit::majors().last().filter(|_| folder.is_dir()) else {
        eprintln!("SKIPPED: no real history at ../shared/corpus/crates-io, or no server");
        return;
    };
    let score = score(&folder, major).await;
    assert!(score.statements > 600, "{}", score.statements);
    is_true(&score);
}

async fn score(folder: &Path, major: u32) -> Score {
    let nonstop = Path::new(env!("CARGO_BIN_EXE_nonstop"));
    let document = said(nonstop, folder, major).await.unwrap();
    let database = testkit::database(major).await;
    judge(&document, &database.url()).await.unwrap()
}

fn is_true(score: &Score) {
    let misses: Vec<String> = score.misses.iter().map(ToString::to_string).collect();
    let all = misses.join("\n");
    for share in [score.blocking, score.effects] {
        assert!(share.recall() >= 0.99 && share.precision() >= 0.99, "{share:?}\n{all}");
    }
}
