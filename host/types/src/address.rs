//! Which addresses a request may go to.
//!
//! Public unicast addresses are open. Everything else is closed unless the grant says `+private`, and some of it even then:
//! what is no destination at all, and the metadata services of clouds, which hand their machine's keys to whoever asks.
//! IPv6 is judged the other way round: outside `2000::/3` nothing is public, so new special ranges are closed from the start.

use ipnet::{Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// "This host", `0.0.0.0/8` and `::`: never a destination, though some systems take it for loopback.
    Unspecified,
    /// This machine.
    Loopback,
    /// Private networks, unique-local and site-local IPv6.
    Private,
    /// Link-local.
    LinkLocal,
    /// Between a provider and its customers (`100.64.0.0/10`).
    Shared,
    /// For documents and measurements.
    Documentation,
    /// Not assigned to the public internet.
    Reserved,
    /// IPv6 that stands for an IPv4 address: mapped, compatible, 6to4, Teredo, NAT64.
    Translated,
    /// A group of machines. Never open.
    Multicast,
    /// Every machine. Never open.
    Broadcast,
    /// A cloud's metadata service. Open only to a grant that names this address and says `+private`.
    Metadata,
}

impl Refusal {
    /// Whether `+private` changes nothing about it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Refusal::Unspecified | Refusal::Multicast | Refusal::Broadcast | Refusal::Metadata
        )
    }
}

impl fmt::Display for Refusal {
    /// Says no more than that, since the guest knows the name and not the network behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_final() {
            "its address is one that grants do not open"
        } else {
            "its address is not public, and the grant does not say +private"
        })
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)
}

const fn v6(a: u16, b: u16, c: u16, len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), len)
}

const fn low(f: u16, g: u16, h: u16, len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, f, g, h), len)
}

/// The first entry that holds the address counts.
const CLOSED_V4: [(Ipv4Net, Refusal); 16] = [
    (v4(0, 0, 0, 0, 8), Refusal::Unspecified),
    (v4(10, 0, 0, 0, 8), Refusal::Private),
    (v4(100, 64, 0, 0, 10), Refusal::Shared),
    (v4(127, 0, 0, 0, 8), Refusal::Loopback),
    (v4(169, 254, 0, 0, 16), Refusal::LinkLocal),
    (v4(172, 16, 0, 0, 12), Refusal::Private),
    (v4(192, 0, 0, 0, 24), Refusal::Reserved),
    (v4(192, 0, 2, 0, 24), Refusal::Documentation),
    // The retired anycast address of 6to4 relays.
    (v4(192, 88, 99, 0, 24), Refusal::Reserved),
    (v4(192, 168, 0, 0, 16), Refusal::Private),
    (v4(198, 18, 0, 0, 15), Refusal::Documentation),
    (v4(198, 51, 100, 0, 24), Refusal::Documentation),
    (v4(203, 0, 113, 0, 24), Refusal::Documentation),
    (v4(224, 0, 0, 0, 4), Refusal::Multicast),
    (v4(255, 255, 255, 255, 32), Refusal::Broadcast),
    (v4(240, 0, 0, 0, 4), Refusal::Reserved),
];

/// The first entry that holds the address counts.
const CLOSED_V6: [(Ipv6Net, Refusal); 16] = [
    (low(0, 0, 0, 128), Refusal::Unspecified),
    (low(0, 0, 1, 128), Refusal::Loopback),
    (low(0, 0, 0, 96), Refusal::Translated),
    (low(0xffff, 0, 0, 96), Refusal::Translated),
    (v6(0x64, 0xff9b, 0, 96), Refusal::Translated),
    (v6(0x64, 0xff9b, 1, 48), Refusal::Translated),
    (v6(0x2001, 0, 0, 32), Refusal::Translated),
    (v6(0x2002, 0, 0, 16), Refusal::Translated),
    (v6(0x2001, 2, 0, 48), Refusal::Documentation),
    (v6(0x2001, 0xdb8, 0, 32), Refusal::Documentation),
    (v6(0x3fff, 0, 0, 20), Refusal::Documentation),
    (v6(0x2001, 0, 0, 23), Refusal::Reserved),
    (v6(0xfc00, 0, 0, 7), Refusal::Private),
    (v6(0xfe80, 0, 0, 10), Refusal::LinkLocal),
    (v6(0xfec0, 0, 0, 10), Refusal::Private),
    (v6(0xff00, 0, 0, 8), Refusal::Multicast),
];

const PUBLIC_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// Where machines in clouds ask for their own name, settings and keys.
const METADATA: [IpAddr; 11] = [
    // The common one: AWS, Azure, Google, OpenStack and others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: name server, containers, pods.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Oracle.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // Azure's host agent, which has a public address.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Whether a connection may go to an address.
///
/// `private` says whether a grant that covers the request says `+private`; `named` is the address that such a grant has
/// as its host, if it has one.
///
/// # Errors
/// The kind of address, where it is closed.
///
/// ```
/// use fact_types::{Refusal, check_address};
/// assert_eq!(check_address("172.32.0.1".parse()?, false, None), Ok(()));
/// assert_eq!(check_address("172.31.0.1".parse()?, false, None), Err(Refusal::Private));
/// assert_eq!(check_address("::ffff:169.254.169.254".parse()?, true, None), Err(Refusal::Metadata));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn check_address(ip: IpAddr, private: bool, named: Option<IpAddr>) -> Result<(), Refusal> {
    let by_name = private && named == Some(ip);
    judge(ip, private, by_name)?;
    let IpAddr::V6(ip) = ip else { return Ok(()) };
    embedded(ip)
        .into_iter()
        .flatten()
        .try_for_each(|inner| judge(IpAddr::V4(inner), private, by_name))
}

fn judge(ip: IpAddr, private: bool, by_name: bool) -> Result<(), Refusal> {
    match class(ip) {
        Some(Refusal::Metadata) if by_name => Ok(()),
        Some(refusal) if refusal.is_final() || !private => Err(refusal),
        _ => Ok(()),
    }
}

/// What kind of closed address this is, if it is one.
fn class(ip: IpAddr) -> Option<Refusal> {
    if METADATA.contains(&ip) {
        return Some(Refusal::Metadata);
    }
    match ip {
        IpAddr::V4(ip) => CLOSED_V4
            .iter()
            .find(|(net, _)| net.contains(&ip))
            .map(|(_, refusal)| *refusal),
        IpAddr::V6(ip) => CLOSED_V6
            .iter()
            .find(|(net, _)| net.contains(&ip))
            .map(|(_, refusal)| *refusal)
            .or_else(|| (!PUBLIC_V6.contains(&ip)).then_some(Refusal::Reserved)),
    }
}

/// The IPv4 addresses that an IPv6 address may lead to.
fn embedded(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let join = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    let nonzero = |ip: Option<Ipv4Addr>| ip.filter(|ip| !ip.is_unspecified());
    match (a, b) {
        // `::` and `::1` are themselves.
        (0, 0) if [c, d, e, f, g] == [0; 5] && h <= 1 => [None, None],
        (0, 0) if [c, d, e] == [0; 3] && (f == 0 || f == 0xffff) => [join(g, h), None],
        // Networks choose where in this prefix the address stands; the two usual places, where something is there.
        (0x64, 0xff9b) if c == 1 => [nonzero(join(g, h)), nonzero(join(d, (e << 8) | (f >> 8)))],
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => [join(g, h), None],
        (0x2002, _) => [join(b, c), None],
        // Teredo: the server, and the client with its bits turned over.
        (0x2001, 0) => [join(c, d), join(!g, !h)],
        _ => [None, None],
    }
}
