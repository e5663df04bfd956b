//! The configured model.

use std::sync::Arc;

use fact_core::{ModelConfig, ModelProvider};
use fact_driver::{
    Anthropic, AnthropicConfig, ApiKey, Budget, Driver, Money, OpenAi, OpenAiConfig, Provider, Settings,
    egress_config,
};
use fact_egress::Egress;
use fact_types::{Code, Error};

/// The driver for a configured model.
pub(crate) fn driver(config: &ModelConfig) -> Result<Driver, Error> {
    let name = config.name.clone().ok_or_else(|| {
        Error::new(
            Code::Config,
            "No model is named: set `model.name`, or `model.provider = \"templates\"` to do without one.",
        )
    })?;
    let egress = Egress::new(egress_config())
        .map_err(|error| Error::new(Code::Config, format!("The way out can't be used: {error}.")))?;
    let provider: Arc<dyn Provider> = match config.provider {
        ModelProvider::Anthropic => {
            let mut settings = AnthropicConfig {
                key: key(config, "ANTHROPIC_API_KEY")?,
                model: name,
                private: config.private,
                ..AnthropicConfig::new(ApiKey::new("none")?, "")
            };
            if let Some(url) = &config.base_url {
                settings.base_url.clone_from(url);
            }
            Arc::new(Anthropic::new(settings, egress)?)
        }
        ModelProvider::OpenAi => {
            let key = key(config, "OPENAI_API_KEY")?;
            let mut settings = match &config.base_url {
                Some(url) => OpenAiConfig::local(url, name),
                None => OpenAiConfig::new(key.clone().ok_or_else(|| no_key("OPENAI_API_KEY"))?, name),
            };
            settings.key = key;
            settings.private = config.private;
            Arc::new(OpenAi::new(settings, egress)?)
        }
        ModelProvider::Templates => {
            return Err(Error::new(
                Code::Config,
                "`model.provider` names no model: it is `templates`.",
            ));
        }
    };
    let settings = Settings {
        max_output: config.max_output,
        ..Settings::default()
    };
    Driver::new(provider, settings)
}

/// The key, from the variable that the configuration names. A server of one's own may need none.
fn key(config: &ModelConfig, usual: &str) -> Result<Option<ApiKey>, Error> {
    let variable = config.api_key_env.as_deref().unwrap_or(usual);
    match std::env::var(variable) {
        Ok(text) if !text.trim().is_empty() => ApiKey::new(&text).map(Some),
        _ if config.base_url.is_some() => Ok(None),
        _ => Err(no_key(variable)),
    }
}

fn no_key(variable: &str) -> Error {
    Error::new(
        Code::Config,
        format!("The model needs a key: put it into the environment variable `{variable}`."),
    )
}

/// What one question may cost.
pub(crate) fn budget(config: &ModelConfig) -> Result<Budget, Error> {
    let money = config
        .max_dollars
        .map(Money::try_from)
        .transpose()
        .map_err(|error| Error::new(Code::Config, format!("`model.max_dollars`: {error}.")))?;
    Ok(Budget {
        tokens: Some(config.max_tokens),
        money,
        model_calls: config.max_calls,
        time: config.max_time.0,
        ..Budget::default()
    })
}
