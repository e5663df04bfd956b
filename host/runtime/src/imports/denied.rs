//! What stands in the linker where nothing was granted: each function answers with a denial that the guest can handle.

use fact_types::Resource;
use wasmtime::component::HasData;

use crate::bindings::fact::plugin::types::{Error, ErrorCode, Output};
use crate::bindings::fact::plugin::{host, kv, model, peers, secrets, sql, types};
use crate::imports::host::{METRICS, REGISTRY};
use crate::state::State;
use crate::witness::Witness;

pub(crate) struct HasDenied;

impl HasData for HasDenied {
    type Data<'a> = Denied<'a>;
}

pub(crate) struct Denied<'a>(&'a Witness);

impl Denied<'_> {
    pub(crate) fn of(state: &mut State) -> Denied<'_> {
        Denied(&state.witness)
    }

    pub(crate) fn new(witness: &Witness) -> Denied<'_> {
        Denied(witness)
    }

    fn refuse<T>(&self, resource: Resource, grant: &str) -> wasmtime::Result<Result<T, Error>> {
        self.0.denied(resource);
        Ok(Err(Error {
            code: ErrorCode::Denied,
            message: format!("this plugin was not granted {grant}"),
            retry_after_ms: None,
            details: None,
        }))
    }

    fn no_sql<T>(&self, database: String) -> wasmtime::Result<Result<T, Error>> {
        self.refuse(
            Resource::Sql {
                database,
                table: String::new(),
            },
            "any database (sql:read:DATABASE)",
        )
    }

    pub(crate) fn no_host<T>(&self, name: &str) -> wasmtime::Result<Result<T, Error>> {
        self.refuse(
            Resource::Host {
                name: name.to_owned(),
            },
            &format!("to know this of the host (host:read:{name})"),
        )
    }

    fn no_kv<T>(&self, bucket: String, key: String, right: &str) -> wasmtime::Result<Result<T, Error>> {
        self.refuse(
            Resource::Kv { bucket, key },
            &format!("any bucket (kv:{right}:BUCKET)"),
        )
    }
}

impl types::Host for Denied<'_> {}

impl sql::Host for Denied<'_> {
    async fn databases(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    async fn query(
        &mut self,
        database: String,
        _: String,
        _: Vec<sql::Parameter>,
        _: u32,
    ) -> wasmtime::Result<Result<sql::Rows, Error>> {
        self.no_sql(database)
    }

    async fn execute(
        &mut self,
        database: String,
        _: String,
        _: Vec<sql::Parameter>,
    ) -> wasmtime::Result<Result<u32, Error>> {
        self.no_sql(database)
    }

    async fn schema(&mut self, database: String) -> wasmtime::Result<Result<Vec<sql::Table>, Error>> {
        self.no_sql(database)
    }

    async fn explain(
        &mut self,
        database: String,
        _: String,
        _: Vec<sql::Parameter>,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        self.no_sql(database)
    }

    async fn samples(&mut self, database: String) -> wasmtime::Result<Result<Vec<sql::Sample>, Error>> {
        self.no_sql(database)
    }
}

impl kv::Host for Denied<'_> {
    async fn get(
        &mut self,
        bucket: String,
        key: String,
    ) -> wasmtime::Result<Result<Option<kv::Entry>, Error>> {
        self.no_kv(bucket, key, "read")
    }

    async fn set(&mut self, bucket: String, key: String, _: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        self.no_kv(bucket, key, "write")
    }

    async fn delete(&mut self, bucket: String, key: String) -> wasmtime::Result<Result<bool, Error>> {
        self.no_kv(bucket, key, "write")
    }

    async fn list_keys(
        &mut self,
        bucket: String,
        prefix: String,
        _: Option<String>,
        _: u32,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        self.no_kv(bucket, prefix, "read")
    }

    async fn compare_and_swap(
        &mut self,
        bucket: String,
        key: String,
        _: Option<String>,
        _: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, Error>> {
        self.no_kv(bucket, key, "read,write")
    }
}

impl secrets::Host for Denied<'_> {
    async fn reveal(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        self.refuse(Resource::Secret { name }, "this secret (secret:reveal:NAME)")
    }
}

impl peers::Host for Denied<'_> {
    async fn call(&mut self, name: String, _: String) -> wasmtime::Result<Result<Output, Error>> {
        self.refuse(Resource::Tool { name }, "this tool (tool:call:NAME)")
    }
}

impl host::Host for Denied<'_> {
    async fn plugins(&mut self) -> wasmtime::Result<Result<String, Error>> {
        self.no_host(REGISTRY)
    }

    async fn tools(&mut self) -> wasmtime::Result<Result<String, Error>> {
        self.no_host(REGISTRY)
    }

    async fn metrics(&mut self) -> wasmtime::Result<Result<String, Error>> {
        self.no_host(METRICS)
    }
}

impl model::Host for Denied<'_> {
    async fn ask(&mut self, _: String, _: u32) -> wasmtime::Result<Result<String, Error>> {
        self.refuse(Resource::Model, "the model (model:ask:TOKENS/PERIOD)")
    }
}
