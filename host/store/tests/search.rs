//! Whether the right tool comes first, over a collection of tools as plugins define them and questions as people ask.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends with the first thing that is not as it should be, and says how far it got"
)]

use fact_store::{ToolDoc, ToolIndex};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const TOOLS: [&str; 4] = [
    include_str!("search/tools-1.toml"),
    include_str!("search/tools-2.toml"),
    include_str!("search/tools-3.toml"),
    include_str!("search/tools-4.toml"),
];
const QUESTIONS: &str = include_str!("search/questions.toml");

type Tables = BTreeMap<String, BTreeMap<String, String>>;

static INDEX: LazyLock<ToolIndex> = LazyLock::new(|| ToolIndex::build(tools()).unwrap());

fn tools() -> Vec<ToolDoc> {
    let mut all = Vec::new();
    for file in TOOLS {
        for (plugin, tools) in toml::from_str::<Tables>(file).unwrap() {
            for (name, text) in tools {
                let (description, parameters) = text.split_once(" |").unwrap();
                all.push(ToolDoc {
                    id: format!("{plugin}_{name}"),
                    plugin: plugin.clone(),
                    name,
                    title: String::new(),
                    description: description.to_owned(),
                    parameters: parameters.trim().to_owned(),
                });
            }
        }
    }
    all
}

fn questions() -> Tables {
    toml::from_str(QUESTIONS).unwrap()
}

/// The likeliest tools.
fn hits(question: &str, limit: usize) -> Vec<String> {
    let hits = INDEX.search(question, |_| true, limit).unwrap();
    hits.into_iter().map(|hit| hit.id).collect()
}

/// How many of a set's questions must have the right tool first, and how many among the first three, in percent.
fn check(set: &str, questions_in_it: usize, first: usize, in_three: usize) {
    let questions = &questions()[set];
    assert_eq!(questions.len(), questions_in_it);
    let (mut ones, mut threes) = (0, 0);
    for (question, right) in questions {
        let found = hits(question, 3);
        ones += usize::from(found.first() == Some(right));
        threes += usize::from(found.contains(right));
        if found.first() != Some(right) {
            println!("{question:?}: {right} wanted, {found:?} found");
        }
    }
    println!("{set}: {ones} first, {threes} in three, of {}", questions.len());
    assert!(ones * 100 >= first * questions.len(), "{set}: {ones} come first");
    assert!(
        threes * 100 >= in_three * questions.len(),
        "{set}: {threes} are in three"
    );
}

#[test]
fn the_right_tool_comes_first() {
    check("labelled", 100, 90, 95);
    check("tuning", 114, 85, 95);
}

/// What is to be expected of questions and tools that nobody thought of. Lower, and that is the truth: where a question
/// shares no word with the tool's description, and no general synonym, word search can't know.
#[test]
fn the_right_tool_is_among_the_first_where_nothing_was_tuned() {
    check("held_out", 50, 70, 90);
}

#[test]
fn the_collection_has_the_tools_that_are_asked_for() {
    let tools = tools();
    assert!(tools.len() >= 500, "{}", tools.len());
    for (question, right) in questions().values().flatten() {
        assert!(tools.iter().any(|tool| tool.id == *right), "{question}: {right}");
    }
}

#[test]
fn a_full_name_always_wins() {
    for tool in tools() {
        for question in [
            tool.id.clone(),
            format!(" {} ", tool.id.to_uppercase()),
            format!("call `{}`", tool.id),
        ] {
            assert_eq!(hits(&question, 1).first(), Some(&tool.id), "{question}");
        }
    }
}

#[test]
fn words_are_found_in_other_forms() {
    for (question, right) in [
        // Written wrongly.
        ("scale a kuberntes deploymnt", "kubernetes_scale_deployment"),
        ("transcirbe a recording", "media_transcribe"),
        // Not finished.
        ("git bla", "git_blame"),
        ("geocod", "maps_geocode"),
        // In other cases and spellings.
        ("CREATE A JIRA ISSUE", "jira_create_issue"),
        ("githubCreateGist", "github_create_gist"),
        ("jira create-issue", "jira_create_issue"),
        // The order tells them apart.
        ("json to yaml", "convert_json_to_yaml"),
        ("yaml to json", "convert_yaml_to_json"),
        ("json from yaml", "convert_yaml_to_json"),
    ] {
        assert_eq!(hits(question, 1), [right], "{question}");
    }
}

#[test]
fn scope_and_limit_hold() {
    let found = INDEX
        .search("create an issue", |id| id.starts_with("linear_"), 50)
        .unwrap();
    assert_eq!(
        found.first().map(|hit| hit.id.as_str()),
        Some("linear_create_issue")
    );
    assert!(found.iter().all(|hit| hit.id.starts_with("linear_")));
    assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!(hits("create an issue", 3).len(), 3);
    assert!(hits("create an issue", 0).is_empty());
    // A name that is out of scope does not win.
    let found = INDEX
        .search("jira_create_issue", |id| id != "jira_create_issue", 5)
        .unwrap();
    assert!(found.iter().all(|hit| hit.id != "jira_create_issue"));
}

#[test]
fn questions_never_become_query_language() {
    for question in [
        "",
        " ",
        "\"",
        "\"\"\"",
        "'",
        "*",
        "a*",
        "^name",
        "-",
        "--",
        "NEAR(a b, 2)",
        "NEAR",
        "AND",
        "OR NOT",
        "name:",
        "name: git",
        "{name plugin} : git",
        "{",
        "git AND (",
        "git) OR (1",
        "\" OR name : \"git",
        "; DROP TABLE tools; --",
        "\0",
        "git\0blame",
        "\u{1b}[2J",
        "🦀",
        "的",
        "\u{300}",
        "%s%n",
        "?1",
        ":1",
        "1",
        "the of and",
        "rank",
        "tools",
        &"a".repeat(100_000),
        &"git ".repeat(100_000),
        &"\"".repeat(100_000),
        &"é".repeat(1001),
    ] {
        assert!(hits(question, 10).len() <= 10, "{question:.80}");
    }
    // What does mean something is found in the midst of it.
    assert_eq!(hits("\"git* AND {name}: (blame", 1), ["git_blame"]);
    // The language itself has no effect.
    let both = hits("blame NOT git", 100);
    assert!(both.contains(&"git_blame".to_owned()), "{both:?}");
}

#[test]
fn tools_may_say_anything() {
    let doc = |id: &str, description: &str| ToolDoc {
        id: id.to_owned(),
        plugin: "x".to_owned(),
        name: id.to_owned(),
        description: description.to_owned(),
        ..ToolDoc::default()
    };
    let long = format!("{} needle", "hay ".repeat(ToolDoc::TEXT_MAX));
    let index = ToolIndex::build([
        doc("quotes", "\"; DROP TABLE tools; -- NEAR( * : ^ \0 zebra"),
        doc("long", &long),
        doc("chinese", "把文件删除"),
        doc("again", "old"),
        doc("Again", "newer giraffe"),
        doc("", ""),
    ])
    .unwrap();
    let first = |question: &str| {
        index
            .search(question, |_| true, 1)
            .unwrap()
            .pop()
            .map(|hit| hit.id)
    };
    assert_eq!(index.len(), 5);
    assert_eq!(first("zebra").as_deref(), Some("quotes"));
    assert_eq!(first("hay").as_deref(), Some("long"));
    assert_eq!(first("needle"), None, "what is beyond the bound is not read");
    assert_eq!(first("删除 文件").as_deref(), Some("chinese"));
    assert_eq!(first("giraffe").as_deref(), Some("Again"));
    let none = ToolIndex::build([]).unwrap();
    assert!(none.is_empty() && none.search("anything", |_| true, 5).unwrap().is_empty());
}

/// A search takes about a millisecond here; the bound is far from that, so that only a change of kind breaks it.
#[test]
fn a_search_is_fast() {
    let mut took: Vec<Duration> = Vec::new();
    for question in questions().values().flat_map(BTreeMap::keys) {
        let start = Instant::now();
        hits(question, 10);
        took.push(start.elapsed());
    }
    took.sort();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    println!("{} tools: median {median:?}, worst {worst:?}", INDEX.len());
    assert!(median < Duration::from_millis(25), "{median:?}");
    // The most that a question can ask for: as many different words as are read, all with synonyms.
    let start = Instant::now();
    hits(
        "find create delete show change send start stop cancel save copy move check compare convert log page image video \
        table error test map money",
        10,
    );
    hits(&"xqzptv xqzptw xqzptu xqzpts xqzptr xqzptq ".repeat(50), 10);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_question_is_answered(question in "\\PC{0,200}") {
        prop_assert!(hits(&question, 5).len() <= 5);
    }

    #[test]
    fn any_mix_of_syntax_is_answered(parts in prop::collection::vec(
        prop::sample::select(vec!["\"", "*", "(", ")", "{", "}", ":", "^", "-", "+", "AND", "OR", "NOT", "NEAR", "name", "git", ",", "\0", " "]), 0..40)) {
        prop_assert!(hits(&parts.concat(), 5).len() <= 5);
    }
}
