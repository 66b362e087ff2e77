//! nonstop
