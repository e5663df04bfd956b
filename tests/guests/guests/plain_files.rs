//! A component without the plugin contract, in the shape of many that other hosts' users have: functions of the world that work
//! on files through the language's own library.

// Outside a component there is nobody to export to.
#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "the generated half needs it"
)]

use std::fs;

wit_bindgen::generate!({
    inline: r#"
        package local:plain-files;

        world plain-files {
            /// Lists a folder.
            export list-directory: func(path: string) -> result<list<string>, string>;
            /// Reads a file.
            export read-file: func(path: string) -> result<string, string>;
            /// Writes a file.
            export write-file: func(path: string, content: string) -> result<string, string>;
            /// Whether something is there.
            export file-exists: func(path: string) -> result<bool, string>;
            /// What something is.
            export file-info: func(path: string) -> result<info, failure>;

            enum kind { file, folder, other }
            record info { kind: kind, size: u64 }
            record failure { path: string, reason: string }
        }
    "#,
});

struct Component;

export!(Component);

fn said(error: std::io::Error) -> String {
    error.kind().to_string()
}

impl Guest for Component {
    fn list_directory(path: String) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(said)? {
            names.push(entry.map_err(said)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn read_file(path: String) -> Result<String, String> {
        fs::read_to_string(path).map_err(said)
    }

    fn write_file(path: String, content: String) -> Result<String, String> {
        fs::write(&path, content)
            .map(|()| format!("wrote {path}"))
            .map_err(said)
    }

    fn file_exists(path: String) -> Result<bool, String> {
        fs::exists(path).map_err(said)
    }

    fn file_info(path: String) -> Result<Info, Failure> {
        match fs::metadata(&path) {
            Ok(found) => Ok(Info {
                kind: if found.is_file() {
                    Kind::File
                } else if found.is_dir() {
                    Kind::Folder
                } else {
                    Kind::Other
                },
                size: found.len(),
            }),
            Err(error) => Err(Failure {
                path,
                reason: said(error),
            }),
        }
    }
}
