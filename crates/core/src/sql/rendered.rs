//! Text that the parser renders of a part of a statement when somebody asks for it: hardly anybody does.

use super::with_room;
use crate::quote::SqlText;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

type Render = Box<dyn FnOnce() -> SqlText + Send>;

/// A text that is made when it is first read.
#[derive(Clone)]
pub struct Rendered(Arc<LazyLock<SqlText, Render>>);

impl Rendered {
    /// What `render` gives, which may walk a tree of any depth.
    pub(super) fn when_asked(render: impl FnOnce() -> SqlText + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| with_room(render)))))
    }
}

impl From<SqlText> for Rendered {
    fn from(text: SqlText) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| text))))
    }
}

impl Deref for Rendered {
    type Target = SqlText;

    fn deref(&self) -> &SqlText {
        &self.0
    }
}

impl PartialEq for Rendered {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
