//! Something that moves while a person waits.

use std::time::{Duration, Instant};

use fact_core::Host;
use indicatif::{ProgressBar, ProgressStyle};

use crate::screen::Screen;

/// A spinner on standard error, gone when it is dropped. Nothing where nobody watches.
pub(crate) struct Spinner(Option<ProgressBar>);

/// How often a text that tells a time is renewed.
const SECOND: Duration = Duration::from_secs(1);

impl Spinner {
    pub(crate) fn start(screen: &Screen, text: String) -> Self {
        if !screen.shows_progress() {
            return Spinner(None);
        }
        let bar = ProgressBar::new_spinner().with_message(text);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Spinner(Some(bar))
    }

    /// A spinner that tells how far the host is with a component.
    pub(crate) fn install(screen: &Screen, host: &Host, what: &str) -> Self {
        let spinner = Spinner::start(screen, format!("checking {what}"));
        if let Some(bar) = spinner.0.clone() {
            // The time that counts is that of the compiler, which has a limit.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            let (mut compiling, what) = (host.compiling(), what.to_owned());
            tokio::spawn(async move {
                while !bar.is_finished() {
                    // One program installs one component at a time.
                    let first = compiling.borrow_and_update().first().map(|first| first.since);
                    bar.set_message(match first {
                        None => format!("checking {what}"),
                        Some(None) => format!("waiting to compile {what}"),
                        Some(Some(since)) => {
                            format!(
                                "compiling {what} … {} s",
                                Instant::now().duration_since(since).as_secs()
                            )
                        }
                    });
                    // Either there is news, or the time goes on.
                    if let Ok(Err(_)) = tokio::time::timeout(SECOND, compiling.changed()).await {
                        return;
                    }
                }
            });
        }
        spinner
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
