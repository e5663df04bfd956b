//! Which entries of a folder are wanted.

use fact_sdk::ToolError;
use globset::{GlobBuilder, GlobMatcher};

/// Longest pattern, in bytes. A longer one is a list that does not belong into a pattern.
pub const PATTERN_BYTES_MAX: usize = 1000;

/// Most extensions of a filter.
const EXTENSIONS_MAX: usize = 100;

/// A filter by name. Empty, it lets all pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    extensions: Vec<String>,
    glob: Option<Glob>,
}

#[derive(Clone, Debug)]
struct Glob {
    matcher: GlobMatcher,
    /// A pattern with a slash is for the path, one without for the name.
    by_path: bool,
}

impl Filter {
    /// Parses extensions (with or without their point, in any case) and a pattern.
    ///
    /// # Errors
    /// `invalid-input` for a broken pattern and for too much of either.
    pub fn new(extensions: &[String], glob: Option<&str>) -> Result<Self, ToolError> {
        if extensions.len() > EXTENSIONS_MAX {
            return Err(ToolError::invalid_input(format!(
                "at most {EXTENSIONS_MAX} extensions are taken"
            )));
        }
        let extensions = extensions
            .iter()
            .map(|extension| extension.trim_start_matches('.').to_lowercase())
            .collect();
        Ok(Self {
            extensions,
            glob: glob.map(Glob::new).transpose()?,
        })
    }

    /// Whether only files can pass.
    #[must_use]
    pub fn is_for_files(&self) -> bool {
        !self.extensions.is_empty()
    }

    /// Whether the entry with this path below the folder passes.
    #[must_use]
    pub fn passes(&self, relative: &str) -> bool {
        let name = relative.rsplit('/').next().unwrap_or(relative);
        let extension_fits = self.extensions.is_empty()
            || extension(name).is_some_and(|extension| self.extensions.contains(&extension));
        extension_fits
            && self
                .glob
                .as_ref()
                .is_none_or(|glob| glob.matcher.is_match(if glob.by_path { relative } else { name }))
    }
}

impl Glob {
    fn new(pattern: &str) -> Result<Self, ToolError> {
        if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
            return Err(ToolError::invalid_input(format!(
                "a glob has 1 to {PATTERN_BYTES_MAX} bytes"
            )));
        }
        let matcher = GlobBuilder::new(pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| {
                ToolError::invalid_input(format!(
                    "not a glob such as *.md or src/**/*.rs: {}",
                    error.kind()
                ))
            })?
            .compile_matcher();
        Ok(Self {
            matcher,
            by_path: pattern.contains('/'),
        })
    }
}

/// The extension of a name in lower case, without the point. A name that only begins with a point has none.
#[must_use]
pub fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let check = |extensions: &[&str], glob: Option<&str>, relative: &str, passes: bool| {
            let extensions: Vec<String> = extensions.iter().map(|&extension| extension.to_owned()).collect();
            let filter = Filter::new(&extensions, glob).unwrap();
            assert_eq!(
                filter.passes(relative),
                passes,
                "{extensions:?} {glob:?} {relative}"
            );
        };
        check(&[], None, "a/b", true);
        check(&["md", ".TXT"], None, "a/b.txt", true);
        check(&["md"], None, "a.md/b.txt", false);
        check(&["md"], None, ".md", false);
        check(&[], Some("*.md"), "a/b.md", true);
        check(&[], Some("a/*.md"), "a/b.md", true);
        check(&[], Some("a/*.md"), "a/c/b.md", false);
        check(&[], Some("**/*.{md,txt}"), "a/c/b.txt", true);
        check(&["md"], Some("x*"), "xa.md", true);
        check(&["md"], Some("x*"), "xa.txt", false);
    }

    #[test]
    fn refuses() {
        assert!(Filter::new(&[], Some("[")).is_err());
        assert!(Filter::new(&[], Some("")).is_err());
        assert!(Filter::new(&[], Some(&"x".repeat(PATTERN_BYTES_MAX + 1))).is_err());
        assert!(Filter::new(&vec![String::new(); EXTENSIONS_MAX + 1], None).is_err());
    }
}
