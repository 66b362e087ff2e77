//! Text that the parser renders of a part of a statement when somebody asks for it: hardly anybody does.

use super::with_room;
use crate::quote::SqlText;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

type Render<T> = Box<dyn FnOnce() -> T + Send>;

/// A text, or several, made when first read.
pub struct Rendered<T = SqlText>(Arc<LazyLock<T, Render<T>>>);

impl<T: Send> Rendered<T> {
    /// What `render` gives, which may walk a tree of any depth.
    pub(super) fn when_asked(render: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| with_room(render)))))
    }
}

impl<T: Send + 'static> From<T> for Rendered<T> {
    fn from(made: T) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| made))))
    }
}

impl<T> Clone for Rendered<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Rendered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: PartialEq> PartialEq for Rendered<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Rendered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
