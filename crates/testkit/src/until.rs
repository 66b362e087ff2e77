//! Waiting for a condition: looked at again and again, up to a deadline.

use std::time::{Duration, Instant};

/// Far longer than anything that a test waits for takes.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until a condition holds; fails the test, in these words, when it does not within a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(
            began.elapsed() < DEADLINE,
            "after {} s still not: {what}",
            DEADLINE.as_secs()
        );
        tokio::time::sleep(PAUSE).await;
    }
}
