//! A host for a moment: a folder of its own, nothing granted to anyone, and gone afterwards.

use std::path::PathBuf;
use std::sync::Arc;

use fact_core::{Config, Host, InstallOptions, Plugin, Source};
use fact_types::{Code, Error, Limits};

/// A host that leaves nothing behind.
pub(crate) struct Scratch {
    pub(crate) host: Arc<Host>,
    _folder: tempfile::TempDir,
}

impl Scratch {
    /// Opens one, with these bounds for each call, which compiles with this program.
    pub(crate) async fn open(limits: Limits, compiler: Option<PathBuf>) -> Result<Self, Error> {
        let opened = tokio::task::spawn_blocking(move || {
            let folder = tempfile::Builder::new()
                .prefix("fact-author-")
                .tempdir()
                .map_err(|error| {
                    Error::new(
                        Code::Unavailable,
                        format!("No temporary folder can be made: {}.", error.kind()),
                    )
                })?;
            let mut config = Config {
                limits,
                compiler,
                ..Config::in_folder(folder.path())
            };
            // Each call is a trial of its own.
            config.cache.enabled = false;
            let host = Host::open(config).map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a host for a moment can't be opened"
                );
                Error::new(Code::Unavailable, format!("No host can be opened: {error}."))
            })?;
            Ok(Scratch {
                host: Arc::new(host),
                _folder: folder,
            })
        });
        opened.await.unwrap_or_else(|error| {
            tracing::error!(%error, "opening a host for a moment failed");
            Err(Error::internal())
        })
    }

    /// Loads a component as every host does, with nothing granted.
    pub(crate) async fn install(&self, bytes: Vec<u8>) -> Result<Arc<Plugin>, Error> {
        let source = Source::Bytes {
            label: "component".to_owned(),
            bytes,
        };
        self.host
            .registry()
            .install(source, InstallOptions::default())
            .await
    }
}
