//! Documents made from the code: the rules' pages, the page of forms, man pages, the JSON Schema of `nonstop.toml`.
//!
//! They are kept in the repository, where people read them and packagers take them; a test fails where one is not what the
//! code says.

mod forms;
mod man;
mod rules;

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Folders in which there is nothing else.
const FOLDERS: [&str; 2] = ["docs/rules", "man"];

/// Paths from the root, and what stands there.
type Documents = BTreeMap<String, String>;

/// Every document.
fn documents() -> Result<Documents> {
    let mut documents = Documents::new();
    rules::render(&mut documents);
    man::render(&mut documents)?;
    forms::render(&mut documents);
    let schema = serde_json::to_string_pretty(&nonstop::config::schema())?;
    documents.insert("docs/nonstop.schema.json".to_owned(), format!("{schema}\n"));
    Ok(documents)
}

/// Writes what is not up to date, and takes away what is of nobody any more. Returns what it did.
pub(crate) fn write(root: &Path) -> Result<Vec<String>> {
    let documents = documents()?;
    let mut done = Vec::new();
    for stale in stale(root, &documents)? {
        let path = root.join(&stale);
        if let Some(text) = documents.get(&stale) {
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            fs::write(&path, text).with_context(|| format!("cannot write {stale}"))?;
            done.push(format!("wrote {stale}"));
        } else {
            fs::remove_file(&path).with_context(|| format!("cannot remove {stale}"))?;
            done.push(format!("removed {stale}"));
        }
    }
    Ok(done)
}

/// What is not as it should be: other text, missing, or too much.
fn stale(root: &Path, documents: &Documents) -> Result<Vec<String>> {
    let mut stale: Vec<String> = documents
        .iter()
        .filter(|(path, text)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path.clone())
        .collect();
    for folder in FOLDERS {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            continue;
        };
        for entry in entries {
            let path = format!("{folder}/{}", entry?.file_name().to_string_lossy());
            if !documents.contains_key(&path) {
                stale.push(path);
            }
        }
    }
    Ok(stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_what_the_code_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let documents = documents().unwrap();
        assert!(documents.len() > 40, "{}", documents.len());
        let stale = stale(root, &documents).unwrap();
        assert!(stale.is_empty(), "run `./x docs`; stale are {}", stale.join(", "));
    }

    #[test]
    fn what_is_stale_is_written_and_what_is_left_over_goes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("man")).unwrap();
        fs::write(root.join("man/nonstop-gone.1"), "old").unwrap();
        let first = write(root).unwrap();
        assert!(first.contains(&"removed man/nonstop-gone.1".to_owned()), "{first:?}");
        assert!(
            first.contains(&"wrote docs/nonstop.schema.json".to_owned()),
            "{first:?}"
        );
        assert_eq!(write(root).unwrap(), [""; 0]);
    }
}
