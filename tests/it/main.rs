//! End-to-end tests: real components, real files, databases and servers, through the one call path.
//!
//! One program with a module a topic, since each further program would link the engine again. `rig` builds hosts, `listener`
//! servers that remember who came.

mod capabilities;
mod compiled;
mod connectors;
mod crash;
mod determinism;
mod finance;
mod fs_corpus;
mod hostile;
mod http_corpus;
mod limits;
mod listener;
mod rig;
