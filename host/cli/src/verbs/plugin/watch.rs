//! `fact plugin watch`.

use clap::Args;
use fact_core::{DropIn, DropInEvent, Host, Warmth};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::screen::{Screen, one_line};
use crate::verbs::warm_summary;

/// Install what is put into the drop-in folder.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Look once, and end.
    #[arg(long)]
    once: bool,
}

impl Watch {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        // Opening the host looks once.
        let (host, screen) = (context.host().await?, context.screen());
        let folder = host.drop_in_folder().to_owned();
        if self.once {
            return match screen.json_wanted() {
                true => screen.json(&json!({
                    "folder": folder,
                    "drop_in_problems": super::list::problems(&host)?,
                })),
                false => Ok(()),
            };
        }
        screen.note(format!("Watching {}. Stop with Ctrl-C.", folder.display()));
        let tell = |event: Result<DropIn, fact_types::Error>| {
            // Nobody is left to be told when this fails.
            let _ = match event {
                Ok(event) if screen.json_wanted() => screen.json(&json!(event)),
                Ok(event) => screen.line(told(&event)),
                Err(error) => {
                    screen.note(error.message);
                    Ok(())
                }
            };
        };
        // Stopping is how it ends, and no failure.
        tokio::select! {
            () = host.registry().watch_drop_in(&folder, tell) => {}
            () = warm(&host, screen) => {}
            () = crate::stop::signal() => {}
        }
        Ok(())
    }
}

/// Makes the most asked calls ahead, as often as the configuration says.
async fn warm(host: &Host, screen: &Screen) {
    let every = host.config().cache.warm_every.0;
    if every.is_zero() {
        return std::future::pending().await;
    }
    let ticks = tokio::time::interval(every);
    host.keep_warm(ticks, Warmth::default(), |round| match round {
        Ok(warmed) => screen.note(warm_summary(&warmed)),
        Err(error) => screen.note(error.message),
    })
    .await;
}

/// An event, for a reader.
pub(crate) fn told(event: &DropIn) -> String {
    let file = one_line(&event.file);
    match &event.event {
        DropInEvent::Installed(name) => {
            format!("{file}: installed as {name}, with nothing granted.")
        }
        DropInEvent::Copy(name) => {
            format!("{file}: the same as {name}, which is there already from elsewhere; nothing was changed.")
        }
        DropInEvent::Updated(name) => format!("{file}: {name} is this version now."),
        DropInEvent::Held(name) => {
            format!("{file}: a new version of {name} waits; `fact plugin show {name}` shows what it changes.")
        }
        DropInEvent::Removed(name) => format!("{file}: gone, and {name} is removed."),
        DropInEvent::Problem(why) => format!("{file}: {}", one_line(why)),
    }
}
