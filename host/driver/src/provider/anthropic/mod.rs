//! Anthropic's Messages API.
//!
//! Nothing is sent that newer models refuse: no sampling parameters, no forced tool, no prefilled answer, no thinking
//! budget. What a model thinks comes back as signed blocks, which go back to it unchanged while it works with tools.

mod reply;
mod request;

use fact_egress::Egress;
use fact_types::{Code, Error};
use futures_util::future::BoxFuture;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::exchange::exchange;
use super::fault::{CallError, Fault};
use super::{OnText, Provider, Reply, Request, models};
use crate::key::ApiKey;
use crate::money::Prices;

/// The API's own address.
const BASE_URL: &str = "https://api.anthropic.com";

/// Which model, and how it is reached.
#[derive(Debug, Clone)]
pub struct AnthropicConfig {
    /// The key. Servers on this machine may need none.
    pub key: Option<ApiKey>,
    /// The model's name, for example `claude-sonnet-5`.
    pub model: String,
    /// Where the API is; `/v1/messages` is added.
    pub base_url: String,
    /// The base URL may lead to an address that is not public, such as a gateway in the own network.
    pub private: bool,
    /// Longest silence of the provider, before its reply and within it.
    pub quiet: Duration,
    /// The smallest beginning of a request that the model caches, in tokens, where the built-in table is wrong.
    pub cache_min: Option<u64>,
    /// What the model costs, where the built-in table is wrong or silent.
    pub prices: Option<Prices>,
}

impl AnthropicConfig {
    /// A model at Anthropic itself.
    pub fn new(key: ApiKey, model: impl Into<String>) -> Self {
        AnthropicConfig {
            key: Some(key),
            model: model.into(),
            base_url: BASE_URL.to_owned(),
            private: false,
            // The reply's head comes when the model has read the request, and pings come while it thinks.
            quiet: Duration::from_secs(30),
            cache_min: None,
            prices: None,
        }
    }
}

/// A model behind the Messages API.
#[derive(Debug)]
pub struct Anthropic {
    endpoint: Endpoint,
    model: String,
    cache_min: u64,
    prices: Option<Prices>,
}

impl Anthropic {
    /// A model that is reached by this way out; see [`egress_config`](super::egress_config) for its bounds.
    ///
    /// # Errors
    /// With [`Code::Config`] where a setting is not usable.
    pub fn new(config: AnthropicConfig, egress: Egress) -> Result<Self, Error> {
        let AnthropicConfig {
            key,
            model,
            base_url,
            private,
            quiet,
            cache_min,
            prices,
        } = config;
        let endpoint = Endpoint::new(egress, &base_url, "/v1/messages", private, quiet)?
            .with_header("anthropic-version", "2023-06-01")
            .with_key("x-api-key", "", key);
        // Who else speaks the protocol has prices of their own.
        let known = || {
            endpoint
                .is_host("api.anthropic.com")
                .then(|| models::anthropic_prices(&model))
        };
        Ok(Anthropic {
            prices: prices.or_else(|| known().flatten()),
            cache_min: cache_min.unwrap_or_else(|| models::cache_min(&model)),
            model: model_name(model)?,
            endpoint,
        })
    }
}

/// A model's name that can be one.
pub(crate) fn model_name(model: String) -> Result<String, Error> {
    let good = (1..=200).contains(&model.len()) && model.bytes().all(|b| b.is_ascii_graphic());
    good.then_some(model).ok_or_else(|| {
        Error::new(
            Code::Config,
            "The model's name is not usable: it has 1 to 200 printable characters and no space.",
        )
    })
}

impl Provider for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
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
            let body = request::body(&self.model, request, self.cache_min);
            let body = serde_json::to_vec(&body).map_err(|_| CallError::from(Fault::Malformed))?;
            let assembly = reply::Message::default();
            exchange(&self.endpoint, body, request.deadline, on_text, assembly).await
        })
    }
}
