//! What can be typed. The texts here are the help.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use fact_types::{Code, Error, NameError};

use crate::screen::Format;
use crate::verbs::Verb;

const EXAMPLES: &str = "\
Start here:
  fact demo                                      see what it does, in a folder that goes away again
  fact init                                      make the data folder and the configuration
  fact db seed                                   make the demo finance database
  fact plugin install builtin:sql --grant sql:read:finance
  fact call sql_query statement='SELECT name, sector FROM companies'

Exit codes: 0 done, 1 the tool failed, 2 wrong usage, 3 denied, 4 not found, 5 unavailable or out of time.
Data goes to standard output, everything else to standard error.";

/// Runs tools as WebAssembly plugins that can do what they were granted, and nothing else.
#[derive(Debug, Parser)]
#[command(name = "fact", bin_name = "fact", version, after_help = EXAMPLES, max_term_width = 110, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The form of the answer: for people or for machines. With `json`, errors are JSON on standard error.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Option<Output>,
    /// Configuration file, instead of the one in your configuration folder.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "FACT_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,
    /// Where plugins, grants and the demo database are kept [env: FACT_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Policy file, instead of those of the configuration; may stand more than once [env: FACT_POLICY, with commas]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// off, error, warn, info, debug or trace, or filters such as `warn,plugin=info` (`plugin`: what plugins log).
    /// Logs go to standard error [env: FACT_LOG_LEVEL]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// No hints and no progress on standard error; errors still.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// The whole command, with `--json` as the short form of `--output json` wherever `--json` means nothing else.
pub(crate) fn command() -> Command {
    with_json_switch(Cli::command())
}

/// The id is not `json`: `call` has an argument of that name, which holds arguments for the tool.
const JSON_SWITCH: &str = "json-switch";

fn with_json_switch(command: Command) -> Command {
    let takes_json = command.get_arguments().any(|arg| arg.get_long() == Some("json"));
    let parent = command.has_subcommands();
    let command = command.mut_subcommands(with_json_switch);
    if takes_json {
        return command;
    }
    command.arg(
        Arg::new(JSON_SWITCH)
            .long("json")
            .action(ArgAction::SetTrue)
            // Shown where it can stand last.
            .hide(parent)
            .help("Short for --output json")
            .help_heading("Everywhere"),
    )
}

/// Reads the command line. When that ends the program (help, a mistake), everything has been said, and this is the exit
/// code.
pub(crate) fn parse() -> Result<(Cli, Format), ExitCode> {
    parse_from(std::env::args_os().collect()).map_err(|(error, json)| tell(&error, json))
}

fn parse_from(typed: Vec<OsString>) -> Result<(Cli, Format), (clap::Error, bool)> {
    let json = typed_json(&typed);
    let matches = command()
        .try_get_matches_from(typed)
        .map_err(|error| (error, json))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| (error, json))?;
    let json = matches!(cli.global.output, Some(Output::Json)) || switched(&matches);
    Ok((cli, if json { Format::Json } else { Format::Text }))
}

/// Whether the switch was typed at any level.
fn switched(matches: &ArgMatches) -> bool {
    let here = matches
        .try_get_one::<bool>(JSON_SWITCH)
        .ok()
        .flatten()
        .copied()
        .unwrap_or(false);
    here || matches.subcommand().is_some_and(|(_, inner)| switched(inner))
}

/// Whether machines are to read the complaint about a line that could not be parsed: a guess, as any must be.
fn typed_json(typed: &[OsString]) -> bool {
    let is = |at: usize, text: &str| typed.get(at).is_some_and(|word| word == text);
    let calls = typed.iter().any(|word| word == "call");
    (0..typed.len()).any(|at| {
        is(at, "--output=json") || (is(at, "--output") && is(at + 1, "json")) || (is(at, "--json") && !calls)
    })
}

/// What is called a tool and can be none is a tool that there is not, as a name is that nobody has.
fn no_tool(error: &clap::Error) -> Option<Error> {
    use std::error::Error as _;
    match error.source()?.downcast_ref::<NameError>()? {
        name @ NameError::ToolId(_) => Some(Error::new(
            Code::NotFound,
            format!("{name}. `fact tool list` shows those there are."),
        )),
        _ => None,
    }
}

fn tell(error: &clap::Error, json: bool) -> ExitCode {
    if let Some(error) = no_tool(error) {
        use std::io::Write;
        let code = error.category().exit_code();
        // Nobody is left to be told when this fails.
        let _ = match json {
            true => writeln!(std::io::stderr(), "{}", serde_json::json!({ "error": error })),
            false => writeln!(std::io::stderr(), "error: {error}"),
        };
        return ExitCode::from(code);
    }
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    if json && error.use_stderr() {
        use std::io::Write;
        let text = error.render().to_string();
        let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
        let document = serde_json::json!({ "error": Error::new(Code::InvalidInput, message) });
        // Nobody is left to be told when this fails.
        let _ = writeln!(std::io::stderr(), "{document}");
    } else {
        // Help through a pipe that was closed early is no failure.
        let _ = error.print();
    }
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(Cli, Format), clap::error::ErrorKind> {
        let typed = std::iter::once("fact")
            .chain(line.split(' '))
            .map(OsString::from)
            .collect();
        parse_from(typed).map_err(|(error, _)| error.kind())
    }

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn json_is_a_switch_everywhere_but_in_call() {
        for (line, json) in [
            ("plugin list", false),
            ("plugin list --json", true),
            ("plugin list --output json", true),
            ("--json plugin list", true),
            ("plugin --json list", true),
            ("--output json plugin list", true),
            ("plugin list --output text", false),
            ("db query --json SELECT", true),
            ("version --json", true),
            ("demo --json", true),
            ("call a_b --json {}", false),
            ("call a_b --json {} --output json", true),
            ("--json call a_b --json {}", true),
        ] {
            let (_, format) = parse(line).unwrap_or_else(|kind| panic!("{line}: {kind}"));
            assert_eq!(format == Format::Json, json, "{line}");
        }
    }

    #[test]
    fn what_is_refused() {
        for line in [
            "nonsense",
            "plugin",
            "plugin list --output xml",
            "call",
            "call a_b --json",
            "call a_b --batch file",
            "call --batch - --jobs 0",
            "call --batch - --jobs 100000",
            "plugin install builtin:sql --grant nonsense",
            "plugin install builtin:sql --name Not_A_Name",
            "plugin grant sql nonsense",
            "db query",
            "completions nonsense",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
