use super::*;
use crate::folders::testing::grant;
use fact_sdk::ErrorCode;
use serde_json::{Value, json};
use std::fs;

fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("sub/.git")).unwrap();
    fs::write(folder.path().join("a.txt"), "one\nTwo two\r\nthree\n").unwrap();
    fs::write(folder.path().join("sub/b.md"), "# Two\n\ntwo (2)").unwrap();
    fs::write(folder.path().join("sub/.git/config"), "two").unwrap();
    fs::write(folder.path().join("image.png"), b"two\0two").unwrap();
    folder
}

fn find(folder: &tempfile::TempDir, mut args: Value) -> Result<Found, ToolError> {
    if args.get("path").is_none() {
        args["path"] = json!(".");
    }
    run(&grant(&[folder.path()]), &serde_json::from_value(args).unwrap())
}

#[test]
fn finds() {
    let folder = tree();
    let check = |args: Value, expected: &[(&str, usize, usize, &str)]| {
        let found = find(&folder, args.clone()).unwrap();
        let got: Vec<_> = found
            .matches
            .iter()
            .map(|found| {
                (
                    found.path.as_str(),
                    found.line.unwrap(),
                    found.column.unwrap(),
                    found.text.as_deref().unwrap(),
                )
            })
            .collect();
        assert_eq!(got, expected, "{args}");
        assert_eq!((found.count, found.truncated), (expected.len(), false), "{args}");
    };
    check(
        json!({"query": "two"}),
        &[("a.txt", 2, 5, "Two two"), ("sub/b.md", 3, 1, "two (2)")],
    );
    check(
        json!({"query": "TWO", "ignore_case": true}),
        &[
            ("a.txt", 2, 1, "Two two"),
            ("sub/b.md", 1, 3, "# Two"),
            ("sub/b.md", 3, 1, "two (2)"),
        ],
    );
    check(json!({"query": "(2)"}), &[("sub/b.md", 3, 5, "two (2)")]);
    check(
        json!({"query": "^t\\w+e$", "mode": "regex"}),
        &[("a.txt", 3, 1, "three")],
    );
    check(
        json!({"query": "two", "glob": "*.md"}),
        &[("sub/b.md", 3, 1, "two (2)")],
    );
    check(json!({"query": "two", "depth": 1}), &[("a.txt", 2, 5, "Two two")]);
    check(
        json!({"query": "two", "hidden": true, "glob": "sub/.git/*"}),
        &[("sub/.git/config", 1, 1, "two")],
    );
    check(json!({"query": "nothing"}), &[]);
    let path = folder.path().join("sub/b.md");
    check(
        json!({"query": "two", "path": "sub/b.md"}),
        &[(path.to_str().unwrap(), 3, 1, "two (2)")],
    );
}

#[test]
fn counts_what_it_searched_and_skipped() {
    let folder = tree();
    let found = find(&folder, json!({"query": "two"})).unwrap();
    assert_eq!((found.searched, found.skipped.binary), (2, 1));
    let large = File::create(folder.path().join("large")).unwrap();
    std::io::Write::write_all(&mut &large, &vec![b'x'; SNIFFED_BYTES]).unwrap();
    large.set_len(FILE_BYTES_MAX + 1).unwrap();
    assert_eq!(
        find(&folder, json!({"query": "two"})).unwrap().skipped.too_large,
        1
    );
}

#[test]
fn names() {
    let folder = tree();
    let found = find(&folder, json!({"query": "b", "within": "names"})).unwrap();
    let paths: Vec<_> = found.matches.iter().map(|found| found.path.as_str()).collect();
    assert_eq!(paths, ["sub", "sub/b.md"]);
}

#[test]
fn context() {
    let folder = tree();
    let found = find(&folder, json!({"query": "three", "context": 1})).unwrap();
    assert_eq!(
        (found.matches[0].before.as_slice(), found.matches[0].after.len()),
        (["Two two".to_owned()].as_slice(), 0)
    );
    let found = find(&folder, json!({"query": "one", "context": 10})).unwrap();
    assert_eq!(found.matches[0].after, ["Two two", "three"]);
}

#[test]
fn says_when_it_stopped_early() {
    let folder = tree();
    let found = find(&folder, json!({"query": "two", "max_matches": 1})).unwrap();
    assert_eq!((found.count, found.truncated), (1, true));
    let found = find(&folder, json!({"query": "two", "max_matches": 2})).unwrap();
    assert_eq!((found.count, found.truncated), (2, false));
}

#[test]
fn long_lines_are_cut_around_the_match() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("{}needle{}", "é".repeat(5000), "x".repeat(5000));
    fs::write(folder.path().join("f"), line).unwrap();
    let found = find(&folder, json!({"query": "needle"})).unwrap();
    let text = found.matches[0].text.as_deref().unwrap();
    assert!(text.starts_with("...é") && text.contains("needle") && text.ends_with("x..."));
    assert_eq!(
        (text.chars().count(), found.matches[0].column),
        (LINE_CHARS_MAX + 6, Some(5001))
    );
}

#[test]
fn refuses() {
    let folder = tree();
    let check = |args: Value, code: ErrorCode| {
        assert_eq!(find(&folder, args.clone()).unwrap_err().code(), code, "{args}");
    };
    check(json!({"query": ""}), ErrorCode::InvalidInput);
    check(
        json!({"query": "x".repeat(PATTERN_BYTES_MAX + 1)}),
        ErrorCode::InvalidInput,
    );
    check(json!({"query": "(", "mode": "regex"}), ErrorCode::InvalidInput);
    check(
        json!({"query": "\\w{1000}{1000}", "mode": "regex"}),
        ErrorCode::InvalidInput,
    );
    check(json!({"query": "x", "depth": 11}), ErrorCode::InvalidInput);
    check(json!({"query": "x", "context": 11}), ErrorCode::InvalidInput);
    check(json!({"query": "x", "max_matches": 0}), ErrorCode::InvalidInput);
    check(json!({"query": "x", "path": "missing"}), ErrorCode::NotFound);
    check(
        json!({"query": "x", "path": "a.txt", "within": "names"}),
        ErrorCode::InvalidInput,
    );
    check(
        json!({"query": "x", "path": "/no/such/folder"}),
        ErrorCode::Denied,
    );
}
