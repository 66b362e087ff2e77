//! A connection pooler in transaction mode, small: a client has a server connection only while it is in a transaction.
//!
//! It speaks just enough of the protocol to see where a transaction ends: one client message is passed on, and after a
//! Query or Sync the answers are passed back until `ReadyForQuery` says that the server is idle.

use anyhow::{Result, bail};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinHandle;

/// Which free connection a transaction is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lending {
    /// The one used last, as PgBouncer does; a client gets no new one while another is free.
    Latest,
    /// The one that was free for longest, out of one for each client.
    Rotating,
}

/// A running pooler; gone when dropped.
pub struct Pooler {
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Pool {
    lending: Lending,
    free: Mutex<VecDeque<TcpStream>>,
    returned: Notify,
}

const SSL_REQUEST: u32 = 80_877_103;
const CANCEL_REQUEST: u32 = 80_877_102;

impl Pooler {
    /// Listens on a free port before the server at `host:port`.
    pub async fn start(server: &str, lending: Lending) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = server.to_owned();
        let pool = Arc::new(Pool {
            lending,
            free: Mutex::new(VecDeque::new()),
            returned: Notify::new(),
        });
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (pool, server) = (Arc::clone(&pool), server.clone());
                // A client that breaks off ends its own task only.
                tokio::spawn(async move { drop(serve(client, &server, &pool).await) });
            }
        });
        Ok(Self { address, task })
    }

    /// `host:port` for clients.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pool {
    async fn borrow(&self) -> TcpStream {
        loop {
            let returned = self.returned.notified();
            let mut free = self.free.lock().await;
            let chosen = match self.lending {
                Lending::Latest => free.pop_back(),
                Lending::Rotating => free.pop_front(),
            };
            drop(free);
            match chosen {
                Some(server) => return server,
                None => returned.await,
            }
        }
    }

    async fn give_back(&self, server: TcpStream) {
        self.free.lock().await.push_back(server);
        self.returned.notify_one();
    }

    async fn keeps(&self, server: TcpStream) {
        let enough = self.lending == Lending::Latest && !self.free.lock().await.is_empty();
        if !enough {
            self.give_back(server).await;
        }
    }
}

async fn serve(mut client: TcpStream, server: &str, pool: &Pool) -> Result<()> {
    let startup = loop {
        let length = client.read_u32().await?;
        let mut body = vec![0; usize::try_from(length)?.saturating_sub(4)];
        client.read_exact(&mut body).await?;
        let code = body.first_chunk().map(|code| u32::from_be_bytes(*code));
        match code {
            Some(SSL_REQUEST) => client.write_all(b"N").await?,
            Some(CANCEL_REQUEST) | None => return Ok(()),
            Some(_) => break [&length.to_be_bytes()[..], &body].concat(),
        }
    };
    let mut fresh = TcpStream::connect(server).await?;
    fresh.write_all(&startup).await?;
    log_in(&mut client, &mut fresh).await?;
    pool.keeps(fresh).await;
    loop {
        let mut message = read_message(&mut client).await?;
        if message[0] == b'X' {
            return Ok(());
        }
        let mut server = pool.borrow().await;
        loop {
            server.write_all(&message).await?;
            if matches!(message[0], b'Q' | b'S') && answers(&mut client, &mut server).await? == b'I' {
                break;
            }
            message = read_message(&mut client).await?;
            if message[0] == b'X' {
                // Inside a transaction: a real pooler closes the server connection as well.
                return Ok(());
            }
        }
        pool.give_back(server).await;
    }
}

/// Passes messages both ways until the server is ready.
async fn log_in(client: &mut TcpStream, server: &mut TcpStream) -> Result<()> {
    loop {
        let message = read_message(server).await?;
        client.write_all(&message).await?;
        match message[0] {
            b'Z' => return Ok(()),
            b'E' => bail!("refused"),
            // A request for an answer: anything but "ok" and "the final word of SCRAM".
            b'R' if !matches!(message.get(8), Some(0 | 12)) => {
                let answer = read_message(client).await?;
                server.write_all(&answer).await?;
            }
            _ => {}
        }
    }
}

/// Passes the answers back until `ReadyForQuery`, and gives its status.
async fn answers(client: &mut TcpStream, server: &mut TcpStream) -> Result<u8> {
    loop {
        let message = read_message(server).await?;
        client.write_all(&message).await?;
        if message[0] == b'Z' {
            return Ok(message[5]);
        }
    }
}

async fn read_message(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let mut message = head.to_vec();
    message.resize(usize::try_from(length)? + 1, 0);
    stream.read_exact(&mut message[5..]).await?;
    Ok(message)
}
