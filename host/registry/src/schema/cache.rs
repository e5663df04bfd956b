//! Compiled schemas, each once, and not more than a bound of them.
//!
//! A compiled schema can be a hundred times as large as its text, and a host may know thousands of tools, of which few are
//! called. Schemas are kept by what they say, so tools with the same one share it, and so do versions of a plugin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fact_types::Digest;
use serde_json::Value;

use super::Schema;

/// Most compiled schemas that are kept.
pub(crate) const KEPT_MAX: usize = 500;

/// Schemas that were used of late.
pub(crate) struct Schemas {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Moves with each use.
    clock: u64,
    schemas: HashMap<Digest, (u64, Arc<Schema>)>,
}

impl Schemas {
    pub(crate) fn new(most: usize) -> Self {
        Schemas {
            most,
            kept: Mutex::default(),
        }
    }

    /// The key of a schema.
    pub(crate) fn key(schema: &Value) -> Digest {
        Digest::of(schema.to_string().as_bytes())
    }

    /// A compiled schema by its key, compiled now when it is not there.
    ///
    /// # Errors
    /// As for [`Schema::arguments`]; what can't be compiled is not remembered.
    pub(crate) fn get(&self, key: Digest, schema: &Value) -> Result<Arc<Schema>, String> {
        if let Some(found) = self.find(key) {
            return Ok(found);
        }
        // Not under the lock: it takes milliseconds. Who comes meanwhile compiles it too, and one of the two is kept.
        let compiled = Arc::new(Schema::arguments(schema)?);
        Ok(self.keep(key, compiled))
    }

    fn find(&self, key: Digest) -> Option<Arc<Schema>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let clock = kept.clock;
        let (used, schema) = kept.schemas.get_mut(&key)?;
        *used = clock;
        Some(Arc::clone(schema))
    }

    fn keep(&self, key: Digest, schema: Arc<Schema>) -> Arc<Schema> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let clock = kept.clock;
        let (used, there) = kept.schemas.entry(key).or_insert((clock, schema));
        *used = clock;
        let there = Arc::clone(there);
        let mut gone = Vec::new();
        while kept.schemas.len() > self.most {
            // Looking at all of them costs less than compiling one did.
            let oldest = kept
                .schemas
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            gone.extend(kept.schemas.remove(&oldest));
        }
        // A large one takes its time to be freed, and calls wait for the lock.
        drop(kept);
        drop(gone);
        there
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.kept.lock().unwrap().schemas.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn get(schemas: &Schemas, n: usize) -> Arc<Schema> {
        let schema = json!({ "type": "object", "maxProperties": n });
        schemas.get(Schemas::key(&schema), &schema).unwrap()
    }

    #[test]
    fn the_same_schema_is_compiled_once() {
        let schemas = Schemas::new(10);
        assert!(Arc::ptr_eq(&get(&schemas, 1), &get(&schemas, 1)));
        assert!(!Arc::ptr_eq(&get(&schemas, 1), &get(&schemas, 2)));
        assert_eq!(schemas.len(), 2);
    }

    #[test]
    fn the_bound_holds_and_the_latest_stay() {
        let schemas = Schemas::new(KEPT_MAX);
        let first = get(&schemas, 0);
        for n in 1..KEPT_MAX + 100 {
            get(&schemas, n);
            // One that is used again and again stays.
            assert!(Arc::ptr_eq(&first, &get(&schemas, 0)));
            assert!(schemas.len() <= KEPT_MAX);
        }
        assert_eq!(schemas.len(), KEPT_MAX);
        let long_gone = schemas.find(Schemas::key(&json!({ "type": "object", "maxProperties": 1 })));
        assert!(long_gone.is_none());
    }

    #[test]
    fn what_is_wrong_is_not_kept() {
        let schemas = Schemas::new(10);
        let wrong = json!({ "type": "string" });
        assert!(schemas.get(Schemas::key(&wrong), &wrong).is_err());
        assert_eq!(schemas.len(), 0);
    }

    #[test]
    fn many_at_once_agree() {
        let schemas = Schemas::new(3);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..200 {
                        let schema = get(&schemas, n % 7);
                        let fits = schema.check(&serde_json::Map::from_iter(
                            (0..n % 7).map(|n| (n.to_string(), json!(n))),
                        ));
                        assert!(fits.is_ok());
                    }
                });
            }
        });
        assert!(schemas.len() <= 3);
    }
}
