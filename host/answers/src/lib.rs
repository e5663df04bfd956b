//! Answers questions: from what is kept while it is true, from templates of SQL, from a model that may call tools.
//!
//! # The order of things
//!
//! 1. **Kept answers**: an answer rests on what the calls behind it read. While all of that is still so, it is the answer, and
//!    neither a tool nor a model runs.
//! 2. **Templates**: questions in plain words that a statement answers, without a network. One that is not understood is
//!    told what can be asked, never a figure.
//! 3. **A model**, where one is configured: it calls tools, down the same path as everybody.
//!
//! Every figure comes out of a call of a tool, so the answer can say what it rests on ([`Answered::reads`]).

mod answered;
mod conversation;
mod data;
mod ledger;
mod model;
mod tools;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fact_cache::{About, Key, Kind};
use fact_core::{Host, ModelProvider};
use fact_driver::{Driver, Failure, Question, Said, Unwatched, Watch};
use fact_templates::{Filled, Resolution, Templates};
use fact_types::{Code, Error, Freshness, Principal};
use serde_json::{Value, json};

pub use answered::{Answered, By, Source};
pub use conversation::{Answerer, BadConversationId, Conversation, ConversationId, Details, Listed, Spoken};
pub use fact_driver as driver;
pub use fact_templates as templates;

use data::ToolData;
use ledger::Ledger;
use tools::HostTools;

/// A question, and what stands around it.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// What is asked.
    pub question: &'a str,
    /// Who asks.
    pub principal: &'a Principal,
    /// Whether a kept answer will do.
    pub freshness: Freshness,
    /// What was said before, the oldest first.
    pub history: &'a [Said],
    /// What answered the question before, where a template did.
    pub previous: Option<&'a Filled>,
}

impl<'a> Ask<'a> {
    /// A question without a past.
    pub fn new(question: &'a str, principal: &'a Principal) -> Self {
        Ask {
            question,
            principal,
            freshness: Freshness::default(),
            history: &[],
            previous: None,
        }
    }
}

/// Answers questions about what the tools of a host can tell.
pub struct Answers {
    host: Arc<Host>,
    templates: Templates,
    driver: Option<Driver>,
}

impl Answers {
    /// As the host is configured.
    ///
    /// # Errors
    /// `config` for files of templates that can't be used, a provider without a key, or settings out of their range.
    pub fn open(host: Arc<Host>) -> Result<Self, Error> {
        let files = read(&host.config().templates)?;
        let texts = files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let templates = Templates::with_files(texts)
            .map_err(|error| Error::new(Code::Config, format!("Templates can't be used:\n{error}")))?;
        let driver = match host.config().model.provider {
            ModelProvider::Templates => None,
            _ => Some(model::driver(&host.config().model)?),
        };
        Ok(Answers {
            host,
            templates,
            driver,
        })
    }

    /// The templates that there are.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The host that is asked.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Answers a question.
    ///
    /// A question that is not understood is answered too, with what can be asked: see [`Answered::by`].
    ///
    /// # Errors
    /// Where neither data nor a model could be asked.
    pub async fn ask(&self, ask: Ask<'_>, watch: &dyn Watch) -> Result<Answered, Error> {
        let started = Instant::now();
        let tools = HostTools::new(&self.host, ask.principal);
        let key = self.key(&ask, &tools);
        if ask.freshness != Freshness::Run
            && let Some(kept) = self.host.recall_answer(&key).await
            && let Some(answered) = Answered::restore(kept)
        {
            return Ok(answered.after(started.elapsed()));
        }
        let ledger = tools.ledger();
        let answered = match self.by_template(&ask, ledger).await {
            Ok(answered) if answered.is_answer() || self.driver.is_none() => answered,
            Err(error) if self.driver.is_none() => return Err(error),
            _ => self.by_model(&ask, &tools, watch).await?,
        };
        let answered = answered.resting_on(ledger).after(started.elapsed());
        if answered.is_answer() {
            self.keep(&key, &ask, &answered, ledger);
        }
        Ok(answered)
    }

    /// As [`ask`](Answers::ask), with nobody watching.
    ///
    /// # Errors
    /// As there.
    pub async fn ask_plainly(&self, ask: Ask<'_>) -> Result<Answered, Error> {
        self.ask(ask, &Unwatched).await
    }

    /// Where templates read, for whoever tests them: under a principal's grants, by the path of all calls.
    pub fn data(&self, principal: &Principal) -> impl fact_templates::Data {
        ToolData::owned(&self.host, principal)
    }

    async fn by_template(&self, ask: &Ask<'_>, ledger: &Ledger) -> Result<Answered, Error> {
        let data = ToolData::new(&self.host, ask.principal, ledger);
        let resolved = self.templates.resolve(ask.question, ask.previous, &data).await;
        let filled = match resolved.map_err(data_failed)? {
            Resolution::Filled(filled) => filled,
            other => return Ok(Answered::not_understood(ask.question, &other)),
        };
        let rows =
            fact_templates::Data::query(&data, &filled.database, &filled.statement, &filled.parameters)
                .await
                .map_err(data_failed)?;
        let reply = self.templates.render(&filled, &rows);
        Ok(Answered::of_template(ask.question, filled, reply))
    }

    async fn by_model(
        &self,
        ask: &Ask<'_>,
        tools: &HostTools<'_>,
        watch: &dyn Watch,
    ) -> Result<Answered, Error> {
        let Some(driver) = &self.driver else {
            return Err(Error::internal());
        };
        let question = Question {
            history: ask.history,
            budget: model::budget(&self.host.config().model)?,
            ..Question::new(ask.question)
        };
        let turn = driver
            .ask(question, tools, watch)
            .await
            .map_err(|failure: Failure| failure.error)?;
        Ok(Answered::of_model(ask.question, &turn))
    }

    /// Everything that an answer depends on besides what it read.
    fn key(&self, ask: &Ask<'_>, tools: &HostTools<'_>) -> Key {
        let said: Vec<Value> = ask
            .history
            .iter()
            .map(|said| match said {
                Said::User(text) => json!(["user", text]),
                Said::Assistant(text) => json!(["assistant", text]),
            })
            .collect();
        // Space around words never matters.
        let question: Vec<&str> = ask.question.split_whitespace().collect();
        let model = self
            .driver
            .as_ref()
            .map(|driver| driver.fingerprint(tools).to_string());
        let context = json!([said, ask.previous, model]);
        Key::of(
            "answer/1",
            &[
                question.join(" ").as_bytes(),
                fact_cache::canonical(&context).as_bytes(),
                self.templates.fingerprint().to_string().as_bytes(),
                ask.principal.as_str().as_bytes(),
            ],
        )
    }

    fn keep(&self, key: &Key, ask: &Ask<'_>, answered: &Answered, ledger: &Ledger) {
        let about = About {
            kind: Kind::Answer,
            label: ask.question.to_owned(),
            principal: ask.principal.clone(),
            component: None,
            cost: answered.elapsed(),
            tokens: answered.tokens(),
            lifetime: None,
        };
        let (trace, effects) = ledger.read();
        if let Ok(document) = serde_json::to_value(answered) {
            self.host.keep_answer(key, document, effects, trace, about);
        }
    }
}

fn data_failed(error: fact_templates::DataError) -> Error {
    Error::new(error.code, error.message)
}

/// Largest file of templates.
const FILE_MAX: u64 = 1 << 20;

fn read(files: &[std::path::PathBuf]) -> Result<Vec<(String, String)>, Error> {
    let wrong = |path: &Path, why: &str| {
        Error::new(
            Code::Config,
            format!("The file of templates `{}` {why}.", path.display()),
        )
    };
    files
        .iter()
        .map(|path| {
            let size = std::fs::metadata(path).map_or(0, |found| found.len());
            if size > FILE_MAX {
                return Err(wrong(path, "is larger than 1 MiB"));
            }
            let text = std::fs::read_to_string(path).map_err(|_| wrong(path, "can't be read"))?;
            Ok((path.display().to_string(), text))
        })
        .collect()
}
