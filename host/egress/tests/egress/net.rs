//! Addresses for connections below HTTP.

use fact_egress::{Egress, EgressError, Reason, Refusal};
use std::time::Duration;

use crate::support::*;

#[tokio::test]
async fn resolving_for_sockets() {
    let names = Names::default()
        .with("db.internal", &[&["10.0.0.5", "fd00::5"]])
        .with("public.example", &[&["8.8.8.8"]]);
    let egress = Egress::new(config(names)).unwrap();
    let grants = net_grants(&[
        "net:tcp:db.internal:5432+private",
        "net:tcp:public.example:443",
        "net:tcp:127.0.0.1:6379+private",
        "net:tcp:10.0.0.9:1",
    ]);
    let closed = |refusal| Some(Reason::Address(refusal));
    let not_granted = Some(Reason::NotGranted);
    type Case = (&'static str, Option<u16>, &'static [&'static str], Option<Reason>);
    let cases: [Case; 10] = [
        ("db.internal", Some(5432), &["10.0.0.5", "fd00::5"], None),
        ("DB.internal.", None, &["10.0.0.5", "fd00::5"], None),
        ("db.internal", Some(5433), &[], not_granted),
        ("public.example", Some(443), &["8.8.8.8"], None),
        ("127.0.0.1", Some(6379), &["127.0.0.1"], None),
        ("0x7f.1", Some(6379), &["127.0.0.1"], None),
        ("127.0.0.2", Some(6379), &[], not_granted),
        ("::ffff:127.0.0.1", Some(6379), &[], not_granted),
        ("10.0.0.9", Some(1), &[], closed(Refusal::Private)),
        ("localhost", None, &[], not_granted),
    ];
    for (host, port, addresses, refused) in cases {
        let found = egress
            .resolve_for_net(&grants, host, port, Duration::from_secs(1))
            .await;
        match (found, refused) {
            (Ok(found), None) => {
                let expected: Vec<std::net::IpAddr> =
                    addresses.iter().map(|ip| ip.parse().unwrap()).collect();
                assert_eq!(found, expected, "{host}");
            }
            (Err(EgressError::Denied { why, .. }), Some(expected)) => assert_eq!(why, expected, "{host}"),
            (other, _) => panic!("{host}: {other:?}"),
        }
    }
    let odd = egress
        .resolve_for_net(&grants, "a b", None, Duration::from_secs(1))
        .await;
    assert!(matches!(odd, Err(EgressError::InvalidUrl(_))), "{odd:?}");
}
