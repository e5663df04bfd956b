//! What became of the files in the drop-in folder.

use super::text::{TEXT_MAX, select, within};
use super::{Doing, Store, StoreError, patient};
use fact_types::PluginName;
use serde::Serialize;

/// A file of the drop-in folder as it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DropInRow {
    /// Its name in the folder.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub changed: i64,
    /// The plugin that it became.
    pub plugin: Option<PluginName>,
    /// Why it did not, or why the plugin is not what is in the file now.
    pub problem: Option<String>,
}

const DOING: &str = "note a dropped-in file";

impl Store {
    /// All files that were looked at, by name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn drop_in(&self) -> Result<Vec<DropInRow>, StoreError> {
        patient(|| {
            let sql = "SELECT file, size, changed, plugin, problem FROM drop_in ORDER BY file";
            select(&self.main(), sql, &[], |row| {
                Ok(DropInRow {
                    file: row.get(0)?,
                    size: row.get::<_, i64>(1)?.unsigned_abs(),
                    changed: row.get(2)?,
                    plugin: row
                        .get::<_, Option<String>>(3)?
                        .and_then(|name| name.parse().ok()),
                    problem: row.get(4)?,
                })
            })
        })
    }

    /// Notes what became of a file.
    ///
    /// # Errors
    /// When a text is too long or the store can't be written.
    pub fn put_drop_in(&self, row: &DropInRow) -> Result<(), StoreError> {
        within("the file's name", &row.file, TEXT_MAX)?;
        within(
            "the problem",
            row.problem.as_deref().unwrap_or_default(),
            TEXT_MAX,
        )?;
        self.change(DOING, |transaction| {
            transaction
                .execute(
                    "INSERT OR REPLACE INTO drop_in VALUES (?1, ?2, ?3, ?4, ?5)",
                    (
                        &row.file,
                        i64::try_from(row.size).unwrap_or(i64::MAX),
                        row.changed,
                        row.plugin.as_ref().map(|plugin| plugin.as_str()),
                        &row.problem,
                    ),
                )
                .doing(DOING)
                .map(drop)
        })
    }

    /// Forgets a file that is gone.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn forget_drop_in(&self, file: &str) -> Result<(), StoreError> {
        self.change(DOING, |transaction| {
            transaction
                .execute("DELETE FROM drop_in WHERE file = ?1", [file])
                .doing(DOING)
                .map(drop)
        })
    }
}
