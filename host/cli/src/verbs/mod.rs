//! The verbs, one file each.

mod ask;
mod batch;
mod cache;
mod call;
mod chat;
mod completions;
mod config;
mod conversation;
mod db;
mod demo;
mod doctor;
mod flow;
mod grants;
mod init;
mod plugin;
mod policy;
mod template;
mod tool;
mod version;

use std::sync::Arc;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

pub(crate) use cache::warm_summary;
pub(crate) use plugin::drop_in_event;

/// What the command can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the data folder and a configuration file with every setting in it.
    Init,
    /// Show what FACT does: real calls, refused ones, and a hostile plugin that gets nowhere.
    Demo(demo::Demo),
    /// Install, list and remove plugins, and say what they may do.
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Check policy files, and say what decides about what a plugin may do.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// List and show the tools of installed plugins.
    #[command(subcommand)]
    Tool(tool::Tool),
    /// Call a tool, or many at once.
    Call(call::Call),
    /// Ask a question: answered from what is kept while it is true, by a template, or by a model with tools.
    Ask(ask::Ask),
    /// Ask one question after the other, each of which may go on from those before.
    Chat(chat::Chat),
    /// List, show and delete conversations.
    #[command(subcommand)]
    Conversation(conversation::Conversation),
    /// Run and show flows: steps of tools and questions that build on one another.
    #[command(subcommand)]
    Flow(flow::Flow),
    /// List and test the questions that are answered without a model.
    #[command(subcommand)]
    Template(template::Template),
    /// Look at results that are kept: what they rest on, and whether they are still true.
    #[command(subcommand)]
    Cache(cache::Cache),
    /// Ask the databases, by way of the `sql` plugin.
    #[command(subcommand)]
    Db(db::Db),
    /// Show and check the settings.
    #[command(subcommand)]
    Config(config::Config),
    /// Look for what is wrong with this installation.
    Doctor,
    /// Print completions for a shell.
    Completions(completions::Completions),
    /// Print the version.
    Version,
}

/// Does what was asked.
pub(crate) async fn run(context: Arc<Context>, verb: Verb) -> Result<(), Failure> {
    let context = context.as_ref();
    match verb {
        Verb::Init => init::run(context).await,
        Verb::Demo(demo) => demo.run(context).await,
        Verb::Plugin(plugin) => plugin.run(context).await,
        Verb::Policy(policy) => policy.run(context).await,
        Verb::Tool(tool) => tool.run(context).await,
        Verb::Call(call) => call.run(context).await,
        Verb::Ask(ask) => ask.run(context).await,
        Verb::Chat(chat) => chat.run(context).await,
        Verb::Conversation(conversation) => conversation.run(context).await,
        Verb::Flow(flow) => flow.run(context).await,
        Verb::Template(template) => template.run(context).await,
        Verb::Cache(cache) => cache.run(context).await,
        Verb::Db(db) => db.run(context).await,
        Verb::Config(config) => config.run(context),
        Verb::Doctor => doctor::run(context).await,
        Verb::Completions(completions) => completions.run(context),
        Verb::Version => version::run(context),
    }
}
