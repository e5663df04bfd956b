//! The guests that the tests run, compiled from `tests/guests` by the build. The tests themselves stand in `it/`.

/// A guest.
#[derive(Clone, Copy)]
pub struct Guest {
    /// The name of its source file.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
}

impl Guest {
    /// The name that it is installed under: that of its file, in the letters of a plugin's name.
    pub fn plugin(&self) -> String {
        self.name.replace('_', "-")
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guest({})", self.name)
    }
}

/// Every guest, as a constant with its name in capitals.
pub mod guests {
    use super::Guest;

    include!(concat!(env!("OUT_DIR"), "/table.rs"));
}
