//! From a project to a component that says what it is.

use std::io::Write;
use std::path::PathBuf;

use fact_component::{Inspection, embed_manifest, embed_texts, inspect};
use fact_types::{Code, Error, Limits, Manifest};

use crate::scratch::Scratch;
use crate::{Project, cargo};

/// How to build.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Where the component goes. None: `NAME.wasm` in the project's folder.
    pub out: Option<PathBuf>,
    /// Rather soon than small and fast.
    pub quick: bool,
    /// The program that compiles components, as for a host. None: this process compiles, without a bound on time and memory.
    pub compiler: Option<PathBuf>,
}

/// A component that was built, and that a host loads.
#[derive(Debug, Clone)]
pub struct Built {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// What its bytes say.
    pub inspection: Inspection,
    /// What it says about itself.
    pub manifest: Manifest,
}

/// Builds a project: compiles it, asks the component once, with nothing granted, what it is, writes the answer into it, and
/// loads the result.
///
/// # Errors
/// `unavailable` when cargo is missing or a file can't be written; `tool-failed` when it does not compile; `bad-component`
/// when what was compiled is no plugin.
pub async fn build(project: &Project, options: &BuildOptions) -> Result<Built, Error> {
    let (compiling, quick) = (project.clone(), options.quick);
    let raw = blocking(move || {
        let path = cargo::compile(&compiling, quick)?;
        std::fs::read(&path).map_err(|error| {
            Error::new(
                Code::Unavailable,
                format!("`{}` can't be read: {}.", path.display(), error.kind()),
            )
        })
    })
    .await?;

    let manifest = {
        let scratch = Scratch::open(Limits::default(), options.compiler.clone()).await?;
        scratch.install(raw.clone()).await?.manifest.clone()
    };
    let (bytes, manifest) = complete(&raw, manifest, &project.said)?;
    // What was written must be what a host reads.
    let scratch = Scratch::open(Limits::default(), options.compiler.clone()).await?;
    let loaded = scratch.install(bytes.clone()).await?;
    if loaded.manifest.tools != manifest.tools {
        tracing::error!("the manifest that was written is read differently");
        return Err(Error::internal());
    }
    drop(scratch);

    let path = options
        .out
        .clone()
        .unwrap_or_else(|| project.folder.join(format!("{}.wasm", manifest.name)));
    let inspection = inspect(&bytes).map_err(bad)?;
    let (to, written) = (path.clone(), bytes.clone());
    blocking(move || replace(&to, &written)).await?;
    Ok(Built {
        path,
        bytes,
        inspection,
        manifest,
    })
}

/// Writes into a component what it says about itself and what its project says of it.
fn complete(
    raw: &[u8],
    mut manifest: Manifest,
    said: &[(&'static str, String)],
) -> Result<(Vec<u8>, Manifest), Error> {
    let inspection = inspect(raw).map_err(bad)?;
    manifest.imports = Some(
        inspection
            .imports
            .iter()
            .map(|interface| interface.name.clone())
            .collect(),
    );
    let mut texts: Vec<(&str, &str)> = vec![
        ("version", &manifest.version),
        ("description", &manifest.description),
        ("licenses", &manifest.license),
    ];
    texts.extend(said.iter().map(|(name, text)| (*name, text.as_str())));
    texts.retain(|(_, text)| !text.is_empty());
    let bytes = embed_texts(raw, &texts).map_err(bad)?;
    if !inspection.is_contract {
        // A host finds the tools of plain functions itself, and believes no manifest of theirs.
        return Ok((bytes, manifest));
    }
    let text = serde_json::to_string(&manifest).map_err(|_| Error::internal())?;
    Ok((embed_manifest(&bytes, &text).map_err(bad)?, manifest))
}

/// Puts a file in its place at once, so that whoever watches the folder never sees half of it.
fn replace(path: &std::path::Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => ".".as_ref(),
    };
    tempfile::NamedTempFile::new_in(folder)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            readable(file.as_file())?;
            file.persist(path)?;
            Ok(())
        })
        .map_err(|error| {
            Error::new(
                Code::Unavailable,
                format!("`{}` can't be written: {}.", path.display(), error.kind()),
            )
        })
}

/// A temporary file is for its owner alone; a component is for anyone who may read the folder.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

pub(crate) fn bad(error: fact_component::InspectError) -> Error {
    Error::new(Code::BadComponent, error.to_string())
}

/// Runs something that blocks where that is fine.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a task failed");
        Err(Error::internal())
    })
}
