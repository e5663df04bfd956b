use fact_component::{Interface, MANIFEST_SECTION, Signature, embed_manifest, inspect};
use fact_types::Digest;

use crate::{SAMPLE, component};

fn interface(name: &str, functions: &[&str]) -> Interface {
    Interface {
        name: name.to_owned(),
        functions: functions.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[test]
fn everything_that_a_component_says_is_read() {
    let bytes = component(SAMPLE);
    let it = inspect(&bytes).unwrap();
    assert_eq!(it.digest, Digest::of(&bytes));
    assert_eq!(it.size, bytes.len() as u64);
    assert_eq!(
        it.imports,
        [
            interface("wasi:http/outgoing-handler@0.2.4", &["handle"]),
            interface("fact:plugin/sql@0.1.0", &[]),
        ]
    );
    assert_eq!(it.imported_functions, ["plain"]);
    assert_eq!(it.exports, [interface("fact:plugin/tools@0.1.0", &["describe"])]);
    assert_eq!(it.functions, ["add"]);
    assert!(it.is_contract);
    assert_eq!(it.manifest.as_deref(), Some(r#"{"name":"sample"}"#));
    assert_eq!(it.docs.get(None, "add"), Some("Adds."));
    assert_eq!(it.kinds(), ["http", "sql", "secret"]);
    assert!(it.can_use("sql") && !it.can_use("fs"));
    let said = &it.metadata;
    for (value, expected) in [
        (&said.version, "1.2.3"),
        (&said.description, "Does things"),
        (&said.licenses, "MIT"),
        (&said.authors, "Ann"),
        (&said.source, "https://example.com/src"),
        (&said.revision, "abc123"),
        (&said.homepage, "https://example.com"),
    ] {
        assert_eq!(value.as_deref(), Some(expected));
    }
    assert_eq!(it.modules, 1);
    assert_eq!(it.signature, Signature::Sections(vec!["signature".to_owned()]));
    let size = |name: &str| it.sections.iter().find(|s| s.name == name).map(|s| s.size);
    assert_eq!(size("inner"), Some(3));
    assert_eq!(size("data"), Some(16));
    assert!(size("code").is_some_and(|size| size > 10));
    assert!(it.sections.is_sorted_by(|a, b| a.size >= b.size));
}

#[test]
fn a_component_may_say_nothing() {
    let it = inspect(&component("(component)")).unwrap();
    assert!(!it.is_contract);
    assert_eq!(
        (it.manifest, it.modules, it.signature),
        (None, 0, Signature::None)
    );
    assert!(it.docs.is_empty() && it.imports.is_empty() && it.exports.is_empty() && it.sections.is_empty());
}

#[test]
fn the_contract_is_known_by_its_name_and_version() {
    for (export, is) in [
        ("fact:plugin/tools@0.1.0", true),
        ("fact:plugin/tools@0.1.7", true),
        ("fact:plugin/tools@0.2.0", false),
        ("fact:plugin/tool@0.1.0", false),
        ("other:plugin/tools@0.1.0", false),
    ] {
        let text = format!(
            r#"(component (component $c) (instance $i (instantiate $c)) (export "{export}" (instance $i)))"#
        );
        assert_eq!(inspect(&component(&text)).unwrap().is_contract, is, "{export}");
    }
}

#[test]
fn a_manifest_or_a_signature_inside_a_module_is_not_the_components() {
    let it = inspect(&component(
        r#"(component
            (core module (@custom "fact:manifest" "{}") (@custom "signature" "x"))
            (component (@custom "fact:manifest" "{}") (@custom "version" "1")))"#,
    ))
    .unwrap();
    assert_eq!(
        (it.manifest, it.signature, it.metadata.version),
        (None, Signature::None, None)
    );
}

#[test]
fn a_manifest_is_put_in_and_replaced_and_nothing_else_changes() {
    let bare = component(r#"(component (@custom "a" "1") (core module) (@custom "b" "2"))"#);
    let one = embed_manifest(&bare, "{\"name\":\"one\"}").unwrap();
    assert!(one.starts_with(&bare));
    assert_eq!(
        inspect(&one).unwrap().manifest.as_deref(),
        Some("{\"name\":\"one\"}")
    );
    let two = embed_manifest(&one, "{}").unwrap();
    assert!(two.starts_with(&bare));
    assert_eq!(inspect(&two).unwrap().manifest.as_deref(), Some("{}"));
    assert_eq!(embed_manifest(&two, "{\"name\":\"one\"}").unwrap(), one);
    // In the middle of a file it is replaced too.
    let sample = component(SAMPLE);
    let changed = embed_manifest(&sample, "{}").unwrap();
    let (before, after) = (inspect(&sample).unwrap(), inspect(&changed).unwrap());
    assert_eq!(after.manifest.as_deref(), Some("{}"));
    assert_eq!((before.docs, before.metadata), (after.docs, after.metadata));
    let at = |bytes: &[u8]| {
        bytes
            .windows(MANIFEST_SECTION.len())
            .filter(|w| *w == MANIFEST_SECTION.as_bytes())
            .count()
    };
    assert_eq!((at(&sample), at(&changed)), (1, 1));
}
