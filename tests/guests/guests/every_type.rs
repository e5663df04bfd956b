//! A component without the plugin contract: a function for each type of value, which gives back what it gets.

// Outside a component there is nobody to export to.
#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "the generated half needs it"
)]

wit_bindgen::generate!({
    inline: r#"
        package local:every-type@1.2.0;

        /// Each function gives back what it gets.
        interface echo {
            record point { x: s32, y: option<s32>, name: string }
            record line { start: point, end: point, width: f32 }
            variant shape { nothing, dot(point), path(list<point>), maybe(option<u8>) }
            enum colour { red, light-green, blue }
            flags rights { read, write, run }

            /// A truth.
            a-bool: func(value: bool) -> bool;
            an-s8: func(value: s8) -> s8;
            a-u8: func(value: u8) -> u8;
            an-s16: func(value: s16) -> s16;
            a-u16: func(value: u16) -> u16;
            an-s32: func(value: s32) -> s32;
            a-u32: func(value: u32) -> u32;
            an-s64: func(value: s64) -> s64;
            a-u64: func(value: u64) -> u64;
            an-f32: func(value: f32) -> f32;
            an-f64: func(value: f64) -> f64;
            a-char: func(value: char) -> char;
            a-string: func(value: string) -> string;
            bytes: func(value: list<u8>) -> list<u8>;
            a-list: func(value: list<string>) -> list<string>;
            a-nested-list: func(value: list<list<u16>>) -> list<list<u16>>;
            a-record: func(value: line) -> line;
            a-tuple: func(value: tuple<u8, string, bool>) -> tuple<u8, string, bool>;
            a-variant: func(value: shape) -> shape;
            an-enum: func(value: colour) -> colour;
            an-option: func(value: option<string>) -> option<string>;
            a-nested-option: func(value: option<option<u8>>) -> option<option<u8>>;
            some-flags: func(value: rights) -> rights;
            a-nested-result: func(value: list<result<u8, string>>) -> list<result<u8, string>>;
            /// Answers with what is good, and fails with what is not.
            a-result: func(value: result<point, shape>) -> result<point, shape>;
            an-empty-result: func(good: bool) -> result;
            nothing: func();
            many: func(a: u8, b: option<u8>, c: string, d: list<u8>) -> tuple<u8, option<u8>, string, list<u8>>;
        }

        /// What no tool can be made of.
        interface counters {
            resource counter { constructor(); count: func() -> u32; }
            open: func() -> counter;
            read: func(counter: borrow<counter>) -> u32;
        }

        world every-type {
            export echo;
            export counters;
            export init: func();
            export whole-world: func(words: list<string>) -> string;
        }
    "#,
});

use exports::local::every_type::counters::{self, Counter, CounterBorrow, GuestCounter};
use exports::local::every_type::echo::{self, Colour, Line, Point, Rights, Shape};

struct Component;

export!(Component);

impl Guest for Component {
    fn init() {}

    fn whole_world(words: Vec<String>) -> String {
        words.join(" ")
    }
}

struct Count;

impl GuestCounter for Count {
    fn new() -> Self {
        Count
    }

    fn count(&self) -> u32 {
        0
    }
}

impl counters::Guest for Component {
    type Counter = Count;

    fn open() -> Counter {
        Counter::new(Count)
    }

    fn read(_: CounterBorrow<'_>) -> u32 {
        0
    }
}

macro_rules! echoes {
    ($($name:ident: $ty:ty;)*) => {$(
        fn $name(value: $ty) -> $ty {
            value
        }
    )*};
}

impl echo::Guest for Component {
    echoes! {
        a_bool: bool;
        an_s8: i8;
        a_u8: u8;
        an_s16: i16;
        a_u16: u16;
        an_s32: i32;
        a_u32: u32;
        an_s64: i64;
        a_u64: u64;
        an_f32: f32;
        an_f64: f64;
        a_char: char;
        a_string: String;
        bytes: Vec<u8>;
        a_list: Vec<String>;
        a_nested_list: Vec<Vec<u16>>;
        a_record: Line;
        a_tuple: (u8, String, bool);
        a_variant: Shape;
        an_enum: Colour;
        an_option: Option<String>;
        a_nested_option: Option<Option<u8>>;
        some_flags: Rights;
        a_nested_result: Vec<Result<u8, String>>;
        a_result: Result<Point, Shape>;
    }

    fn an_empty_result(good: bool) -> Result<(), ()> {
        if good { Ok(()) } else { Err(()) }
    }

    fn nothing() {}

    fn many(a: u8, b: Option<u8>, c: String, d: Vec<u8>) -> (u8, Option<u8>, String, Vec<u8>) {
        (a, b, c, d)
    }
}
