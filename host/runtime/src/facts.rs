//! What plugins may learn about the host.

use fact_types::Error;
use serde_json::Value;

/// Facts about the host. The runtime has checked that the plugin was granted them. Each is a JSON object as `wit/host.wit`
/// describes it, bounded in size, without secrets, folders, sources or reasons of grants. They may wait for the disk.
pub trait Facts: Send + Sync {
    /// The installed plugins.
    ///
    /// # Errors
    /// When they can't be read.
    fn plugins(&self) -> Result<Value, Error>;

    /// The tools.
    ///
    /// # Errors
    /// When they can't be read.
    fn tools(&self) -> Result<Value, Error>;

    /// Numbers of this moment, and how tools were used.
    ///
    /// # Errors
    /// When they can't be read.
    fn metrics(&self) -> Result<Value, Error>;
}
