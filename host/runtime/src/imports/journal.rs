//! `fact:plugin/log` and `fact:plugin/progress`: no grant needed, volume bounded.

use wasmtime::component::HasData;

use crate::bindings::fact::plugin::{log, progress};
use crate::state::State;

/// Longest message or field that is kept of a line; what is longer is cut.
const KEPT: usize = 8192;

pub(crate) struct HasJournal;

impl HasData for HasJournal {
    type Data<'a> = Journal<'a>;
}

pub(crate) struct Journal<'a>(&'a mut State);

impl Journal<'_> {
    pub(crate) fn of(state: &mut State) -> Journal<'_> {
        Journal(state)
    }
}

/// Text from a guest as it may stand in a log: one line, no control characters, bounded.
fn line(text: &str) -> String {
    text.chars().take(KEPT).flat_map(char::escape_debug).collect()
}

impl log::Host for Journal<'_> {
    async fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<log::Field>,
    ) -> wasmtime::Result<()> {
        let size = fields.iter().fold(message.len(), |sum, field| {
            sum + field.name.len() + field.value.len()
        });
        // A line costs the host more than its letters: time, level, call id.
        self.0.log.charge(size + 64)?;
        let call = self.0.call;
        let message = line(&message);
        let fields: Vec<String> = fields
            .iter()
            .map(|field| format!("{}={}", line(&field.name), line(&field.value)))
            .collect();
        let fields = fields.join(" ");
        match level {
            log::Level::Trace => tracing::trace!(target: "plugin", %call, fields, "{message}"),
            log::Level::Debug => tracing::debug!(target: "plugin", %call, fields, "{message}"),
            log::Level::Info => tracing::info!(target: "plugin", %call, fields, "{message}"),
            log::Level::Warn => tracing::warn!(target: "plugin", %call, fields, "{message}"),
            log::Level::Error => tracing::error!(target: "plugin", %call, fields, "{message}"),
        }
        Ok(())
    }
}

impl progress::Host for Journal<'_> {
    async fn report(&mut self, fraction: Option<f32>, message: String) -> wasmtime::Result<()> {
        self.0.log.charge(message.len() + 64)?;
        tracing::debug!(target: "plugin", call = %self.0.call, fraction, "{}", line(&message));
        Ok(())
    }

    async fn emit(&mut self, chunk: String) -> wasmtime::Result<()> {
        self.0.output.charge(chunk.len())?;
        tracing::debug!(target: "plugin", call = %self.0.call, bytes = chunk.len(), "a piece of the answer");
        Ok(())
    }
}
