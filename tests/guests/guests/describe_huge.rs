//! Says more about itself than anyone reads.

use fact_sdk::bindings::exports::fact::plugin::tools::Guest;
use fact_sdk::bindings::fact::plugin::types::{Context, Error, ErrorCode, Outcome};

struct Plugin;

impl Guest for Plugin {
    fn describe() -> String {
        fact_test_guests::manifest(&"x".repeat(64 << 20), &["run"])
    }

    fn call(_: String, _: String, _: Context) -> Result<Outcome, Error> {
        let message = "nobody should get here".to_owned();
        Err(Error {
            code: ErrorCode::Internal,
            message,
            retry_after_ms: None,
            details: None,
        })
    }
}

fact_test_guests::export!(Plugin);
