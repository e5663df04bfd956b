//! A component without the plugin contract, in the shape of many that other hosts' users have: one function of the world, and
//! `wasi:http` behind it.

// Outside a component there is nobody to export to.
#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "the generated half needs it"
)]

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, IncomingBody, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

wit_bindgen::generate!({
    inline: r#"
        package local:plain-fetch;

        world plain-fetch {
            /// Gets a page.
            export fetch: func(url: string) -> result<string, string>;
        }
    "#,
});

struct Component;

export!(Component);

impl Guest for Component {
    fn fetch(url: String) -> Result<String, String> {
        let (scheme, rest) = url.split_once("://").ok_or("a URL has a scheme")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        };
        let misfit = |()| "the host takes no such request".to_owned();
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(Some(&scheme)).map_err(misfit)?;
        request.set_authority(Some(authority)).map_err(misfit)?;
        request.set_path_with_query(Some(path)).map_err(misfit)?;
        let body = request.body().map_err(misfit)?;
        let answer = handle(request, None).map_err(|code| format!("{code:?}"))?;
        OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))?;
        answer.subscribe().block();
        let response = match answer.get() {
            Some(Ok(answer)) => answer.map_err(|code| format!("{code:?}"))?,
            _ => return Err("no answer came".to_owned()),
        };
        if response.status() != 200 {
            return Err(format!("status {}", response.status()));
        }
        read(response.consume().map_err(misfit)?)
    }
}

fn read(body: IncomingBody) -> Result<String, String> {
    let stream = body.stream().map_err(|()| "the body was taken already")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(format!("{error:?}")),
        }
    }
    String::from_utf8(bytes).map_err(|_| "the page is no text".to_owned())
}
