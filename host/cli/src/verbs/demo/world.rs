//! What the demo's plugins find: a folder, a database, a server; and what they must not find.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fact_core::{Answer, Config};
use fact_types::Code;

use super::report::{Group, Row};
use super::server::Server;
use crate::failure::Failure;

/// What stands in the file that may be read.
pub(super) const NOTE: &str = "The meeting is at ten.\n";

/// What the server answers that may be asked.
pub(super) const BODY: &str = r#"{"status":"open","queue":3}"#;

/// What stands in the file beside the granted folder.
const HIDDEN: &str = "nobody was granted this";

/// The demo's surroundings. They go when this is dropped, unless they were asked to stay.
pub(super) struct World {
    root: PathBuf,
    granted: Server,
    other: Server,
    /// Texts that must not come out of any call.
    hidden: Vec<String>,
    _temporary: Option<tempfile::TempDir>,
}

impl World {
    pub(super) async fn make(keep: Option<&Path>) -> Result<Self, Failure> {
        let (root, temporary) = match keep {
            Some(folder) => (folder.to_path_buf(), None),
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("fact-demo-")
                    .tempdir()
                    .map_err(|e| failed(&e))?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        if let Some(folder) = keep {
            new_or_empty(folder)?;
        }
        let root = furnish(&root).map_err(|error| failed(&error))?;
        let granted = Server::start(BODY).await.map_err(|error| failed(&error))?;
        let other = Server::start("{}").await.map_err(|error| failed(&error))?;
        let mut hidden = vec![HIDDEN.to_owned()];
        // The real file too, where there is one: its first line names the administrator on every system.
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        hidden.extend(
            passwd
                .lines()
                .next()
                .filter(|line| line.len() > 8)
                .map(str::to_owned),
        );
        Ok(World {
            root,
            granted,
            other,
            hidden,
            _temporary: temporary,
        })
    }

    /// Settings for a host in here, the user's own left out.
    pub(super) fn config(&self) -> Config {
        Config::in_folder(self.root.join("data"))
    }

    /// What a plugin of the demo is granted.
    pub(super) fn grants(&self, plugin: &str) -> Vec<String> {
        match plugin {
            "sql" => vec!["sql:read:finance/companies,financial_records".to_owned()],
            "file" => vec![format!("fs:read:{}", self.root.join("files").display())],
            "http" => vec![format!("http:GET:http://{}/*+private", self.granted.address)],
            _ => Vec::new(),
        }
    }

    pub(super) fn note(&self) -> String {
        self.root.join("files/note.txt").display().to_string()
    }

    pub(super) fn outside(&self) -> String {
        self.root.join("hidden.txt").display().to_string()
    }

    pub(super) fn around(&self) -> String {
        self.root.join("files/../hidden.txt").display().to_string()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/status.json", self.granted.address)
    }

    pub(super) fn other_url(&self) -> String {
        format!("http://{}/status.json", self.other.address)
    }

    /// Whether something came out that nobody was granted.
    pub(super) fn is_leaked(&self, answer: &Answer) -> bool {
        // As text, so that nothing is missed for where it stands.
        let text = serde_json::to_string(answer).unwrap_or_default();
        self.hidden.iter().any(|line| text.contains(line.as_str()))
    }

    /// The judgement about the server that nobody was granted.
    pub(super) fn untouched(&self) -> Row {
        let (granted, other) = (self.granted.connections(), self.other.connections());
        Row {
            group: Group::Hostile,
            title: "connections to the port that is not granted".to_owned(),
            call: "counted by the server there".to_owned(),
            expected: "0".to_owned(),
            got: other.to_string(),
            remark: Some(format!("the granted one had {granted}")),
            milliseconds: 0.0,
            good: other == 0 && granted > 0,
            receipt: None,
        }
    }
}

fn new_or_empty(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(Code::Conflict, format!("`{shown}` is not empty."))
            .hint("The demo begins in a new folder: name one that is not there yet.")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::new(
            Code::Unavailable,
            format!("`{shown}` can't be used: {}.", error.kind()),
        )),
    }
}

/// Makes the folders and files, and gives the root's own path, which is the one that is granted.
fn furnish(root: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(root.join("files"))?;
    fs::write(root.join("files/note.txt"), NOTE)?;
    fs::write(root.join("hidden.txt"), HIDDEN)?;
    root.canonicalize()
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(
        Code::Unavailable,
        format!("The demo's folder and servers can't be made: {}.", error.kind()),
    )
    .hint("--keep DIR chooses another folder.")
}
