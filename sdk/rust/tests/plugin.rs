//! A plugin, called as a host calls it.

use fact_sdk::{
    Content, Context, ErrorCode, Outcome, Output, ToolError, call, manifest, plugin, serde_json::json,
};
use serde_json::{Map, Value};

mod tools {
    use fact_sdk::{Context, Outcome, Output, ToolError, tool};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Map, Value, json};

    #[derive(Deserialize, JsonSchema)]
    pub(crate) struct Divide {
        /// What is divided.
        pub(crate) a: i64,
        pub(crate) b: i64,
    }

    #[derive(Serialize, JsonSchema)]
    pub(crate) struct Quotient {
        quotient: i64,
    }

    /// Divides two
    /// numbers.
    ///
    /// The remainder is lost.
    #[tool(read_only, idempotent)]
    pub(crate) fn divide(args: Divide) -> Result<Quotient, ToolError> {
        let quotient = args
            .a
            .checked_div(args.b)
            .ok_or_else(|| ToolError::invalid_input("b must not be 0"))?;
        Ok(Quotient { quotient })
    }

    #[tool(
        name = "say-hello",
        title = "Greeting",
        cache_ttl = "1h 30m",
        cache_negative_ttl = "5s"
    )]
    /// Greets.
    pub(crate) fn hello() -> Result<Output, ToolError> {
        Output::text("hello")
            .with_meta("mood", "good")
            .with_json(&json!([1]))
    }

    /// Asks for a name first.
    #[tool(destructive = false, open_world)]
    pub(crate) fn ask_name(_: Map<String, Value>, context: &Context) -> Result<Outcome, ToolError> {
        #[derive(Deserialize)]
        struct Answers {
            name: String,
        }
        match context.resume::<Answers>()? {
            Some(answers) => Ok(Outcome::Complete(Output::text(answers.name))),
            None => Ok(Outcome::InputRequired(Map::from_iter([(
                "ask".to_owned(),
                json!("name"),
            )]))),
        }
    }

    /// Does nothing, and fails if told so by another library's error.
    #[tool]
    pub(crate) fn nothing() -> Result<(), std::io::Error> {
        Ok(())
    }
}

plugin!(tools::divide, tools::hello, tools::ask_name, tools::nothing; capabilities = ["clock:wall" => "to know the time"], name = "try");

fn run(tool: &str, arguments: Value) -> Result<Outcome, ToolError> {
    call::<Plugin>(tool, &arguments.to_string(), &Context::new())
}

#[test]
fn the_manifest_says_what_the_source_says() {
    let manifest = manifest::<Plugin>();
    assert_eq!(manifest["name"], "try");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        manifest["capabilities"],
        json!([{"capability": "clock:wall", "reason": "to know the time"}])
    );
    assert_eq!(
        manifest["tools"][0],
        json!({
            "name": "divide",
            "title": "Divide",
            "description": "Divides two numbers.\n\nThe remainder is lost.",
            "input_schema": {
                "type": "object",
                "properties": {
                    "a": {"description": "What is divided.", "type": "integer", "format": "int64"},
                    "b": {"type": "integer", "format": "int64"}
                },
                "required": ["a", "b"],
                "additionalProperties": false
            },
            "output_schema": {
                "type": "object",
                "properties": {"quotient": {"type": "integer", "format": "int64"}},
                "required": ["quotient"]
            },
            "annotations": {"read_only": true, "destructive": false, "idempotent": true, "open_world": false}
        })
    );
    let hello = &manifest["tools"][1];
    assert_eq!(
        (&hello["name"], &hello["title"]),
        (&json!("say-hello"), &json!("Greeting"))
    );
    assert_eq!(hello["annotations"]["destructive"], true);
    assert_eq!(hello["cache"], json!({ "ttl": "1h 30m", "negative_ttl": "5s" }));
    assert_eq!(manifest["tools"][0].get("cache"), None);
    for (index, has_output_schema) in [(0, true), (1, false), (2, false), (3, false)] {
        assert_eq!(
            manifest["tools"][index].get("output_schema").is_some(),
            has_output_schema,
            "tool {index}"
        );
    }
}

#[test]
fn answers() {
    let structured = |value| Outcome::Complete(Output::new().with_structured(&value).unwrap());
    assert_eq!(
        run("divide", json!({"a": 7, "b": 2})),
        Ok(structured(json!({"quotient": 3})))
    );
    assert_eq!(run("nothing", json!({})), Ok(Outcome::Complete(Output::new())));
    let Ok(Outcome::Complete(hello)) = run("say-hello", json!({})) else {
        panic!("no greeting")
    };
    assert_eq!(
        hello.content(),
        [Content::Text("hello".to_owned()), Content::Json(json!([1]))]
    );
    assert_eq!(hello.meta()["mood"], "good");
}

#[test]
fn failures() {
    #[track_caller]
    fn check(tool: &str, arguments: &str, code: ErrorCode, says: &str) {
        let error = call::<Plugin>(tool, arguments, &Context::new()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(says), "{error}");
    }
    check(
        "divide",
        r#"{"a": 1, "b": 0}"#,
        ErrorCode::InvalidInput,
        "b must not be 0",
    );
    check(
        "divide",
        r#"{"a": 1}"#,
        ErrorCode::InvalidInput,
        "missing field `b`",
    );
    check("divide", r#"{"a": 1, "#, ErrorCode::InvalidInput, "EOF");
    check("divide", "", ErrorCode::InvalidInput, "EOF");
    check(
        "nothing",
        r#"{"a": 1}"#,
        ErrorCode::InvalidInput,
        "unknown field `a`",
    );
    check("hello", "{}", ErrorCode::NotFound, "no tool");
    check("", "{}", ErrorCode::NotFound, "no tool");
}

#[test]
fn a_call_in_two_rounds() {
    let Ok(Outcome::InputRequired(asked)) = run("ask_name", json!({})) else {
        panic!("it did not ask")
    };
    assert_eq!(asked["ask"], "name");
    let answers = |value: &str| Map::from_iter([("name".to_owned(), json!(value))]);
    let again = call::<Plugin>("ask_name", "{}", &Context::new().with_resume(answers("Ada")));
    assert_eq!(again, Ok(Outcome::Complete(Output::text("Ada"))));
    let wrong = call::<Plugin>("ask_name", "{}", &Context::new().with_resume(Map::new())).unwrap_err();
    assert_eq!(wrong.code(), ErrorCode::InvalidInput);
}

#[test]
fn tools_stay_functions() {
    assert!(tools::divide(tools::Divide { a: 1, b: 1 }).is_ok());
}
