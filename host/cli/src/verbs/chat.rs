//! `fact chat`: one question after the other.

mod lines;
mod state;

use clap::Args;
use fact_answers::driver::Unwatched;
use fact_answers::{Answers, Ask as Question, ConversationId};
use fact_types::Principal;
use serde_json::json;

use super::ask::{Which, answers, show};
use super::db::Db;
use super::tool::Tool;
use crate::context::Context;
use crate::failure::Failure;
use lines::Lines;

const EXAMPLES: &str = "\
Examples:
  fact chat
  fact chat --continue
  printf 'What was TechCorp revenue in Q1 2025?\\nand for Q4?\\n' | fact chat

Each line is a question, or one of the commands that `help` lists. End of input, Ctrl-C and `quit` leave. What is asked
and answered is kept as a conversation: `fact conversation list` shows them.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Chat {
    #[command(flatten)]
    which: Which,
}

/// What a line is, if it is no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Command {
    Help,
    Status,
    Tools,
    Schema,
    Samples,
    Metrics,
    Leave,
}

/// All of them: their names, and what they are for.
const COMMANDS: [(Command, &[&str], &str); 7] = [
    (Command::Help, &["help", "?"], "what can be typed"),
    (
        Command::Status,
        &["status", "stats"],
        "what answers, and from what",
    ),
    (
        Command::Tools,
        &["tools", "list-tools"],
        "the tools that there are",
    ),
    (
        Command::Schema,
        &["schema", "db-schema"],
        "the tables of the database, and their columns",
    ),
    (
        Command::Samples,
        &["samples", "examples"],
        "questions that the database answers",
    ),
    (
        Command::Metrics,
        &["metrics", "performance"],
        "how often an answer was kept, and how fast answers were",
    ),
    (Command::Leave, &["exit", "quit", "q"], "leave"),
];

impl Command {
    /// A line is a command only when it is nothing else.
    fn parse(line: &str) -> Option<Self> {
        let (command, ..) = COMMANDS
            .iter()
            .find(|(_, names, _)| names.iter().any(|name| name.eq_ignore_ascii_case(line)))?;
        Some(*command)
    }
}

/// Who speaks, and in which conversation.
struct Session<'a> {
    context: &'a Context,
    answers: Answers,
    principal: Principal,
    conversation: ConversationId,
}

impl Chat {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (answers, principal) = (answers(context).await?, Principal::local());
        let conversation = self.which.find(&answers, &principal).await?;
        let session = Session {
            context,
            answers,
            principal,
            conversation: conversation.unwrap_or_default(),
        };
        context.left_by_signal();
        let mut lines = Lines::new(context)?;
        if lines.are_typed() {
            context.screen().note(format!(
                "Conversation {}. Ask a question; `help` says what else can be typed, `quit` leaves.",
                session.conversation
            ));
        }
        while let Some(line) = lines.next().await? {
            let line = line.trim();
            let done = match Command::parse(line) {
                Some(Command::Leave) => break,
                Some(command) => session.obey(command).await,
                None if line.is_empty() => Ok(()),
                None => session.ask(line).await,
            };
            match done {
                Ok(()) => {}
                Err(Failure::PipeClosed) => break,
                // The next line may go better, and its exit code is nobody's.
                Err(failure) => drop(context.screen().failure(&failure)),
            }
        }
        Ok(())
    }
}

impl Session<'_> {
    async fn ask(&self, question: &str) -> Result<(), Failure> {
        let ask = Question::new(question, &self.principal);
        let answered = self.answers.converse(&self.conversation, ask, &Unwatched).await?;
        show(self.context, &answered, Some(&self.conversation))
    }

    async fn obey(&self, command: Command) -> Result<(), Failure> {
        match command {
            Command::Help => help(self.context),
            Command::Status => self.status().await,
            Command::Tools => Tool::List { plugin: None }.run(self.context).await,
            Command::Schema => Db::Schema { database: None }.run(self.context).await,
            Command::Samples => Db::Samples { database: None }.run(self.context).await,
            Command::Metrics => self.metrics(),
            Command::Leave => Ok(()),
        }
    }
}

fn help(context: &Context) -> Result<(), Failure> {
    let screen = context.screen();
    if screen.json_wanted() {
        let all = COMMANDS.map(|(_, names, about)| json!({ "names": names, "about": about }));
        return screen.json(&json!({ "commands": all }));
    }
    let rows = COMMANDS.map(|(_, names, about)| [names.join(", "), about.to_owned()]);
    screen.table(["COMMAND", "WHAT IT SHOWS"], rows)?;
    screen.line("Anything else is a question, such as: What was TechCorp's Q1 2025 revenue?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_core_cli_lines_and_commands() {
        for (line, command) in [
            ("help", Some(Command::Help)),
            ("?", Some(Command::Help)),
            ("STATUS", Some(Command::Status)),
            ("stats", Some(Command::Status)),
            ("tools", Some(Command::Tools)),
            ("list-tools", Some(Command::Tools)),
            ("schema", Some(Command::Schema)),
            ("db-schema", Some(Command::Schema)),
            ("samples", Some(Command::Samples)),
            ("examples", Some(Command::Samples)),
            ("metrics", Some(Command::Metrics)),
            ("performance", Some(Command::Metrics)),
            ("exit", Some(Command::Leave)),
            ("quit", Some(Command::Leave)),
            ("q", Some(Command::Leave)),
            ("help me", None),
            ("what tools are there?", None),
            ("", None),
        ] {
            assert_eq!(Command::parse(line), command, "{line}");
        }
    }
}
