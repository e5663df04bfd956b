//! Ways out of a granted folder, tried by a guest that may read and write in it. A case is a line.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fact_core::types::{Access, Code, Resource, Terms};
use fact_tests::guests;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};

use crate::rig::{Rig, code, folder, run, saw};

const SECRET: &str = "nobody may see this";
const INSIDE: &str = "this may be seen";

/// A granted folder beside a secret, with all the traps that a host's user could have left in it.
pub(crate) struct Field {
    outer: tempfile::TempDir,
}

impl Field {
    pub(crate) fn new() -> Self {
        let outer = folder();
        let at = |path: &str| outer.path().join(path);
        fs::create_dir_all(at("granted/sub/deep")).unwrap();
        fs::create_dir_all(at("granted-too")).unwrap();
        fs::create_dir_all(at("hidden")).unwrap();
        fs::write(at("secret.txt"), SECRET).unwrap();
        fs::write(at("hidden/secret.txt"), SECRET).unwrap();
        fs::write(at("granted-too/secret.txt"), SECRET).unwrap();
        fs::write(at("granted/ok.txt"), INSIDE).unwrap();
        fs::write(at("granted/sub/deep/ok.txt"), INSIDE).unwrap();
        symlink("../secret.txt", at("granted/link-up")).unwrap();
        symlink(at("secret.txt"), at("granted/link-absolute")).unwrap();
        symlink("..", at("granted/folder-up")).unwrap();
        symlink(at("hidden"), at("granted/folder-absolute")).unwrap();
        symlink("/", at("granted/root")).unwrap();
        symlink("/proc/self/root", at("granted/proc-root")).unwrap();
        symlink("/proc/self/cwd", at("granted/proc-cwd")).unwrap();
        symlink("../../secret.txt", at("granted/sub/link-up-two")).unwrap();
        symlink("link-up", at("granted/link-to-link")).unwrap();
        symlink("sub/../../secret.txt", at("granted/link-in-and-out")).unwrap();
        symlink("../not-there-yet.txt", at("granted/link-to-nothing")).unwrap();
        symlink("loop", at("granted/loop")).unwrap();
        Field { outer }
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.outer.path().join(path)
    }

    pub(crate) fn grant(&self, rights: &str) -> String {
        format!("fs:{rights}:{}", self.at("granted").display())
    }

    /// `G` stands for the granted folder, `O` for the one above it.
    pub(crate) fn path(&self, text: &str) -> String {
        let outer = self.outer.path().display().to_string();
        match text
            .strip_prefix("G/")
            .map(|rest| format!("{outer}/granted/{rest}"))
        {
            Some(path) => path,
            None => match text.strip_prefix("O/") {
                Some(rest) => format!("{outer}/{rest}"),
                None => text.to_owned(),
            },
        }
    }

    /// Everything below the outer folder that is not in the granted one: names and contents.
    fn outside(&self) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        let mut folders = vec![self.outer.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path == self.at("granted") {
                    continue;
                }
                if path.is_dir() {
                    found.push((path.clone(), String::new()));
                    folders.push(path);
                } else {
                    let text = fs::read_to_string(&path).unwrap();
                    found.push((path, text));
                }
            }
        }
        found.sort();
        found
    }
}

/// How, where and, for ways with two paths, the other one.
pub(crate) const ESCAPES: &[(&str, &str, &str)] = &[
    // Absolute paths.
    ("read", "/etc/passwd", ""),
    ("read", "O/secret.txt", ""),
    ("list", "/", ""),
    ("list", "O/", ""),
    ("stat", "O/secret.txt", ""),
    ("raw_read", "/etc/passwd", ""),
    ("raw_read", "O/secret.txt", ""),
    ("raw_list", "/", ""),
    ("raw_stat", "/etc/passwd", ""),
    // Upwards.
    ("read", "../secret.txt", ""),
    ("read", "G/../secret.txt", ""),
    ("read", "G/sub/../../secret.txt", ""),
    ("read", "G/./../secret.txt", ""),
    ("read", "G//..//secret.txt", ""),
    ("read", "G/sub/deep/../../../../../../../../../etc/passwd", ""),
    ("list", "G/..", ""),
    ("stat", "G/../secret.txt", ""),
    ("raw_read", "../secret.txt", ""),
    ("raw_read", "sub/../../secret.txt", ""),
    ("raw_read", "./../secret.txt", ""),
    ("raw_read", "sub/deep/../../../secret.txt", ""),
    ("raw_read", "nothing/../../secret.txt", ""),
    ("raw_read", "../granted/../secret.txt", ""),
    ("raw_read", "../granted-too/secret.txt", ""),
    ("raw_list", "..", ""),
    ("raw_list", "../", ""),
    ("raw_list", "sub/../..", ""),
    ("raw_stat", "../secret.txt", ""),
    ("raw_read_below", "../secret.txt", "."),
    ("raw_read_below", "../../secret.txt", "sub"),
    ("raw_read_below", "../../../../secret.txt", "sub/deep"),
    ("raw_read_below", "/etc/passwd", "sub"),
    // The beginning of a name is not the name.
    ("read", "O/granted-too/secret.txt", ""),
    // Other characters that some systems take for a separator.
    ("raw_read", "..\\secret.txt", ""),
    ("raw_read", "..%2fsecret.txt", ""),
    ("raw_read", "\u{2025}/secret.txt", ""),
    // Links that lead out.
    ("read", "G/link-up", ""),
    ("read", "G/link-absolute", ""),
    ("read", "G/link-to-link", ""),
    ("read", "G/link-in-and-out", ""),
    ("read", "G/sub/link-up-two", ""),
    ("read", "G/folder-up/secret.txt", ""),
    ("read", "G/folder-absolute/secret.txt", ""),
    ("read", "G/root/etc/passwd", ""),
    ("read", "G/proc-root/etc/passwd", ""),
    ("read", "G/proc-cwd/Cargo.toml", ""),
    ("read", "G/loop", ""),
    ("list", "G/folder-up", ""),
    ("list", "G/folder-absolute", ""),
    ("list", "G/root", ""),
    ("stat", "G/link-up", ""),
    ("raw_read", "link-up", ""),
    ("raw_read", "link-absolute", ""),
    ("raw_read", "link-to-link", ""),
    ("raw_read", "link-in-and-out", ""),
    ("raw_read", "folder-up/secret.txt", ""),
    ("raw_read", "folder-absolute/secret.txt", ""),
    ("raw_read", "root/etc/passwd", ""),
    ("raw_read", "proc-root/etc/passwd", ""),
    ("raw_read", "loop", ""),
    ("raw_read_no_follow", "link-up", ""),
    ("raw_read_no_follow", "folder-up/secret.txt", ""),
    ("raw_read_below", "secret.txt", "folder-up"),
    ("raw_read_below", "etc/passwd", "root"),
    ("raw_list", "folder-up", ""),
    ("raw_list", "root", ""),
    ("raw_stat", "link-up", ""),
    ("raw_read_link", "folder-up/granted/link-up", ""),
    // Writing out.
    ("write", "O/planted.txt", ""),
    ("write", "O/secret.txt", ""),
    ("write", "G/../planted.txt", ""),
    ("write", "G/link-up", ""),
    ("write", "G/link-absolute", ""),
    ("write", "G/link-to-nothing", ""),
    ("write", "G/folder-up/planted.txt", ""),
    ("write", "G/folder-absolute/planted.txt", ""),
    ("make_dir", "O/planted", ""),
    ("make_dir", "G/folder-up/planted", ""),
    ("delete", "O/secret.txt", ""),
    ("delete", "G/folder-up/secret.txt", ""),
    ("raw_write", "../planted.txt", ""),
    ("raw_write", "../secret.txt", ""),
    ("raw_write", "link-up", ""),
    ("raw_write", "link-to-nothing", ""),
    ("raw_write", "folder-up/planted.txt", ""),
    ("raw_write", "folder-absolute/secret.txt", ""),
    ("raw_make_dir", "../planted", ""),
    ("raw_make_dir", "folder-up/planted", ""),
    ("raw_delete", "../secret.txt", ""),
    ("raw_delete", "folder-up/secret.txt", ""),
    ("raw_delete", "folder-absolute/secret.txt", ""),
    // Links of its own making.
    ("raw_symlink", "own-1", "../secret.txt"),
    ("raw_symlink", "own-2", "/etc/passwd"),
    ("raw_symlink", "own-3", "ok.txt"),
    ("raw_link", "../secret.txt", "own-4"),
    ("raw_link", "folder-up/secret.txt", "own-5"),
    ("raw_link", "folder-absolute/secret.txt", "own-6"),
    ("raw_link", "ok.txt", "../planted.txt"),
    ("raw_link", "ok.txt", "folder-up/planted.txt"),
    // Moving in what is outside, and out what is inside.
    ("raw_rename", "../secret.txt", "own-7"),
    ("raw_rename", "folder-up/secret.txt", "own-8"),
    ("raw_rename", "sub", "../planted"),
    ("raw_rename", "ok.txt", "folder-up/planted.txt"),
    ("raw_rename", "ok.txt", "folder-absolute/secret.txt"),
];

#[test]
fn nothing_leads_out_of_a_granted_folder() {
    run(async {
        let field = Field::new();
        let rig = Rig::new();
        rig.install(guests::FS_ESCAPE, &[&field.grant("read,write")])
            .await;
        let before = field.outside();
        for (way, path, to) in ESCAPES {
            let arguments = json!({ "way": way, "path": field.path(path), "to": field.path(to) });
            let answer = rig.call("fs-escape_attempt", arguments).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{way} {path} {to}: {answer:?}");
            assert!(
                !format!("{answer:?}").contains(SECRET),
                "{way} {path} {to}: {answer:?}"
            );
            assert_eq!(
                field.outside(),
                before,
                "{way} {path} {to}: something outside changed"
            );
        }
        // The guest is not simply broken.
        for (way, path) in [
            ("read", "G/ok.txt"),
            ("raw_read", "sub/deep/ok.txt"),
            ("raw_read", "sub/../ok.txt"),
        ] {
            let seen = rig
                .answer(
                    "fs-escape_attempt",
                    json!({ "way": way, "path": field.path(path) }),
                )
                .await;
            assert_eq!(seen, json!({ "seen": [INSIDE] }), "{way} {path}");
        }
    });
}

/// What a right does not include is refused inside the folder too.
#[test]
fn rights_hold_inside_the_folder() {
    run(async {
        // Rights, way, path, second path, what is seen (nothing: it is refused).
        let cases: &[(&str, &str, &str, &str, Option<&str>)] = &[
            ("read", "read", "G/ok.txt", "", Some(INSIDE)),
            ("read", "raw_read", "ok.txt", "", Some(INSIDE)),
            ("read", "write", "G/ok.txt", "", None),
            ("read", "write", "G/new.txt", "", None),
            ("read", "raw_write", "ok.txt", "", None),
            ("read", "raw_write", "new.txt", "", None),
            ("read", "delete", "G/ok.txt", "", None),
            ("read", "raw_delete", "ok.txt", "", None),
            ("read", "make_dir", "G/new", "", None),
            ("read", "raw_make_dir", "new", "", None),
            ("read", "raw_rename", "ok.txt", "new.txt", None),
            ("read", "raw_link", "ok.txt", "new.txt", None),
            ("write", "write", "G/ok.txt", "", Some("written")),
            ("write", "make_dir", "G/new", "", Some("made")),
            ("write", "read", "G/ok.txt", "", None),
            ("write", "raw_read", "ok.txt", "", None),
            ("write", "list", "G/", "", None),
            ("write", "raw_list", ".", "", None),
            ("write", "raw_read_below", "ok.txt", ".", None),
            ("write", "raw_link", "ok.txt", "new.txt", None),
            ("write", "raw_rename", "ok.txt", "new.txt", None),
        ];
        let rig = Rig::new();
        rig.install(guests::FS_ESCAPE, &[]).await;
        let plugin = "fs-escape".parse().unwrap();
        for (rights, way, path, to, seen) in cases {
            let field = Field::new();
            let grant = field.grant(rights).parse().unwrap();
            rig.host
                .registry()
                .grant(&plugin, &grant, &Terms::default(), "test", None)
                .unwrap();
            let arguments = json!({ "way": way, "path": field.path(path), "to": to });
            let answer = rig.call("fs-escape_attempt", arguments).await;
            match seen {
                Some(seen) => {
                    assert_eq!(
                        answer.json().ok(),
                        Some(json!({ "seen": [seen] })),
                        "{rights} {way}: {answer:?}"
                    );
                }
                None => assert_eq!(
                    code(&answer),
                    Some(Code::Denied),
                    "{rights} {way} {path}: {answer:?}"
                ),
            }
            if *rights == "read" {
                assert_eq!(
                    fs::read_to_string(field.at("granted/ok.txt")).unwrap(),
                    INSIDE,
                    "{way} {path}"
                );
                assert!(
                    !field.at("granted/new.txt").exists() && !field.at("granted/new").exists(),
                    "{way} {path}"
                );
            }
            rig.host
                .registry()
                .revoke(&plugin, &grant, &Terms::default())
                .unwrap();
        }
    });
}

/// Someone on the host swaps what a path leads to while the guest reads: between any check and its use there is a moment.
#[test]
fn a_path_swapped_between_check_and_use_leads_nowhere() {
    run(async {
        let field = Field::new();
        // A file that is now itself, now a link out; a folder that is now itself, now the one with the secret.
        fs::write(field.at("granted/flip"), INSIDE).unwrap();
        symlink("../secret.txt", field.at("granted/flop")).unwrap();
        fs::create_dir(field.at("granted/now")).unwrap();
        fs::write(field.at("granted/now/secret.txt"), INSIDE).unwrap();
        symlink("../hidden", field.at("granted/then")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let swapper = {
            let (stop, granted) = (Arc::clone(&stop), field.at("granted"));
            std::thread::spawn(move || {
                let swap = |a: &str, b: &str| {
                    renameat_with(CWD, granted.join(a), CWD, granted.join(b), RenameFlags::EXCHANGE).unwrap();
                };
                let mut swaps = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    swap("flip", "flop");
                    swap("now", "then");
                    swaps += 1;
                }
                swaps
            })
        };
        let rig = Rig::new();
        rig.install(guests::FS_ESCAPE, &[&field.grant("read")]).await;
        let mut seen: Vec<Value> = Vec::new();
        for path in [
            "flip",
            "flop",
            "now/secret.txt",
            "then/secret.txt",
            "sub/../now/secret.txt",
        ] {
            // By std the path is absolute, by WASI it is taken from the folder: both are tried where they fit.
            for path in [
                format!("{}/{path}", field.at("granted").display()),
                path.to_owned(),
            ] {
                let answer = rig
                    .answer("fs-escape_watch", json!({ "path": path, "times": 2000 }))
                    .await;
                seen.extend(answer["seen"].as_array().unwrap().clone());
            }
        }
        stop.store(true, Ordering::Relaxed);
        let swaps = swapper.join().unwrap();
        assert!(swaps > 1000, "only {swaps} swaps");
        assert!(seen.contains(&json!(INSIDE)), "the guest saw nothing at all");
        assert!(seen.iter().all(|text| *text == json!(INSIDE)), "{seen:?}");
    });
}

/// The granted folder itself may be swapped too, after the grant: then it is not the folder that was granted.
#[test]
fn a_granted_folder_that_becomes_a_link_is_gone() {
    run(async {
        let field = Field::new();
        let rig = Rig::new();
        rig.install(guests::FS_ESCAPE, &[&field.grant("read")]).await;
        fs::rename(field.at("granted"), field.at("moved")).unwrap();
        symlink("hidden", field.at("granted")).unwrap();
        for (way, path) in [("read", "G/secret.txt"), ("raw_read", "secret.txt")] {
            let answer = rig
                .call(
                    "fs-escape_attempt",
                    json!({ "way": way, "path": field.path(path) }),
                )
                .await;
            assert_eq!(code(&answer), Some(Code::Denied), "{way}: {answer:?}");
        }
    });
}

#[test]
fn the_receipt_tells_of_files() {
    run(async {
        let field = Field::new();
        let rig = Rig::new();
        rig.install(guests::FS_ESCAPE, &[&field.grant("read")]).await;
        let path = field.path("G/ok.txt");
        let file = |path: &Path| {
            let path = path.display().to_string();
            move |r: &Resource| matches!(r, Resource::File { path: seen } if *seen == path)
        };
        let answer = rig
            .call("fs-escape_attempt", json!({ "way": "read", "path": path }))
            .await;
        assert!(saw(&answer, Access::Read, file(Path::new(&path))), "{answer:?}");
        let answer = rig
            .call("fs-escape_attempt", json!({ "way": "delete", "path": path }))
            .await;
        assert!(saw(&answer, Access::Denied, file(Path::new(&path))), "{answer:?}");
    });
}

/// A folder that can be read, inside one that can only be written, is no way to read the outer one.
#[test]
fn what_cannot_be_read_is_not_moved_to_where_it_can() {
    run(async {
        let rig = Rig::new();
        let field = Field::new();
        let inner = format!("fs:read:{}", field.at("granted/sub").display());
        rig.install(guests::FS_ESCAPE, &[&field.grant("write"), &inner])
            .await;
        for way in ["raw_rename", "raw_link"] {
            let arguments = json!({ "way": way, "path": "ok.txt", "to": "sub/stolen.txt" });
            let answer = rig.call("fs-escape_attempt", arguments).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{way}: {answer:?}");
            assert!(field.at("granted/ok.txt").exists(), "{way}");
            assert!(!field.at("granted/sub/stolen.txt").exists(), "{way}");
        }
    });
}

/// Opening a pipe would wait for whoever writes to it, and a thread of the host with it.
#[test]
fn a_pipe_is_not_opened() {
    run(async {
        let rig = Rig::new();
        let field = Field::new();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, field.at("granted/pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        rig.install(guests::FS_ESCAPE, &[&field.grant("read,write")])
            .await;
        for way in ["raw_read", "raw_write"] {
            let arguments = json!({ "way": way, "path": "pipe" });
            let answer = rig.call("fs-escape_attempt", arguments).await;
            assert_eq!(code(&answer), Some(Code::Denied), "{way}: {answer:?}");
        }
    });
}
