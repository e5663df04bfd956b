//! Effects as people type them: as the host prints them.

use fact_types::Resource;

/// Why a text is no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no effect; one is written as receipts show it: `http GET https://HOST/PATH`, `sql DATABASE/TABLE`, `file /PATH`, \
     `net HOST:PORT`, `kv BUCKET/KEY`, `env NAME`, `secret NAME`, `tool NAME`, `clock wall`, `host registry`, `random` or \
     `model`"
)]
pub struct EffectError;

/// Reads an effect's resource from the text that it is shown as.
///
/// # Errors
/// When the text is none.
pub fn parse_effect(text: &str) -> Result<Resource, EffectError> {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.to_owned();
    Ok(match (kind, rest.is_empty()) {
        ("random", true) => Resource::Random,
        ("model", true) => Resource::Model,
        (_, true) => return Err(EffectError),
        ("http", _) => {
            let (method, url) = rest.split_once(' ').ok_or(EffectError)?;
            Resource::Http {
                method: method.to_owned(),
                url: url.to_owned(),
            }
        }
        ("sql", _) => {
            let (database, table) = rest.split_once('/').unwrap_or((&rest, ""));
            Resource::Sql {
                database: database.to_owned(),
                table: table.to_owned(),
            }
        }
        ("kv", _) => {
            let (bucket, key) = rest.split_once('/').ok_or(EffectError)?;
            Resource::Kv {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            }
        }
        ("file", _) => Resource::File { path: rest },
        ("net", _) => Resource::Net { peer: rest },
        ("env", _) => Resource::Env { name: rest },
        ("secret", _) => Resource::Secret { name: rest },
        ("tool", _) => Resource::Tool { name: rest },
        ("clock", _) => Resource::Clock { name: rest },
        ("host", _) => Resource::Host { name: rest },
        _ => return Err(EffectError),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_effect_comes_back_as_it_is_shown() {
        for text in [
            "http GET https://a.example/x",
            "sql finance",
            "sql finance/companies",
            "file /srv/my data/x",
            "net 10.0.0.1:80",
            "kv notes/a/b",
            "env TZ",
            "secret KEY",
            "tool util_hash",
            "clock wall",
            "host metrics",
            "random",
            "model",
        ] {
            assert_eq!(
                parse_effect(text).map(|found| found.to_string()).as_deref(),
                Ok(text)
            );
        }
        for text in [
            "",
            "http",
            "http GET",
            "sql",
            "kv notes",
            "random dice",
            "shell ls",
        ] {
            assert_eq!(parse_effect(text), Err(EffectError), "{text}");
        }
    }
}
