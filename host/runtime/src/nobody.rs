//! For tests of this crate alone: no host around it, and so no other plugins and no facts.

use std::pin::Pin;
use std::sync::Arc;

use fact_types::{Code, Effects, Error};
use serde_json::Value;

use crate::{Facts, PeerAnswer, PeerCall, Peers};

pub(crate) struct Nobody;

impl Nobody {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Nobody)
    }
}

fn none() -> Error {
    Error::new(Code::Unavailable, "There is no host.")
}

impl Peers for Nobody {
    fn call(&self, _: PeerCall) -> Pin<Box<dyn Future<Output = PeerAnswer> + Send + 'static>> {
        Box::pin(async {
            PeerAnswer {
                result: Err(none()),
                effects: Effects::default(),
                trace: std::sync::Arc::default(),
            }
        })
    }
}

impl Facts for Nobody {
    fn plugins(&self) -> Result<Value, Error> {
        Err(none())
    }

    fn tools(&self) -> Result<Value, Error> {
        Err(none())
    }

    fn metrics(&self) -> Result<Value, Error> {
        Err(none())
    }
}
