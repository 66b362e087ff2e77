//! What a room below has read of a text in a catalog, kept beside it.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A place for what is read of a text when it is first asked for: of most texts nobody asks. Copies share it.
#[derive(Clone, Default)]
pub struct Kept(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl Kept {
    /// What is kept, empty at first. A text has one reader, and so one type.
    pub fn get<T: Any + Default + Send + Sync>(&self) -> &T {
        let kept = self.0.get_or_init(|| Box::new(T::default()));
        kept.downcast_ref().expect("one reader")
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

/// What was read of the same text is the same.
impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}
