use super::super::Tls;
use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Target {
    Target::parse(text).unwrap()
}

fn tcp(name: &str, port: u16) -> Host {
    Host {
        address: Address::Tcp(name.to_owned()),
        port,
    }
}

#[test]
fn a_plain_url() {
    let target = parse("postgres://anna:secret@db.example.com:6432/shop");
    assert_eq!(target.hosts, [tcp("db.example.com", 6432)]);
    assert_eq!(target.user.as_deref(), Some("anna"));
    assert_eq!(target.password, Some(Secret("secret".to_owned())));
    assert_eq!(target.database.as_deref(), Some("shop"));
    assert_eq!(target.schema, "public");
    assert_eq!(target.to_string(), "postgresql://anna@db.example.com:6432/shop");
    assert_eq!(
        format!("{target:?}"),
        "Target(postgresql://anna@db.example.com:6432/shop)"
    );
}

#[test]
fn prismas_parameters() {
    let target = parse(
        "POSTGRESQL://u:p@h/d?schema=my%20app&pgbouncer=true&connection_limit=1&pool_timeout=2&statement_cache_size=0&\
         socket_timeout=3&connect_timeout=7&sslmode=require&sslaccept=strict&sslcert=ca.pem",
    );
    assert_eq!(target.schema, "my app");
    assert!(target.pgbouncer);
    assert_eq!(target.connect_timeout, Duration::from_secs(7));
    assert_eq!(
        target.tls,
        Tls {
            mode: TlsMode::Require,
            verify: Verify::ChainAndName,
            roots: Some("ca.pem".into()),
            identity: None
        }
    );
    assert_eq!(target.warnings, Vec::<String>::new());
    assert_eq!(target.to_string(), "postgresql://u@h:5432/d?schema=my app");
}

#[test]
fn a_socket_directory() {
    let socket = Host {
        address: Address::Socket("/var/run/postgresql".into()),
        port: 5433,
    };
    for text in [
        "postgresql://u@localhost:5433/d?host=/var/run/postgresql",
        "postgresql://u@:5433/d?host=/var/run/postgresql",
        "postgresql://u@%2Fvar%2Frun%2Fpostgresql:5433/d",
        "postgresql:///d?user=u&host=%2Fvar%2Frun%2Fpostgresql&port=5433",
        "host=/var/run/postgresql port=5433 user=u dbname=d",
    ] {
        let target = parse(text);
        assert_eq!(target.hosts, std::slice::from_ref(&socket), "{text}");
        assert_eq!(
            (target.user.as_deref(), target.database.as_deref()),
            (Some("u"), Some("d"))
        );
        assert_eq!(
            target.to_string(),
            "postgresql://u@localhost:5433/d?host=/var/run/postgresql"
        );
    }
}

#[test]
fn nothing_but_the_scheme_is_the_local_server() {
    let target = parse("postgresql://");
    assert_eq!(target.hosts, [tcp("localhost", 5432)]);
    assert_eq!((target.user, target.database), (None, None));
}

#[test]
fn addresses_of_version_six_and_several_hosts() {
    let target = parse("postgresql://u:p@[::1]:5433,[fe80::1],b:1/d?target_session_attrs=read-write");
    assert_eq!(target.hosts, [tcp("::1", 5433), tcp("fe80::1", 5432), tcp("b", 1)]);
    assert_eq!(target.place(), "[::1]:5433, [fe80::1]:5432, b:1");
    assert_eq!(target.session_attrs, TargetSessionAttrs::ReadWrite);
    assert_eq!(parse("postgresql://a,b/d?port=6").hosts, [tcp("a", 6), tcp("b", 6)]);
}

#[test]
fn odd_passwords() {
    for (written, meant) in [
        ("p%40ss%2Fw%3Ard%3F%23", "p@ss/w:rd?#"),
        ("a:b", "a:b"),
        ("a@b", "a@b"),
        ("a#b", "a#b"),
        ("%C3%BC", "ü"),
        ("a+b", "a+b"),
    ] {
        let target = parse(&format!("postgresql://u:{written}@h/d"));
        assert_eq!(target.password, Some(Secret(meant.to_owned())), "{written}");
        assert_eq!(target.hosts, [tcp("h", 5432)]);
    }
    assert_eq!(
        parse("postgresql://u@h/d?password=a@b").password,
        Some(Secret("a@b".to_owned()))
    );
    assert_eq!(parse("postgresql://u:@h/d").password, None);
    assert_eq!(
        parse(r"user=u password='it\'s \\ x' host=h").password,
        Some(Secret(r"it's \ x".to_owned()))
    );
}

#[test]
fn what_cannot_be_read_says_why_and_keeps_quiet() {
    for (text, error) in [
        ("mysql://u:swordfish@h/d", TargetError::Scheme),
        ("prisma://accelerate.example/?api_key=swordfish", TargetError::Scheme),
        ("", TargetError::Scheme),
        ("swordfish", TargetError::Scheme),
        ("postgresql://u:sword/fish@h/d", TargetError::Unencoded),
        ("postgresql://u:sword?fish@h/d", TargetError::Unencoded),
        ("postgresql://u:sword@/fish@h/d", TargetError::Unencoded),
        ("postgresql://u:sword@?fish=@h/d", TargetError::Unencoded),
        (
            "postgresql://u:sword%fish@h/d",
            TargetError::Encoding {
                part: "password".into(),
            },
        ),
        ("postgresql://u:p@h:swordfish/d", TargetError::Port),
        ("postgresql://u:p@h:0/d", TargetError::Port),
        ("postgresql://u:p@[::1/d", TargetError::Bracket),
        ("postgresql://u:p@::1/d", TargetError::Port),
        (
            "postgresql://u:p@a,b/d?port=1,2,3",
            TargetError::Ports { hosts: 2, ports: 3 },
        ),
        ("password=swordfish swordfish", TargetError::Pairs),
        ("password='swordfish", TargetError::Pairs),
    ] {
        let found = Target::parse(text).unwrap_err();
        assert_eq!(found, error, "{text}");
        assert!(!format!("{found} {found:?}").contains("fish"), "{text}");
    }
    let found = Target::parse("postgresql://h/d?sslmode=yes").unwrap_err();
    assert!(found.to_string().contains("verify-full"));
}

#[test]
fn an_unknown_parameter_is_a_warning() {
    let target = parse("postgresql://h/d?supa=xyzzy&sslidentity=x.p12");
    assert_eq!(target.warnings.len(), 2);
    assert!(target.warnings[0].contains("supa") && !target.warnings[0].contains("xyzzy"));
}

#[test]
fn certificates_of_libpq_and_of_prisma() {
    let client = parse("postgresql://h/d?sslmode=verify-full&sslcert=me.pem&sslkey=me.key&sslrootcert=ca.pem").tls;
    assert_eq!(client.identity, Some(("me.pem".into(), "me.key".into())));
    assert_eq!(
        (client.roots, client.verify),
        (Some("ca.pem".into()), Verify::ChainAndName)
    );
    let require = parse("postgresql://h/d?sslmode=require&sslrootcert=ca.pem").tls;
    assert_eq!((require.mode, require.verify), (TlsMode::Require, Verify::Chain));
    let prisma = parse("postgresql://h/d?sslmode=require&sslcert=ca.pem").tls;
    assert_eq!((prisma.verify, prisma.roots), (Verify::Nothing, Some("ca.pem".into())));
    let system = parse("postgresql://h/d?sslrootcert=system").tls;
    assert_eq!((system.mode, system.verify), (TlsMode::Require, Verify::ChainAndName));
}

proptest! {
    /// Whatever the password, encoded or not, no rendering of the outcome contains it.
    #[test]
    fn no_rendering_contains_the_password(inside in "[ -~äß]{0,12}", encode in any::<bool>(), query in any::<bool>()) {
        let password = format!("Xq7{inside}Zw9");
        let written = if encode {
            percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC).to_string()
        } else {
            password.clone()
        };
        let text = if query {
            format!("postgresql://anna@db/shop?password={written}&schema=s")
        } else {
            format!("postgresql://anna:{written}@db/shop?schema=s")
        };
        let shown = match Target::parse(&text) {
            Ok(target) => {
                if encode {
                    prop_assert_eq!(&target.password, &Some(Secret(password.clone())));
                }
                format!("{target} {target:?} {target:#?} {} {:?}", target.place(), target.warnings)
            }
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains(&password) && !shown.contains(&written), "{}", shown);
    }
}
