//! The `util` connector: small tools that need nothing but their arguments.
//!
//! The plugin asks for no capability, so the host can prove every one of its calls pure: the same arguments give the
//! same answer for ever, and the answer may be kept for ever. That is also why no tool here knows the time: "today" is
//! refused as a date, and the sentence says why.
//!
//! Every input has a bound ([`limits`]), and every refusal is an `invalid-input` that says what to do instead.

pub mod date;
pub mod decimal;
pub mod digest;
pub mod duration;
pub mod encode;
pub mod json;
pub mod limits;
pub mod patch;
pub mod size;
pub mod stats;
pub mod table;
pub mod value;

fact_sdk::plugin!(
    value::format_value,
    size::parse_size,
    duration::parse_duration,
    date::parse_date,
    digest::hash,
    encode::base64_encode,
    encode::base64_decode,
    json::json_pointer,
    patch::json_patch,
    patch::json_diff,
    table::csv_to_json,
    table::json_to_csv,
    stats::text_stats;
    name = "util"
);

#[cfg(test)]
mod tests {
    use super::Plugin;
    use fact_sdk::serde_json::json;
    use fact_sdk::{Context, ErrorCode};

    #[test]
    fn it_asks_for_nothing_and_promises_purity() {
        let manifest = fact_sdk::manifest::<Plugin>();
        assert_eq!(manifest["capabilities"], json!([]));
        for tool in manifest["tools"].as_array().unwrap() {
            let expected =
                json!({"read_only": true, "destructive": false, "idempotent": true, "open_world": false});
            assert_eq!(tool["annotations"], expected, "{}", tool["name"]);
        }
    }

    #[test]
    fn unknown_arguments_are_refused() {
        let answer = fact_sdk::call::<Plugin>(
            "parse_size",
            r#"{"text": "1 KB", "base": 2}"#,
            &Context::default(),
        );
        assert_eq!(answer.unwrap_err().code(), ErrorCode::InvalidInput);
    }
}
