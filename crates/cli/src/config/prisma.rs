//! What a Prisma project says about its database and its migrations, as far as it can be read without running it.
//!
//! Up to Prisma 6 the schema has `url` and `directUrl`, and `.env` is loaded; with a config file it is not, unless the file
//! itself loads it. From 7 the config file has `datasource.url`.

use super::literals::{Literal, Value, datasource, exported, literal, tokens};
use super::{ConfigError, Environment, Origin, Secret, Sourced, dotenv};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXTENSIONS: [&str; 6] = ["js", "ts", "mjs", "cjs", "mts", "cts"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct PrismaProject {
    /// The folder of migrations, whether or not it exists.
    pub migrations: Option<Sourced<PathBuf>>,
    /// The database.
    pub url: Option<Sourced<Secret>>,
    /// Places that were looked at in vain, each with the reason.
    pub looked: Vec<String>,
}

/// Reads the project whose root is `root`.
pub(super) fn read(root: &Path, environment: &Environment) -> Result<PrismaProject, ConfigError> {
    let mut project = PrismaProject::default();
    let mut schema = None;
    let mut loads_dotenv = true;
    if let Some(path) = config_path(root) {
        let text = super::read_text(&root.join(&path))?;
        loads_dotenv = ["dotenv/config", "\"dotenv\"", "'dotenv'", "loadEnvFile"]
            .iter()
            .any(|word| text.contains(word));
        let variables = variables(root, None, loads_dotenv, environment);
        schema = from_config(&mut project, &path, &text, &variables);
    } else if let Some(named) = schema_of_package(root)? {
        schema = Some(named);
    }
    let schema = schema.or_else(|| default_schema(root));
    if let Some(schema) = schema {
        let variables = variables(root, schema.parent(), loads_dotenv, environment);
        from_schema(&mut project, root, &schema, &variables)?;
    }
    Ok(project)
}

/// Values for `env()`, with where each stands.
struct Variables<'a> {
    environment: &'a Environment,
    files: Vec<(PathBuf, BTreeMap<String, String>)>,
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<(String, String)> {
        if let Some(value) = self.environment.get(name) {
            return Some((value, format!("{name} in the environment")));
        }
        self.files.iter().find_map(|(path, values)| {
            let value = values.get(name).filter(|value| !value.is_empty())?;
            Some((value.clone(), format!("{name} in {}", path.display())))
        })
    }
}

fn variables<'a>(root: &Path, beside: Option<&Path>, load: bool, environment: &'a Environment) -> Variables<'a> {
    let mut places = vec![PathBuf::from(".env")];
    places.extend(beside.map(|folder| folder.join(".env")));
    places.push(PathBuf::from("prisma/.env"));
    places.dedup();
    let mut files = Vec::new();
    for place in places.into_iter().filter(|_| load) {
        if let Ok(bytes) = std::fs::read(root.join(&place)) {
            let text = String::from_utf8_lossy(&bytes);
            files.push((place, dotenv::parse(&text, &|name| environment.get(name))));
        }
    }
    Variables { environment, files }
}

/// The order of Prisma 7.10.
fn config_path(root: &Path) -> Option<PathBuf> {
    let stems = [
        "prisma7.config",
        ".config/prisma7",
        "prisma.config",
        ".config/prisma",
        ".config/prisma.config",
    ];
    let files = stems.iter().flat_map(|stem| {
        let plain = EXTENSIONS.iter().map(move |extension| format!("{stem}.{extension}"));
        let inside = EXTENSIONS
            .iter()
            .map(move |extension| format!("{stem}/index.{extension}"));
        plain.chain(inside)
    });
    files.map(PathBuf::from).find(|path| root.join(path).is_file())
}

/// Takes what a config file says; gives the schema's path where it names one.
fn from_config(project: &mut PrismaProject, path: &Path, text: &str, variables: &Variables) -> Option<PathBuf> {
    let file = path.display();
    let Some(config) = exported(&tokens(text)) else {
        project
            .looked
            .push(format!("{file}: what it exports is not an object literal"));
        return None;
    };
    let mut resolve = |key: &[&str]| {
        let Value::Tokens(tokens) = config.get(key)? else {
            return None;
        };
        let key = key.join(".");
        if let Some(value) = literal(tokens) {
            return resolved(&value, &format!("{file}: {key}"), variables, &mut project.looked);
        }
        let text = "is computed; nonstop reads only a string, env(\"X\") or process.env.X";
        project.looked.push(format!("{file}: `{key}` {text}"));
        None
    };
    let url = resolve(&["datasource", "directUrl"]).or_else(|| resolve(&["datasource", "url"]));
    let migrations = resolve(&["migrations", "path"]);
    let schema = resolve(&["schema"]);
    project.url = url.map(|(value, origin)| Sourced::new(Secret::new(value), origin));
    project.migrations = migrations.map(|(value, origin)| Sourced::new(PathBuf::from(value), origin));
    schema.map(|(value, _)| PathBuf::from(value))
}

/// A literal's value and where it stands; `None`, with a word in `looked`, where its variables are not set.
fn resolved(value: &Literal, place: &str, variables: &Variables, looked: &mut Vec<String>) -> Option<(String, Origin)> {
    match value {
        Literal::Text(text) if text.is_empty() => None,
        Literal::Text(text) => Some((text.clone(), Origin::Project(place.to_owned()))),
        Literal::Env(name) => {
            let Some((value, from)) = variables.get(name) else {
                looked.push(format!("{place}: {name} is not set"));
                return None;
            };
            Some((value, Origin::Project(format!("{place}, {from}"))))
        }
        Literal::FirstOf(values) => values
            .iter()
            .find_map(|value| resolved(value, place, variables, looked)),
    }
}

/// `"prisma": { "schema": … }` in `package.json`, up to Prisma 6.
fn schema_of_package(root: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let path = root.join("package.json");
    if !path.is_file() {
        return Ok(None);
    }
    let text = super::read_text(&path)?;
    // A broken package.json is npm's business; what it says about Prisma cannot be known.
    let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(package["prisma"]["schema"].as_str().map(PathBuf::from))
}

fn default_schema(root: &Path) -> Option<PathBuf> {
    ["schema.prisma", "prisma/schema.prisma", "prisma/schema"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| root.join(path).exists())
}

fn from_schema(
    project: &mut PrismaProject,
    root: &Path,
    schema: &Path,
    variables: &Variables,
) -> Result<(), ConfigError> {
    let Some((file, text)) = datasource_file(root, schema)? else {
        project
            .looked
            .push(format!("{}: no datasource block", schema.display()));
        return Ok(());
    };
    let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
    if project.migrations.is_none() {
        let origin = Origin::Project(format!("beside {}", file.display()));
        project.migrations = Some(Sourced::new(folder.join("migrations"), origin));
    }
    let fields = datasource(&text).unwrap_or_default();
    let field = |key: &str| fields.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    if let Some(Some(Literal::Text(provider))) = field("provider")
        && !matches!(provider.as_str(), "postgresql" | "postgres")
    {
        let text = format!("{}: its provider is `{provider}`, not postgresql", file.display());
        project.looked.push(text);
        return Ok(());
    }
    for key in ["directUrl", "url"] {
        if project.url.is_some() {
            break;
        }
        let place = format!("{}: {key}", file.display());
        match field(key) {
            Some(Some(value)) => {
                let found = resolved(value, &place, variables, &mut project.looked);
                project.url = found.map(|(value, origin)| Sourced::new(Secret::new(value), origin));
                // As Prisma does: a directUrl that is not set is an error, not a reason to go through the pooler.
                break;
            }
            Some(None) => project
                .looked
                .push(format!("{place} is neither a string nor env(\"X\")")),
            None if key == "url" => project.looked.push(format!("{}: has no url", file.display())),
            None => {}
        }
    }
    Ok(())
}

/// The file with the datasource: the schema itself, or one of the files where the schema is a folder.
fn datasource_file(root: &Path, schema: &Path) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let full = root.join(schema);
    if !full.is_dir() {
        if !full.is_file() {
            return Ok(None);
        }
        return Ok(Some((schema.to_path_buf(), super::read_text(&full)?)));
    }
    let entries = std::fs::read_dir(&full).map_err(|error| ConfigError::unreadable(&full, error))?;
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "prisma")
        })
        .collect();
    names.sort();
    for name in names {
        let text = super::read_text(&full.join(&name))?;
        if datasource(&text).is_some() {
            return Ok(Some((schema.join(name), text)));
        }
    }
    Ok(None)
}
