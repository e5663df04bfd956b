//! The drop-in folder: what is put there is installed, with nothing granted, and what goes is removed.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fact_core::types::{Code, Terms};
use fact_core::{DropIn, DropInEvent};
use serde_json::json;

use crate::forge::{Version, name, tool};
use crate::rig::{Rig, code, folder, run};

/// From a file in the folder to a plugin that answers.
const SOON: Duration = Duration::from_secs(1);

/// A host that watches its folder.
struct Watched {
    rig: Rig,
    folder: PathBuf,
    /// Where files are made before they are moved to the folder in one step.
    workshop: tempfile::TempDir,
    events: Arc<Mutex<Vec<DropIn>>>,
    watch: tokio::task::JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Watched {
    fn new() -> Self {
        let rig = Rig::new();
        let folder = rig.host.drop_in_folder();
        let events = Arc::default();
        let watch = watch(&rig, &folder, &events);
        Watched {
            rig,
            folder,
            workshop: crate::rig::folder(),
            events,
            watch,
        }
    }

    /// Puts a file into the folder, whole at once.
    fn put(&self, file: &str, bytes: &[u8]) {
        let made = self.workshop.path().join("made");
        fs::write(&made, bytes).unwrap();
        // The folder may be on another disk.
        fs::rename(&made, self.folder.join(file))
            .or_else(|_| {
                let beside = self.folder.join(".made");
                fs::copy(&made, &beside)?;
                fs::rename(&beside, self.folder.join(file))
            })
            .unwrap();
    }

    fn take(&self, file: &str) {
        fs::remove_file(self.folder.join(file)).unwrap();
    }

    /// Waits for so many events, and takes them.
    async fn events(&self, count: usize) -> Vec<(String, DropInEvent)> {
        self.rig
            .until("it happened", || self.events.lock().unwrap().len() >= count)
            .await;
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        events
            .into_iter()
            .map(|event| (event.file, event.event))
            .collect()
    }

    /// The next event, which is the only one.
    async fn event(&self) -> (String, DropInEvent) {
        let mut events = self.events(1).await;
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// The next event, a problem with a word in it.
    async fn problem(&self, file: &str, word: &str) {
        let (of, event) = self.event().await;
        match event {
            DropInEvent::Problem(why) if of == file && why.contains(word) => {}
            other => panic!("{of}: {other:?}, and not a problem with {word:?}"),
        }
    }

    /// Checks that nothing happens for as long as it would take.
    async fn nothing(&self) {
        tokio::time::sleep(SOON).await;
        let events = self.events.lock().unwrap().clone();
        assert!(events.is_empty(), "{events:?}");
    }

    fn plugins(&self) -> Vec<String> {
        let plugins = self.rig.host.registry().plugins().unwrap();
        plugins.iter().map(|plugin| plugin.row.name.to_string()).collect()
    }
}

fn watch(rig: &Rig, folder: &Path, events: &Arc<Mutex<Vec<DropIn>>>) -> tokio::task::JoinHandle<()> {
    let (registry, folder) = (Arc::clone(rig.host.registry()), folder.to_owned());
    let events = Arc::clone(events);
    tokio::spawn(async move {
        let tell = |event: Result<DropIn, _>| events.lock().unwrap().push(event.unwrap());
        registry.watch_drop_in(&folder, tell).await;
    })
}

fn installed(plugin: &str) -> DropInEvent {
    DropInEvent::Installed(name(plugin))
}

#[test]
fn a_file_is_a_plugin_within_a_second_and_as_long_as_it_is_there() {
    run(async {
        let watched = Watched::new();
        let rig = &watched.rig;
        let version = Version::new("p", "one").edit(|m| m["capabilities"] = json!([]));
        // Compiled before, so that what is measured is the folder. The name has nothing to do with the file's.
        rig.install_version(&version.edit(|m| m["name"] = json!("other")), &[])
            .await;
        let bytes = version.bytes();
        let started = Instant::now();
        watched.put("any.wasm", &bytes);
        loop {
            let answer = rig.call("p_say", json!({})).await;
            if code(&answer).is_none() {
                break;
            }
            assert_eq!(code(&answer), Some(Code::NotFound), "{answer:?}");
            assert!(started.elapsed() < SOON * 20, "it is never there");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = started.elapsed();
        assert!(took < SOON, "it took {took:?}");
        assert_eq!(watched.event().await, ("any.wasm".to_owned(), installed("p")));
        let plugin = rig.host.registry().plugin(&name("p")).unwrap();
        assert!(plugin.grants.is_empty(), "{:?}", plugin.grants);
        assert_eq!(
            plugin.row.source,
            watched.folder.join("any.wasm").display().to_string()
        );
        // The same file touched is the same plugin.
        watched.put("any.wasm", &bytes);
        let (_, event) = watched.event().await;
        assert_eq!(event, DropInEvent::Updated(name("p")));
        assert_eq!(rig.host.registry().plugin(&name("p")).unwrap().previous.len(), 0);

        watched.take("any.wasm");
        let (_, event) = watched.event().await;
        assert_eq!(event, DropInEvent::Removed(name("p")));
        assert_eq!(code(&rig.call("p_say", json!({})).await), Some(Code::NotFound));
        assert_eq!(watched.plugins(), ["other"]);
    });
}

#[test]
fn a_file_that_changes_is_a_new_version() {
    run(async {
        let watched = Watched::new();
        let rig = &watched.rig;
        let one = Version::new("p", "one");
        watched.put("p.wasm", &one.bytes());
        watched.event().await;
        let clock = "clock:wall".parse().unwrap();
        let registry = rig.host.registry();
        let grant = registry.grant(&name("p"), &clock, &Terms::default(), "test", None);
        grant.unwrap();
        // Nothing wider: at once.
        watched.put("p.wasm", &one.saying("two").bytes());
        assert_eq!(watched.event().await.1, DropInEvent::Updated(name("p")));
        assert_eq!(rig.answer("p_say", json!({})).await, "two");
        // Wider: held, and the one before answers. A file that is dropped in approves nothing.
        let wider = one
            .saying("three")
            .edit(|m| m["tools"].as_array_mut().unwrap().push(tool("more", "Does more")));
        watched.put("p.wasm", &wider.bytes());
        assert_eq!(watched.event().await.1, DropInEvent::Held(name("p")));
        assert_eq!(rig.answer("p_say", json!({})).await, "two");
        registry.approve(&name("p"), Some(wider.digest())).await.unwrap();
        assert_eq!(rig.answer("p_more", json!({})).await, "three");
        assert_eq!(registry.grants(&name("p")).unwrap().len(), 1);
        // Broken: the one before answers on, and the plugin stays.
        watched.put("p.wasm", b"\0asm\x0d\0\x01\0");
        watched.problem("p.wasm", "").await;
        assert_eq!(rig.answer("p_say", json!({})).await, "three");
        watched.nothing().await;
        watched.take("p.wasm");
        assert_eq!(watched.event().await.1, DropInEvent::Removed(name("p")));
    });
}

#[test]
fn broken_files_are_told_once_and_harm_nothing() {
    run(async {
        let watched = Watched::new();
        let good = Version::new("p", "one").bytes();
        let module = wat::parse_str("(module)").unwrap();
        let cases: [(&str, &[u8], &str); 5] = [
            ("empty.wasm", b"", "empty"),
            ("text.wasm", b"no component at all", ""),
            ("module.wasm", &module, "core"),
            ("half.wasm", &good[..good.len() / 2], ""),
            ("nothing.wasm", b"\0asm\x0d\0\x01\0", ""),
        ];
        for (file, bytes, word) in cases {
            watched.put(file, bytes);
            watched.problem(file, word).await;
        }
        // What is not named like a component is passed over.
        fs::create_dir(watched.folder.join("folder")).unwrap();
        fs::write(watched.folder.join("readme.txt"), &good).unwrap();
        fs::write(watched.folder.join(".hidden.wasm"), &good).unwrap();
        watched.nothing().await;
        // What is, or nearly, and is none, is told once.
        let odd = |file: &str| watched.folder.join(file);
        fs::create_dir(odd("folder.wasm")).unwrap();
        watched.problem("folder.wasm", "no regular file").await;
        fs::write(odd("UP.WASM"), &good).unwrap();
        watched.problem("UP.WASM", "Rename the file").await;
        let no_text = std::ffi::OsStr::from_bytes(b"odd-\xff.wasm");
        fs::write(watched.folder.join(no_text), &good).unwrap();
        watched
            .problem("odd-\u{fffd}.wasm", "not UTF-8. Rename the file")
            .await;
        watched.put("___.wasm", fact_tests::guests::PLAIN_TIME.bytes);
        watched.problem("___.wasm", "Rename the file").await;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            watched.folder.join("pipe.wasm"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        watched.problem("pipe.wasm", "no regular file").await;
        std::os::unix::fs::symlink("nowhere", odd("dangling.wasm")).unwrap();
        watched.problem("dangling.wasm", "a link to a file").await;
        watched.nothing().await;
        assert_eq!(watched.plugins(), [""; 0]);
        let problems = watched.rig.host.registry().drop_in_problems().unwrap();
        let told = cases.len() + 6;
        assert_eq!(problems.len(), told, "{problems:?}");
        assert!(
            problems.iter().all(|(_, why)| !why.contains("--name")),
            "{problems:?}"
        );
        // Another process that starts does not begin anew.
        let second = watched.rig.second();
        let again = second
            .host
            .registry()
            .look_at_drop_in(&watched.folder)
            .await
            .unwrap();
        assert!(again.is_empty(), "{again:?}");
        // Mended, it is looked at again; gone, its problem is.
        watched.put("text.wasm", &good);
        assert_eq!(watched.event().await, ("text.wasm".to_owned(), installed("p")));
        watched.take("half.wasm");
        watched
            .rig
            .until("two problems fewer", || {
                watched.rig.host.registry().drop_in_problems().unwrap().len() == told - 2
            })
            .await;
        // Nothing was left of all this.
        let kept = fs::read_dir(watched.rig.data().join("components"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|file| file.ends_with(".wasm"))
            .count();
        assert_eq!(kept, 1);
    });
}

#[test]
fn a_file_that_is_written_slowly_is_installed_when_it_is_whole() {
    run(async {
        let watched = Watched::new();
        let bytes = Version::new("p", "one").bytes();
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let path = watched.folder.join("slow.wasm");
        fs::write(&path, first).unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
        let mut file = fs::File::options().append(true).open(&path).unwrap();
        std::io::Write::write_all(&mut file, second).unwrap();
        drop(file);
        watched
            .rig
            .until("it is a plugin", || !watched.plugins().is_empty())
            .await;
        assert_eq!(watched.rig.answer("p_say", json!({})).await, "one");
        // It may have been told as broken in between, and is no more.
        assert!(watched.rig.host.registry().drop_in_problems().unwrap().is_empty());
    });
}

#[test]
fn a_link_to_a_file_is_a_file() {
    run(async {
        let watched = Watched::new();
        let elsewhere = folder();
        let real = elsewhere.path().join("real.bin");
        let one = Version::new("p", "one");
        fs::write(&real, one.bytes()).unwrap();
        std::os::unix::fs::symlink(&real, watched.folder.join("link.wasm")).unwrap();
        assert_eq!(watched.event().await, ("link.wasm".to_owned(), installed("p")));
        fs::write(&real, one.saying("two and more").bytes()).unwrap();
        watched
            .rig
            .until("it is updated", || {
                let plugin = watched.rig.host.registry().plugin(&name("p")).unwrap();
                plugin.row.digest == one.saying("two and more").digest()
            })
            .await;
        watched.take("link.wasm");
        watched
            .rig
            .until("it is removed", || watched.plugins().is_empty())
            .await;
        assert!(real.exists());
    });
}

/// Of two files of one name the first is the plugin, until it goes.
#[test]
fn two_files_that_want_one_name() {
    run(async {
        let watched = Watched::new();
        let one = Version::new("p", "one");
        watched.put("a.wasm", &one.bytes());
        assert_eq!(watched.event().await, ("a.wasm".to_owned(), installed("p")));
        watched.put("b.wasm", &one.saying("two").bytes());
        watched
            .problem("b.wasm", "A plugin `p` is installed already")
            .await;
        watched.nothing().await;
        assert_eq!(watched.rig.answer("p_say", json!({})).await, "one");
        watched.take("a.wasm");
        let events = watched.events(2).await;
        assert_eq!(
            events,
            [
                ("a.wasm".to_owned(), DropInEvent::Removed(name("p"))),
                ("b.wasm".to_owned(), installed("p")),
            ]
        );
        assert_eq!(watched.rig.answer("p_say", json!({})).await, "two");
        // A copy is the same plugin, and stands in for it when the file itself goes.
        watched.put("c.wasm", &one.saying("two").bytes());
        let copy = DropInEvent::Copy(name("p"));
        assert_eq!(watched.event().await, ("c.wasm".to_owned(), copy));
        watched.take("b.wasm");
        let events = watched.events(2).await;
        assert_eq!(events[1], ("c.wasm".to_owned(), installed("p")), "{events:?}");
        watched.take("c.wasm");
        watched.event().await;
        assert_eq!(watched.plugins(), [""; 0]);
    });
}

/// A link that leads nowhere any more is a file that is gone, and one that leads somewhere again is there again.
#[test]
fn a_link_that_breaks_and_is_mended() {
    run(async {
        let watched = Watched::new();
        let elsewhere = folder();
        let real = elsewhere.path().join("real.bin");
        fs::write(&real, Version::new("p", "one").bytes()).unwrap();
        std::os::unix::fs::symlink(&real, watched.folder.join("link.wasm")).unwrap();
        assert_eq!(watched.event().await.1, installed("p"));
        fs::rename(&real, elsewhere.path().join("aside")).unwrap();
        let events = watched.events(2).await;
        assert_eq!(events[0].1, DropInEvent::Removed(name("p")), "{events:?}");
        assert!(
            matches!(&events[1].1, DropInEvent::Problem(why) if why.contains("a link")),
            "{events:?}"
        );
        watched.nothing().await;
        fs::rename(elsewhere.path().join("aside"), &real).unwrap();
        assert_eq!(watched.event().await.1, installed("p"));
        assert!(watched.rig.host.registry().drop_in_problems().unwrap().is_empty());
    });
}

/// Who removes a plugin whose file is still there learns of the file.
#[test]
fn the_file_of_a_plugin_is_known() {
    run(async {
        let watched = Watched::new();
        watched.put("p.wasm", &Version::new("p", "one").bytes());
        watched.event().await;
        watched.rig.install_version(&Version::new("q", "one"), &[]).await;
        let file = |plugin: &str| {
            watched
                .rig
                .host
                .registry()
                .drop_in_file(&watched.folder, &name(plugin))
        };
        assert_eq!(file("p"), Some(watched.folder.join("p.wasm")));
        assert_eq!(file("q"), None);
        assert_eq!(file("absent"), None);
    });
}

/// The folder does nothing to plugins that are from elsewhere, or were given a version from elsewhere.
#[test]
fn plugins_from_elsewhere_are_not_the_folders() {
    run(async {
        let watched = Watched::new();
        let (rig, one) = (&watched.rig, Version::new("p", "one"));
        let registry = rig.host.registry();
        rig.install_version(&one, &[]).await;
        // Another component of its name is in the way, and the same one changes nothing.
        watched.put("p.wasm", &one.saying("two").bytes());
        watched
            .problem("p.wasm", "A plugin `p` is installed already")
            .await;
        watched.put("p.wasm", &one.bytes());
        watched.event().await;
        let source = &registry.plugin(&name("p")).unwrap().row.source;
        assert_eq!(source, "test:forged");
        // A change of the file is none of a plugin that is not from it.
        watched.put("p.wasm", &one.saying("three").bytes());
        watched
            .problem("p.wasm", "A plugin `p` is installed already")
            .await;
        watched.take("p.wasm");
        watched.nothing().await;
        assert_eq!(rig.answer("p_say", json!({})).await, "one");

        // One that was dropped in and then updated from elsewhere is not the file's any more.
        let q = Version::new("q", "one");
        watched.put("q.wasm", &q.bytes());
        assert_eq!(watched.event().await.1, installed("q"));
        rig.update("q", &q.saying("two")).await.unwrap();
        watched.put("q.wasm", &q.saying("three").bytes());
        watched
            .problem("q.wasm", "A plugin `q` is installed already")
            .await;
        assert_eq!(rig.answer("q_say", json!({})).await, "two");
        watched.take("q.wasm");
        watched.nothing().await;
        assert_eq!(rig.answer("q_say", json!({})).await, "two");

        // Whoever removes a plugin by hand does not get it back before its file changes.
        let r = Version::new("r", "one");
        watched.put("r.wasm", &r.bytes());
        assert_eq!(watched.event().await.1, installed("r"));
        registry.remove(&name("r"), Duration::ZERO).await.unwrap();
        watched.nothing().await;
        assert_eq!(watched.plugins(), ["p", "q"]);
        watched.put("r.wasm", &r.saying("two").bytes());
        assert_eq!(watched.event().await.1, installed("r"));
    });
}

/// Two processes may watch the same folder, and a start looks at it once.
#[test]
fn two_who_watch_one_folder() {
    run(async {
        let watched = Watched::new();
        let second = watched.rig.second();
        let events = Arc::default();
        let other = watch(&second, &watched.folder, &events);
        for round in 0..5 {
            let word = format!("round-{round}");
            let version = Version::new("p", &word);
            watched.put("p.wasm", &version.bytes());
            watched
                .rig
                .until("it is there", || !watched.plugins().is_empty())
                .await;
            assert_eq!(second.answer("p_say", json!({})).await, word.as_str());
            watched.take("p.wasm");
            watched
                .rig
                .until("it is gone", || watched.plugins().is_empty())
                .await;
        }
        for event in watched
            .events
            .lock()
            .unwrap()
            .iter()
            .chain(events.lock().unwrap().iter())
        {
            assert!(!matches!(event.event, DropInEvent::Problem(_)), "{event:?}");
        }
        assert!(!other.is_finished());
        other.abort();

        // What was put there while nobody watched is found by the next look, without waiting for a second one.
        watched.watch.abort();
        watched.put("q.wasm", &Version::new("q", "one").bytes());
        let third = watched.rig.second();
        let looked = third
            .host
            .registry()
            .look_at_drop_in(&watched.folder)
            .await
            .unwrap();
        assert_eq!(looked.len(), 1, "{looked:?}");
        assert_eq!(third.answer("q_say", json!({})).await, "one");
    });
}

/// Unmounted, or moved for a moment: nobody took the plugins away.
#[test]
fn a_folder_that_is_gone_takes_no_plugin_and_no_grant() {
    run(async {
        let watched = Watched::new();
        watched.watch.abort();
        let (host, folder) = (&watched.rig.host, &watched.folder);
        let look = || host.registry().look_at_drop_in(folder);
        watched.put("v.wasm", &Version::new("v", "one").bytes());
        assert_eq!(look().await.unwrap().len(), 1);
        let capability = "clock:wall".parse().unwrap();
        host.registry()
            .grant(&name("v"), &capability, &Terms::default(), "test", None)
            .unwrap();

        let aside = folder.with_extension("aside");
        fs::rename(folder, &aside).unwrap();
        for _ in 0..2 {
            let error = look().await.unwrap_err();
            assert_eq!(error.code, Code::Unavailable, "{error:?}");
        }
        // A host that starts meanwhile makes no empty folder in its place.
        let other = watched.rig.second();
        assert!(!folder.exists());
        for host in [host, &other.host] {
            assert_eq!(host.registry().plugin(&name("v")).unwrap().grants.len(), 1);
        }

        fs::rename(&aside, folder).unwrap();
        assert_eq!(look().await.unwrap(), []);
        assert_eq!(host.registry().plugin(&name("v")).unwrap().grants.len(), 1);
        watched.take("v.wasm");
        assert_eq!(look().await.unwrap().len(), 1);
        assert!(host.registry().plugins().unwrap().is_empty());
    });
}
