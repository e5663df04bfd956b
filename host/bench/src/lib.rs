//! Benchmarks of the call path. They stand in `benches/`; run them with `cargo xtask bench`.
