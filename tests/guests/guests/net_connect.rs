//! Reaches for the network below HTTP.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use fact_sdk::{ToolError, tool};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Way {
    Tcp,
    Udp,
    Listen,
    Lookup,
}

#[derive(Deserialize, JsonSchema)]
struct Args {
    /// What to try.
    way: Way,
    /// HOST:PORT.
    peer: String,
}

/// Tells what it got.
#[tool(open_world)]
fn run(args: Args) -> Result<String, ToolError> {
    let got = match args.way {
        Way::Tcp => TcpStream::connect(&args.peer).map(|stream| format!("{:?}", stream.peer_addr().ok())),
        Way::Udp => UdpSocket::bind("0.0.0.0:0")
            .and_then(|socket| socket.send_to(b"x", &args.peer))
            .map(|sent| format!("{sent} bytes")),
        Way::Listen => {
            TcpListener::bind(&args.peer).map(|listener| format!("{:?}", listener.local_addr().ok()))
        }
        Way::Lookup => args
            .peer
            .to_socket_addrs()
            .map(|found| format!("{:?}", found.collect::<Vec<_>>())),
    };
    got.map_err(|error| ToolError::denied(error.to_string()))
}

fact_sdk::plugin!(run; name = "net-connect");
