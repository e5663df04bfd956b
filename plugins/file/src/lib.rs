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

#[cfg(test)]
mod tests {
    use super::Plugin;
    use fact_sdk::serde_json::{Value, json};
    use fact_sdk::{Context, ErrorCode};

    #[test]
    fn tools_say_what_they_do() {
        let manifest = fact_sdk::manifest::<Plugin>();
        let promises = |tool: &Value| {
            let is = |name: &str| tool["annotations"][name] == json!(true);
            (is("read_only"), is("destructive"))
        };
        for tool in manifest["tools"].as_array().unwrap() {
            let expected = match tool["name"].as_str().unwrap() {
                "roots" | "read" | "list" | "info" | "search" => (true, false),
                "append" => (false, false),
                _ => (false, true),
            };
            assert_eq!(promises(tool), expected, "{}", tool["name"]);
        }
    }

    #[test]
    fn without_a_grant_everything_is_denied() {
        for (tool, arguments) in [
            ("read", json!({"path": "x"})),
            ("list", json!({"path": "."})),
            ("info", json!({"path": "x"})),
            ("search", json!({"path": ".", "query": "x"})),
            ("write", json!({"path": "x", "content": ""})),
            ("append", json!({"path": "x", "content": ""})),
            ("delete", json!({"path": "x"})),
        ] {
            let answer = fact_sdk::call::<Plugin>(tool, &arguments.to_string(), &Context::default());
            assert_eq!(answer.unwrap_err().code(), ErrorCode::Denied, "{tool}");
        }
    }
}
