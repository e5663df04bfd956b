//! The bytes of the plugins that come with FACT, compiled from this checkout's own sources by the build.
//!
//! They are components like any other: nothing but the bytes ties them to the host, and they have no grant until someone
//! gives them one.
//!
//! ```
//! let sql = fact_bundle::builtin("sql").unwrap();
//! assert!(sql.bytes.starts_with(b"\0asm"));
//! ```

/// A plugin that comes with FACT.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// Its name, as in `builtin:sql`.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builtin")
            .field("name", &self.name)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

include!(concat!(env!("OUT_DIR"), "/plugins.rs"));

/// The connectors: `sql`, `http`, `file`, `util` and `system`.
pub const BUILTINS: &[Builtin] = match ALL.split_last() {
    Some((_, connectors)) => connectors,
    None => &[],
};

/// A connector by its name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// The plugin that tries what no plugin may do, for demonstrations. It is no connector, so [`BUILTINS`] does not have it.
pub const fn hostile() -> &'static [u8] {
    match ALL.split_last() {
        Some((hostile, _)) => hostile.bytes,
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_component_of_its_own() {
        assert_eq!(
            BUILTINS.iter().map(|builtin| builtin.name).collect::<Vec<_>>(),
            ["sql", "http", "file", "util", "system"]
        );
        // The version field of a component differs from a core module's.
        let header = b"\0asm\x0d\0\x01\0";
        for builtin in BUILTINS {
            assert!(builtin.bytes.starts_with(header), "{builtin:?}");
            assert!(builtin.description.len() > 10, "{builtin:?}");
            assert_ne!(builtin.bytes, hostile(), "{builtin:?}");
        }
        assert!(hostile().starts_with(header));
        assert!(builtin("hostile").is_none());
    }
}
