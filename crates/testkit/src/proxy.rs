//! A proxy between a client and a server that breaks things on demand: delay, cut, cut after so many bytes, black hole.

use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does to what passes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Everything is passed on this much later.
    Delay(Duration),
    /// Everything is swallowed; connections stay open.
    BlackHole,
    /// Connections are cut, and new ones at once.
    Refuse,
}

/// A proxy on 127.0.0.1. Ends with this value.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    fault: watch::Sender<Fault>,
    /// Counts up: every connection older than a change is cut.
    cuts: watch::Sender<u64>,
    /// Bytes that may still pass from the server before a cut.
    allowance: AtomicU64,
    opened: AtomicUsize,
    /// Connections with a smaller number are frozen: open, and dead.
    frozen: watch::Sender<usize>,
}

impl Proxy {
    /// In front of a server that listens on 127.0.0.1.
    pub async fn start(server_port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("bind the proxy")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            fault: watch::channel(Fault::None).0,
            cuts: watch::channel(0).0,
            allowance: AtomicU64::new(u64::MAX),
            opened: AtomicUsize::new(0),
            frozen: watch::channel(0).0,
        });
        let task = tokio::spawn(accept(listener, server_port, Arc::clone(&shared)));
        Ok(Self { port, shared, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same address through the proxy. The URL must name 127.0.0.1 and a port.
    pub fn url(&self, url: &str) -> Result<String> {
        let (head, tail) = split_port(url).with_context(|| format!("no host and port in {url}"))?;
        Ok(format!("{head}127.0.0.1:{}{tail}", self.port))
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
        if fault == Fault::Refuse {
            self.cut();
        }
    }

    /// Cuts what is open; new connections are let through.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// What is open stays open, and nothing passes through it ever again; new connections are let through.
    pub fn freeze(&self) {
        self.shared.frozen.send_replace(self.opened());
    }

    /// Cuts everything once so many more bytes have come from the server.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.allowance.store(bytes, Ordering::SeqCst);
    }

    /// How many connections were opened through it.
    pub fn opened(&self) -> usize {
        self.shared.opened.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

/// `postgres://u:p@` and `/db`, around `host:port`.
fn split_port(url: &str) -> Option<(&str, &str)> {
    let host = url.find('@').or_else(|| url.find("//").map(|at| at + 1))? + 1;
    let end = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    url[host..end].contains(':').then_some((&url[..host], &url[end..]))
}

/// The port of a URL, for [`Proxy::start`].
pub fn port_of(url: &str) -> Option<u16> {
    let (head, tail) = split_port(url)?;
    url[head.len()..url.len() - tail.len()].rsplit(':').next()?.parse().ok()
}

async fn accept(listener: TcpListener, server_port: u16, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.opened.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(serve(client, server_port, number, Arc::clone(&shared)));
    }
}

async fn serve(client: TcpStream, server_port: u16, number: usize, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    cuts.mark_unchanged();
    if *shared.fault.borrow() == Fault::Refuse {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)).await else {
        return;
    };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // Whichever ends first ends both.
    tokio::select! {
        () = pass(client_read, server_write, &shared, (number, false)) => {}
        () = pass(server_read, client_write, &shared, (number, true)) => {}
        _ = cuts.changed() => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, (number, counted): (usize, bool)) {
    let mut buffer = vec![0; 16 * 1024];
    let mut fault = shared.fault.subscribe();
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if number < *shared.frozen.borrow() {
            // Open for as long as the other side likes.
            std::future::pending::<()>().await;
        }
        if fault.wait_for(|fault| *fault != Fault::BlackHole).await.is_err() {
            return;
        }
        let now = *shared.fault.borrow();
        if let Fault::Delay(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if counted && !spend(&shared.allowance, read) {
            shared.allowance.store(u64::MAX, Ordering::SeqCst);
            shared.cuts.send_modify(|cuts| *cuts += 1);
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Takes from the allowance; `false` when it does not suffice.
fn spend(allowance: &AtomicU64, bytes: usize) -> bool {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let taken = allowance.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
        u64::MAX => Some(left),
        left => left.checked_sub(bytes),
    });
    taken.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_rewritten() {
        assert_eq!(port_of("postgres://u:p@127.0.0.1:5433/db?x=1"), Some(5433));
        assert_eq!(port_of("postgres://127.0.0.1:5433"), Some(5433));
        assert_eq!(split_port("postgres://u:p@h:1/db"), Some(("postgres://u:p@", "/db")));
    }
}
