//! `initdb`, once per build of PostgreSQL: the result is kept in the cache and copied for each server.

use super::place::{self, Account};
use super::{Programs, ServerError};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Part of the cache's key: raise it when `initdb` is called in another way.
const FORM: &str = "1";

/// Makes a data directory at `to`, which must not exist.
pub(super) fn instantiate(programs: &Programs, account: Option<Account>, to: &Path) -> Result<(), ServerError> {
    let template = template(programs, account)?;
    copy_tree(&template, to, account).map_err(|source| ServerError::io(to, source))
}

fn template(programs: &Programs, account: Option<Account>) -> Result<PathBuf, ServerError> {
    let dir = place::cache("initdb")?;
    let template = dir.join(format!("{}-{FORM}", programs.key()));
    if template.exists() {
        return Ok(template);
    }
    let fresh = dir.join(format!("{}-{FORM}.new", programs.key()));
    let lock = lock(&dir).map_err(|source| ServerError::io(&dir, source))?;
    // Somebody else may have made it while we waited.
    if !template.exists() {
        make_empty(&fresh, account).map_err(|source| ServerError::io(&fresh, source))?;
        initdb(programs, account, &fresh)?;
        fs::rename(&fresh, &template).map_err(|source| ServerError::io(&template, source))?;
    }
    drop(lock);
    Ok(template)
}

fn lock(dir: &Path) -> io::Result<File> {
    let lock = OpenOptions::new().create(true).append(true).open(dir.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// A folder for `initdb`; what an interrupted one left goes.
fn make_empty(dir: &Path, account: Option<Account>) -> io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    DirBuilder::new().mode(0o700).create(dir)?;
    Account::give(account, dir)
}

/// Locale C, so that servers are equal everywhere; no sync, because nothing here outlives the machine.
fn initdb(programs: &Programs, account: Option<Account>, data: &Path) -> Result<(), ServerError> {
    let output = Account::command(account, &programs.dir().join("initdb"), Path::new("/"))
        .args([
            "--username=postgres",
            "--auth=trust",
            "--locale=C",
            "--encoding=UTF8",
            "--no-sync",
            "-D",
        ])
        .arg(data)
        .output()
        .map_err(|source| ServerError::io(programs.dir(), source))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(ServerError::Initdb {
            dir: programs.dir().to_owned(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

pub(super) fn copy_tree(from: &Path, to: &Path, account: Option<Account>) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    fs::set_permissions(to, Permissions::from_mode(0o700))?;
    Account::give(account, to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target, account)?;
        } else {
            fs::copy(entry.path(), &target)?;
            Account::give(account, &target)?;
        }
    }
    Ok(())
}
