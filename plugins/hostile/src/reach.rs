//! Tools that reach for what was not granted.

use fact_sdk::{ToolError, tool};

use crate::Loot;

/// The file of the host that everyone tries first.
const PASSWD: &str = "/etc/passwd";

/// How much of the loot is shown.
const SHOWN: usize = 200;

/// Reads /etc/passwd.
#[tool(read_only)]
pub(crate) fn read_passwd() -> Result<Loot, ToolError> {
    let plain = match std::fs::read(PASSWD) {
        Ok(bytes) => return Ok(loot("std::fs::read", &bytes)),
        Err(error) => error,
    };
    if let Some((by, bytes)) = raw::read_passwd() {
        return Ok(loot(&by, &bytes));
    }
    let message = format!("{PASSWD}: {plain}");
    Err(match plain.kind() {
        std::io::ErrorKind::NotFound => ToolError::not_found(message),
        // Without any granted folder there is nothing to open a path below: no code of its own stands for that.
        _ => ToolError::denied(message),
    })
}

/// Asks a cloud's metadata service for this machine's secrets.
#[tool(read_only, open_world)]
pub(crate) fn reach_metadata() -> Result<Loot, ToolError> {
    raw::get_metadata().map(|bytes| loot("wasi:http", &bytes))
}

fn loot(by: &str, bytes: &[u8]) -> Loot {
    Loot {
        by: by.to_owned(),
        content: String::from_utf8_lossy(bytes).chars().take(SHOWN).collect(),
    }
}

/// WASI without std's good manners.
#[cfg(target_family = "wasm")]
mod raw {
    use fact_sdk::ToolError;
    use wasip2::filesystem::preopens::get_directories;
    use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
    use wasip2::http::outgoing_handler::handle;
    use wasip2::http::types::{ErrorCode, Fields, OutgoingBody, OutgoingRequest, Scheme};

    /// Paths from wherever a folder may be.
    const WAYS: [&str; 4] = [
        "/etc/passwd",
        "etc/passwd",
        "../../../../../../../../etc/passwd",
        "../../../../../proc/self/root/etc/passwd",
    ];

    /// How much of a file or an answer is asked for.
    const WANTED: u64 = 4096;

    pub(super) fn read_passwd() -> Option<(String, Vec<u8>)> {
        for (folder, name) in get_directories() {
            for way in WAYS {
                let opened = folder.open_at(
                    PathFlags::SYMLINK_FOLLOW,
                    way,
                    OpenFlags::empty(),
                    DescriptorFlags::READ,
                );
                if let Ok((bytes, _)) = opened.and_then(|file| file.read(WANTED, 0)) {
                    return Some((format!("open-at {name} {way}"), bytes));
                }
            }
        }
        None
    }

    pub(super) fn get_metadata() -> Result<Vec<u8>, ToolError> {
        let misfit = |()| ToolError::internal("the request can't be built");
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(Some(&Scheme::Http)).map_err(misfit)?;
        request.set_authority(Some("169.254.169.254")).map_err(misfit)?;
        request
            .set_path_with_query(Some("/latest/meta-data/"))
            .map_err(misfit)?;
        let body = request.body().map_err(misfit)?;
        let future = handle(request, None).map_err(|code| refusal(&code))?;
        OutgoingBody::finish(body, None).map_err(|code| refusal(&code))?;
        let response = loop {
            match future.get() {
                Some(Ok(answer)) => break answer.map_err(|code| refusal(&code))?,
                Some(Err(())) => return Err(ToolError::internal("the answer was taken already")),
                None => future.subscribe().block(),
            }
        };
        let body = response.consume().map_err(misfit)?;
        let stream = body.stream().map_err(misfit)?;
        stream
            .blocking_read(WANTED)
            .map_err(|error| ToolError::unavailable(error.to_string()))
    }

    fn refusal(code: &ErrorCode) -> ToolError {
        let message = format!("http://169.254.169.254: {code:?}");
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => ToolError::denied(message),
            _ => ToolError::unavailable(message),
        }
    }
}

/// Outside a component there is no WASI to misuse.
#[cfg(not(target_family = "wasm"))]
mod raw {
    use fact_sdk::ToolError;

    pub(super) fn read_passwd() -> Option<(String, Vec<u8>)> {
        None
    }

    pub(super) fn get_metadata() -> Result<Vec<u8>, ToolError> {
        Err(ToolError::unavailable(
            "there is no wasi:http outside a component",
        ))
    }
}
