//! From a source to a component that is known to work: inspected, compiled, described, checked and linked. Nothing is kept
//! yet but compiled code.

use std::sync::Arc;

use fact_component::Inspection;
use fact_runtime::{Compiled, Grants, LoadError};
use fact_store::PluginRow;
use fact_types::{Code, Digest, Error, Limits, Manifest, PluginName, Span};

use crate::manifest::{self, MAX_DESCRIPTION, MAX_WORDS};
use crate::plugin::Plugin;
use crate::source::{Fetched, Source};
use crate::{Registry, blocking, now};

/// A component that can be installed.
pub(crate) struct Prepared {
    pub(crate) name: PluginName,
    pub(crate) label: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) manifest: Manifest,
    /// The manifest as it is kept.
    pub(crate) text: String,
    /// What is odd and does no harm.
    pub(crate) warnings: Vec<String>,
}

/// How whoever installs can choose a name: what to advise where the plugin has none that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By saying so.
    Said,
    /// By the name of the file, for components that do not name themselves.
    File,
}

impl Prepared {
    /// The plugin as the store keeps it.
    pub(crate) fn row(&self) -> PluginRow {
        PluginRow {
            name: self.name.clone(),
            digest: self.digest,
            manifest: self.text.clone(),
            source: self.label.clone(),
            installed_at: now(),
            enabled: true,
            disabled_tools: Default::default(),
        }
    }
}

impl Registry {
    /// Makes a component ready. `name` is the name that it is to have, where that is settled.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        source: Source,
        name: Option<PluginName>,
        naming: Naming,
    ) -> Result<Prepared, Error> {
        let fetched = source.fetch(&self.downloads, self.component_size).await?;
        let digest = fetched.digest;
        let prepared = self.examine(fetched, name, naming).await;
        if prepared.is_err() {
            self.discard(&[digest]);
        }
        prepared
    }

    /// What a source would be installed as, and what is odd about it and does no harm, in sentences. Nothing is kept.
    ///
    /// # Errors
    /// As for [`Registry::install`].
    pub async fn preview(
        self: &Arc<Self>,
        source: Source,
        name: Option<PluginName>,
    ) -> Result<(Plugin, Vec<String>), Error> {
        let prepared = self.prepare(source, name, Naming::Said).await?;
        self.discard(&[prepared.digest]);
        let plugin = Plugin::new(prepared.row(), Vec::new(), &self.limits).map_err(|why| {
            tracing::error!(why, "what was verified can't be used");
            Error::internal()
        })?;
        Ok((plugin, prepared.warnings))
    }

    async fn examine(
        self: &Arc<Self>,
        fetched: Fetched,
        name: Option<PluginName>,
        naming: Naming,
    ) -> Result<Prepared, Error> {
        let limits = self.describing();
        let Fetched {
            label,
            bytes,
            digest,
            stem,
        } = fetched;
        let bytes = Arc::new(bytes);
        let (inspection, compiled) = {
            let (registry, bytes, limits) = (Arc::clone(self), Arc::clone(&bytes), limits.clone());
            blocking(move || {
                let inspection = fact_component::inspect(&bytes).map_err(|error| refused(&error))?;
                let compiled = registry
                    .runtime
                    .load(digest, &limits, || Ok(bytes.to_vec()))
                    .map_err(bad)?;
                Ok((inspection, compiled))
            })
            .await?
        };
        let said = match (&inspection.manifest, inspection.is_contract) {
            (_, false) => None,
            (Some(text), true) => Some(manifest::parse(text)?),
            (None, true) => Some(self.ask(&compiled, &limits).await?),
        };
        let wanted = said
            .as_ref()
            .map(|(said, _)| said.name.clone())
            .or_else(|| {
                inspection
                    .metadata
                    .name
                    .clone()
                    .filter(|name| slug(name).parse::<PluginName>().is_ok())
            })
            .or(stem);
        let name = match name {
            Some(name) => name,
            None => plugin_name(wanted.as_deref(), said.is_some(), naming)?,
        };
        let (mut manifest, warnings) = match said {
            Some(said) => said,
            None => (self.derive(&compiled, &inspection, &name)?, Vec::new()),
        };
        manifest::compare(&mut manifest, &inspection)?;
        let prepared = Prepared {
            text: serde_json::to_string(&manifest).map_err(|_| Error::internal())?,
            name,
            label,
            digest,
            bytes,
            manifest,
            warnings,
        };
        self.verify(&prepared, &compiled)?;
        Ok(prepared)
    }

    /// Asks a component, with nothing granted to it, what it is.
    async fn ask(&self, compiled: &Compiled, limits: &Limits) -> Result<(Manifest, Vec<String>), Error> {
        let linked = self
            .runtime
            .link(compiled, Grants::default(), limits)
            .map_err(bad)?;
        let text = self.runtime.describe(&linked, limits).await.map_err(|failure| {
            tracing::warn!(log = failure.log, "a component failed to describe itself");
            Error::new(
                Code::BadComponent,
                format!(
                    "The component can't say what it is ({}): {} Its author must mend that.",
                    failure.code, failure.message
                ),
            )
        })?;
        manifest::parse(&text)
    }

    /// The manifest of a component that exports plain functions.
    fn derive(
        &self,
        compiled: &Compiled,
        inspection: &Inspection,
        name: &PluginName,
    ) -> Result<Manifest, Error> {
        let metadata = &inspection.metadata;
        let docs = |interface: Option<&str>, function: &str| {
            inspection.docs.get(interface, function).map(str::to_owned)
        };
        // A full name is the plugin's, an underscore, and the tool's, in 64 characters.
        let room = 64usize.saturating_sub(name.as_str().len() + 1);
        let mut tools = self.runtime.plain_tools(compiled, &docs, room).map_err(bad)?;
        for tool in &mut tools {
            clip(&mut tool.description, MAX_DESCRIPTION);
        }
        let words = |text: &Option<String>| {
            let mut text = text.clone().unwrap_or_default();
            clip(&mut text, MAX_WORDS);
            text
        };
        let mut description = metadata.description.clone().unwrap_or_default();
        clip(&mut description, MAX_DESCRIPTION);
        let manifest = Manifest {
            name: name.to_string(),
            version: words(&metadata.version),
            description,
            license: words(&metadata.licenses),
            tools,
            capabilities: Vec::new(),
            imports: None,
        };
        manifest::check(&manifest)?;
        Ok(manifest)
    }

    /// Tries everything that using the plugin will need, before it is called installed.
    fn verify(&self, prepared: &Prepared, compiled: &Compiled) -> Result<(), Error> {
        let unusable = |why: String| {
            Error::new(
                Code::BadComponent,
                format!("The plugin can't be installed: {why}."),
            )
        };
        let plugin = Plugin::new(prepared.row(), Vec::new(), &self.limits).map_err(unusable)?;
        for (name, tool) in &plugin.tools {
            tool.compile()
                .map_err(|why| unusable(format!("of its tool `{name}`, {why}")))?;
        }
        self.runtime
            .link(compiled, Grants::default(), &plugin.limits)
            .map(drop)
            .map_err(bad)
    }

    /// The limits under which a component says what it is.
    fn describing(&self) -> Limits {
        Limits {
            deadline: Span::secs(10).min(self.limits.all.deadline),
            ..self.limits.all.clone()
        }
    }
}

/// The name that a component asks for, or one made of what it is called.
fn plugin_name(wanted: Option<&str>, claimed: bool, naming: Naming) -> Result<PluginName, Error> {
    let wanted = wanted.unwrap_or_default();
    let name = if claimed {
        wanted.parse()
    } else {
        slug(wanted).parse()
    };
    let advice = match (naming, claimed) {
        (Naming::Said, _) => "Choose another name with --name.",
        (Naming::File, false) => "Rename the file.",
        (Naming::File, true) => {
            "The component itself says so; its author must name it otherwise, or install it with `fact plugin install`."
        }
    };
    name.map_err(|error| Error::new(Code::BadComponent, format!("{error}. {advice}")))
}

/// A text as near to a plugin's name as it can be made.
pub(crate) fn slug(text: &str) -> String {
    let last = text.rsplit([':', '/']).next().unwrap_or(text);
    let mut slug = String::new();
    for c in last.split('@').next().unwrap_or(last).chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(PluginName::MAX);
    slug.trim_end_matches('-')
        .trim_start_matches(|c: char| !c.is_ascii_lowercase())
        .to_owned()
}

/// Cuts a text to a number of bytes.
fn clip(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most.saturating_sub(3))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
}

fn refused(error: &fact_component::InspectError) -> Error {
    Error::new(
        Code::BadComponent,
        format!("The plugin can't be installed. {error}"),
    )
}

pub(crate) fn bad(error: LoadError) -> Error {
    match error {
        LoadError::Setup(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the engine can't start");
            Error::internal()
        }
        // These say something about the host, or nothing about the component yet.
        LoadError::Crashed(_) | LoadError::NoCompiler(_) => Error::new(
            Code::Unavailable,
            format!("The plugin can't be installed: {error}."),
        ),
        error => Error::new(
            Code::BadComponent,
            format!("The plugin can't be installed: {error}."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_what_there_is() {
        for (text, name) in [
            ("local:time-server/time", "time"),
            ("Fetch_RS", "fetch-rs"),
            ("wasi:x/weather@1.0.0", "weather"),
            ("7zip tool", "zip-tool"),
            ("--", ""),
            (&"a-".repeat(40), &"a-".repeat(16)[..31]),
        ] {
            assert_eq!(slug(text), name, "{text}");
        }
    }
}
