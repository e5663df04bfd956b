//! `fact cache warm`.

use clap::Args;
use fact_core::{WarmOutcome, Warmed, Warmth};

use crate::context::Context;
use crate::failure::Failure;
use crate::progress::Spinner;
use crate::screen::{clip, one_line};

const EXAMPLES: &str = "\
Examples:
  fact cache warm
  fact cache warm --least 10 --most 20
  fact cache warm --json

The calls that were asked most are made as anyone would make them, five at a time, each for whom it was asked. Only tools that
say that they only read are called. It counts as nobody's traffic. `cache.warm_every` in the configuration does it again and
again while a command that stays open runs, such as `fact plugin watch`. Exit code 1 when a call failed.";

/// Which calls.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Warm {
    /// Those that were asked at least so often.
    #[arg(long, value_name = "N", default_value_t = Warmth::default().least, value_parser = clap::value_parser!(u64).range(1..))]
    least: u64,
    /// No more than so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=50))]
    most: u32,
}

impl Warm {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (host, screen) = (context.host().await?, context.screen());
        let warmth = Warmth {
            least: self.least,
            most: usize::try_from(self.most).unwrap_or(Warmth::MOST),
        };
        let warmed = {
            let _spinner = Spinner::start(screen, "making the most asked calls".to_owned());
            host.warm(warmth).await?
        };
        let failed = warmed.count(|outcome| matches!(outcome, WarmOutcome::Failed { .. }));
        if screen.json_wanted() {
            screen.json(&warmed)?;
        } else if warmed.calls.is_empty() {
            screen.note(format!(
                "No call was asked {} times yet, as far as is counted.",
                self.least
            ));
        } else {
            screen.table(
                ["ASKED", "CALL", "", ""],
                warmed.calls.iter().map(|call| {
                    let asked = &call.asked;
                    let (word, why) = told(&call.outcome);
                    [
                        asked.count.to_string(),
                        clip(&format!("{} {}", asked.call.tool, asked.call.arguments), 60),
                        word.to_owned(),
                        why,
                    ]
                }),
            )?;
            screen.line(summary(&warmed))?;
        }
        if failed > 0 {
            return Err(Failure::Told(1));
        }
        Ok(())
    }
}

fn told(outcome: &WarmOutcome) -> (&'static str, String) {
    match outcome {
        WarmOutcome::Fresh => ("still true", String::new()),
        WarmOutcome::Kept => ("made and kept", String::new()),
        WarmOutcome::NotKept { why } => ("made, not kept", clip(why, 80)),
        WarmOutcome::Skipped { why } => ("not made", clip(why, 80)),
        WarmOutcome::Failed { error } => ("failed", clip(&error.message, 80)),
    }
}

/// A round in a line.
pub(crate) fn summary(warmed: &Warmed) -> String {
    let count = |word: &str| warmed.count(|outcome| told(outcome).0 == word);
    one_line(&format!(
        "Warmed: {} made and kept, {} still true, {} made and not kept, {} not made, {} failed.",
        count("made and kept"),
        count("still true"),
        count("made, not kept"),
        count("not made"),
        count("failed"),
    ))
}
