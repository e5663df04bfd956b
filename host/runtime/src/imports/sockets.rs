//! `wasi:sockets`: TCP connections to what was granted, and the names that lead there.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fact_types::Resource;
use fact_types::capability::{HostPattern, NetGrant};
use url::Host;
use wasmtime::component::{HasData, Resource as Handle};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::SocketError;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    self, HostResolveAddressStream, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{
    self, ErrorCode, HostNetwork, IpAddress, IpAddressFamily, Network,
};
use wasmtime_wasi::p2::bindings::sockets::{tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtxView, WasiSocketsView};

use crate::Services;
use crate::grants::Grants;
use crate::state::State;
use crate::witness::Witness;

/// Opens what the grants name. Without one nothing is opened, and creating a socket already fails.
pub(crate) fn allow(wasi: &mut WasiCtxBuilder, grants: &Grants, witness: &Witness, services: &Arc<Services>) {
    wasi.allow_udp(false);
    wasi.allow_tcp(!grants.net.is_empty());
    wasi.allow_ip_name_lookup(!grants.net.is_empty());
    if grants.net.is_empty() {
        return;
    }
    let (net, services) = (Arc::clone(&grants.net), Arc::clone(services));
    let witness = witness.clone();
    wasi.socket_addr_check(move |address, using| {
        let (net, services) = (Arc::clone(&net), Arc::clone(&services));
        let witness = witness.clone();
        Box::pin(async move {
            let peer = Resource::Net {
                peer: address.to_string(),
            };
            match using {
                SocketAddrUse::TcpConnect if allowed(&services, &net, address).await => {
                    // What is sent can't be taken back.
                    let may = witness.may_write(&peer);
                    if may {
                        witness.wrote(peer);
                    }
                    may
                }
                // Binding to "any address, any port" is what a connecting socket does before it connects.
                SocketAddrUse::TcpBind if address.ip().is_unspecified() && address.port() == 0 => true,
                _ => {
                    witness.denied(peer);
                    false
                }
            }
        }) as Pin<Box<dyn Future<Output = bool> + Send + Sync>>
    });
}

async fn allowed(services: &Arc<Services>, net: &Arc<[NetGrant]>, address: SocketAddr) -> bool {
    let (ip, port) = (address.ip(), address.port());
    let on_port: Vec<NetGrant> = net.iter().filter(|grant| grant.port == port).cloned().collect();
    for grant in on_port {
        let (named, exact) = match &grant.host {
            HostPattern::Any => (true, None),
            HostPattern::Ip(own) => (*own == ip, Some(*own)),
            HostPattern::Name(name) => (resolves_to(services, net, name, address).await, None),
            // An address tells no name, so there is nothing to compare a pattern of names with.
            HostPattern::Below(_) => (false, None),
        };
        if named && fact_egress::check_address(ip, grant.private, exact).is_ok() {
            return true;
        }
    }
    false
}

/// Longest time for a name's addresses while a connection waits.
const LOOKUP: Duration = Duration::from_secs(5);

/// Whether a granted name stands for an address at this moment, all of its addresses being allowed. In a task of its own,
/// since a lookup can't be shared between threads and this check must be.
async fn resolves_to(
    services: &Arc<Services>,
    net: &Arc<[NetGrant]>,
    name: &str,
    address: SocketAddr,
) -> bool {
    let (services, net, name) = (Arc::clone(services), Arc::clone(net), name.to_owned());
    let lookup = tokio::spawn(async move {
        services
            .egress
            .resolve_for_net(&net, &name, Some(address.port()), LOOKUP)
            .await
    });
    matches!(lookup.await, Ok(Ok(found)) if found.contains(&address.ip()))
}

pub(crate) struct HasLookup;

impl HasData for HasLookup {
    type Data<'a> = Lookup<'a>;
}

/// Name lookup for granted names only: a lookup is a message to whoever runs the name's zone.
pub(crate) struct Lookup<'a> {
    net: Arc<[NetGrant]>,
    witness: Witness,
    wasi: WasiSocketsCtxView<'a>,
}

impl Lookup<'_> {
    pub(crate) fn of(state: &mut State) -> Lookup<'_> {
        Lookup {
            net: Arc::clone(&state.grants.net),
            witness: state.witness.clone(),
            wasi: state.sockets(),
        }
    }
}

impl network::Host for Lookup<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.wasi, error)
    }

    fn network_error_code(&mut self, error: Handle<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.wasi, error)
    }
}

impl HostNetwork for Lookup<'_> {
    fn drop(&mut self, network: Handle<Network>) -> wasmtime::Result<()> {
        HostNetwork::drop(&mut self.wasi, network)
    }
}

impl ip_name_lookup::Host for Lookup<'_> {
    fn resolve_addresses(
        &mut self,
        network: Handle<Network>,
        name: String,
    ) -> Result<Handle<ResolveAddressStream>, SocketError> {
        let host = Host::parse(&name).ok();
        let granted = host.as_ref().is_some_and(|host| {
            let host = match host {
                Host::Domain(name) => Host::Domain(name.as_str()),
                Host::Ipv4(ip) => Host::Ipv4(*ip),
                Host::Ipv6(ip) => Host::Ipv6(*ip),
            };
            self.net.iter().any(|grant| grant.host.matches(&host))
        });
        let peer = Resource::Net { peer: name.clone() };
        if !granted {
            self.witness.denied(peer);
            return Err(ErrorCode::AccessDenied.into());
        }
        self.witness.read(peer);
        ip_name_lookup::Host::resolve_addresses(&mut self.wasi, network, name)
    }
}

/// Sockets for whoever was granted a peer. A guest without one is refused before it says whom it wants to reach.
impl tcp_create_socket::Host for Lookup<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Result<Handle<TcpSocket>, SocketError> {
        if self.net.is_empty() {
            self.witness.denied(Resource::Net {
                peer: "tcp".to_owned(),
            });
            return Err(ErrorCode::AccessDenied.into());
        }
        tcp_create_socket::Host::create_tcp_socket(&mut self.wasi, family)
    }
}

/// Nothing opens UDP.
impl udp_create_socket::Host for Lookup<'_> {
    async fn create_udp_socket(&mut self, _: IpAddressFamily) -> Result<Handle<UdpSocket>, SocketError> {
        self.witness.denied(Resource::Net {
            peer: "udp".to_owned(),
        });
        Err(ErrorCode::AccessDenied.into())
    }
}

impl HostResolveAddressStream for Lookup<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Handle<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        self.wasi.resolve_next_address(stream)
    }

    fn subscribe(&mut self, stream: Handle<ResolveAddressStream>) -> wasmtime::Result<Handle<DynPollable>> {
        self.wasi.subscribe(stream)
    }

    fn drop(&mut self, stream: Handle<ResolveAddressStream>) -> wasmtime::Result<()> {
        HostResolveAddressStream::drop(&mut self.wasi, stream)
    }
}
