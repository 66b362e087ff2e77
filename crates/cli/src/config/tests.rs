use super::*;

struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn settings(&self, flags: &Flags, environment: &[(&str, &str)]) -> Settings {
        Settings::resolve(flags, &Environment::of(environment), self.0.path()).unwrap()
    }

    fn url(&self, environment: &[(&str, &str)]) -> (String, String) {
        let settings = self.settings(&Flags::default(), environment);
        let url = settings.database().unwrap();
        (url.value.reveal().to_owned(), url.origin.to_string())
    }
}

const SCHEMA: &str =
    "datasource db {\n provider = \"postgresql\"\n url = env(\"DATABASE_URL\")\n directUrl = env(\"DIRECT\")\n}";

#[test]
fn the_stronger_place_wins() {
    let project = Project::new(&[
        ("nonstop.toml", "database-url = \"postgres://file\"\n"),
        ("prisma/schema.prisma", SCHEMA),
        (".env", "DIRECT=postgres://dotenv\n"),
    ]);
    let all = [
        ("NONSTOP_DATABASE_URL", "postgres://1"),
        ("DIRECT_URL", "postgres://2"),
        ("DATABASE_URL", "postgres://3"),
    ];
    let flags = Flags {
        database_url: Some(Secret::new("postgres://0")),
        ..Flags::default()
    };
    let settings = project.settings(&flags, &all);
    assert_eq!(settings.database().unwrap().value.reveal(), "postgres://0");
    for (at, (name, value)) in all.iter().enumerate() {
        let (url, origin) = project.url(&all[at..]);
        assert_eq!(url, *value);
        assert!(origin.contains(name), "{origin}");
    }
    let (url, origin) = project.url(&[("DATABASE_URL", "")]);
    assert_eq!(
        (url.as_str(), origin.as_str()),
        ("postgres://file", "nonstop.toml: database-url")
    );
    std::fs::remove_file(project.0.path().join("nonstop.toml")).unwrap();
    let (url, origin) = project.url(&[]);
    assert_eq!(url, "postgres://dotenv");
    assert_eq!(origin, "prisma/schema.prisma: directUrl, DIRECT in .env");
}

#[test]
fn a_direct_url_that_is_not_set_is_not_replaced_by_the_pooler() {
    let project = Project::new(&[
        ("prisma/schema.prisma", SCHEMA),
        (".env", "DATABASE_URL=postgres://pooler\n"),
    ]);
    let settings = project.settings(&Flags::default(), &[]);
    let error = settings.database().unwrap_err();
    let details = error.details().join("\n");
    assert!(
        details.contains("prisma/schema.prisma: directUrl: DIRECT is not set"),
        "{details}"
    );
    assert!(details.contains("nonstop.toml: there is none"), "{details}");
    assert!(
        details.contains("NONSTOP_DATABASE_URL, DIRECT_URL, DATABASE_URL"),
        "{details}"
    );
}

#[test]
fn a_config_file_does_not_load_dotenv_unless_it_says_so() {
    let config = "export default { datasource: { url: env('U') }, migrations: { path: 'db/m' } }";
    let project = Project::new(&[("prisma.config.ts", config), (".env", "U=postgres://dotenv")]);
    let settings = project.settings(&Flags::default(), &[]);
    assert!(settings.database().is_err());
    assert_eq!(settings.folder().unwrap().value, Path::new("db/m"));

    let loading = format!("import 'dotenv/config'\n{config}");
    let project = Project::new(&[("prisma.config.ts", &loading), (".env", "U=postgres://dotenv")]);
    let (url, origin) = project.url(&[]);
    assert_eq!(url, "postgres://dotenv");
    assert_eq!(origin, "prisma.config.ts: datasource.url, U in .env");
}

#[test]
fn a_computed_url_is_said_to_be_one() {
    let project = Project::new(&[("prisma.config.ts", "export default { datasource: { url: secret() } }")]);
    let settings = project.settings(&Flags::default(), &[]);
    let details = settings.database().unwrap_err().details().join("\n");
    assert!(
        details.contains("prisma.config.ts: `datasource.url` is computed"),
        "{details}"
    );
}

#[test]
fn folders_are_found() {
    let folder = |files: &[(&str, &str)]| {
        let project = Project::new(files);
        let settings = project.settings(&Flags::default(), &[]);
        settings.folder().map(|dir| dir.value.display().to_string())
    };
    let plain = "datasource db { provider = \"postgresql\" }";
    assert_eq!(folder(&[("db/migrations/a.up.sql", "")]).unwrap(), "db/migrations");
    assert_eq!(
        folder(&[("prisma/migrations/a", ""), ("migrations/a", "")]).unwrap(),
        "prisma/migrations"
    );
    assert_eq!(
        folder(&[
            ("package.json", "{\"prisma\":{\"schema\":\"api/schema.prisma\"}}"),
            ("api/schema.prisma", plain),
            ("api/migrations/a/migration.sql", ""),
            ("migrations/a", "")
        ])
        .unwrap(),
        "api/migrations"
    );
    assert_eq!(
        folder(&[("prisma/schema/base.prisma", plain), ("prisma/schema/migrations/a", "")]).unwrap(),
        "prisma/schema/migrations"
    );
    assert_eq!(
        folder(&[("prisma/schema.prisma", plain), ("migrations/a", "")]).unwrap(),
        "migrations"
    );
    assert_eq!(
        folder(&[("nonstop.toml", "dir = \"x\"\n"), ("migrations/a", "")]).unwrap(),
        "x"
    );
    assert!(matches!(folder(&[]), Err(ConfigError::NoFolder)));
}

#[test]
fn another_provider_gives_no_url() {
    let project = Project::new(&[(
        "schema.prisma",
        "datasource db { provider = \"mysql\" url = \"mysql://x\" }",
    )]);
    let settings = project.settings(&Flags::default(), &[]);
    let details = settings.database().unwrap_err().details().join("\n");
    assert!(details.contains("`mysql`"), "{details}");
}

#[test]
fn secrets_have_no_face() {
    let flags = Flags {
        database_url: Some(Secret::new("postgres://u:geheim@h")),
        ..Flags::default()
    };
    let environment = Environment::of(&[("PGPASSWORD", "geheim"), ("DATABASE_URL", "postgres://u:geheim@h")]);
    let settings = Settings::resolve(&flags, &environment, Path::new("")).unwrap();
    assert!(!format!("{settings:?} {flags:?} {environment:?}").contains("geheim"));
}
