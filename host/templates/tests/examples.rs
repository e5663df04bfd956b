//! Every built-in template answers its own examples from the demo database.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends with the first thing that is not as it should be"
)]

mod common;

use common::Demo;
use fact_templates::Templates;

#[tokio::test]
async fn every_template_answers_its_examples() {
    let demo = Demo::new();
    let templates = Templates::builtin();
    for listed in templates.list() {
        let report = templates.test(&listed.name, &demo).await.unwrap().unwrap();
        assert!(report.passed(), "{report:#?}");
    }
    assert_eq!(templates.test("absent", &demo).await.unwrap(), None);
}
