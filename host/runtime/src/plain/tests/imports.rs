//! What a component may import.

use super::*;

/// A component that calls an imported function, which takes and gives nothing.
fn importer(interface: &str) -> Vec<u8> {
    of_text(&format!(
        r#"(component
            (import "{interface}" (instance $import (export "act" (func))))
            (core func $act (canon lower (func $import "act")))
            (core module $m
                (import "" "act" (func $act))
                (func (export "act") (call $act))
                (func (export "idle")))
            (core instance $i (instantiate $m (with "" (instance (export "act" (func $act))))))
            (func (export "act") (canon lift (core func $i "act")))
            (func (export "idle") (canon lift (core func $i "idle"))))"#
    ))
}

#[test]
fn unknown_imports_are_denied_when_they_are_called() {
    for name in [
        "foo:bar/baz",
        "foo:bar/baz@7.0.0-x",
        "wasi:keyvalue/store@0.2.0-draft",
        "wasi:logging/logging",
        "wasi:clocks/timezone@0.2.0",
        "baz",
        // A function that a later version of an interface has.
        "wasi:cli/environment@0.2.99",
        "fact:plugin/kv@0.1.7",
        "wasi:config/store@0.2.0-draft",
    ] {
        let report = call(importer(name), "idle", &json!({}));
        assert_eq!(code(&report), None, "{name}: {report:?}");
        assert!(report.effects.is_empty());

        let report = call(importer(name), "act", &json!({}));
        let failure = report.result.unwrap_err();
        assert_eq!(failure.code, Code::Denied, "{name}: {failure:?}");
        let path = format!("{name}#act");
        assert_eq!(
            failure.message,
            format!("The call was stopped: it called `{path}`, which this host does not serve.")
        );
        let effects: Vec<_> = report.effects.iter().collect();
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].access, Access::Denied);
        assert_eq!(effects[0].resource.to_string(), format!("import {path}"));
    }
}

#[test]
fn versions_that_this_host_does_not_speak_are_refused_at_once() {
    let runtime = runtime();
    for (name, word) in [
        (
            "wasi:cli/environment@0.3.0",
            "`wasi:cli/environment` in 0.3.0, and this host speaks 0.2",
        ),
        ("wasi:cli/environment@1.2.0", "speaks 0.2"),
        ("wasi:http/types@0.2.0-rc-2023-12-05", "speaks 0.2"),
        ("wasi:io/anything", "no version"),
        (
            "fact:plugin/kv@0.2.0",
            "`fact:plugin/kv` in 0.2.0, and this host speaks 0.1",
        ),
    ] {
        let compiled = load(&runtime, importer(name));
        match runtime
            .link(&compiled, Grants::default(), &Limits::default())
            .map(drop)
        {
            Err(LoadError::Contract(why)) => assert!(why.contains(word), "{why}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let module = of_text(r#"(component (import "m" (core module)))"#);
    let compiled = load(&runtime, module);
    match runtime
        .link(&compiled, Grants::default(), &Limits::default())
        .map(drop)
    {
        Err(LoadError::Contract(why)) => assert!(why.contains("`m`, which is neither a function"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_resources_and_functions_of_the_world_are_stood_in_for() {
    // A resource of an unknown interface, used by another; one of WASI, used by an unknown interface.
    let bytes = of_wit(
        r#"package a:b;
        package wasi:io@0.2.0 { interface error { resource error; } }
        package foo:store@0.1.0 {
            interface types { resource bucket { constructor(name: string); get: func(key: string) -> option<list<u8>>; } }
            interface more { use types.{bucket}; use wasi:io/error@0.2.0.{error};
                             open: func() -> result<bucket, error>; close: func(b: bucket); }
        }
        world w {
            import foo:store/types@0.1.0; import foo:store/more@0.1.0; import lone: func(x: u8) -> u8;
            export f: func();
        }"#,
    );
    assert_eq!(names(&tools(bytes).unwrap()), ["f"]);
}

#[test]
fn what_is_served_is_what_the_linker_has() {
    let runtime = runtime();
    let kind = crate::engine::Kind {
        pooled: true,
        fuel: false,
    };
    let mut linker = wasmtime::component::Linker::new(runtime.engines.get(kind).unwrap());
    crate::link::world(&mut linker, &Grants::default()).unwrap();
    crate::imports::unserved::tests_support::check_served(&mut linker);
}

#[test]
fn the_configuration_is_the_granted_variables() {
    // Answers with what the lookup of `PATH` wrote: a result of an option of text, or a text.
    let bytes = of_text(
        r#"(component
            (import "wasi:config/store@0.2.0-draft" (instance $config
                (type $e (variant (case "upstream" string) (case "io" string)))
                (export "error" (type $error (eq $e)))
                (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))
            (alias export $config "error" (type $error))
            (core module $libc
                (memory (export "memory") 2)
                (global $top (mut i32) (i32.const 4096))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
                    (global.get $top)
                    (global.set $top (i32.add (global.get $top) (local.get 3)))))
            (core instance $libc (instantiate $libc))
            (core func $get (canon lower (func $config "get") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $m
                (import "libc" "memory" (memory 1))
                (import "" "get" (func $get (param i32 i32 i32)))
                (func (export "f") (param i32 i32) (result i32)
                    (call $get (local.get 0) (local.get 1) (i32.const 1024))
                    (i32.const 1024)))
            (core instance $i (instantiate $m
                (with "libc" (instance $libc))
                (with "" (instance (export "get" (func $get))))))
            (export $named "error" (type $error))
            (func (export "f") (param "key" string) (result (result (option string) (error $named)))
                (canon lift (core func $i "f") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"#,
    );
    let get = |grants: &[&str], key: &str| {
        let report = call_with(
            bytes.clone(),
            grants,
            &Limits::default(),
            "f",
            &json!({ "key": key }),
        );
        let effects: Vec<String> = report
            .effects
            .iter()
            .map(|effect| format!("{:?} {}", effect.access, effect.resource))
            .collect();
        (report.result, effects)
    };
    let (result, effects) = get(&["env:read:PATH"], "PATH");
    let Ok(Outcome::Complete(output)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(
        output.structured,
        Some(json!({ "result": std::env::var("PATH").unwrap() }))
    );
    assert_eq!(effects, ["Read env PATH"]);

    let (result, effects) = get(&["env:read:*"], "FACT_NO_SUCH_VARIABLE");
    let Ok(Outcome::Complete(output)) = result else {
        panic!("{result:?}")
    };
    assert_eq!(output.structured, Some(json!({ "result": null })));
    assert_eq!(effects, ["Read env FACT_NO_SUCH_VARIABLE"]);

    let (result, effects) = get(&["env:read:HOME"], "PATH");
    let failure = result.unwrap_err();
    assert_eq!(
        failure.message,
        r#"{"upstream":"this plugin was not granted env:read:PATH"}"#
    );
    assert_eq!(effects, ["Denied env PATH"]);
}
