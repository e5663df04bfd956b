//! Where a component comes from, and how its bytes are had.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fact_egress::{Egress, Timeouts};
use fact_types::capability::HttpGrant;
use fact_types::{Capability, Code, Digest, Error};
use http_body_util::{BodyExt, Empty};

/// Most redirects that a download follows. Release pages of code hosts need two.
const REDIRECTS_MAX: usize = 5;

/// Where a component comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file, or a folder with one component in it.
    File(PathBuf),
    /// An `https` address. What is there must have this digest, whoever serves it.
    Url {
        /// The address.
        url: String,
        /// SHA-256 of the component.
        digest: Digest,
    },
    /// Another source, of which the component must have this digest.
    Pinned {
        /// Where it comes from.
        source: Box<Source>,
        /// SHA-256 of the component.
        digest: Digest,
    },
    /// Bytes that the host has already, with a name for them, such as `builtin:sql`.
    Bytes {
        /// What to call the source.
        label: String,
        /// The component.
        bytes: Vec<u8>,
    },
}

/// A component's bytes, and what to call where they are from.
pub(crate) struct Fetched {
    pub(crate) label: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    /// The name of the file without its ending, where there was one.
    pub(crate) stem: Option<String>,
}

impl Source {
    /// Gets the bytes, at most `most` of them.
    pub(crate) async fn fetch(self, egress: &Egress, most: usize) -> Result<Fetched, Error> {
        match self {
            Source::Bytes { label, bytes } if bytes.len() > most => Err(too_large(&label, most)),
            Source::Bytes { label, bytes } => Ok(Fetched {
                digest: Digest::of(&bytes),
                stem: label.rsplit(':').next().map(str::to_owned),
                label,
                bytes,
            }),
            Source::File(path) => crate::blocking(move || read(&path, most)).await,
            Source::Pinned { source, digest } => {
                let fetched = Box::pin(source.fetch(egress, most)).await?;
                same(&fetched.label, fetched.digest, digest)?;
                Ok(fetched)
            }
            Source::Url { url, digest } => {
                let bytes = download(egress, &url, most).await?;
                same(&shown(&url), Digest::of(&bytes), digest)?;
                let stem = url
                    .split(['?', '#'])
                    .next()
                    .and_then(|path| path.rsplit('/').next())
                    .map(|file| file.strip_suffix(".wasm").unwrap_or(file).to_owned());
                Ok(Fetched {
                    label: shown(&url),
                    bytes,
                    digest,
                    stem,
                })
            }
        }
    }
}

/// What was found must be what was asked for.
fn same(label: &str, found: Digest, wanted: Digest) -> Result<(), Error> {
    if found == wanted {
        return Ok(());
    }
    Err(Error::new(
        Code::BadComponent,
        format!(
            "What is at `{label}` has the digest sha256:{found}, not the one that was asked for. Nothing was installed."
        ),
    ))
}

/// An address as it may be kept and shown: without its query, which may hold a key, and without user and password.
fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}").escape_debug().to_string()
        }
        None => plain.escape_debug().to_string(),
    }
}

fn read(path: &Path, most: usize) -> Result<Fetched, Error> {
    let shown = path.display().to_string();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(Code::NotFound, format!("There is no file `{shown}`.")),
        kind => Error::new(Code::Unavailable, format!("`{shown}` can't be read: {kind}.")),
    };
    // Looked at before it is opened: opening a pipe waits for someone to write.
    let kind = std::fs::metadata(path).map_err(failed)?;
    if kind.is_dir() {
        let file = only_component(path)?;
        return read(&file, most);
    }
    if !kind.is_file() {
        return Err(Error::new(
            Code::InvalidInput,
            format!("`{shown}` is no regular file."),
        ));
    }
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more.
    file.take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > most {
        return Err(too_large(&shown, most));
    }
    let label = std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string();
    Ok(Fetched {
        digest: Digest::of(&bytes),
        stem: path.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        label,
        bytes,
    })
}

fn too_large(shown: &str, most: usize) -> Error {
    Error::new(
        Code::BadComponent,
        format!(
            "`{shown}` is larger than {most} bytes, which is the most that a component may have here. Build it for size, or \
             raise `install.component_size` in the configuration."
        ),
    )
}

/// The one component in a folder.
fn only_component(folder: &Path) -> Result<PathBuf, Error> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Error::new(
            Code::Unavailable,
            format!("The folder `{shown}` can't be read: {}.", error.kind()),
        )
    })?;
    let mut found = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    match (found.next(), found.next()) {
        (Some(file), None) => Ok(file),
        (None, _) if folder.join("Cargo.toml").exists() => Err(Error::new(
            Code::InvalidInput,
            format!("`{shown}` is a project that is not built. Run `fact plugin build {shown}` first."),
        )),
        (None, _) => Err(Error::new(
            Code::InvalidInput,
            format!("The folder `{shown}` holds no .wasm file."),
        )),
        (Some(_), Some(_)) => Err(Error::new(
            Code::InvalidInput,
            format!("The folder `{shown}` holds more than one .wasm file; name one of them."),
        )),
    }
}

async fn download(egress: &Egress, url: &str, most: usize) -> Result<Vec<u8>, Error> {
    let named = host(url);
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        // Whoever installs names the host, private or not. Where it redirects to was not named, and must be public.
        let response = get(egress, &url, host(&url) == named).await?;
        let status = response.status();
        if status.is_redirection() {
            let next = response
                .headers()
                .get(http::header::LOCATION)
                .and_then(|location| location.to_str().ok())
                .ok_or_else(|| failed(&url, "it redirects to nowhere"))?;
            url = url::Url::parse(&url)
                .and_then(|base| base.join(next))
                .map_err(|_| failed(&url, "it redirects to an address that is none"))?
                .into();
            continue;
        }
        if !status.is_success() {
            let why = format!("the server answers with status {}", status.as_u16());
            let mut error = failed(&url, &why);
            if matches!(status, http::StatusCode::NOT_FOUND | http::StatusCode::GONE) {
                error.code = Code::NotFound;
            }
            return Err(error);
        }
        let body = http_body_util::Limited::new(response.into_body(), most);
        return match body.collect().await {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(too_large(&shown(&url), most))
            }
            Err(error) => {
                tracing::debug!(%error, "a download was cut");
                Err(failed(&url, "the download was cut; try again"))
            }
        };
    }
    Err(failed(&url, "it redirects too often"))
}

fn host(url: &str) -> Option<String> {
    Some(
        url::Url::parse(url)
            .ok()?
            .authority()
            .rsplit('@')
            .next()?
            .to_owned(),
    )
}

async fn get(
    egress: &Egress,
    url: &str,
    private: bool,
) -> Result<http::Response<fact_egress::ResponseBody>, Error> {
    let parsed = url::Url::parse(url).map_err(|_| failed(url, "that is no address"))?;
    if parsed.scheme() != "https" {
        return Err(Error::new(
            Code::InvalidInput,
            format!("`{}` is not fetched: only https addresses are.", shown(url)),
        ));
    }
    let grant = only(&parsed, private).ok_or_else(|| failed(url, "that is no address"))?;
    let request = http::Request::get(parsed.as_str())
        .header(
            http::header::ACCEPT,
            "application/wasm, application/octet-stream, */*",
        )
        .body(Empty::<Bytes>::new())
        .map_err(|_| failed(url, "that is no address"))?;
    let long = std::time::Duration::from_secs(60);
    let timeouts = Timeouts {
        connect: long,
        first_byte: long,
        between_bytes: long,
    };
    egress
        .send(&[grant], request, timeouts)
        .await
        .map_err(|error| failed(url, &error.to_string()))
}

/// A grant for one host.
fn only(url: &url::Url, private: bool) -> Option<HttpGrant> {
    let host = host(url.as_str())?;
    let text = format!(
        "http:GET:https://{host}/*{}",
        if private { "+private" } else { "" }
    );
    match text.parse() {
        Ok(Capability::Http(grant)) => Some(grant),
        _ => None,
    }
}

fn failed(url: &str, why: &str) -> Error {
    Error::new(
        Code::Unavailable,
        format!("`{}` can't be downloaded: {why}.", shown(url)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let error = read(Path::new("/dev/null"), 10).map(drop).unwrap_err();
        assert_eq!(error.code, Code::InvalidInput);
        assert!(error.message.contains("no regular file"), "{}", error.message);
    }

    #[test]
    fn a_folder_stands_for_the_one_component_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let check = |word: &str| {
            let error = read(folder.path(), 10).map(drop).unwrap_err();
            assert!(error.message.contains(word), "{}", error.message);
        };
        check("no .wasm file");
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        check("not built");
        std::fs::write(folder.path().join("a.wasm"), "12345").unwrap();
        let fetched = read(folder.path(), 10).unwrap();
        assert_eq!(
            (fetched.bytes.as_slice(), fetched.stem.as_deref()),
            (&b"12345"[..], Some("a"))
        );
        let error = read(folder.path(), 4).map(drop).unwrap_err();
        assert!(error.message.contains("larger than 4 bytes"), "{}", error.message);
        std::fs::write(folder.path().join("b.wasm"), "").unwrap();
        check("more than one");
    }

    #[test]
    fn an_address_is_kept_without_what_may_be_secret() {
        for (url, kept) in [
            (
                "https://example.com/a/b.wasm?token=x#y",
                "https://example.com/a/b.wasm",
            ),
            (
                "https://ann:secret@example.com/b.wasm",
                "https://example.com/b.wasm",
            ),
        ] {
            assert_eq!(shown(url), kept);
        }
    }
}
