//! What a compiled statement opens: the last word on which tables it can touch.

use rusqlite::Connection;
use std::collections::BTreeSet;

/// Root pages that a program opens, the programs of its triggers included.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Opened for reading.
    pub(super) reads: BTreeSet<i64>,
    /// Opened for writing, or emptied.
    pub(super) writes: BTreeSet<i64>,
    /// It opens a virtual table, whichever it is.
    pub(super) opens_virtual: bool,
}

impl Program {
    /// Compiles the one statement in `statement` again, under the authorizer that is set, and looks at what came out.
    pub(super) fn of(conn: &Connection, statement: &str) -> rusqlite::Result<Self> {
        let mut program = Program::default();
        let statement = statement.trim_start_matches(|c: char| c == ';' || c.is_ascii_whitespace());
        let mut listing = conn.prepare(&format!("EXPLAIN {statement}"))?;
        let mut rows = listing.raw_query();
        while let Some(row) = rows.next()? {
            let opcode = row.get_ref(1)?;
            // Columns: address, opcode, p1, p2, p3, p4, p5, comment.
            match opcode.as_str().unwrap_or_default() {
                "OpenRead" | "ReopenIdx" => {
                    program.reads.insert(row.get(3)?);
                }
                "OpenWrite" => {
                    program.writes.insert(row.get(3)?);
                }
                "Clear" | "Destroy" => {
                    program.writes.insert(row.get(2)?);
                }
                "VOpen" | "VUpdate" => program.opens_virtual = true,
                _ => {}
            }
        }
        Ok(program)
    }
}
