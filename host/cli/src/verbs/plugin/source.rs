//! Where a component is from, as people type it.

use std::path::PathBuf;

use fact_core::Source;
use fact_types::{Code, Digest};

use crate::failure::Failure;
use crate::screen::clean;

/// The source that was typed. `digest` is for addresses, which must have one.
pub(super) fn source(typed: &str, digest: Option<Digest>) -> Result<Source, Failure> {
    let source = named(typed, digest)?;
    Ok(match digest {
        Some(digest) => Source::Pinned {
            source: Box::new(source),
            digest,
        },
        None => source,
    })
}

fn named(typed: &str, digest: Option<Digest>) -> Result<Source, Failure> {
    if typed.starts_with("https://") {
        return match digest {
            Some(digest) => Ok(Source::Url {
                url: typed.to_owned(),
                digest,
            }),
            None => Err(Failure::new(
                Code::InvalidInput,
                "A component from the network needs its digest, so that nobody can give you another one.",
            )
            .hint("Ask whoever publishes it, and add: --digest sha256:…")),
        };
    }
    if typed.starts_with("http://") {
        return Err(Failure::new(
            Code::InvalidInput,
            "Components are fetched by https only, or from a file.",
        ));
    }
    let Some(name) = typed.strip_prefix("builtin:") else {
        if let Some(builtin) = fact_bundle::builtin(typed).filter(|_| !PathBuf::from(typed).exists()) {
            return Err(
                Failure::new(Code::NotFound, format!("There is no file `{}`.", clean(typed))).hint(format!(
                    "The plugin that comes with the program is called builtin:{}.",
                    builtin.name
                )),
            );
        }
        return Ok(Source::File(PathBuf::from(typed)));
    };
    match fact_bundle::builtin(name) {
        Some(builtin) => Ok(Source::Bytes {
            label: typed.to_owned(),
            bytes: builtin.bytes.to_vec(),
        }),
        None => {
            let names: Vec<String> = fact_bundle::BUILTINS
                .iter()
                .map(|b| format!("builtin:{}", b.name))
                .collect();
            Err(
                Failure::new(Code::NotFound, format!("There is no `{}`.", clean(typed)))
                    .hint(format!("There are {}.", names.join(", "))),
            )
        }
    }
}
