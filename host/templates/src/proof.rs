//! A template held against its own examples.

use crate::Templates;
use crate::data::{Data, DataError};
use crate::resolution::Resolution;
use serde::Serialize;

/// How the examples of a template did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestReport {
    /// The template.
    pub template: String,
    /// Its examples. A template without any has proven nothing.
    pub examples: Vec<ExampleResult>,
}

impl TestReport {
    /// There are examples, and each of them was answered as it should be.
    pub fn passed(&self) -> bool {
        !self.examples.is_empty() && self.examples.iter().all(|example| example.problem.is_none())
    }
}

/// How an example did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExampleResult {
    /// The question.
    pub question: String,
    /// The answer, if the question led to the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What is wrong, a sentence; none when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Templates {
    /// Runs the examples of a template: each must lead to it, have an answer, and have in the answer what it says. None when
    /// there is no such template.
    ///
    /// # Errors
    /// When data can't be read.
    pub async fn test(&self, name: &str, data: &impl Data) -> Result<Option<TestReport>, DataError> {
        let Some(template) = self.get(name) else {
            return Ok(None);
        };
        let mut examples = Vec::new();
        for example in &template.examples {
            let mut result = ExampleResult {
                question: example.question.clone(),
                answer: None,
                problem: None,
            };
            match self.resolve(&example.question, None, data).await? {
                Resolution::Filled(filled) if filled.template == name => {
                    let rows = data
                        .query(&filled.database, &filled.statement, &filled.parameters)
                        .await?;
                    let columns = template.answer.columns.iter().map(|column| &column.name);
                    let reply = self.render(&filled, &rows);
                    result.problem = if !columns.eq(&rows.columns) {
                        Some(format!(
                            "The statement gives the columns {}, and the answer has others.",
                            rows.columns.join(", ")
                        ))
                    } else if reply.empty {
                        Some("The data has nothing for it.".to_owned())
                    } else {
                        let expected = example.expect.as_ref();
                        let absent = expected.filter(|expected| !reply.text.contains(expected.as_str()));
                        absent.map(|expected| format!("The answer does not have \"{expected}\"."))
                    };
                    result.answer = Some(reply.text);
                }
                Resolution::Filled(filled) => {
                    result.problem = Some(format!("It leads to the template {}.", filled.template));
                }
                other => result.problem = other.text(),
            }
            examples.push(result);
        }
        Ok(Some(TestReport {
            template: name.to_owned(),
            examples,
        }))
    }
}
