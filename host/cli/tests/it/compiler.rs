//! Compiling in a child: whatever a component does to the compiler, the host goes on, and nothing is left behind.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fact_core::types::{ByteSize, Error, Span};
use fact_core::{Config, Host, InstallOptions, Source};
use fact_tests::guests;
use serde_json::json;

use crate::fact::Home;

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A component of functions with so many locals, all i32, that do this.
fn component(functions: u32, locals: u32, does: &[u8]) -> Vec<u8> {
    let mut body = vec![1];
    leb(&mut body, locals);
    body.push(0x7f);
    body.extend(does);
    body.push(0x0b);

    let mut code = Vec::new();
    leb(&mut code, functions);
    for _ in 0..functions {
        leb(&mut code, u32::try_from(body.len()).unwrap());
        code.extend(&body);
    }
    let mut declared = Vec::new();
    leb(&mut declared, functions);
    declared.extend(vec![0; functions as usize]);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 0, 0]);
    section(&mut module, 3, &declared);
    section(&mut module, 10, &code);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(&mut component, 1, &module);
    component
}

/// More than five minutes on two processors, and little memory: loops whose variables all change, with so many ways back, each of
/// which carries all variables. The time grows with the square of the ways.
fn takes_minutes() -> Vec<u8> {
    let (locals, ways) = (50, 20_000);
    // loop
    let mut does = vec![0x03, 0x40];
    for local in 0..locals {
        // local.get, local.get of the next one, i32.add, local.set
        does.push(0x20);
        leb(&mut does, local);
        does.push(0x20);
        leb(&mut does, (local + 1) % locals);
        does.extend([0x6a, 0x21]);
        leb(&mut does, local);
    }
    // local.get 0, br_table to the loop
    does.extend([0x20, 0, 0x0e]);
    leb(&mut does, ways);
    does.extend(vec![0; ways as usize + 1]);
    does.push(0x0b);
    let bytes = component(16, locals, &does);
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    bytes
}

/// Gigabytes, from a third of a megabyte: a function that asks for each of so many variables behind so many branches.
fn takes_memory() -> Vec<u8> {
    let size = 30_000;
    let mut does = Vec::new();
    for _ in 0..size {
        // local.get 0, if, end
        does.extend([0x20, 0, 0x04, 0x40, 0x0b]);
    }
    for local in 0..size {
        // local.get, drop
        does.push(0x20);
        leb(&mut does, local);
        does.push(0x1a);
    }
    component(1, size, &does)
}

/// Bytes that are whole in form, and wrong within.
fn with_bad_byte(good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    // A section of a kind that there is not.
    bytes.extend([0x7f, 1, 0]);
    bytes
}

fn section(to: &mut Vec<u8>, id: u8, body: &[u8]) {
    to.push(id);
    leb(to, u32::try_from(body.len()).unwrap());
    to.extend(body);
}

fn leb(to: &mut Vec<u8>, mut n: u32) {
    while n >= 0x80 {
        to.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(fact_core::worker_threads())
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// A host whose compiler is `program`.
fn host(home: &Home, program: &Path, change: impl FnOnce(&mut Config)) -> Arc<Host> {
    let mut config = Config::in_folder(home.path().join("data"));
    config.compiler = Some(program.to_owned());
    change(&mut config);
    Arc::new(Host::open(config).unwrap())
}

fn fact() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_fact"))
}

/// A program in the compiler's place.
fn script(home: &Home, lines: &str) -> PathBuf {
    let program = home.path().join("compiler");
    std::fs::write(&program, format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{lines}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

async fn install(host: &Host, bytes: &[u8]) -> Result<(), Error> {
    let source = Source::Bytes {
        label: "test".to_owned(),
        bytes: bytes.to_vec(),
    };
    let options = InstallOptions {
        by: "test".to_owned(),
        ..InstallOptions::default()
    };
    host.registry().install(source, options).await.map(drop)
}

async fn echo(host: &Host) {
    let answer = host.call_json("echo_run", json!({ "text": "here" })).await;
    assert_eq!(answer.json().unwrap(), json!({ "text": "here" }));
}

/// The processes that compile for a process.
fn children(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name in brackets may hold anything; the parent is the second field after it.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(2));
        if parent.and_then(|parent| parent.parse().ok()) == Some(of) {
            found.push(id);
        }
    }
    found
}

fn exists(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// Waits for something, and returns it.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A process that is there before the test has none of its children: with nextest each test is a process.
fn own_child() -> u32 {
    until("a compiler runs", || {
        children(std::process::id()).first().copied()
    })
}

#[test]
fn a_compilation_that_takes_minutes_is_ended() {
    run(async {
        let home = Home::new();
        let limit = Duration::from_secs(4);
        let host = host(&home, &fact(), |config| config.install.compile_time = Span(limit));
        install(&host, guests::ECHO.bytes).await.unwrap();
        echo(&host).await;

        let started = Instant::now();
        let slow = {
            let host = Arc::clone(&host);
            tokio::spawn(async move { (install(&host, &takes_minutes()).await, started.elapsed()) })
        };
        let mut calls = Vec::new();
        while !slow.is_finished() {
            let called = Instant::now();
            echo(&host).await;
            calls.push(called.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (refused, took) = slow.await.unwrap();
        let error = refused.unwrap_err();
        assert_eq!(error.code.as_str(), "bad-component");
        for word in ["longer than 4s", "`install.compile_time`"] {
            assert!(error.message.contains(word), "{}", error.message);
        }
        assert!(took >= limit && took < limit + Duration::from_secs(2), "{took:?}");
        calls.sort();
        let median = calls[calls.len() / 2];
        assert!(
            calls.len() > 20 && median < Duration::from_millis(100),
            "{} calls, {median:?}",
            calls.len()
        );
        assert_eq!(children(std::process::id()), [0; 0], "nothing is left behind");
        assert_eq!(host.registry().plugins().unwrap().len(), 1);
        assert!(host.compiling().borrow().is_empty());
    });
}

#[test]
fn a_compilation_that_takes_all_memory_is_ended() {
    run(async {
        let home = Home::new();
        let host = host(&home, &fact(), |config| {
            config.install.compile_memory = ByteSize::mib(256);
        });
        // What is no burden is compiled with as much.
        install(&host, guests::ECHO.bytes).await.unwrap();
        let error = install(&host, &takes_memory()).await.unwrap_err();
        for word in ["more than 256MiB of memory", "`install.compile_memory`"] {
            assert!(error.message.contains(word), "{}", error.message);
        }
        assert_eq!(children(std::process::id()), [0; 0]);
        echo(&host).await;
    });
}

#[test]
fn a_compiler_that_is_killed_is_told_of_and_tried_again() {
    run(async {
        let home = Home::new();
        let host = host(&home, &fact(), |_| {});
        let installing = {
            let host = Arc::clone(&host);
            tokio::spawn(async move { install(&host, &takes_minutes()).await })
        };
        let child = tokio::task::spawn_blocking(own_child).await.unwrap();
        assert_eq!(host.compiling().borrow().len(), 1);
        let killed = std::process::Command::new("kill")
            .args(["-9", &child.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let error = installing.await.unwrap().unwrap_err();
        assert!(
            error.message.contains("signal 9") && error.message.contains("try again"),
            "{}",
            error.message
        );
        assert!(!exists(child), "it was waited for");
        install(&host, guests::ECHO.bytes).await.unwrap();
        echo(&host).await;
    });
}

/// Whatever a program in the compiler's place writes and however it ends, it is no code.
#[test]
fn what_is_no_answer_is_not_used() {
    run(async {
        for (script, word) in [
            ("exit 0", "code 0 before"),
            ("exit 7", "code 7"),
            ("cat", "damaged"),
            ("head -c 100000 /dev/urandom", "damaged"),
            ("printf fact-co1; head -c 100000 /dev/zero", "another version"),
            ("kill -SEGV $$", "signal 11"),
            (
                "echo memory allocation of 99 bytes failed >&2; kill -ABRT $$",
                "of memory",
            ),
            ("ulimit -S -t 1; while :; do :; done", "longer than"),
            // It neither reads nor answers, and leaves someone with its pipes.
            ("sleep 1000 & sleep 1000", "longer than 3s"),
            ("exec >&-; sleep 1000", "stopped answering"),
        ] {
            let home = Home::new();
            let program = self::script(&home, script);
            let host = host(&home, &program, |config| {
                config.install.compile_time = Span::secs(3)
            });
            let started = Instant::now();
            let error = install(&host, guests::ECHO.bytes).await.unwrap_err();
            assert!(error.message.contains(word), "{script}: {}", error.message);
            assert!(started.elapsed() < Duration::from_secs(10), "{script}");
            assert_eq!(children(std::process::id()), [0; 0], "{script}");
        }
        let home = Home::new();
        let host = host(&home, &home.path().join("nothing"), |_| {});
        let error = install(&host, guests::ECHO.bytes).await.unwrap_err();
        assert!(error.message.contains("can't be started"), "{}", error.message);
    });
}

/// Whoever sleeps half of its time is stopped by the clock, whoever uses every processor by this.
#[test]
fn processor_time_is_limited_too() {
    run(async {
        let home = Home::new();
        let program = script(
            &home,
            &format!(
                "exec {} {} plain 1 3000000000",
                fact().display(),
                fact_core::COMPILE_VERB
            ),
        );
        let host = host(&home, &program, |_| {});
        let error = install(&host, &takes_minutes()).await.unwrap_err();
        assert!(error.message.contains("longer than"), "{}", error.message);
    });
}

/// A compiler that is real, with its answer cut off.
#[test]
fn an_answer_that_is_cut_off_is_not_used() {
    run(async {
        let home = Home::new();
        let program = script(&home, &format!("{} \"$@\" | head -c 5000", fact().display()));
        let cut = host(&home, &program, |_| {});
        let error = install(&cut, guests::ECHO.bytes).await.unwrap_err();
        assert!(
            error.message.contains("before its answer was whole"),
            "{}",
            error.message
        );
        drop(cut);
        let mended = host(&home, &fact(), |_| {});
        install(&mended, guests::ECHO.bytes).await.unwrap();
        echo(&mended).await;
    });
}

#[test]
fn what_is_wrong_with_a_component_is_told() {
    run(async {
        let home = Home::new();
        let host = host(&home, &fact(), |config| {
            config.install.component_size = ByteSize::mib(1);
        });
        let good = guests::ECHO.bytes;
        let mut large = good.to_vec();
        large.resize((1 << 20) + 1, 0);
        for (bytes, words) in [
            (&good[..good.len() / 2], ["ends in the middle", "again"]),
            (&good[..good.len() - 1], ["ends in the middle", "again"]),
            (&good[..9], ["ends in the middle", "again"]),
            (&good[..5], ["ends in the middle", "again"]),
            (&with_bad_byte(good), ["no valid component", "Build it again"]),
            (b"\0asm\x01\0\0\0", ["core module", "`wasm-tools component new"]),
            (b"hello", ["no WebAssembly", "four bytes"]),
            (&[], ["empty", "again"]),
            (&large, ["larger than 1048576 bytes", "`install.component_size`"]),
        ] {
            let error = install(&host, bytes).await.unwrap_err();
            for word in words {
                assert!(error.message.contains(word), "{}", error.message);
            }
            assert!(!error.message.contains(".."), "{}", error.message);
        }
    });
}

/// The compiler has limits before it reads a byte, nothing of the host's environment, and ends with the host.
#[test]
fn a_compiler_is_confined_and_ends_with_its_host() {
    let home = Home::new();
    let file = home.path().join("slow.wasm");
    std::fs::write(&file, takes_minutes()).unwrap();
    let mut host = home
        .command(fact())
        .args(["plugin", "install"])
        .arg(&file)
        .env("FACT_INSTALL_COMPILE_TIME", "10m")
        .env("FACT_INSTALL_COMPILE_MEMORY", "3GiB")
        .env("SECRET", "swordfish")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let child = until("a compiler runs", || children(host.id()).first().copied());
    let confined = |limits: &String| {
        limits
            .lines()
            .any(|line| line.starts_with("Max address space") && line.contains("3221225472"))
    };
    let limits = until("it has limits", || {
        std::fs::read_to_string(format!("/proc/{child}/limits"))
            .ok()
            .filter(confined)
    });
    for (limit, value) in [
        ("Max data size", "3221225472"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max open files", "3"),
    ] {
        until(&format!("{limit} is {value}: {limits}"), || {
            let limits = std::fs::read_to_string(format!("/proc/{child}/limits")).unwrap();
            let line = limits
                .lines()
                .find(|line| line.starts_with(limit))
                .unwrap()
                .to_owned();
            let mut numbers = line[limit.len()..].split_whitespace();
            (numbers.next() == Some(value) && numbers.next() == Some(value)).then_some(())
        });
    }
    let environment = std::fs::read(format!("/proc/{child}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    for name in ["SECRET", "swordfish", "HOME", "FACT"] {
        assert!(!environment.contains(name), "{environment}");
    }

    host.kill().unwrap();
    let killed = Instant::now();
    host.wait().unwrap();
    until("the compiler is gone", || (!exists(child)).then_some(()));
    assert!(
        killed.elapsed() < Duration::from_secs(2),
        "{:?}",
        killed.elapsed()
    );
    let mut said = String::new();
    host.stderr.take().unwrap().read_to_string(&mut said).unwrap();
}

/// The settings reach the compiler through the command, and the sentence reaches the person.
#[test]
fn the_command_refuses_with_a_sentence() {
    let home = Home::new();
    let file = home.path().join("slow.wasm");
    std::fs::write(&file, takes_minutes()).unwrap();
    let ran = home
        .command(fact())
        .args(["plugin", "install"])
        .arg(&file)
        .env("FACT_INSTALL_COMPILE_TIME", "1s")
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(2), "{said}");
    assert!(said.contains("compiling it takes longer than 1s"), "{said}");
    // The verb is none for people.
    assert!(!home.ok(&["--help"]).out.contains(fact_core::COMPILE_VERB));
    assert_eq!(home.fact(&[fact_core::COMPILE_VERB]).code, 2);
}
