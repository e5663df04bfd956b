use fact_component::{MAX_MANIFEST, embed_manifest, inspect};
use wasm_encoder::{
    Component, ComponentTypeSection, CustomSection, InstanceType, NestedComponentSection, RawSection,
};

use crate::{SAMPLE, component};

/// Each is refused, with these words.
#[track_caller]
fn check(bytes: &[u8], words: &[&str]) {
    let text = inspect(bytes).unwrap_err().to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is missing: {text}");
    }
    assert!(text.len() < 700, "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn what_is_no_component_is_refused_with_what_to_do() {
    check(b"", &["empty"]);
    check(b"#!/bin/sh", &["no WebAssembly"]);
    check(b"\x1f\x8b", &["no WebAssembly"]);
    check(b"\n(component)", &["as text", "wasm-tools parse"]);
    check(
        &component("(module)"),
        &["core module", "wasm32-wasip2", "component new"],
    );
    check(b"\0asm\x0c\0\x01\0", &["version", "does not know"]);
    check(b"\0as", &["ends in the middle", "3 bytes"]);
}

#[test]
fn a_file_that_breaks_off_anywhere_is_seen() {
    let bytes = component(SAMPLE);
    let mut at_the_end_of_a_section = 0;
    for size in 1..bytes.len() {
        match inspect(&bytes[..size]) {
            // Cut between two sections, the rest is a component of its own, or fails to fit together.
            Ok(_) => at_the_end_of_a_section += 1,
            Err(error) => {
                let text = error.to_string();
                let cut = format!("ends in the middle, after {size} bytes; download or copy it again");
                if !text.contains(&cut) {
                    assert!(text.contains("no valid component"), "{text}");
                    at_the_end_of_a_section += 1;
                }
            }
        }
    }
    let sections = 30;
    assert!(at_the_end_of_a_section < sections, "{at_the_end_of_a_section}");
}

#[test]
fn broken_sections_are_named() {
    let head = b"\0asm\x0d\0\x01\0";
    check(
        &[&head[..], &[99, 0]].concat(),
        &["no valid component", "at byte"],
    );
    check(
        &[&head[..], &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]].concat(),
        &["no valid component"],
    );
    check(&[&head[..], &[7, 1, 200]].concat(), &["no valid component"]);
    // An import of a type that is not there.
    check(
        &component_with(10, &[1, 0, 1, b'x', 1, 7]),
        &["no valid component"],
    );
}

#[test]
fn manifests_that_cannot_be_are_refused() {
    let with = |data: &[u8], times: usize| {
        let mut component = Component::new();
        for _ in 0..times {
            component.section(&CustomSection {
                name: "fact:manifest".into(),
                data: data.into(),
            });
        }
        component.finish()
    };
    check(&with(b"{}", 2), &["fact:manifest", "twice"]);
    check(&with(&[0xff], 1), &["UTF-8"]);
    check(&with(&vec![b' '; MAX_MANIFEST + 1], 1), &["at most"]);
    inspect(&with(&vec![b' '; MAX_MANIFEST], 1)).unwrap();

    let bytes = component("(component)");
    assert!(embed_manifest(&bytes, &" ".repeat(MAX_MANIFEST + 1)).is_err());
    for bad in [&component("(module)")[..], b"", b"x", &bytes[..7]] {
        assert_eq!(embed_manifest(bad, "{}").unwrap_err(), inspect(bad).unwrap_err());
    }
}

#[test]
fn components_in_components_have_a_bound() {
    let nested = |depth: usize| {
        (0..depth).fold("(component)".to_owned(), |inner, _| {
            format!("(component {inner})")
        })
    };
    inspect(&component(&nested(30))).unwrap();
    check(&component(&nested(40)), &["nested"]);
}

#[test]
fn types_in_types_have_a_bound() {
    // A type of an instance, in whose declarations is such a type, and so on: three bytes a level.
    let nested = |depth: usize, inner: u8| {
        let mut content = vec![1];
        for _ in 0..depth {
            content.extend([inner, 1, 1]);
        }
        content.extend([0x42, 0]);
        content
    };
    inspect(&component_with(7, &nested(8, 0x42))).unwrap();
    for holder in [0x41, 0x42] {
        check(&component_with(7, &nested(40, holder)), &["nested"]);
        check(&component_with(7, &nested(2_000_000, holder)), &["nested"]);
    }
    // As a declaration of one that is inside a nested component.
    let mut outer = Component::new();
    let inner = component_with(7, &nested(2_000_000, 0x42));
    outer.section(&RawSection { id: 4, data: &inner });
    check(&outer.finish(), &["nested"]);
}

#[test]
fn too_many_of_anything_is_refused() {
    let mut sections = Component::new();
    for _ in 0..100_001 {
        sections.section(&CustomSection {
            name: "".into(),
            data: [].as_slice().into(),
        });
    }
    check(&sections.finish(), &["sections"]);

    let mut parts = Component::new();
    let part = Component::new();
    for _ in 0..1001 {
        parts.section(&NestedComponentSection(&part));
    }
    check(&parts.finish(), &["modules and components"]);

    let imports: String = (0..4097).map(|n| format!("(import \"f{n}\" (func))")).collect();
    check(&component(&format!("(component {imports})")), &["imports"]);
}

#[test]
fn interfaces_that_share_a_large_type_do_not_multiply_it() {
    let mut ty = InstanceType::new();
    ty.ty()
        .function()
        .params::<[(&str, wasm_encoder::ComponentValType); 0], _>([])
        .result(None);
    for n in 0..900 {
        ty.export(
            format!("a-rather-long-name-of-a-function-of-an-interface-{n}"),
            wasm_encoder::ComponentTypeRef::Func(0),
        );
    }
    let mut types = ComponentTypeSection::new();
    types.instance(&ty);
    let mut imports = wasm_encoder::ComponentImportSection::new();
    for n in 0..900 {
        imports.import(format!("i{n}"), wasm_encoder::ComponentTypeRef::Instance(0));
    }
    let mut bomb = Component::new();
    bomb.section(&types);
    bomb.section(&imports);
    check(&bomb.finish(), &["names of functions"]);
}

/// A component of one section.
fn component_with(id: u8, content: &[u8]) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&RawSection { id, data: content });
    component.finish()
}
