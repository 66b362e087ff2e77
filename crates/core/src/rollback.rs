//! The way back of applied migrations: what a rollback runs, and what it loses.
//!
//! A down script is planned as if it were a migration of its own, by the same safe steps. Where there is none, the way back
//! is what `fix` would write, from the catalog that the earlier files of the folder make.

use crate::catalog::Catalog;
use crate::finding::Category;
use crate::fix::{self, Down, Made, Room, Split};
use crate::lint::{self, Knowledge, Policy, Wanted};
use crate::migration::{Migration, TransactionModel};
use crate::plan::Notice;
use crate::planner::{self, Planned};
use crate::quote::SqlText;
use crate::settings::PlanSettings;
use crate::source::SourceFile;
use crate::sql;
use std::collections::{BTreeMap, BTreeSet};

/// The rule of a refusal: rows or values that do not come back, or go.
pub const LOSES_DATA: &str = "rollback-loses-data";
/// The rule of a refusal: nobody knows what would take it back.
pub const UNKNOWN_WAY: &str = "rollback-is-unknown";

/// The way back of one migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What is to be run, under the name of the migration that it takes back.
    pub migration: Migration,
    /// It was made from the folder, because there is no down script.
    pub is_derived: bool,
    /// Rows and values that the migration took and that do not come back.
    pub lost: Vec<String>,
    /// What is missing in the schema afterwards: a down script must be written by hand.
    pub missing: Vec<String>,
}

/// The ways back of these migrations of a folder; `start` is the catalog before the first.
pub fn ways(migrations: &[Migration], wanted: &BTreeSet<&str>, start: Catalog) -> BTreeMap<String, Way> {
    // A table may be older than the folder: what a statement names is taken to exist.
    let mut known = Knowledge::new(start, false, 0);
    let mut made = Made::default();
    let mut ways = BTreeMap::new();
    let derives = |migration: &Migration| migration.down.is_none() && wanted.contains(migration.name.as_str());
    let last = migrations.iter().rposition(derives);
    for (at, migration) in migrations.iter().enumerate() {
        let is_wanted = wanted.contains(migration.name.as_str());
        if let Some(down) = migration.down.as_ref().filter(|_| is_wanted) {
            ways.insert(migration.name.clone(), written(migration, down));
        }
        if last.is_none_or(|last| at > last) {
            continue;
        }
        if is_wanted && migration.down.is_none() {
            ways.insert(migration.name.clone(), derived(migration, &mut known, &mut made));
        } else if let Some(file) = &migration.up {
            // Of a file that does not parse nothing is known, as of one that is gone.
            let _ = fix::pass(migration, file, &mut known, &mut made);
        }
    }
    ways
}

fn written(migration: &Migration, down: &SourceFile) -> Way {
    Way {
        migration: taking_back(migration, down.clone()),
        is_derived: false,
        lost: Vec::new(),
        missing: Vec::new(),
    }
}

fn derived(migration: &Migration, known: &mut Knowledge, made: &mut Made) -> Way {
    let down = match &migration.up {
        None => Err("its file is gone".to_owned()),
        Some(file) => down(migration, file, known, made),
    };
    let (down, missing) = match down {
        Ok(down) => {
            let missing = down.missing.clone();
            (down, missing)
        }
        Err(why) => (Down::default(), vec![why]),
    };
    let path = format!("the way back of {}", migration.path);
    let mut lost = down.lost;
    lost.retain(|one| !missing.contains(one));
    Way {
        migration: taking_back(migration, SourceFile::new(path, down.text)),
        is_derived: true,
        lost,
        missing,
    }
}

/// Newest first, as one script; the planner decides what of it runs CONCURRENTLY.
fn down(migration: &Migration, file: &SourceFile, known: &mut Knowledge, made: &mut Made) -> Result<Down, String> {
    let script = sql::parse(file).map_err(|error| error.to_string())?;
    let is_its_own_master = script.statements.iter().any(planner::controls_transaction);
    let fixed = fix::fix(migration, file, known, made, (Split::Needed, Room::Siblings));
    let fixed = fixed.map_err(|error| error.to_string())?;
    if is_its_own_master {
        return Err("it has ROLLBACK, savepoints or two-phase commit of its own".to_owned());
    }
    let mut down = Down::default();
    for one in fixed.files.into_iter().rev() {
        down.text.push_str(&one.down.text);
        down.lost.extend(one.down.lost);
        down.missing.extend(one.down.missing);
    }
    down.text = down.text.replace(" INDEX CONCURRENTLY ", " INDEX ");
    Ok(down)
}

fn taking_back(migration: &Migration, down: SourceFile) -> Migration {
    Migration {
        name: migration.name.clone(),
        path: down.path.clone(),
        up: Some(down),
        down: None,
        transaction: match migration.transaction {
            // Its statements may each be alone, whatever the tool makes of the way forward.
            TransactionModel::Whole | TransactionModel::Unwrapped | TransactionModel::PerStatement => {
                migration.transaction
            }
            TransactionModel::Message | TransactionModel::Either => TransactionModel::Message,
        },
    }
}

/// Plans a way back like a migration. What would destroy rows or values that are there now is refused, unless that is allowed.
pub fn plan_way(migration: &Migration, catalog: &mut Catalog, settings: &PlanSettings) -> Planned {
    let losses = if settings.allow_data_loss {
        Vec::new()
    } else {
        losses(migration, catalog, settings)
    };
    let mut planned = planner::plan_migration(migration, catalog, settings);
    planned.plan.refusals.extend(losses);
    planned
}

fn losses(migration: &Migration, catalog: &Catalog, settings: &PlanSettings) -> Vec<Notice> {
    let Some(file) = &migration.up else { return Vec::new() };
    let Ok(script) = sql::parse(file) else {
        return Vec::new();
    };
    let mut known = Knowledge::new(catalog.clone(), true, settings.small_rows);
    let judged = lint::lint(
        migration,
        file,
        &script,
        &mut known,
        &Policy::default(),
        Wanted::default(),
    );
    let findings = judged.findings.into_iter();
    let losses = findings.filter(|finding| finding.category == Category::DataLoss);
    let notice = |finding: crate::finding::Finding| {
        let statement = script.statements.iter().find(|one| one.ordinal == finding.statement);
        Notice {
            rule: LOSES_DATA.to_owned(),
            statement: finding.statement,
            line: finding.range.line,
            message: format!("the way back loses data that is there now: {}", finding.message),
            help: allow_help(),
            sql: statement.map_or_else(|| SqlText::verbatim(""), |statement| statement.sql.clone()),
        }
    };
    losses.map(notice).collect()
}

impl Way {
    /// Why it must not be run, apart from its plan.
    pub fn refusals(&self, settings: &PlanSettings) -> Vec<Notice> {
        let mut refusals: Vec<Notice> = Vec::new();
        for missing in &self.missing {
            refusals.push(whole(
                UNKNOWN_WAY,
                format!("there is no down script, and the folder does not tell what would take this back: {missing}"),
                "Write a down script. `nonstop fix` shows what of it can be made.".to_owned(),
            ));
        }
        if !settings.allow_data_loss {
            for lost in &self.lost {
                refusals.push(whole(
                    LOSES_DATA,
                    format!("what the migration took does not come back: {lost}"),
                    allow_help(),
                ));
            }
        }
        refusals
    }
}

fn allow_help() -> String {
    "Make sure that nobody needs it, or keep a copy, then say `--allow data-loss`.".to_owned()
}

/// About a way back as a whole.
pub fn whole(rule: &str, message: String, help: String) -> Notice {
    Notice {
        rule: rule.to_owned(),
        statement: 0,
        line: 1,
        message,
        help,
        sql: SqlText::verbatim(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256_hex;
    use crate::version::ServerVersion;

    fn migration(name: &str, up: &str, down: Option<&str>) -> Migration {
        Migration {
            name: name.to_owned(),
            up: Some(SourceFile::new(format!("{name}/migration.sql"), up)),
            path: format!("{name}/migration.sql"),
            down: down.map(|text| SourceFile::new(format!("{name}/down.sql"), text)),
            transaction: TransactionModel::Either,
        }
    }

    fn way(folder: &[Migration]) -> Way {
        let name = folder.last().unwrap().name.as_str();
        let start = Catalog::empty(ServerVersion::of_major(15));
        ways(folder, &BTreeSet::from([name]), start).remove(name).unwrap()
    }

    fn text(way: &Way) -> &str {
        &way.migration.up.as_ref().unwrap().text
    }

    const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, b text DEFAULT 'x'); CREATE INDEX t_a ON t (a);";

    #[test]
    fn the_script_of_the_folder_is_taken_where_there_is_one() {
        let folder = [
            migration("1", TABLE, None),
            migration(
                "2",
                "ALTER TABLE t ADD COLUMN c int;",
                Some("ALTER TABLE t DROP COLUMN c;"),
            ),
        ];
        let way = way(&folder);
        assert!(!way.is_derived);
        assert_eq!(text(&way), "ALTER TABLE t DROP COLUMN c;");
        assert_eq!(way.migration.path, "2/down.sql");
        assert_eq!(way.migration.checksum(), sha256_hex(text(&way).as_bytes()));
    }

    #[test]
    fn without_one_the_folder_tells_what_was_there() {
        let folder = [migration("1", TABLE, None), migration("2", "DROP INDEX t_a;", None)];
        let index = way(&folder);
        assert!(
            index.is_derived && index.missing.is_empty() && index.lost.is_empty(),
            "{index:?}"
        );
        assert!(
            text(&index).contains("CREATE INDEX IF NOT EXISTS \"t_a\" ON "),
            "{}",
            text(&index)
        );

        let folder = [
            migration("1", TABLE, None),
            migration("2", "ALTER TABLE t DROP COLUMN b;", None),
        ];
        let column = way(&folder);
        assert!(
            text(&column).contains("ADD COLUMN \"b\" text DEFAULT 'x'"),
            "{}",
            text(&column)
        );
        assert_eq!((column.lost.len(), column.missing.len()), (1, 0));
        let asked = column.refusals(&PlanSettings::default());
        assert_eq!(asked[0].rule, LOSES_DATA);
        let allowed = PlanSettings {
            allow_data_loss: true,
            ..PlanSettings::default()
        };
        assert!(column.refusals(&allowed).is_empty());
    }

    #[test]
    fn a_table_may_be_older_than_the_folder() {
        let folder = [migration(
            "1",
            "CREATE INDEX t_a ON old (a); ALTER TABLE old ADD COLUMN c int;",
            None,
        )];
        let way = way(&folder);
        assert!(text(&way).contains("DROP INDEX IF EXISTS \"t_a\""), "{}", text(&way));
        assert!(text(&way).contains("DROP COLUMN IF EXISTS \"c\""), "{}", text(&way));
        assert!(way.missing.is_empty() && way.lost.is_empty(), "{way:?}");
    }

    /// Tables go newest first: a key of an older one would hold a newer one.
    #[test]
    fn what_holds_newer_things_goes_before_them() {
        let up = "CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY);
            ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b (id), ADD CONSTRAINT a_c CHECK (b > 0);
            CREATE TYPE e AS ENUM ('x'); ALTER TABLE a ADD COLUMN e e, ADD COLUMN n int;
            CREATE SEQUENCE s; ALTER TABLE b ALTER id SET DEFAULT nextval('s');";
        let way = way(&[migration("1", up, None)]);
        let lines: Vec<&str> = text(&way).lines().collect();
        let expected = [
            "ALTER TABLE \"b\" ALTER COLUMN \"id\" DROP DEFAULT;",
            "DROP SEQUENCE IF EXISTS \"s\";",
            "ALTER TABLE \"a\" DROP COLUMN IF EXISTS \"e\";",
            "DROP TYPE IF EXISTS \"e\";",
            "ALTER TABLE \"a\" DROP CONSTRAINT IF EXISTS \"a_b\";",
            "DROP TABLE IF EXISTS \"b\";",
            "DROP TABLE IF EXISTS \"a\";",
        ];
        assert_eq!(lines, expected);
        assert!(way.missing.is_empty(), "{way:?}");
    }

    #[test]
    fn names_and_schemas_go_back() {
        let back = |up: &str| {
            let made = format!("{TABLE} CREATE SCHEMA s; CREATE TYPE e AS ENUM ('x');");
            text(&way(&[migration("1", &made, None), migration("2", up, None)])).to_owned()
        };
        assert_eq!(
            back("ALTER TABLE t SET SCHEMA s;"),
            "ALTER TABLE IF EXISTS \"s\".\"t\" SET SCHEMA \"public\";\n"
        );
        assert_eq!(
            back("ALTER TYPE e RENAME VALUE 'x' TO 'y';"),
            "ALTER TYPE \"e\" RENAME VALUE 'y' TO 'x';\n"
        );
        let up = "CREATE SEQUENCE q; CREATE TABLE n (id int); ALTER SEQUENCE q OWNED BY n.id;";
        assert_eq!(
            back(up),
            "DROP TABLE IF EXISTS \"n\";\nDROP SEQUENCE IF EXISTS \"q\";\n"
        );
    }

    #[test]
    fn a_trigger_that_is_replaced_comes_back() {
        let trigger =
            |replace: &str, when: &str| format!("CREATE {replace}TRIGGER g {when} ON t EXECUTE FUNCTION f();");
        let made = migration("1", &format!("{TABLE} {}", trigger("", "BEFORE INSERT")), None);
        let replaced = migration("2", &trigger("OR REPLACE ", "AFTER UPDATE"), None);
        let way_back = way(&[made, replaced]);
        assert!(
            text(&way_back).contains("CREATE OR REPLACE TRIGGER g BEFORE INSERT"),
            "{way_back:?}"
        );
        let new = migration("2", &trigger("OR REPLACE ", "AFTER UPDATE"), None);
        let way_back = way(&[migration("1", TABLE, None), new]);
        assert!(
            text(&way_back).contains("DROP TRIGGER IF EXISTS \"g\" ON "),
            "{way_back:?}"
        );
    }

    #[test]
    fn a_type_without_a_cast_back_is_missing() {
        let to = |change: &str| {
            let up = format!("ALTER TABLE t ALTER COLUMN a TYPE {change};");
            let way = way(&[migration("1", TABLE, None), migration("2", &up, None)]);
            (way.missing, way.lost)
        };
        let (missing, _) = to("uuid USING gen_random_uuid()");
        assert_eq!(missing.len(), 1, "{missing:?}");
        let (missing, lost) = to("bigint USING a * 2");
        assert_eq!((missing.len(), lost.len()), (0, 1));
        assert!(lost[0].contains("as they were before a * 2"), "{lost:?}");
    }

    #[test]
    fn what_nobody_knows_is_refused_whatever_is_allowed() {
        let folder = [
            migration("1", TABLE, None),
            migration("2", "DO $$ BEGIN PERFORM f(); END $$;", None),
        ];
        let way = way(&folder);
        assert_eq!(way.missing.len(), 1, "{way:?}");
        let allowed = PlanSettings {
            allow_data_loss: true,
            ..PlanSettings::default()
        };
        assert_eq!(way.refusals(&allowed)[0].rule, UNKNOWN_WAY);
    }

    #[test]
    fn what_the_way_back_destroys_is_asked_for() {
        let folder = [migration("1", TABLE, None)];
        let way = way(&folder);
        let mut live = Catalog::empty(ServerVersion::of_major(15));
        let planned = planner::plan_migration(&folder[0], &mut live, &PlanSettings::default());
        assert!(planned.plan.refusals.is_empty());
        let mut after = live.clone();
        let refused = plan_way(&way.migration, &mut after, &PlanSettings::default());
        assert_eq!(refused.plan.refusals[0].rule, LOSES_DATA);
        let allowed = PlanSettings {
            allow_data_loss: true,
            ..PlanSettings::default()
        };
        let planned = plan_way(&way.migration, &mut live, &allowed);
        assert!(planned.plan.refusals.is_empty(), "{:?}", planned.plan.refusals);
        assert!(
            planned
                .plan
                .steps
                .iter()
                .any(|step| step.sql[0].as_str().starts_with("DROP TABLE"))
        );
    }
}
