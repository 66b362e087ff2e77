//! A folder of migrations in memory.
//!
//! One walker reads the disk, so that a layout is a pure function of what it is shown. It goes one level deep, as Prisma
//! and Diesel do, and reads only `.sql` and `.toml` files; of anything else the name is kept.

use super::LayoutError;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The entries of one folder, and of the folders in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// The folder's path as the user would type it.
    pub path: String,
    /// Its entries by name.
    pub entries: BTreeMap<String, Entry>,
}

/// One entry of a [`Tree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A real directory (not a link to one: Node's `Dirent.isDirectory()`), with the files in it.
    Folder(BTreeMap<String, Text>),
    /// A file.
    File(Text),
    /// A link to a directory, a socket, ….
    Other,
}

/// Which files of migrations are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// Also the ways back.
    Both,
    /// `down.sql` and `NAME.down.sql` are taken note of, and not read.
    Forward,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// The text, decoded as Node does: a byte order mark stays, what is not UTF-8 becomes U+FFFD.
    Read(String),
    /// Neither `.sql` nor `.toml`, or a way back that nobody wants: not looked into.
    Unread,
}

impl Text {
    /// The text, where it was read.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Read(text) => Some(text),
            Self::Unread => None,
        }
    }
}

impl Tree {
    /// Reads a folder.
    pub fn read(path: &Path) -> Result<Self, LayoutError> {
        Self::read_ways(path, Ways::Both)
    }

    /// The same, perhaps without the ways back.
    pub fn read_ways(path: &Path, ways: Ways) -> Result<Self, LayoutError> {
        let read = |entry: Listed| {
            let own = path.join(&entry.os_name);
            let node = match entry.kind {
                Kind::Directory => Entry::Folder(files_of(&own, ways)?),
                kind => read_file(&own, kind, ways)?.map_or(Entry::Other, Entry::File),
            };
            Ok((entry.name, node))
        };
        Ok(Self {
            path: shown(path),
            entries: list(path)?.into_par_iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    /// The folders in it, by name in the order of bytes.
    pub fn folders(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, Text>)> {
        self.entries.iter().filter_map(|(name, entry)| match entry {
            Entry::Folder(files) => Some((name.as_str(), files)),
            Entry::File(_) | Entry::Other => None,
        })
    }

    /// The files directly in it, by name in the order of bytes.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Text)> {
        self.entries.iter().filter_map(|(name, entry)| match entry {
            Entry::File(text) => Some((name.as_str(), text)),
            Entry::Folder(_) | Entry::Other => None,
        })
    }

    /// What a file directly in it holds, where it is there and was read.
    pub fn text(&self, file: &str) -> Option<&str> {
        match self.entries.get(file)? {
            Entry::File(text) => text.text(),
            Entry::Folder(_) | Entry::Other => None,
        }
    }

    /// The path of something in it, as the user would type it.
    pub fn path_of(&self, parts: &[&str]) -> String {
        let mut path = self.path.trim_end_matches('/').to_owned();
        if path.is_empty() && self.path.starts_with('/') {
            path.push('/');
        }
        for part in parts {
            if !path.is_empty() && !path.ends_with('/') {
                path.push('/');
            }
            path.push_str(part);
        }
        path
    }
}

/// A path for people; `.` alone is kept, a trailing slash is not.
pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().into_owned();
    match text.strip_suffix('/') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => text,
    }
}

struct Listed {
    name: String,
    os_name: std::ffi::OsString,
    kind: Kind,
}

/// What an entry of a folder is, before links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Other,
}

fn list(path: &Path) -> Result<Vec<Listed>, LayoutError> {
    let error = |source| LayoutError::unreadable(path, source);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(error)? {
        let entry = entry.map_err(error)?;
        let kind = entry.file_type().map_err(error)?;
        let os_name = entry.file_name();
        found.push(Listed {
            name: os_name.to_string_lossy().into_owned(),
            kind: match (kind.is_dir(), kind.is_file()) {
                (true, _) => Kind::Directory,
                (_, true) => Kind::File,
                _ => Kind::Other,
            },
            os_name,
        });
    }
    Ok(found)
}

fn files_of(path: &Path, ways: Ways) -> Result<BTreeMap<String, Text>, LayoutError> {
    let mut files = BTreeMap::new();
    for entry in list(path)?.into_iter().filter(|entry| entry.kind != Kind::Directory) {
        if let Some(text) = read_file(&path.join(&entry.os_name), entry.kind, ways)? {
            files.insert(entry.name, text);
        }
    }
    Ok(files)
}

/// `None` for what is not a file once links are followed, or is gone.
fn read_file(path: &Path, kind: Kind, ways: Ways) -> Result<Option<Text>, LayoutError> {
    let error = |source| LayoutError::unreadable(path, source);
    if kind != Kind::File {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => {}
            Ok(_) => return Ok(None),
            Err(gone) if gone.kind() == ErrorKind::NotFound => return Ok(None),
            Err(other) => return Err(error(other)),
        }
    }
    let wanted = path
        .extension()
        .is_some_and(|extension| extension == "sql" || extension == "toml");
    let is_back = || path.as_os_str().as_encoded_bytes().ends_with(b"down.sql");
    if !wanted || (ways == Ways::Forward && is_back()) {
        return Ok(Some(Text::Unread));
    }
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(Text::Read(decode(bytes)))),
        Err(gone) if gone.kind() == ErrorKind::NotFound => Ok(None),
        Err(other) => Err(error(other)),
    }
}

/// Text as Node reads it with `utf-8`.
pub(super) fn decode(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_level_deep_and_links_to_folders_are_no_folders() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("a.sql/deeper")).unwrap();
        std::fs::write(root.join("a.sql/migration.sql"), b"\xef\xbb\xbfSELECT '\xff';\r\n").unwrap();
        std::fs::write(root.join("README.md"), "hello").unwrap();
        std::os::unix::fs::symlink(root.join("a.sql"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(root.join("nowhere"), root.join("broken.sql")).unwrap();

        let tree = Tree::read(root).unwrap();
        let text = Text::Read("\u{feff}SELECT '\u{fffd}';\r\n".to_owned());
        assert_eq!(
            tree.entries["a.sql"],
            Entry::Folder([("migration.sql".to_owned(), text)].into())
        );
        assert_eq!(tree.entries["README.md"], Entry::File(Text::Unread));
        assert_eq!(tree.entries["link"], Entry::Other);
        assert_eq!(tree.entries["broken.sql"], Entry::Other);
    }

    #[test]
    fn paths_are_shown_as_typed() {
        let tree = |path: &str| Tree {
            path: shown(Path::new(path)),
            ..Tree::default()
        };
        assert_eq!(tree("migrations/").path_of(&["a b", "up.sql"]), "migrations/a b/up.sql");
        assert_eq!(tree("/").path_of(&["a"]), "/a");
        assert_eq!(tree(".").path_of(&["a"]), "./a");
    }
}
