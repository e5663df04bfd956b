//! The chat completions API of OpenAI, as many hosted and local servers speak it.

mod reply;
mod request;

use fact_egress::Egress;
use fact_types::Error;
use futures_util::future::BoxFuture;
use std::time::Duration;

use super::anthropic::model_name;
use super::endpoint::Endpoint;
use super::exchange::exchange;
use super::fault::{CallError, Fault};
use super::{OnText, Provider, Reply, Request, models};
use crate::key::ApiKey;
use crate::money::Prices;

/// The API's own address.
const BASE_URL: &str = "https://api.openai.com/v1";

/// Which model, and how it is reached.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// The key. Servers on this machine need none.
    pub key: Option<ApiKey>,
    /// The model's name, as the server has it.
    pub model: String,
    /// Where the API is, usually with `/v1` at its end; `/chat/completions` is added.
    pub base_url: String,
    /// The base URL may lead to an address that is not public, such as a server in the own network.
    pub private: bool,
    /// Longest silence of the server, before its reply and within it. A local model that reads a long request is silent for
    /// minutes.
    pub quiet: Duration,
    /// Ask for token counts in the stream. A few servers refuse the question; without it, usage and cost are unknown.
    pub count_tokens: bool,
    /// What the model costs, where the built-in table is wrong or silent.
    pub prices: Option<Prices>,
}

impl OpenAiConfig {
    /// A model at OpenAI itself.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        OpenAiConfig {
            key: Some(key),
            ..OpenAiConfig::local(BASE_URL, model)
        }
    }

    /// A model of a server that needs no key.
    pub fn local(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        OpenAiConfig {
            key: None,
            model: model.into(),
            base_url: base_url.into(),
            private: false,
            quiet: Duration::from_secs(60),
            count_tokens: true,
            prices: None,
        }
    }
}

/// A model behind the chat completions API.
#[derive(Debug)]
pub struct OpenAi {
    endpoint: Endpoint,
    model: String,
    form: request::Form,
    prices: Option<Prices>,
}

impl OpenAi {
    /// A model that is reached by this way out; see [`egress_config`](super::egress_config) for its bounds.
    ///
    /// # Errors
    /// With [`Code::Config`](fact_types::Code::Config) where a setting is not usable.
    pub fn new(config: OpenAiConfig, egress: Egress) -> Result<Self, Error> {
        let OpenAiConfig {
            key,
            model,
            base_url,
            private,
            quiet,
            count_tokens,
            prices,
        } = config;
        let endpoint = Endpoint::new(egress, &base_url, "/chat/completions", private, quiet)?.with_key(
            "authorization",
            "Bearer ",
            key,
        );
        // Who else speaks the protocol has prices of their own, and the older of two names for the reply's length.
        let own = endpoint.is_host("api.openai.com");
        let known = || own.then(|| models::openai_prices(&model)).flatten();
        Ok(OpenAi {
            prices: prices.or_else(known),
            form: request::Form { own, count_tokens },
            model: model_name(model)?,
            endpoint,
        })
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn prices(&self) -> Option<&Prices> {
        self.prices.as_ref()
    }

    fn complete<'a>(
        &'a self,
        request: &'a Request<'a>,
        on_text: OnText<'a>,
    ) -> BoxFuture<'a, Result<Reply, CallError>> {
        Box::pin(async move {
            let body = request::body(&self.model, request, self.form);
            let body = serde_json::to_vec(&body).map_err(|_| CallError::from(Fault::Malformed))?;
            let assembly = reply::Completion::default();
            exchange(&self.endpoint, body, request.deadline, on_text, assembly).await
        })
    }
}
