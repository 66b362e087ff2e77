//! A shop under load: what the demo shows, the bench measures and the test of bounded blocking demands, made once.
//!
//! A database of a shop, an application that keeps reading and writing in it, a report that holds a table, five
//! migrations, three ways to run them, and a witness of who waits for whom. A [`Trial`] puts them together.

mod application;
mod figures;
mod report;
pub mod shop;
mod trial;
mod ways;
mod witness;

pub use application::{Application, Kind, Load, Request};
pub use figures::{Figures, OVER, slowest_by_slice};
pub use report::Held;
pub use trial::{Trial, TrialSettings};
pub use ways::{Ran, Way};
pub use witness::{Wait, Witness, Witnessed};

use crate::deploy::DeployError;
use crate::server::ServerError;
use crate::target::TargetError;

/// How the sessions of a migration are named, nonstop's own and those that it is compared with.
pub const OURS: &str = "migration:";

/// Why a trial came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A statement of the shop, of the witness or of a migration as written.
    #[error("{doing}: {}", crate::session::in_words(source))]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// The throw-away server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The address of the database.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A deploy ended with an error.
    #[error("nonstop's deploy of the shop: {0}")]
    Deploy(#[from] DeployError),
    /// A deploy did not reach its end.
    #[error("nonstop's deploy of the shop did not reach its end: {reason}")]
    NotDeployed {
        /// What its events said.
        reason: String,
    },
    /// The application still waits long after the last migration.
    #[error("the application still waits for its answers {0} s after its last request was due")]
    Stuck(u64),
}

impl LoadError {
    fn sql(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Self {
        move |source| Self::Sql { doing, source }
    }
}
