//! Says what it is in something that is not JSON.

use fact_sdk::bindings::exports::fact::plugin::tools::Guest;
use fact_sdk::bindings::fact::plugin::types::{Context, Error, ErrorCode, Outcome};

struct Plugin;

impl Guest for Plugin {
    fn describe() -> String {
        "{not json".to_owned()
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
