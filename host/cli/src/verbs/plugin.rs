//! `fact plugin`.

mod audit;
mod grant;
mod install;
mod list;
mod show;
mod source;
mod state;
mod versions;
mod watch;

use clap::Subcommand;
use fact_types::PluginName;

use crate::context::Context;
use crate::failure::Failure;

pub(crate) use watch::told as drop_in_event;

/// Plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Install a plugin, and choose what it may do.
    Install(install::Install),
    /// List the installed plugins.
    List,
    /// Show a plugin: where it is from, its tools, its versions, and what it may do.
    Show {
        /// Its name.
        name: PluginName,
    },
    /// Give a plugin a new version. One that widens anything waits until you approve it.
    Update(versions::Update),
    /// Let the version that waits answer from now on.
    Approve(versions::Approve),
    /// Throw away the version that waits.
    Reject {
        /// The plugin.
        name: PluginName,
    },
    /// Go back to the version before.
    Rollback(versions::Rollback),
    /// Let a plugin be called again.
    Enable {
        /// The plugin.
        name: PluginName,
    },
    /// Keep a plugin, with its grants, from being called.
    Disable {
        /// The plugin.
        name: PluginName,
    },
    /// Remove a plugin with its grants, when the calls of it that run have ended.
    Remove {
        /// Its name.
        name: PluginName,
    },
    /// Allow a plugin something.
    Grant(grant::Grant),
    /// Take a grant back. The plugin's next call does not have it any more.
    Revoke(grant::Revoke),
    /// Look for grants that are unused, broad, risky, or dangerous together.
    Audit(audit::Audit),
    /// Install what is put into the drop-in folder, and remove what is taken away, until you stop it.
    Watch(watch::Watch),
}

impl Plugin {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Plugin::Install(install) => install.run(context).await,
            Plugin::List => list::run(context).await,
            Plugin::Show { name } => show::run(context, &name).await,
            Plugin::Update(update) => update.run(context).await,
            Plugin::Approve(approve) => approve.run(context).await,
            Plugin::Reject { name } => versions::reject(context, &name).await,
            Plugin::Rollback(rollback) => rollback.run(context).await,
            Plugin::Enable { name } => state::enable(context, &name, true).await,
            Plugin::Disable { name } => state::enable(context, &name, false).await,
            Plugin::Remove { name } => state::remove(context, &name).await,
            Plugin::Grant(grant) => grant.run(context).await,
            Plugin::Revoke(revoke) => revoke.run(context).await,
            Plugin::Audit(audit) => audit.run(context).await,
            Plugin::Watch(watch) => watch.run(context).await,
        }
    }
}
