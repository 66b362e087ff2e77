//! Every form of a statement, in every surrounding, on columns of many types, under names that need quotes: as cases.
//!
//! A case is SQL text. The list is steady, so that a seed picks the same cases everywhere; what becomes of them is judged by
//! [`quiet`] and [`busy`]. `docs/forms.md` is written from the same list.

mod around;
mod busy;
mod cases;
mod columns;
mod form;
mod names;
mod on_columns;
mod on_indexes;
mod on_keys;
mod on_rows;
mod quiet;

pub use around::Around;
pub use busy::{Busy, Pace, busy};
pub use cases::{Case, cases, forms, pick};
pub use columns::Column;
pub use form::{Family, Form, Spot};
pub use quiet::{Ready, quiet};
