//! A component without the plugin contract, in the shape of many that other hosts' users have: an interface whose package has no
//! version, and the clock behind it.

// Outside a component there is nobody to export to.
#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "the generated half needs it"
)]

use std::time::{SystemTime, UNIX_EPOCH};

wit_bindgen::generate!({
    inline: r#"
        package local:plain-time;

        interface time {
            /// The time in seconds since 1970.
            get-current-time: func() -> string;
        }

        world plain-time {
            export time;
        }
    "#,
});

struct Component;

export!(Component);

impl exports::local::plain_time::time::Guest for Component {
    fn get_current_time() -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or_else(|error| error.to_string(), |now| now.as_secs().to_string())
    }
}
