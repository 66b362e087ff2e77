//! A process, with its time and the most memory it had.

use anyhow::{Result, bail};
use std::time::{Duration, Instant, SystemTime};
use tokio::process::Command;

/// How often its memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What a process cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// When it was started.
    pub(crate) began: SystemTime,
    /// Until it had ended.
    pub(crate) took: Duration,
    /// Its `VmHWM` in KiB, where the system tells it.
    pub(crate) peak_kib: Option<u64>,
}

/// Runs a program to its end; anything but success is an error with what it said.
pub(crate) async fn run(mut command: Command) -> Result<Cost> {
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let (began, clock) = (SystemTime::now(), Instant::now());
    let child = command.spawn()?;
    let pid = child.id();
    let mut peak_kib = None;
    let mut ended = std::pin::pin!(child.wait_with_output());
    let output = loop {
        tokio::select! {
            output = &mut ended => break output?,
            () = tokio::time::sleep(LOOK_EVERY) => peak_kib = peak(pid).or(peak_kib),
        }
    };
    let took = clock.elapsed();
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{} ended with {}: {}",
            command.as_std().get_program().display(),
            output.status,
            String::from_utf8_lossy(&said)
        );
    }
    Ok(Cost { began, took, peak_kib })
}

/// The most memory that a program had, whatever its end was.
pub(crate) async fn peak_of(mut command: Command) -> Result<Option<u64>> {
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let pid = child.id();
    let mut peak_kib = None;
    while child.try_wait()?.is_none() {
        peak_kib = peak(pid).or(peak_kib);
        tokio::task::yield_now().await;
    }
    Ok(peak_kib)
}

/// The high water mark of a process's resident memory, on Linux.
fn peak(pid: Option<u32>) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid?)).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
