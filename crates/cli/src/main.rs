//! nonstop
fn main() {}
