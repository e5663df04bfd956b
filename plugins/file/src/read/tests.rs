use super::*;
use crate::folders::testing::grant;
use fact_sdk::ErrorCode;
use serde_json::{Value, json};

/// Writes a file, reads it with these arguments, and compares the members that `expected` names.
fn check(bytes: &[u8], args: Value, expected: Value) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), bytes).unwrap();
    let mut args = args;
    args["path"] = json!("f");
    let content = run(
        &grant(&[folder.path()]),
        &serde_json::from_value(args.clone()).unwrap(),
    );
    let got = serde_json::to_value(content.unwrap_or_else(|error| panic!("{args}: {error}"))).unwrap();
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(got.get(name).unwrap_or(&Value::Null), value, "{name} of {args}");
    }
}

fn refused(bytes: &[u8], args: Value) -> ToolError {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), bytes).unwrap();
    let mut args = args;
    args["path"] = json!("f");
    run(&grant(&[folder.path()]), &serde_json::from_value(args).unwrap()).unwrap_err()
}

#[test]
fn whole_files() {
    check(
        b"hello\n",
        json!({}),
        json!({"content": "hello\n", "size": 6, "bytes": 6, "offset": 0, "truncated": false, "next_offset": null, "lines": null}),
    );
    check(
        b"",
        json!({}),
        json!({"content": "", "size": 0, "truncated": false}),
    );
    check(
        b"\xef\xbb\xbfx",
        json!({}),
        json!({"content": "x", "offset": 3, "bytes": 1}),
    );
    check(b"h\xe9", json!({"encoding": "latin-1"}), json!({"content": "hé"}));
    check(
        b"\xff\xfeh\0",
        json!({"encoding": "utf-16"}),
        json!({"content": "h", "encoding": "utf-16le"}),
    );
    check(
        b"\xfe\xff\0h",
        json!({"encoding": "utf-16"}),
        json!({"content": "h", "encoding": "utf-16be"}),
    );
    check(
        b"\x00\xff",
        json!({"encoding": "base64"}),
        json!({"content": "AP8=", "bytes": 2}),
    );
    check(
        b"\xef\xbb\xbfx",
        json!({"encoding": "base64"}),
        json!({"content": "77u/eA==", "offset": 0}),
    );
}

#[test]
fn ranges_of_bytes() {
    check(
        b"0123456789",
        json!({"offset": 2, "length": 3}),
        json!({"content": "234", "truncated": true, "next_offset": 5, "size": 10}),
    );
    check(
        b"0123456789",
        json!({"offset": 7, "length": 3}),
        json!({"content": "789", "truncated": false}),
    );
    check(
        b"0123456789",
        json!({"offset": 7, "length": 100}),
        json!({"content": "789", "truncated": false}),
    );
    check(
        b"0123",
        json!({"offset": 99}),
        json!({"content": "", "truncated": false}),
    );
    // A character is never cut in two.
    check(
        "aé".as_bytes(),
        json!({"length": 2}),
        json!({"content": "a", "truncated": true, "next_offset": 1, "bytes": 1}),
    );
    check(
        b"\0h\0i",
        json!({"encoding": "utf-16be", "offset": 2}),
        json!({"content": "i"}),
    );
}

#[test]
fn ranges_of_lines() {
    let text = b"one\ntwo\r\nthree";
    check(
        text,
        json!({"max_lines": 2}),
        json!({"content": "one\ntwo\r\n", "lines": 2, "truncated": true, "next_line": 3, "next_offset": 9}),
    );
    check(
        text,
        json!({"start_line": 2}),
        json!({"content": "two\r\nthree", "start_line": 2, "lines": 2, "offset": 4, "truncated": false, "next_line": null}),
    );
    // As many lines as there are: nothing is left out, and the answer says so.
    check(
        text,
        json!({"max_lines": 3}),
        json!({"lines": 3, "truncated": false}),
    );
    check(
        b"one\ntwo\n",
        json!({"max_lines": 2}),
        json!({"lines": 2, "truncated": false}),
    );
    check(
        text,
        json!({"start_line": 9}),
        json!({"content": "", "lines": 0, "truncated": false}),
    );
    check(
        b"\xff\xfea\0\n\0b\0",
        json!({"encoding": "utf-16", "start_line": 2, "max_lines": 1}),
        json!({"content": "b", "lines": 1, "offset": 6, "truncated": false}),
    );
    // U+0A00 holds the byte of a line feed and is none.
    check(
        b"\x00\x0a\n\0b\0",
        json!({"encoding": "utf-16le", "start_line": 2}),
        json!({"content": "b"}),
    );
}

#[test]
fn lines_across_chunks() {
    let line = "x".repeat(CHUNK_BYTES - 1);
    let text = format!("{line}\n{line}\nend\n");
    check(
        text.as_bytes(),
        json!({"start_line": 2, "max_lines": 1}),
        json!({"lines": 1, "truncated": true, "next_line": 3}),
    );
    check(
        text.as_bytes(),
        json!({"start_line": 3}),
        json!({"content": "end\n", "truncated": false}),
    );
    let exact = format!("{line}\n");
    check(
        exact.as_bytes(),
        json!({"max_lines": 1}),
        json!({"lines": 1, "truncated": false}),
    );
}

#[test]
fn answers_stay_in_their_bound() {
    let large = vec![b'x'; (READ_BYTES + 5) as usize];
    check(
        &large,
        json!({}),
        json!({"bytes": READ_BYTES, "truncated": true, "next_offset": READ_BYTES}),
    );
    // Quoted, a control character is six times as long.
    let quoted = vec![1; 2 << 20];
    check(
        &quoted,
        json!({"length": 2 << 20}),
        json!({"bytes": CONTENT_BYTES_MAX / 6, "truncated": true}),
    );
    let binary = vec![0; READ_BYTES_MAX as usize];
    check(
        &binary,
        json!({"length": READ_BYTES_MAX, "encoding": "base64"}),
        json!({"bytes": CONTENT_BYTES_MAX / 4 * 3, "truncated": true}),
    );
    // One endless line.
    let line = vec![b'x'; (READ_BYTES_MAX + 1) as usize];
    check(
        &line,
        json!({"max_lines": 1}),
        json!({"lines": 1, "truncated": true, "next_line": null}),
    );
}

#[test]
fn refuses() {
    let invalid = |bytes: &[u8], args: Value| {
        assert_eq!(
            refused(bytes, args.clone()).code(),
            ErrorCode::InvalidInput,
            "{args}"
        );
    };
    invalid(b"x", json!({"offset": 0, "max_lines": 1}));
    invalid(b"x", json!({"max_lines": 10_001}));
    invalid(b"x", json!({"max_lines": 0}));
    invalid(b"x", json!({"start_line": 0}));
    invalid(b"x", json!({"length": 0}));
    invalid(b"x", json!({"length": READ_BYTES_MAX + 1}));
    invalid(b"x", json!({"encoding": "base64", "max_lines": 1}));
    invalid(b"xy", json!({"encoding": "utf-16"}));
    invalid(b"xyz", json!({"encoding": "utf-16le"}));
    invalid(b"xyzw", json!({"encoding": "utf-16le", "offset": 1}));
    invalid("é".as_bytes(), json!({"encoding": "ascii"}));
    invalid("é".as_bytes(), json!({"length": 1}));
    assert!(refused(b"ab\xff", json!({})).to_string().contains("byte 2"));
}

#[test]
fn no_file() {
    let folder = tempfile::tempdir().unwrap();
    let read = |path: &str| {
        run(
            &grant(&[folder.path()]),
            &ReadFile {
                path: path.to_owned(),
                ..ReadFile::default()
            },
        )
    };
    assert_eq!(read("missing").unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(read(".").unwrap_err().code(), ErrorCode::InvalidInput);
    assert_eq!(read("/no/such/folder").unwrap_err().code(), ErrorCode::Denied);
}
