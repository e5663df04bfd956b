//! Files that have outgrown one idea, and sources that a fresh clone would lack.

use super::Text;

/// Liked files are 100 to 600 lines; past this one it is time to ask what the second idea in the file is.
const RUST_LINES_MAX: usize = 700;

/// Files that the build may read, by how their names end.
const SOURCES: [&str; 4] = [".rs", ".wit", ".toml", ".sql"];

/// Folders of tools that keep copies of sources in them.
const TOOL_FOLDERS: [&str; 3] = ["target", "node_modules", ".venv"];

pub(super) fn long(texts: &[Text]) -> Vec<String> {
    let rust = texts.iter().filter(|text| text.path.ends_with(".rs"));
    rust.filter_map(|text| {
        let lines = text.content.lines().count();
        (lines > RUST_LINES_MAX).then(|| {
            format!(
                "{}: {lines} lines; split it (at most {RUST_LINES_MAX})",
                text.path
            )
        })
    })
    .collect()
}

/// `ignored` are the paths that git keeps out.
pub(super) fn hidden(ignored: &[String]) -> Vec<String> {
    let source = |path: &&String| {
        SOURCES.iter().any(|end| path.ends_with(end))
            && !path.split('/').any(|part| TOOL_FOLDERS.contains(&part))
    };
    ignored
        .iter()
        .filter(source)
        .map(|path| {
            format!("{path}: .gitignore hides it, so a fresh clone lacks it; rename it or mend .gitignore")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    #[test]
    fn long_rust_files() {
        let check = |path: &str, lines: usize, want: usize| {
            assert_eq!(
                long(&[text(path, "x\n".repeat(lines))]).len(),
                want,
                "{path} of {lines}"
            );
        };
        check("a.rs", RUST_LINES_MAX, 0);
        check("a.rs", RUST_LINES_MAX + 1, 1);
        check("a.md", RUST_LINES_MAX + 1, 0);
    }

    #[test]
    fn hidden_sources() {
        let check = |path: &str, want: usize| assert_eq!(hidden(&[path.to_owned()]).len(), want, "{path}");
        check("host/core/src/build.rs", 1);
        check("wit/deps/x.wit", 1);
        check("host/store/src/target.sql", 1);
        check("target/debug/build/x/out/y.rs", 0);
        check("plugins/sql/target/y.rs", 0);
        check("sdk/js/node_modules/z/c.toml", 0);
        check("notes.txt", 0);
    }
}
