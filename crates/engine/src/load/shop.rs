//! The shop: its schema as a Prisma project, its rows, and the five migrations that come next.
//!
//! The first migration makes the tables, so the database has a history like any other; rows come after it, made by the
//! server itself, and the database is then copied for each trial.

use super::LoadError;
use crate::deploy::{self, DeployOptions, HistoryKind, Stop};
use crate::event::{Event, Events, Outcome};
use crate::server::Server;
use crate::target::Target;
use nonstop_core::migration::{Migration, TransactionModel};
use nonstop_core::source::SourceFile;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

/// How long the sessions that made a shop may take to leave it.
const QUIET_WITHIN: Duration = Duration::from_secs(10);

macro_rules! migration {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("shop/migrations/", $name, "/migration.sql")),
        )
    };
}

const INIT: (&str, &str) = migration!("20260105093000_init");

const NEXT: [(&str, &str); 5] = [
    migration!("20260112101500_orders_by_customer"),
    migration!("20260119140000_gifts"),
    migration!("20260126083000_status_required"),
    migration!("20260202111500_number_unique"),
    migration!("20260209160000_total_not_negative"),
];

/// How many rows each table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows of `customers`.
    pub customers: i32,
    /// Rows of `products`.
    pub products: i32,
    /// Rows of `orders`, the table that the migrations change.
    pub orders: i32,
    /// Rows of `order_items`.
    pub items: i32,
}

impl Size {
    /// A shop of about so many rows in all: half of them orders. At least a thousand.
    pub fn of_rows(rows: i32) -> Self {
        let rows = rows.max(1_000);
        let (orders, customers, products) = (rows / 2, rows / 10, rows / 100);
        Self {
            customers,
            products,
            orders,
            items: rows - orders - customers - products,
        }
    }

    /// A shop with so many orders.
    pub fn of_orders(orders: i32) -> Self {
        Self::of_rows(orders.saturating_mul(2))
    }

    /// All rows.
    pub fn rows(self) -> i64 {
        [self.customers, self.products, self.orders, self.items]
            .into_iter()
            .map(i64::from)
            .sum()
    }
}

/// The migration that makes the tables, and the five that follow.
pub fn migrations() -> Vec<Migration> {
    std::iter::once(INIT).chain(NEXT).map(migration).collect()
}

/// The five that follow, as names and texts.
pub fn next_files() -> [(&'static str, &'static str); 5] {
    NEXT
}

fn migration((name, text): (&str, &str)) -> Migration {
    let path = format!("migrations/{name}/migration.sql");
    Migration {
        name: name.to_owned(),
        up: Some(SourceFile::new(&*path, text)),
        path,
        down: None,
        transaction: TransactionModel::Whole,
    }
}

/// Makes a shop in a new database, which nobody is connected to afterwards, so that it can be copied.
pub async fn build(server: &Server, database: &str, size: Size) -> Result<(), LoadError> {
    server.create_database(database, None).await?;
    let target = Target::parse(&server.url(database))?;
    run(
        &target,
        &[migration(INIT)],
        &DeployOptions::default(),
        &Events::silent(),
    )
    .await?;
    let filling = LoadError::sql("filling the shop");
    let (client, connection) = server.config(database).connect(NoTls).await.map_err(&filling)?;
    let connection = tokio::spawn(connection);
    fill(&client, size).await.map_err(&filling)?;
    drop(client);
    drop(connection.await);
    // The server hears our goodbyes a moment later, and copies nothing that somebody is connected to.
    let client = server.connect("postgres").await.map_err(&filling)?;
    let deadline = Instant::now() + QUIET_WITHIN;
    loop {
        let busy = client
            .query_one("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", &[&database])
            .await
            .map_err(&filling)?;
        if busy.get::<_, i64>(0) == 0 || Instant::now() > deadline {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A copy of a shop, written to its files, so that no trial pays for it.
pub async fn copy(server: &Server, of: &str, database: &str) -> Result<(), LoadError> {
    let copying = LoadError::sql("copying the shop");
    server.create_database(database, Some(of)).await?;
    let client = server.connect(database).await.map_err(&copying)?;
    client.batch_execute("CHECKPOINT").await.map_err(copying)
}

/// Deploys the first of the five migrations, so many, before a trial of the others.
pub async fn advance(server: &Server, database: &str, many: usize) -> Result<(), LoadError> {
    let target = Target::parse(&server.url(database))?;
    let migrations: Vec<Migration> = migrations().into_iter().take(1 + many).collect();
    run(&target, &migrations, &DeployOptions::default(), &Events::silent()).await
}

/// Deploys; anything but arriving at the end is an error that says why.
pub(super) async fn run(
    target: &Target,
    migrations: &[Migration],
    options: &DeployOptions,
    events: &Events,
) -> Result<(), LoadError> {
    let heard: Arc<Mutex<Option<String>>> = Arc::default();
    let both = {
        let (heard, events) = (Arc::clone(&heard), events.clone());
        Events::new(move |event| {
            let reason = match &event {
                Event::MigrationFailed { migration, error, .. } => Some(format!("{migration}: {}", error.message)),
                Event::Gate {
                    gate,
                    verdict: crate::event::Verdict::Stop,
                    message,
                } => Some(format!("gate {gate}: {message}")),
                _ => None,
            };
            if let (Some(reason), Ok(mut heard)) = (reason, heard.lock()) {
                heard.get_or_insert(reason);
            }
            events.send(event);
        })
    };
    match deploy::deploy(target, migrations, HistoryKind::Prisma, options, &both, Stop::never()).await? {
        Outcome::Done | Outcome::Nothing => Ok(()),
        Outcome::Failed | Outcome::Refused | Outcome::Resumable => {
            let heard = heard.lock().ok().and_then(|mut heard| heard.take());
            Err(LoadError::NotDeployed {
                reason: heard.unwrap_or_else(|| "no reason was told".to_owned()),
            })
        }
    }
}

/// Rows as the server makes them. Foreign keys are not looked up for each row: they hold by construction.
async fn fill(client: &tokio_postgres::Client, size: Size) -> Result<(), tokio_postgres::Error> {
    client
        .batch_execute("SET session_replication_role = replica; SET jit = off; BEGIN")
        .await?;
    client
        .execute(
            "INSERT INTO customers (id, name, email, seen_at) \
             SELECT i, 'Customer ' || i, 'customer' || i || '@example.com', timestamp '2026-01-01' + i * interval '1 minute' \
             FROM generate_series(1, $1) i",
            &[&size.customers],
        )
        .await?;
    client
        .execute(
            "INSERT INTO products (id, name, price, stock) \
             SELECT i, 'Product ' || i, (i % 500) + 0.99, 1000000 FROM generate_series(1, $1) i",
            &[&size.products],
        )
        .await?;
    client
        .execute(
            "INSERT INTO orders (id, customer_id, number, status, total, created_at) \
             SELECT i, 1 + (i::bigint * 7919) % $2, 'A' || to_char(i, 'FM000000000'), \
                    (ARRAY['paid', 'packed', 'sent', 'delivered'])[1 + i % 4], (i % 900) + 0.50, \
                    timestamp '2024-01-01' + i * interval '30 seconds' \
             FROM generate_series(1, $1) i",
            &[&size.orders, &i64::from(size.customers)],
        )
        .await?;
    client
        .execute(
            "INSERT INTO order_items (order_id, line, product_id, quantity) \
             SELECT 1 + (i - 1) % $2, 1 + (i - 1) / $2, 1 + (i::bigint * 104729) % $3, 1 + i % 3 \
             FROM generate_series(1, $1) i",
            &[&size.items, &size.orders, &i64::from(size.products)],
        )
        .await?;
    client
        .batch_execute(
            "SELECT setval('customers_id_seq', max(id)) FROM customers; \
             SELECT setval('products_id_seq', max(id)) FROM products; \
             SELECT setval('orders_id_seq', max(id)) FROM orders; COMMIT",
        )
        .await?;
    // What the trials must not pay for: hint bits, statistics, dirty pages.
    client.batch_execute("VACUUM (ANALYZE, FREEZE)").await?;
    client.batch_execute("CHECKPOINT").await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_rows_is_a_million_rows() {
        assert_eq!(Size::of_rows(1_000_000).rows(), 1_000_000);
        assert_eq!(Size::of_orders(1_500_000).orders, 1_500_000);
    }

    #[test]
    fn the_files_are_in_order_and_parse() {
        let migrations = migrations();
        assert!(migrations.is_sorted_by(|a, b| a.name < b.name));
        for migration in migrations {
            nonstop_core::sql::parse(migration.up.as_ref().unwrap()).unwrap();
        }
    }
}
