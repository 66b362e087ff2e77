//! The application: steady reads and writes over several connections.
//!
//! An open loop: requests are due at a fixed rate, whether or not earlier ones were answered, and a latency counts from the
//! moment the request was due. A closed loop would stop asking while it waits, and hide the very waiting that is looked for.

use super::LoadError;
use super::shop::Size;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

/// How long the last answers are waited for.
const LAST_ANSWERS: Duration = Duration::from_secs(60);

/// How much the application asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Transactions a second.
    pub rate: u32,
    /// Connections; a request for which none is free waits, as at a pool.
    pub connections: u32,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            rate: 200,
            connections: 16,
        }
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Shows an order and its items.
    ShowOrder,
    /// Lists some products.
    Browse,
    /// Reads a customer, and notes that he was seen.
    Visit,
    /// Changes the status of an order.
    Advance,
    /// Places an order: a row in `orders`, rows in `order_items`, less in stock.
    Place,
}

impl Kind {
    /// Three fifths read, two fifths write, always in the same order.
    fn of(ticket: u64) -> Self {
        match ticket % 20 {
            0 | 3 | 6 | 10 | 13 | 17 => Self::ShowOrder,
            1 | 5 | 9 | 12 | 15 | 19 => Self::Browse,
            2 | 8 => Self::Visit,
            4 | 11 | 16 => Self::Advance,
            _ => Self::Place,
        }
    }
}

/// One request, answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it did.
    pub kind: Kind,
    /// When it was due, since the beginning of the load.
    pub due: Duration,
    /// From then until its answer.
    pub took: Duration,
    /// Why it failed.
    pub error: Option<String>,
}

/// A running application. Dropping it ends it in the middle of what it does.
#[derive(Debug)]
pub struct Application {
    last_due: watch::Sender<Option<Instant>>,
    workers: JoinSet<Vec<Request>>,
}

/// One connection and its statements.
struct Worker {
    client: Client,
    statements: Statements,
    size: Size,
    origin: Instant,
    spacing: Duration,
    tickets: Arc<AtomicU64>,
    last_due: watch::Receiver<Option<Instant>>,
}

struct Statements {
    show_order: Statement,
    browse: Statement,
    customer: Statement,
    seen: Statement,
    advance: Statement,
    order: Statement,
    item: Statement,
    stock: Statement,
}

impl Application {
    /// Connects, then asks; the first request is due at `origin`.
    pub async fn start(config: &Config, load: Load, size: Size, origin: Instant) -> Result<Self, LoadError> {
        let connecting = LoadError::sql("connecting the application");
        let tickets = Arc::new(AtomicU64::new(0));
        let (last_due, listen) = watch::channel(None);
        let mut workers = JoinSet::new();
        for at in 1..=load.connections.max(1) {
            let mut config = config.clone();
            config.application_name(format!("shop {at}"));
            let (client, connection) = config.connect(NoTls).await.map_err(&connecting)?;
            tokio::spawn(connection);
            let worker = Worker {
                statements: Statements::prepare(&client).await.map_err(&connecting)?,
                client,
                size,
                origin,
                spacing: Duration::from_secs(1) / load.rate.max(1),
                tickets: Arc::clone(&tickets),
                last_due: listen.clone(),
            };
            workers.spawn(worker.work());
        }
        Ok(Self { last_due, workers })
    }

    /// Lets what is due by now be answered; gives every request since the beginning, in the order in which they were due.
    pub async fn end(mut self) -> Result<Vec<Request>, LoadError> {
        self.last_due.send_replace(Some(Instant::now()));
        let mut all = Vec::new();
        let answered = timeout(LAST_ANSWERS, async {
            while let Some(requests) = self.workers.join_next().await {
                all.extend(requests.unwrap_or_default());
            }
        });
        if answered.await.is_err() {
            return Err(LoadError::Stuck(LAST_ANSWERS.as_secs()));
        }
        all.sort_by_key(|request| request.due);
        Ok(all)
    }
}

impl Worker {
    /// Takes the next ticket, waits until it is due, does it. A late ticket is done at once.
    async fn work(mut self) -> Vec<Request> {
        let mut done = Vec::new();
        loop {
            let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
            let after = self.spacing * u32::try_from(ticket).unwrap_or(u32::MAX);
            let due = self.origin + after;
            let mut last_due = self.last_due.clone();
            let is_over = async {
                // An application that was dropped wants no more either.
                drop(last_due.wait_for(|last| last.is_some_and(|last| last < due)).await);
            };
            tokio::select! {
                biased;
                () = is_over => return done,
                () = sleep_until(due) => {}
            }
            let kind = Kind::of(ticket);
            let answer = self.ask(kind).await;
            done.push(Request {
                kind,
                due: after,
                took: due.elapsed(),
                error: answer.err().map(|error| crate::session::in_words(&error)),
            });
        }
    }

    async fn ask(&mut self, kind: Kind) -> Result<(), Error> {
        let (client, size) = (&mut self.client, self.size);
        let order = i64::from(fastrand::i32(1..=size.orders));
        let customer = fastrand::i32(1..=size.customers);
        let product = fastrand::i32(1..=size.products);
        let statements = &self.statements;
        match kind {
            Kind::ShowOrder => drop(client.query(&statements.show_order, &[&order]).await?),
            Kind::Browse => drop(client.query(&statements.browse, &[&product]).await?),
            Kind::Visit => {
                client.query(&statements.customer, &[&customer]).await?;
                client.execute(&statements.seen, &[&customer]).await?;
            }
            Kind::Advance => drop(client.execute(&statements.advance, &[&order]).await?),
            Kind::Place => {
                let transaction = client.transaction().await?;
                let row = transaction.query_one(&statements.order, &[&customer]).await?;
                let order: i64 = row.get(0);
                transaction.execute(&statements.item, &[&order, &product]).await?;
                transaction.execute(&statements.stock, &[&product]).await?;
                transaction.commit().await?;
            }
        }
        Ok(())
    }
}

impl Statements {
    async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            show_order: client
                .prepare(
                    "SELECT o.number, o.status, o.total::text, i.product_id, i.quantity \
                     FROM orders o LEFT JOIN order_items i ON i.order_id = o.id WHERE o.id = $1",
                )
                .await?,
            browse: client
                .prepare("SELECT id, name, price::text, stock FROM products WHERE id >= $1 ORDER BY id LIMIT 20")
                .await?,
            customer: client
                .prepare("SELECT name, email FROM customers WHERE id = $1")
                .await?,
            seen: client
                .prepare("UPDATE customers SET seen_at = CURRENT_TIMESTAMP WHERE id = $1")
                .await?,
            advance: client
                .prepare("UPDATE orders SET status = 'delivered' WHERE id = $1")
                .await?,
            order: client
                .prepare(
                    "INSERT INTO orders (customer_id, number, status, total) \
                     VALUES ($1, 'B' || gen_random_uuid(), 'paid', 42.50) RETURNING id",
                )
                .await?,
            item: client
                .prepare("INSERT INTO order_items (order_id, line, product_id, quantity) VALUES ($1, 1, $2, 1)")
                .await?,
            stock: client
                .prepare("UPDATE products SET stock = stock - 1 WHERE id = $1")
                .await?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_in_their_shares() {
        let share = |wanted| (0..20).filter(|&ticket| Kind::of(ticket) == wanted).count();
        let shares = [Kind::ShowOrder, Kind::Browse, Kind::Visit, Kind::Advance, Kind::Place].map(share);
        assert_eq!(shares, [6, 6, 2, 3, 3]);
    }
}
