//! What surrounds a document: its folder of migrations, with unsaved texts in place of the files, and the settings that
//! hold there.

use crate::config::{ConfigError, NAME, Settings};
use crate::layouts::{Entry, LayoutChoice, Selection, Text, Tree, alone, read_tree};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Unsaved texts by their absolute paths.
pub(super) type Open = BTreeMap<PathBuf, String>;

/// Makes the settings of a folder.
pub(super) type Resolve<'a> = dyn Fn(&Path) -> Result<Settings, ConfigError> + 'a;

/// The folder whose settings count for a document: the nearest with a `nonstop.toml`, else that of the workspace.
pub(super) fn root_of(path: &Path, workspace: &[PathBuf]) -> PathBuf {
    let own = workspace.iter().filter(|root| path.starts_with(root));
    let outer = own.max_by_key(|root| root.components().count());
    let inner = path.ancestors().skip(1);
    let mut inner = inner.take_while(|dir| outer.is_none_or(|outer| dir.starts_with(outer)));
    let configured = inner.find(|dir| dir.join(NAME).is_file());
    let nearest = || path.parent().unwrap_or(Path::new("/"));
    configured
        .or(outer.map(PathBuf::as_path))
        .unwrap_or_else(nearest)
        .to_path_buf()
}

/// The document as a migration among the others of its folder; `None` for a file that is no migration.
pub(super) fn selection(path: &Path, root: &Path, settings: &Settings, open: &Open) -> Option<Selection> {
    let file = path.file_name()?.to_str()?;
    let parent = path.parent()?;
    let layout = settings.layout();
    let found = match file {
        "migration.sql" | "up.sql" => {
            let name = parent.file_name()?.to_str()?;
            in_folder(parent.parent()?, name, layout, root, open)
        }
        "down.sql" => return None,
        _ if file.ends_with(".down.sql") => return None,
        _ => file
            .strip_suffix(".up.sql")
            .and_then(|name| in_folder(parent, name, LayoutChoice::Updown, root, open)),
    };
    found.or_else(|| plain(path, file, root, settings, open))
}

fn in_folder(folder: &Path, name: &str, layout: LayoutChoice, root: &Path, open: &Open) -> Option<Selection> {
    // A folder that is not there yet has only what is open.
    let mut tree = Tree::read(folder).unwrap_or_default();
    tree.path = shown(folder, root);
    for (path, text) in open {
        let Ok(inside) = path.strip_prefix(folder) else {
            continue;
        };
        let parts: Option<Vec<&str>> = inside.iter().map(|part| part.to_str()).collect();
        let text = Text::Read(text.clone());
        match parts.unwrap_or_default().as_slice() {
            [file] => {
                tree.entries.insert((*file).to_owned(), Entry::File(text));
            }
            [folder, file] => {
                let empty = || Entry::Folder(BTreeMap::new());
                let entry = tree.entries.entry((*folder).to_owned()).or_insert_with(empty);
                if let Entry::Folder(files) = entry {
                    files.insert((*file).to_owned(), text);
                }
            }
            _ => {}
        }
    }
    let folder = read_tree(&tree, layout).ok()?;
    let is_there = folder.migrations.iter().any(|migration| migration.name == name);
    is_there.then(|| Selection {
        folder,
        only: Some(name.to_owned()),
    })
}

/// A file by itself, where migrations live: another `.sql` file is none of our business.
fn plain(path: &Path, file: &str, root: &Path, settings: &Settings, open: &Open) -> Option<Selection> {
    let inside = path.strip_prefix(root).unwrap_or(path);
    let is_named =
        |part: Component<'_>| matches!(part.as_os_str().to_str(), Some("migrations" | "migration" | "migrate"));
    let is_set = settings
        .folder()
        .is_ok_and(|dir| path.starts_with(root.join(dir.value)));
    let is_migration = is_set || inside.components().any(is_named);
    let name = file.strip_suffix(".sql").filter(|_| is_migration)?;
    Some(alone(name, &shown(path, root), open.get(path)?))
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}
