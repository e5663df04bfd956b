//! `fact version`.

use crate::context::Context;
use crate::failure::Failure;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let (screen, version) = (context.screen(), env!("CARGO_PKG_VERSION"));
    if screen.json_wanted() {
        return screen.json(&serde_json::json!({ "name": "fact", "version": version }));
    }
    screen.line(format!("fact {version}"))
}
