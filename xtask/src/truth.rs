//! `./x truth`: what `nonstop check` says of every statement of a history, beside what a live server shows.

use anyhow::{Context as _, Result, bail};
use nonstop_engine::server::Options;
use std::env;
use std::path::{Path, PathBuf};
use testkit::truth::{Score, Share, judge, said};

/// The histories that stand beside the repository.
const HISTORIES: [&str; 3] = ["langfuse", "trigger.dev", "crates-io"];

/// What is asked.
struct Wanted {
    folders: Vec<PathBuf>,
    majors: Vec<u32>,
    /// At most so many misses are listed for each history.
    misses: usize,
}

impl Wanted {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut wanted = Self {
            folders: Vec::new(),
            majors: Vec::new(),
            misses: usize::MAX,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{argument} what?"));
            match argument.as_str() {
                "--history" => wanted.folders.push(folder(value()?)),
                "--major" => wanted.majors.push(value()?.parse().context("--major N")?),
                "--misses" => wanted.misses = value()?.parse().context("--misses N")?,
                other => bail!("unknown argument `{other}`; --history NAME|FOLDER, --major N, --misses N"),
            }
        }
        if wanted.folders.is_empty() {
            wanted.folders = HISTORIES.into_iter().map(folder).collect();
        }
        if wanted.majors.is_empty() {
            wanted.majors.extend(testkit::majors().last());
        }
        Ok(wanted)
    }
}

/// A history beside the repository by its name, or any folder of migrations.
fn folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let shared = root.join("../shared/corpus").join(name).join("migrations");
    if shared.is_dir() { shared } else { PathBuf::from(name) }
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = Wanted::read(arguments)?;
    let nonstop = crate::built("nonstop")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut worst = 1.0_f64;
    for major in &wanted.majors {
        let server = runtime.block_on(testkit::own_server(*major, Options::default()))?;
        for folder in &wanted.folders {
            let score = runtime.block_on(async {
                let document = said(&nonstop, folder, *major).await?;
                server.create_database("truth", None).await?;
                let score = judge(&document, &server.url("truth")).await?;
                server.drop_database("truth").await?;
                anyhow::Ok(score)
            })?;
            tell(folder, *major, &score, wanted.misses);
            worst = worst.min(score.blocking.recall()).min(score.blocking.precision());
        }
    }
    if worst < 0.99 {
        bail!("recall or precision is below 0.99");
    }
    Ok(())
}

fn tell(folder: &Path, major: u32, score: &Score, misses: usize) {
    println!("== {} on PostgreSQL {major}", folder.display());
    println!(
        "   {} statements, {} left out; {} block with work",
        score.statements,
        score.left_out,
        score.blocking.found + score.blocking.missed
    );
    share("findings", &score.blocking);
    share("effects", &score.effects);
    println!(
        "   said to the letter: locks {}, of indexes {}, work {}, error {}, all {}",
        score.same_locks, score.same_index_locks, score.same_work, score.same_error, score.same
    );
    for (rule, count) in &score.without_work {
        println!("   category blocking, without work: {rule} {count}");
    }
    for miss in score.misses.iter().take(misses) {
        println!("{miss}");
    }
    if score.misses.len() > misses {
        println!("… and {} more", score.misses.len() - misses);
    }
}

fn share(what: &str, share: &Share) {
    println!(
        "   {what:<9} recall {:.4}, precision {:.4}: {} found, {} missed, {} false",
        share.recall(),
        share.precision(),
        share.found,
        share.missed,
        share.false_alarms
    );
}
