//! `fact plugin`.

mod about;
mod audit;
mod build;
mod dev;
mod grant;
mod inspect;
mod install;
mod list;
mod new;
mod show;
mod source;
mod state;
mod test;
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
    /// Begin a plugin of your own: a folder with one tool and its test.
    New(new::New),
    /// Build a plugin from its project, and write into it what it says about itself.
    Build(build::Build),
    /// Build a plugin and reload it, each time you save.
    Dev(dev::Dev),
    /// Test how a plugin behaves, with made-up arguments, nothing granted and tight limits.
    Test(test::Test),
    /// Say what a component is, without running it.
    Inspect(inspect::Inspect),
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
            Plugin::New(new) => new.run(context),
            Plugin::Build(build) => build.run(context).await,
            Plugin::Dev(dev) => dev.run(context).await,
            Plugin::Test(test) => test.run(context).await,
            Plugin::Inspect(inspect) => inspect.run(context),
        }
    }
}
