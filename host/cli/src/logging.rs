//! Logs, on standard error.

use std::io::{self, IsTerminal};

use fact_core::LogFormat;
use fact_types::Code;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::context::Context;
use crate::failure::Failure;

/// Starts logging as the configuration says. A configuration that can't be read is told of by the verb that needs it;
/// until then, nothing is logged.
pub(crate) fn start(context: &Context) -> Result<(), Failure> {
    let Ok(config) = context.config() else {
        return Ok(());
    };
    let filter = filter(&config.log.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // A second subscriber in one process can't be; if it were, the first would be as good.
    let _ = match config.log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    Ok(())
}

/// What a setting lets through.
fn filter(setting: &str) -> Result<EnvFilter, Failure> {
    let wrong = || {
        Failure::new(Code::Config, "`log.level` is no level and no list of filters.")
            .hint("Write off, error, warn, info, debug, trace, or filters such as `warn,plugin=info`.")
    };
    // To the library a word by itself is a part of the program of which everything is logged. Here it is a typing mistake.
    let is_word = |part: &str| !part.contains(['=', '[']) && part.parse::<LevelFilter>().is_err();
    if setting.split(',').any(|part| is_word(part.trim())) {
        return Err(wrong());
    }
    EnvFilter::try_new(directives(setting)).map_err(|_| wrong())
}

/// One level stands for what a person means by it. Up to `warn` that is neither what plugins log, nor where a plugin
/// crashed: the caller hears that it did. From `info` on it is both, and still not what other libraries have to say.
fn directives(setting: &str) -> String {
    match setting.trim().to_ascii_lowercase().as_str() {
        "off" => "off".to_owned(),
        level @ ("error" | "warn") => format!("{level},fact_core::call=error,plugin=off"),
        level @ ("info" | "debug" | "trace") => format!("warn,fact={level},plugin={level}"),
        _ => setting.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (setting, directives_are) in [
            ("warn", "warn,fact_core::call=error,plugin=off"),
            ("WARN", "warn,fact_core::call=error,plugin=off"),
            ("debug", "warn,fact=debug,plugin=debug"),
            ("warn,plugin=info", "warn,plugin=info"),
        ] {
            assert_eq!(directives(setting), directives_are);
            filter(setting).unwrap();
        }
        for wrong in ["plugin=loud", "foo", "warn,foo"] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}
