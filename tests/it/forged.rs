//! Components that no compiler writes: forged by hand, instruction by instruction, and files that are no components at all.

use fact_core::types::{Code, Span};
use serde_json::json;

use crate::rig::{Rig, code, run};

/// What the component says of itself.
const MANIFEST: &str = r#"{"name":"forged","tools":[{"name":"run","input_schema":{}}]}"#;

/// A component of definitions and the instructions of its one tool: see [`crate::forge::forge`].
fn forge(definitions: &str, instructions: &str) -> Vec<u8> {
    crate::forge::forge(MANIFEST, definitions, instructions)
}

const ANSWER: &str = "(i32.const 4096)";

/// What a forged component comes to.
enum Ends {
    /// It can't be installed.
    Install,
    /// The call ends like this; `None`: it answers.
    Call(Option<Code>),
}

fn check(cases: &[(&str, &str, String, Ends)]) {
    run(async {
        let rig = Rig::with(|config| config.limits.deadline = Span::secs(5));
        rig.install_echo().await;
        let name = "forged".parse().unwrap();
        for (what, definitions, instructions, ends) in cases {
            let installed = rig
                .install_bytes((*what).to_owned(), &forge(definitions, instructions), &[])
                .await;
            match (ends, installed) {
                (Ends::Install, Err(error)) => {
                    assert_eq!(error.code, Code::BadComponent, "{what}: {error:?}")
                }
                (Ends::Call(expected), Ok(())) => {
                    let answer = rig.call("forged_run", json!({})).await;
                    assert_eq!(code(&answer), *expected, "{what}: {answer:?}");
                    rig.host
                        .registry()
                        .remove(&name, std::time::Duration::ZERO)
                        .await
                        .unwrap();
                }
                (_, installed) => panic!("{what}: installing it came to {installed:?}"),
            }
            rig.check_unharmed().await;
        }
    });
}

/// Writes a number to memory, then gives the answer.
fn answer_with(at: u32, number: i32) -> String {
    format!("(i32.store (i32.const {at}) (i32.const {number})) {ANSWER}")
}

#[test]
fn memories_and_tables_count_together() {
    let grow = |what: &str, by: u32| format!("(drop (memory.grow {what} (i32.const {by}))) {ANSWER}");
    let all = |each: u32| {
        ["$one", "$two", "$main"]
            .map(|m| format!("(drop (memory.grow {m} (i32.const {each})))"))
            .concat()
    };
    let two = "(memory $one 1) (memory $two 1)";
    // A page has 64 KiB: the limit is 4096 of them.
    check(&[
        ("nothing", "", ANSWER.to_owned(), Ends::Call(None)),
        (
            "a memory that grows to the limit",
            "",
            grow("$main", 4000),
            Ends::Call(None),
        ),
        (
            "a memory that grows past it",
            "",
            grow("$main", 4095),
            Ends::Call(Some(Code::Memory)),
        ),
        (
            "a memory that grows by all there is",
            "",
            grow("$main", 65_534),
            Ends::Call(Some(Code::Memory)),
        ),
        (
            "three memories under the limit",
            two,
            format!("{} {ANSWER}", all(1300)),
            Ends::Call(None),
        ),
        (
            "three memories past it, each under it",
            two,
            format!("{} {ANSWER}", all(1400)),
            Ends::Call(Some(Code::Memory)),
        ),
        (
            "a memory that begins past it",
            "(memory $one 5000)",
            ANSWER.to_owned(),
            Ends::Install,
        ),
        (
            "a table that grows for ever",
            "(table $t 1 funcref)",
            format!("(loop $l (drop (table.grow $t (ref.null func) (i32.const 10000))) (br $l)) {ANSWER}"),
            Ends::Call(Some(Code::Memory)),
        ),
        (
            "a table that begins past its limit",
            "(table $t 200000 funcref)",
            ANSWER.to_owned(),
            Ends::Install,
        ),
        (
            "two tables past it, each under it",
            "(table $s 60000 funcref) (table $t 1 funcref)",
            format!("(drop (table.grow $t (ref.null func) (i32.const 60000))) {ANSWER}"),
            Ends::Call(Some(Code::Memory)),
        ),
    ]);
}

#[test]
fn answers_that_are_none() {
    let crashed = || Ends::Call(Some(Code::Crashed));
    let text = |pointer: i32, length: i32| {
        // The answer's structured part: it is there, and points so far.
        let words = [(4112, 1), (4116, pointer), (4120, length)]
            .map(|(at, n)| format!("(i32.store (i32.const {at}) (i32.const {n}))"));
        format!("{} {ANSWER}", words.concat())
    };
    check(&[
        (
            "an address beyond memory",
            "",
            "(i32.const 0x7ffffff0)".to_owned(),
            crashed(),
        ),
        (
            "an address at the end",
            "",
            "(i32.const 131064)".to_owned(),
            crashed(),
        ),
        (
            "an address that is not aligned",
            "",
            "(i32.const 4097)".to_owned(),
            crashed(),
        ),
        (
            "a result that is neither good nor bad",
            "",
            answer_with(4096, 7),
            crashed(),
        ),
        ("an outcome of no kind", "", answer_with(4100, 9), crashed()),
        (
            "more parts than memory",
            "",
            answer_with(4108, 0x0fff_ffff),
            crashed(),
        ),
        ("a text beyond memory", "", text(0x7fff_0000, 100), crashed()),
        ("a text of -1 bytes", "", text(0, -1), crashed()),
        (
            "a text that is not UTF-8",
            "(data (i32.const 5000) \"\\ff\\fe\")",
            text(5000, 2),
            crashed(),
        ),
        (
            "a text that is not JSON",
            "",
            text(5000, 2),
            Ends::Call(Some(Code::ToolFailed)),
        ),
    ]);
}

#[test]
fn what_runs_before_the_call() {
    let start = |body: &str| format!("(func $start {body}) (start $start)");
    let (traps, spins) = (start("unreachable"), start("(loop $l (br $l))"));
    check(&[
        ("a start that traps", &traps, ANSWER.to_owned(), Ends::Install),
        ("a start that spins", &spins, ANSWER.to_owned(), Ends::Install),
        (
            "a division by nothing",
            "",
            "(i32.div_u (i32.const 1) (i32.const 0))".to_owned(),
            Ends::Call(Some(Code::Crashed)),
        ),
        (
            "a call of nothing",
            "(type $f (func)) (table $t 1 funcref)",
            format!("(call_indirect $t (type $f) (i32.const 0)) {ANSWER}"),
            Ends::Call(Some(Code::Crashed)),
        ),
    ]);
}

/// Files that are no component say so, and leave nothing behind.
#[test]
fn what_is_no_component() {
    run(async {
        let rig = Rig::new();
        rig.install_echo().await;
        let good = forge("", ANSWER);
        let mut garbage = good.clone();
        garbage
            .iter_mut()
            .skip(8)
            .step_by(7)
            .for_each(|byte| *byte ^= 0x55);
        let module = wat::parse_str("(module)").unwrap();
        let cases: [(&str, &[u8]); 8] = [
            ("nothing", b""),
            ("three bytes", b"\0as"),
            ("text", b"(component)"),
            ("a program", b"\x7fELF\x02\x01\x01\0"),
            ("a component without the contract", b"\0asm\x0d\0\x01\0"),
            ("a core module", &module),
            ("half a component", &good[..good.len() / 2]),
            ("a damaged component", &garbage),
        ];
        for (what, bytes) in cases {
            let error = rig.install_bytes(what.to_owned(), bytes, &[]).await.unwrap_err();
            assert_eq!(error.code, Code::BadComponent, "{what}: {error:?}");
            assert!(error.message.len() < 2000, "{what}: {}", error.message);
        }
        assert_eq!(rig.host.registry().plugins().unwrap().len(), 1);
        rig.check_unharmed().await;
    });
}
