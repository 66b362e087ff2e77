//! Sends one message by the simple protocol and counts what was done of it.
//!
//! Several statements in one message save the round trips while locks are held, and a client that is cut off between
//! two of them holds nothing: the server has all it needs to come to the end.

use crate::failure::SqlError;
use futures_util::{StreamExt as _, pin_mut};
use nonstop_core::quote::SqlText;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// Runs a message; the rows that its statements return are dropped as they come.
pub async fn run(client: &Client, sql: &SqlText) -> Result<(), SqlError> {
    rows(client, sql, 0).await.map(|_| ())
}

/// Runs a message and keeps the first rows, each as `column=value, …`.
pub async fn rows(client: &Client, sql: &SqlText, most: usize) -> Result<Vec<String>, SqlError> {
    let mut kept = Vec::new();
    each_row(client, sql, |row| {
        if kept.len() < most {
            let columns = row.columns().iter().enumerate();
            let values = columns.map(|(at, column)| format!("{}={}", column.name(), row.get(at).unwrap_or("NULL")));
            kept.push(values.collect::<Vec<_>>().join(", "));
        }
    })
    .await?;
    Ok(kept)
}

/// Runs a message and keeps all rows, as the server prints their values. For questions with short answers.
pub async fn table(client: &Client, sql: &SqlText) -> Result<Vec<Vec<Option<String>>>, SqlError> {
    let mut kept = Vec::new();
    each_row(client, sql, |row| {
        kept.push((0..row.len()).map(|at| row.get(at).map(ToOwned::to_owned)).collect());
    })
    .await?;
    Ok(kept)
}

/// Runs a message; an error knows how many of its statements were done.
async fn each_row(client: &Client, sql: &SqlText, mut see: impl FnMut(&SimpleQueryRow)) -> Result<(), SqlError> {
    let mut completed = 0;
    let stream = client.simple_query_raw(sql.as_str()).await.map_err(SqlError::from)?;
    pin_mut!(stream);
    while let Some(answer) = stream.next().await {
        match answer.map_err(|error| SqlError::new(&error, completed))? {
            SimpleQueryMessage::CommandComplete(_) => completed += 1,
            SimpleQueryMessage::Row(row) => see(&row),
            _ => {}
        }
    }
    Ok(())
}

/// Text of the user's, shortened for display.
pub fn shorten(sql: &str) -> String {
    const MOST: usize = 300;
    let text = sql.trim();
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}
