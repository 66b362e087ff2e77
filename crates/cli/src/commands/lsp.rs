//! `lsp`: the language server, over standard input and output.

use crate::config::{ConfigError, Settings};
use crate::exit::{Exit, Problem};
use crate::lsp;
use clap::Args;
use lsp_server::Connection;
use std::path::Path;

/// Flags of `lsp`.
#[derive(Debug, Args)]
pub struct LspArgs {
    /// Speak over standard input and output, as it does anyway; some clients insist on the flag
    #[arg(long)]
    pub stdio: bool,
}

pub(super) fn run(resolve: &dyn Fn(&Path) -> Result<Settings, ConfigError>) -> Result<Exit, Problem> {
    let (connection, threads) = Connection::stdio();
    let served = lsp::serve(&connection, resolve);
    // The threads end when nobody can send any more.
    drop(connection);
    served.map_err(|error| Problem::usage(format_args!("the client broke the protocol: {error}")))?;
    threads.join()?;
    Ok(Exit::Done)
}
