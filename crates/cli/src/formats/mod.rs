//! How results look. A format turns a value into bytes on a writer; it opens nothing and knows no clock.

pub mod demo;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub(crate) mod listing;
pub mod places;
pub mod sarif;

#[cfg(test)]
mod tests;
