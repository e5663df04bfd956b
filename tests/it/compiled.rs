//! Compiled code on disk: used when it is ours, compiled anew when anything about it is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fact_tests::guests;
use serde_json::json;

use crate::rig::{Rig, folder, run};

/// A folder with the benign guest installed, and the file of its compiled code.
async fn installed(data: &Path) -> PathBuf {
    let rig = Rig::open(data, |_| {});
    rig.install_echo().await;
    works(&rig).await;
    let mut codes: Vec<PathBuf> = fs::read_dir(data.join("compiled"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "code"))
        .collect();
    assert_eq!(codes.len(), 1, "{codes:?}");
    codes.remove(0)
}

async fn works(rig: &Rig) {
    assert_eq!(
        rig.answer("echo_run", json!({ "text": "x" })).await,
        json!({ "text": "x" })
    );
}

/// Changes the file, opens a new host, and says whether the file is as it was before the change.
async fn after(data: &Path, code: &Path, change: impl FnOnce()) -> bool {
    let before = fs::read(code).unwrap();
    change();
    works(&Rig::open(data, |_| {})).await;
    fs::read(code).unwrap() == before
}

#[test]
fn changed_code_is_never_used() {
    run(async {
        let folder = folder();
        let data = &folder.path().join("data");
        let code = installed(data).await;
        let size = fs::metadata(&code).unwrap().len() as usize;
        for at in [0, 31, 32, 33, size / 2, size - 1] {
            let flip = || {
                let mut bytes = fs::read(&code).unwrap();
                bytes[at] ^= 1;
                fs::write(&code, bytes).unwrap();
            };
            assert!(
                after(data, &code, flip).await,
                "a flipped byte at {at} of {size} was not noticed"
            );
        }
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("short", vec![0; 10]),
            ("foreign", vec![7; 100_000]),
        ] {
            let replace = || fs::write(&code, bytes).unwrap();
            assert!(
                after(data, &code, replace).await,
                "a file that is {what} was not noticed"
            );
        }
        assert!(
            after(data, &code, || fs::remove_file(&code).unwrap()).await,
            "it is kept again"
        );
    });
}

/// Code of one component under the name of another is not used either.
#[test]
fn code_can_not_be_swapped() {
    run(async {
        let folder = folder();
        let data = &folder.path().join("data");
        let echo = installed(data).await;
        let rig = Rig::open(data, |_| {});
        rig.install(guests::EXIT, &[]).await;
        drop(rig);
        let other = fs::read_dir(data.join("compiled"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|e| e == "code") && *path != echo)
            .unwrap();
        let swap = || {
            fs::copy(&other, &echo).unwrap();
        };
        assert!(after(data, &echo, swap).await);
    });
}

#[test]
fn the_folder_is_private_and_may_be_deleted() {
    run(async {
        let folder = folder();
        let data = &folder.path().join("data");
        let code = installed(data).await;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.join("compiled")), 0o700);
        assert_eq!(mode(&data.join("compiled/key")), 0o600);
        assert_eq!(mode(data), 0o700);
        // Another key: what was sealed with the old one is not ours any more.
        fs::remove_file(data.join("compiled/key")).unwrap();
        let old = fs::read(&code).unwrap();
        works(&Rig::open(data, |_| {})).await;
        assert_ne!(fs::read(&code).unwrap(), old, "sealed with the new key");
        fs::write(data.join("compiled/key"), b"too short").unwrap();
        works(&Rig::open(data, |_| {})).await;
        fs::remove_dir_all(data.join("compiled")).unwrap();
        works(&Rig::open(data, |_| {})).await;
        assert!(code.exists());
    });
}

/// The component itself is checked too, when there is no code for it.
#[test]
fn a_changed_component_is_not_run() {
    run(async {
        let folder = folder();
        let data = &folder.path().join("data");
        installed(data).await;
        fs::remove_dir_all(data.join("compiled")).unwrap();
        let component = fs::read_dir(data.join("components"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|e| e == "wasm"))
            .unwrap();
        let good = fs::read(&component).unwrap();
        fs::write(&component, guests::EXIT.bytes).unwrap();
        let rig = Rig::open(data, |_| {});
        let error = rig.refusal("echo_run", json!({ "text": "x" })).await;
        assert_eq!(error.code.as_str(), "unavailable", "{error:?}");
        fs::write(&component, good).unwrap();
        works(&rig).await;
    });
}
