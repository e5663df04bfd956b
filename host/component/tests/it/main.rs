//! What is read from components written by hand, whole and broken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on has failed"
)]

mod facts;
mod hostile;
mod refused;

/// A component with a bit of everything: imports, exports, a module, a nested component, custom sections.
const SAMPLE: &str = r#"
(component
  (import "wasi:http/outgoing-handler@0.2.4" (instance
    (export "request" (type (sub resource)))
    (export "handle" (func (param "request" string) (result string)))))
  (import "fact:plugin/sql@0.1.0" (instance))
  (import "plain" (func))
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
    (func (export "describe") (result i32) (i32.const 0))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (data (i32.const 0) "0123456789")
    (@custom "inner" "abc"))
  (core instance $i (instantiate $m))
  (func $describe (result string)
    (canon lift (core func $i "describe") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
  (component $c
    (import "describe" (func $d (result string)))
    (export "describe" (func $d)))
  (instance $tools (instantiate $c (with "describe" (func $describe))))
  (export "fact:plugin/tools@0.1.0" (instance $tools))
  (export "add" (func $add))
  (@custom "version" "1.2.3")
  (@custom "description" "Does things")
  (@custom "licenses" "MIT")
  (@custom "authors" "Ann")
  (@custom "source" "https://example.com/src")
  (@custom "revision" "abc123")
  (@custom "homepage" "https://example.com")
  (@custom "fact:manifest" "{\"name\":\"sample\"}")
  (@custom "package-docs" "\01{\"worlds\":{\"w\":{\"func_exports\":{\"add\":{\"docs\":\"Adds.\"}}}}}")
  (@custom "signature" "xyz")
)"#;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}
