//! A change of rows that a user asks for outside of any migration, as the step of batches that does it.
//!
//! It is judged as the same statement of a migration would be; only its size does not matter.

use super::group;
use crate::catalog::Catalog;
use crate::effect::effect;
use crate::rewrite::{self, Scene};
use crate::settings::PlanSettings;
use crate::sql::{Kind, Statement};
use crate::step::Step;

/// The step, with what the user should know of it; or why there is none.
///
/// # Errors
/// What becomes of a row depends on more than that row, so that batches could come to another end.
pub fn backfill(statement: &Statement, catalog: &Catalog) -> Result<(Step, Vec<String>), String> {
    let Kind::Dml(dml) = &statement.kind else {
        return Err("it is no change of rows".to_owned());
    };
    let settings = PlanSettings::default();
    let scene = Scene {
        catalog,
        settings: &settings,
        as_written: false,
    };
    let (piece, cautions) = rewrite::in_batches(statement, dml, &effect(statement, catalog), &scene)?;
    let step = Step {
        id: "1".to_owned(),
        ..group::lone(piece)
    };
    Ok((step, cautions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::Name;
    use crate::replay;
    use crate::source::SourceFile;
    use crate::sql::{Change, change, parse};
    use crate::version::ServerVersion;

    fn judged(set: &str) -> Result<(Step, Vec<String>), String> {
        let setup = "CREATE TABLE t (id int PRIMARY KEY, a int, b int UNIQUE)";
        let mut catalog = Catalog::empty(ServerVersion::of_major(15));
        for statement in parse(&SourceFile::new("setup", setup)).unwrap().statements {
            replay::apply(&mut catalog, &statement);
        }
        catalog.settle();
        let set = Change::Set(vec![set.to_owned()]);
        backfill(&change(&Name::new("public", "t"), &set, None).unwrap(), &catalog)
    }

    #[test]
    fn it_is_judged_as_in_a_migration() {
        let (step, _) = judged("a = a + 1").unwrap();
        assert!(step.batch.is_some());
        assert_eq!(step.sql[0].as_str(), "UPDATE public.t SET a = a + 1");
        for (set, why) in [
            ("a = random()", "volatile"),
            ("b = 1", "unique index"),
            ("a = (SELECT max(a) FROM t)", "itself"),
            ("id = 1", "unique index"),
        ] {
            let refusal = judged(set).unwrap_err();
            assert!(refusal.contains(why), "{set}: {refusal}");
        }
        let (_, cautions) = judged("a = extract(day FROM now())").unwrap();
        assert_eq!(cautions, ["now() is the time of each batch"]);
    }
}
