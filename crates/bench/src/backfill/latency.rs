//! What an application of 200 transactions a second feels: with nothing beside it, one UPDATE, nonstop, and reshape.

use super::{WHOLE, backfill, reshape};
use crate::{process, table};
use anyhow::Result;
use nonstop_engine::load::shop::{self, Size};
use nonstop_engine::load::{Application, Load, Request};
use nonstop_engine::server::Server;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Load before anything counts.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long the run with nothing beside it is.
const IDLE: Duration = Duration::from_secs(20);

/// What runs beside the application.
enum Beside {
    Nothing,
    Whole,
    Nonstop,
    Reshape(reshape::Reshape),
}

impl Beside {
    const fn name(&self) -> &'static str {
        match self {
            Beside::Nothing => "nothing",
            Beside::Whole => "one UPDATE",
            Beside::Nonstop => "nonstop backfill",
            Beside::Reshape(_) => "reshape, ADD COLUMN with `up`",
        }
    }

    async fn run(&self, server: &Server, database: &str) -> Result<()> {
        match self {
            Beside::Nothing => sleep(IDLE).await,
            Beside::Whole => server.connect(database).await?.batch_execute(WHOLE).await?,
            Beside::Nonstop => drop(process::run(backfill(server, database, &["--quiet"])?).await?),
            Beside::Reshape(reshape) => drop(process::run(reshape.command(&server.url(database))).await?),
        }
        Ok(())
    }
}

pub(super) async fn run(server: &Server, rows: i32) -> Result<()> {
    let load = Load::default();
    println!(
        "{} transactions a second on {} connections, while it runs:\n",
        load.rate, load.connections
    );
    // A machine has better and worse minutes: before and after each run it is seen what it does with nothing beside it.
    let mut all = vec![
        Beside::Nothing,
        Beside::Nonstop,
        Beside::Nothing,
        Beside::Nonstop,
        Beside::Nothing,
        Beside::Whole,
    ];
    match reshape::Reshape::ready() {
        Ok(reshape) => all.push(Beside::Reshape(reshape)),
        Err(error) => println!("LEFT OUT: reshape: {error:#}\n"),
    }
    let mut seen: Vec<(f64, bool, [String; 6])> = Vec::new();
    for beside in all {
        shop::copy(server, "shop", "trial").await?;
        let origin = Instant::now();
        let size = Size::of_orders(rows);
        let application = Application::start(&server.config("trial"), load, size, origin).await?;
        sleep(WARM_UP).await;
        let from = origin.elapsed();
        let ended = beside.run(server, "trial").await;
        let to = origin.elapsed();
        let mut requests = application.end().await?;
        server.drop_database("trial").await?;
        if let Err(error) = ended {
            println!("LEFT OUT: {}: {error:#}\n", beside.name());
            continue;
        }
        requests.retain(|request| (from..=to).contains(&request.due));
        let p99 = percentile(&mut requests, 99);
        let millis = |duration: Duration| table::duration(duration.as_secs_f64() * 1e3);
        let failed = requests.iter().filter(|request| request.error.is_some()).count();
        let line = [
            beside.name().to_owned(),
            millis(to.saturating_sub(from)),
            requests.len().to_string(),
            table::duration(percentile(&mut requests, 50)),
            table::duration(percentile(&mut requests, 100)),
            failed.to_string(),
        ];
        seen.push((p99, matches!(beside, Beside::Nothing), line));
    }
    let mut idle: Vec<f64> = seen.iter().filter(|(_, idle, _)| *idle).map(|(p99, ..)| *p99).collect();
    idle.sort_unstable_by(f64::total_cmp);
    let idle = idle.get(idle.len() / 2).copied().unwrap_or(f64::NAN);
    let lines: Vec<Vec<String>> = seen
        .into_iter()
        .map(|(p99, _, [name, took, requests, median, slowest, failed])| {
            let share = format!("{:.2}", p99 / idle);
            vec![
                name,
                took,
                requests,
                median,
                table::duration(p99),
                share,
                slowest,
                failed,
            ]
        })
        .collect();
    let head = [
        "beside it",
        "took",
        "requests",
        "median",
        "99 of 100 within",
        "… of the middle idle run",
        "slowest",
        "failed",
    ];
    table::print(&head, &lines);
    Ok(())
}

/// In milliseconds; 0 of none.
fn percentile(requests: &mut [Request], percent: usize) -> f64 {
    requests.sort_unstable_by_key(|request| request.took);
    let at = (requests.len() * percent).div_ceil(100).saturating_sub(1);
    requests.get(at).map_or(0.0, |request| request.took.as_secs_f64() * 1e3)
}
