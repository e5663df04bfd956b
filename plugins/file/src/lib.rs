//! The `file` connector: files in the folders that are granted.
//!
//! It uses the ordinary file functions of the standard library. The host gives each granted folder to the component under
//! the folder's own absolute path, and everything else does not exist: no check in this plugin is a security measure, and
//! none is needed. What the plugin adds is clear words when the host refuses, and bounds, so that an answer fits.

pub mod append;
pub mod delete;
pub mod encoding;
pub mod filter;
pub mod folders;
pub mod info;
pub mod list;
pub mod read;
pub mod search;
pub mod walk;
pub mod write;

fact_sdk::plugin!(
    folders::roots,
    read::read,
    list::list,
    info::info,
    search::search,
    write::write,
    append::append,
    delete::delete;
    name = "file",
    capabilities = [
        "fs:read:./" => "reads the files in the folder you grant",
        "fs:write:./" => "writes and deletes files in the folder you grant; only write, append and delete need it"
    ]
);
