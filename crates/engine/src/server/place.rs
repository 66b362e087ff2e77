//! Where throw-away servers live, who they run as, and how leftovers go.
//!
//! Each server has a room: a folder `/tmp/nonstop-<uid>/<pid>-…` whose `owner` file its process keeps locked. The kernel
//! drops the lock however that process ends, so an unlocked room is a leftover, whatever its pid means by now. `/tmp` and
//! not `TMPDIR`, because a Unix socket's path must stay under 104 bytes and the unprivileged user must get there.

use super::ServerError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, User, access, geteuid};
use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Ends the server and removes its room when our end of the pipe closes: after Ctrl-C, a panic that aborts, kill -9.
const GUARD: &str = r#"
cat >/dev/null
data=$1/data
if { read -r pid && read -r dir; } 2>/dev/null <"$data/postmaster.pid" && [ "$dir" = "$data" ]; then
  kill -QUIT "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
rm -rf -- "$1"
"#;

/// How long a server may take to go after SIGQUIT; its own limit for its children is 5 s.
pub(super) const GOES_WITHIN: Duration = Duration::from_secs(10);

/// The user whom the server programs run as when we are root, because they refuse root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` when we are not root: then it is ourselves. `nobody` first: `postgres` owns other people's servers.
    pub(super) fn needed() -> Result<Option<Self>, ServerError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        ["nobody", "postgres", "daemon"]
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| {
                Some(Self {
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                })
            })
            .ok_or(ServerError::NoAccount)
    }

    pub(super) fn give(account: Option<Self>, path: &Path) -> io::Result<()> {
        account.map_or(Ok(()), |account| chown(path, Some(account.uid), Some(account.gid)))
    }

    /// A server program, run as this user, away from the terminal's signals and the user's `PG*` and locale.
    pub(super) fn command(account: Option<Self>, program: &Path, work_dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(work_dir).process_group(0).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("PG") || name_text.starts_with("LC_") || name_text == "LANG" {
                command.env_remove(&name);
            }
        }
        command.env("LC_ALL", "C").env("TZ", "UTC");
        if let Some(Self { uid, gid }) = account {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// One server's folder, and the guard that removes it should we not.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    guard: Child,
    _owner: File,
}

impl Room {
    /// Sweeps what killed runs left, then makes a room.
    pub(super) fn create(account: Option<Account>) -> Result<Self, ServerError> {
        let base = base()?;
        Self::create_in(&base, account).map_err(|source| ServerError::io(&base, source))
    }

    fn create_in(base: &Path, account: Option<Account>) -> io::Result<Self> {
        // Held while sweeping and until the room's own lock is taken, so that nobody sweeps a room being made.
        let gate = OpenOptions::new().create(true).append(true).open(base.join("lock"))?;
        gate.lock()?;
        sweep(base);
        let path = base.join(format!("{}-{:08x}", std::process::id(), fastrand::u32(..)));
        make_passable(&path)?;
        let mut owner = File::create(path.join("owner"))?;
        owner.lock()?;
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "nonstop-guard"])
            .arg(&path)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .inspect_err(|_| drop(fs::remove_dir_all(&path)))?;
        // For whoever looks at the folder; the lock alone decides.
        writeln!(owner, "owner {}\nguard {}", std::process::id(), guard.id())?;
        let room = Self {
            path,
            guard,
            _owner: owner,
        };
        DirBuilder::new().mode(0o700).create(room.socket_dir())?;
        Account::give(account, &room.socket_dir())?;
        Ok(room)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(super) fn socket_dir(&self) -> PathBuf {
        self.path.join("s")
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.path.join("log")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
        drop(self.guard.stdin.take());
        drop(self.guard.wait());
    }
}

/// Caches that may hold fetched server programs, ours first.
pub(super) fn caches() -> Vec<PathBuf> {
    let mut caches = Vec::new();
    if geteuid().is_root() {
        // Root's home is often closed to the user whom the programs run as.
        caches.push(PathBuf::from("/var/cache/nonstop"));
    } else if let Some(dir) = env::var_os("XDG_CACHE_HOME").filter(|dir| Path::new(dir).is_absolute()) {
        caches.push(Path::new(&dir).join("nonstop"));
    } else if let Some(home) = env::var_os("HOME").filter(|dir| Path::new(dir).is_absolute()) {
        caches.push(Path::new(&home).join(".cache/nonstop"));
    }
    caches.push(base_path().join("cache"));
    caches
}

/// A folder for what is worth keeping between runs, made if need be. The user whom the programs run as can read it.
pub fn cache(folder: &str) -> Result<PathBuf, ServerError> {
    let mut refused = None;
    for dir in caches() {
        if dir.starts_with(base_path()) {
            base()?;
        }
        match make_cache(&dir, folder) {
            Ok(made) => return Ok(made),
            Err(source) => refused = Some(ServerError::io(&dir, source)),
        }
    }
    Err(refused.unwrap_or(ServerError::NoAccount))
}

fn make_cache(dir: &Path, folder: &str) -> io::Result<PathBuf> {
    let made = dir.join(folder);
    fs::create_dir_all(&made)?;
    access(&made, AccessFlags::W_OK)?;
    if geteuid().is_root() {
        // Whatever root's umask is.
        for path in [dir, &made] {
            fs::set_permissions(path, Permissions::from_mode(0o755))?;
        }
    }
    Ok(made)
}

fn base_path() -> PathBuf {
    PathBuf::from(format!("/tmp/nonstop-{}", geteuid()))
}

/// Our folder in `/tmp`; refused when somebody else made it.
fn base() -> Result<PathBuf, ServerError> {
    let base = base_path();
    match make_passable(&base) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(ServerError::io(&base, error)),
    }
    let found = fs::symlink_metadata(&base).map_err(|source| ServerError::io(&base, source))?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Err(ServerError::NotOurs { path: base });
    }
    Ok(base)
}

/// Makes a folder that others can pass through but not list, whatever the umask is.
fn make_passable(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o711))
}

/// Removes the rooms whose owner is gone. What cannot be removed stays for the next time.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let room = entry.path();
        // No `owner` file: not a room, or its guard is removing it right now.
        let Ok(owner) = File::open(room.join("owner")) else {
            continue;
        };
        if owner.try_lock().is_ok() {
            end_postmaster(&room.join("data"));
            drop(fs::remove_dir_all(&room));
        }
    }
}

/// Ends the server of a data directory, if it still runs and is that directory's.
fn end_postmaster(data: &Path) {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else {
        return;
    };
    let mut lines = text.lines();
    let (Some(pid), Some(dir)) = (lines.next().and_then(|line| line.trim().parse().ok()), lines.next()) else {
        return;
    };
    if Path::new(dir) != data || !works_in(pid, data) {
        return;
    }
    let pid = Pid::from_raw(pid);
    let deadline = Instant::now() + GOES_WITHIN;
    if kill(pid, Signal::SIGQUIT).is_err() {
        return;
    }
    while kill(pid, None).is_ok() {
        if Instant::now() > deadline {
            let _ = kill(pid, Signal::SIGKILL);
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A postmaster works in its data directory, and nobody else does; where there is no `/proc`, its command names it.
fn works_in(pid: i32, data: &Path) -> bool {
    if Path::new("/proc/self/cwd").exists() {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|dir| dir == data);
    }
    Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*data.to_string_lossy()))
}
