//! Answers with text that is not the JSON it should be.

use fact_sdk::bindings::exports::fact::plugin::tools::Guest;
use fact_sdk::bindings::fact::plugin::types::{Content, Context, Error, ErrorCode, Outcome, Output};

const TOOLS: [&str; 5] = ["structured", "content", "meta", "meta_list", "input"];

struct Plugin;

impl Guest for Plugin {
    fn describe() -> String {
        fact_test_guests::manifest("bad-json-output", &TOOLS)
    }

    fn call(tool: String, _: String, _: Context) -> Result<Outcome, Error> {
        let bad = || "{not json".to_owned();
        let mut output = Output {
            content: Vec::new(),
            structured: None,
            is_error: false,
            meta: None,
        };
        match tool.as_str() {
            "structured" => output.structured = Some(bad()),
            "content" => output.content.push(Content::Json(bad())),
            "meta" => output.meta = Some(bad()),
            "meta_list" => output.meta = Some("[]".to_owned()),
            "input" => return Ok(Outcome::InputRequired(bad())),
            _ => {
                let message = "no such tool".to_owned();
                return Err(Error {
                    code: ErrorCode::NotFound,
                    message,
                    retry_after_ms: None,
                    details: None,
                });
            }
        }
        Ok(Outcome::Complete(output))
    }
}

fact_test_guests::export!(Plugin);
