//! A component without the plugin contract, in the shape of many that other hosts' users have: it reads its settings through a
//! draft of WASI, and imports interfaces that hardly any host has.

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
        package local:plain-settings@0.1.0;

        world plain-settings {
            import wasi:config/store@0.2.0-draft;
            import wasi:logging/logging@0.1.0-draft;
            import other:host/shelf@3.1.0;

            /// A setting.
            export setting: func(name: string) -> result<option<string>, string>;
            /// All settings, in the order of their names.
            export settings: func() -> result<list<tuple<string, string>>, string>;
            /// Does what hardly any host can.
            export shelve: func(word: string) -> string;
        }

        package wasi:config@0.2.0-draft {
            interface store {
                variant error { upstream(string), io(string) }
                get: func(key: string) -> result<option<string>, error>;
                get-all: func() -> result<list<tuple<string, string>>, error>;
            }
        }

        package wasi:logging@0.1.0-draft {
            interface logging {
                enum level { trace, debug, info, warn, error, critical }
                log: func(level: level, context: string, message: string);
            }
        }

        package other:host@3.1.0 {
            interface shelf {
                resource shelf { constructor(name: string); put: func(word: string) -> u32; }
                find: func(name: string) -> option<shelf>;
            }
        }
    "#,
    generate_all,
});

use other::host::shelf;
use wasi::config::store;
use wasi::logging::logging;

struct Component;

export!(Component);

fn said(error: store::Error) -> String {
    match error {
        store::Error::Upstream(why) | store::Error::Io(why) => why,
    }
}

impl Guest for Component {
    fn setting(name: String) -> Result<Option<String>, String> {
        store::get(&name).map_err(said)
    }

    fn settings() -> Result<Vec<(String, String)>, String> {
        let mut all = store::get_all().map_err(said)?;
        all.sort();
        Ok(all)
    }

    fn shelve(word: String) -> String {
        match shelf::find("words") {
            Some(found) => found.put(&word).to_string(),
            None => {
                logging::log(logging::Level::Info, "shelf", "there is none");
                String::new()
            }
        }
    }
}
