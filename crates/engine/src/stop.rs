//! The wish to stop: Ctrl-C, seen by everything that waits.

use tokio::sync::watch;

/// Asks whether the user wants to stop.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Says that the user wants to stop.
#[derive(Debug)]
pub struct StopSwitch(watch::Sender<bool>);

impl Stop {
    /// A switch, and what listens to it.
    pub fn new() -> (StopSwitch, Stop) {
        let (sender, receiver) = watch::channel(false);
        (StopSwitch(sender), Stop(receiver))
    }

    /// Nobody will ask to stop.
    pub fn never() -> Stop {
        Self::new().1
    }

    /// Whether it was asked for.
    pub fn is_wanted(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for; for ever, if nobody can.
    pub async fn wanted(&self) {
        if self.0.clone().wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl StopSwitch {
    /// Stop as soon as that leaves nothing half done.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}
