//! Which addresses are open.

use fact_egress::check_address;

/// Address, open to every grant, open to a `+private` grant.
const ADDRESSES: &[(&str, bool, bool)] = &[
    ("1.1.1.1", true, true),
    ("8.8.8.8", true, true),
    ("9.255.255.255", true, true),
    ("11.0.0.0", true, true),
    ("100.63.255.255", true, true),
    ("100.64.0.0", false, true),
    ("100.127.255.255", false, true),
    ("100.128.0.0", true, true),
    ("126.255.255.255", true, true),
    ("128.0.0.0", true, true),
    ("169.253.255.255", true, true),
    ("169.254.0.1", false, true),
    ("169.255.0.0", true, true),
    ("172.15.255.255", true, true),
    ("172.16.0.0", false, true),
    ("172.20.10.1", false, true),
    ("172.31.255.255", false, true),
    ("172.32.0.0", true, true),
    ("172.217.16.14", true, true),
    ("191.255.255.255", true, true),
    ("192.0.0.8", false, true),
    ("192.0.1.1", true, true),
    ("192.0.2.1", false, true),
    ("192.88.99.1", false, true),
    ("192.167.255.255", true, true),
    ("192.168.0.1", false, true),
    ("192.169.0.0", true, true),
    ("198.17.255.255", true, true),
    ("198.18.0.0", false, true),
    ("198.20.0.0", true, true),
    ("203.0.112.255", true, true),
    ("203.0.113.0", false, true),
    ("223.255.255.255", true, true),
    ("224.0.0.0", false, false),
    ("239.255.255.255", false, false),
    ("240.0.0.0", false, true),
    ("255.255.255.255", false, false),
    ("0.0.0.0", false, false),
    ("169.254.169.254", false, false),
    ("169.254.170.2", false, false),
    ("169.254.170.23", false, false),
    ("100.100.100.200", false, false),
    ("100.100.100.201", false, true),
    ("192.0.0.192", false, false),
    ("168.63.129.16", false, false),
    ("168.63.129.17", true, true),
    ("2606:4700::6810:85e5", true, true),
    ("2a00:1450:4001:80e::200e", true, true),
    ("2001:4860:4860::8888", true, true),
    ("2001:200::1", true, true),
    ("::", false, false),
    ("::1", false, true),
    ("::2", false, false),
    ("::ffff:8.8.8.8", false, true),
    ("::ffff:127.0.0.1", false, true),
    ("::ffff:255.255.255.255", false, false),
    ("64:ff9b::808:808", false, true),
    ("64:ff9b::e000:1", false, false),
    ("64:ff9b:1::a00:1", false, true),
    ("64:ff9b:1:a00:0:100::", false, true),
    ("64:ff9b:2::1", false, true),
    ("100::1", false, true),
    ("2001::1", false, false),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false, true),
    ("2001:2::1", false, true),
    ("2001:10::1", false, true),
    ("2001:20::1", false, true),
    ("2001:db8:ffff::1", false, true),
    ("2001:db9::1", true, true),
    ("2002:808:808::1", false, true),
    ("2003::1", true, true),
    ("3ffe::1", true, true),
    ("3fff::1", false, true),
    ("4000::", false, true),
    ("5f00::1", false, true),
    ("fbff::1", false, true),
    ("fc00::1", false, true),
    ("fdff:ffff::1", false, true),
    ("fe80::1", false, true),
    ("febf::1", false, true),
    ("fec0::1", false, true),
    ("ff00::1", false, false),
    ("ff0e::1", false, false),
    ("fd00:ec2::254", false, false),
    ("fd00:ec2::23", false, false),
    ("fd20:ce::254", false, false),
];

#[test]
fn addresses() {
    for (text, open, private) in ADDRESSES {
        let ip = text.parse().unwrap();
        assert_eq!(check_address(ip, false, None).is_ok(), *open, "{text}");
        assert_eq!(
            check_address(ip, true, None).is_ok(),
            *private,
            "{text} with +private"
        );
    }
}

#[test]
fn metadata_only_by_its_own_name() {
    let metadata = "169.254.169.254".parse().unwrap();
    let other = "169.254.169.253".parse().unwrap();
    assert!(check_address(metadata, true, Some(metadata)).is_ok());
    assert!(check_address(metadata, false, Some(metadata)).is_err());
    assert!(check_address(other, true, Some(metadata)).is_err());
    let mapped = "::ffff:169.254.169.254".parse().unwrap();
    assert!(check_address(mapped, true, Some(metadata)).is_err());
    let group = "224.0.0.1".parse().unwrap();
    assert!(check_address(group, true, Some(group)).is_err());
}
