//! Man pages: one of the program, one of each verb.

use super::Documents;
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

pub(super) fn render(documents: &mut Documents) -> Result<()> {
    let mut program = nonstop::args::Cli::command();
    program.build();
    let verbs = program.get_subcommands().filter(|verb| !verb.is_hide_set());
    for command in verbs.cloned().chain([program.clone()]) {
        page(command, documents)?;
    }
    Ok(())
}

fn page(command: Command, documents: &mut Documents) -> Result<()> {
    let source = concat!("nonstop ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).manual("nonstop").source(source);
    let mut text = Vec::new();
    man.render(&mut text)?;
    documents.insert(format!("man/{}", man.get_filename()), String::from_utf8(text)?);
    Ok(())
}
