//! Opening a session: TLS as the URL asks for it, a server that is starting, and something that is no server.
#![expect(clippy::unwrap_used, reason = "a test file")]

use nonstop_engine::server::Options;
use nonstop_engine::session::{ConnectError, Session};
use nonstop_engine::target::Target;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

async fn open(url: &str) -> Result<Session, ConnectError> {
    Session::open(&Target::parse(url).unwrap(), "migration:test").await
}

async fn is_encrypted(session: &Session) -> bool {
    let row = session
        .client()
        .query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])
        .await
        .unwrap();
    row.get(0)
}

/// `COPY … TO PROGRAM` writes the file as the server's own user, readable by it alone.
async fn install(client: &tokio_postgres::Client, name: &str) {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let copy = format!("COPY (SELECT unnest(string_to_array('{text}', E'\\n'))) TO PROGRAM 'umask 077; cat > {name}'");
    client.batch_execute(&copy).await.unwrap();
}

#[tokio::test]
async fn certificates_are_checked_as_the_url_asks() {
    for major in testkit::majors() {
        let server = testkit::own_server(major, Options::default()).await.unwrap();
        let admin = server.connect("postgres").await.unwrap();
        install(&admin, "server.pem").await;
        install(&admin, "server.key").await;
        for setting in [
            "ssl_cert_file = 'server.pem'",
            "ssl_key_file = 'server.key'",
            "ssl = on",
        ] {
            admin
                .batch_execute(&format!("ALTER SYSTEM SET {setting}"))
                .await
                .unwrap();
        }
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let by_address = server.url("postgres");
        let by_name = by_address.replace("@127.0.0.1:", "@localhost:");
        let (ca, other) = (file("ca.pem"), file("other-ca.pem"));
        let (ca, other) = (ca.display(), other.display());

        testkit::until("the server speaks TLS", || async {
            open(&format!("{by_name}?sslmode=require")).await.is_ok()
        })
        .await;
        for (encrypted, url) in [
            (false, format!("{by_name}?sslmode=disable")),
            (true, by_name.clone()),
            (
                true,
                format!("{by_address}?sslmode=require&sslaccept=accept_invalid_certs"),
            ),
            (true, format!("{by_address}?sslmode=require&channel_binding=require")),
            (true, format!("{by_name}?sslmode=verify-full&sslrootcert={ca}")),
            (true, format!("{by_name}?sslmode=require&sslaccept=strict&sslcert={ca}")),
            (true, format!("{by_address}?sslmode=verify-ca&sslrootcert={ca}")),
        ] {
            let session = open(&url).await.unwrap();
            assert_eq!(is_encrypted(&session).await, encrypted, "PostgreSQL {major}: {url}");
            session.close().await;
        }
        for url in [
            format!("{by_address}?sslmode=verify-full&sslrootcert={ca}"),
            format!("{by_name}?sslmode=verify-full&sslrootcert={other}"),
            format!("{by_name}?sslmode=verify-ca&sslrootcert={other}"),
            format!("{by_name}?sslaccept=strict&sslcert={other}"),
            format!("{by_name}?sslrootcert=system"),
        ] {
            let refused = open(&url).await.unwrap_err();
            let is_tls = matches!(refused, ConnectError::Tls { .. } | ConnectError::TlsFiles(_));
            assert!(is_tls, "PostgreSQL {major}: {url}: {refused}");
        }
        let missing = open(&format!("{by_name}?sslmode=verify-full&sslrootcert=/not/there.pem")).await;
        assert!(missing.unwrap_err().to_string().contains("/not/there.pem"));
    }
}

/// Says 57P03 to the first callers, and passes the later ones through.
async fn starting_server(real: String, refusals: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if count.fetch_add(1, Ordering::Relaxed) >= refusals {
                let mut server = TcpStream::connect(&real).await.unwrap();
                tokio::spawn(async move { drop(tokio::io::copy_bidirectional(&mut client, &mut server).await) });
                continue;
            }
            tokio::spawn(async move {
                let mut length = client.read_u32().await.unwrap();
                let mut startup = vec![0; usize::try_from(length - 4).unwrap()];
                client.read_exact(&mut startup).await.unwrap();
                if startup == SSL_REQUEST {
                    client.write_all(b"N").await.unwrap();
                    length = client.read_u32().await.unwrap();
                    startup.resize(usize::try_from(length - 4).unwrap(), 0);
                    client.read_exact(&mut startup).await.unwrap();
                }
                let text = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
                let length = u32::try_from(text.len() + 4).unwrap();
                client.write_all(b"E").await.unwrap();
                client.write_all(&length.to_be_bytes()).await.unwrap();
                client.write_all(text).await.unwrap();
            });
        }
    });
    address
}

#[tokio::test]
async fn a_starting_server_is_waited_for() {
    let Some(&major) = testkit::majors().last() else { return };
    let database = testkit::database(major).await;
    let url = database.url();
    let (_, rest) = url.split_once('@').unwrap();
    let (real, _) = rest.split_once('/').unwrap();
    let proxy = starting_server(real.to_owned(), 3).await;
    let session = open(&url.replace(real, &proxy)).await.unwrap();
    assert_eq!(session.version().major(), major);
}

#[tokio::test]
async fn what_is_no_server_is_said_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // The client may have gone already.
            drop(client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    let error = open(&format!("postgresql://u:swordfish@{address}/d"))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Lost { .. }), "{error}");
    assert!(!error.to_string().contains("swordfish"));
}
