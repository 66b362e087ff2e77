//! Gate `archiving`: whether the server's own WAL archive keeps up.

use super::{Finding, Looked, Subject, age_in_words};

pub(super) const NAME: &str = "archiving";

/// Ages in seconds.
#[derive(Debug, Clone, Copy)]
struct Seen {
    on: bool,
    archived: Option<i64>,
    failed: Option<i64>,
}

pub(super) async fn look(subject: &Subject<'_>) -> Looked {
    let row = subject
        .session
        .client()
        .query_typed_one(
            "SELECT current_setting('archive_mode') <> 'off',
                    extract(epoch FROM now() - last_archived_time)::bigint,
                    extract(epoch FROM now() - last_failed_time)::bigint
             FROM pg_stat_archiver",
            &[],
        )
        .await?;
    Ok(judge(Seen {
        on: row.try_get(0)?,
        archived: row.try_get(1)?,
        failed: row.try_get(2)?,
    }))
}

fn judge(seen: Seen) -> Finding {
    match seen {
        Seen { on: false, .. } => Finding::ok("the server archives no WAL; whether there is a backup is yours to know"),
        Seen {
            archived,
            failed: Some(failed),
            ..
        } if archived.is_none_or(|archived| failed < archived) => Finding::warning(format!(
            "WAL archiving is failing (last failure {} ago): a restore to this moment is not possible. See pg_stat_archiver.",
            age_in_words(failed)
        )),
        Seen {
            archived: Some(age), ..
        } => Finding::ok(format!("last WAL archived {} ago", age_in_words(age))),
        Seen { archived: None, .. } => Finding::ok("archiving is on, and has archived nothing yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn only_a_failure_after_the_last_success_warns() {
        let judged = |archived, failed| {
            judge(Seen {
                on: true,
                archived,
                failed,
            })
            .verdict
        };
        assert_eq!(judged(Some(10), None), Verdict::Ok);
        assert_eq!(judged(Some(10), Some(600)), Verdict::Ok);
        assert_eq!(judged(Some(600), Some(10)), Verdict::Warning);
        assert_eq!(judged(None, Some(10)), Verdict::Warning);
        assert_eq!(judged(None, None), Verdict::Ok);
    }
}
