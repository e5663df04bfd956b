-- Grants get a number, which is never used twice, and terms.
CREATE TABLE grants_with_terms (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin     TEXT NOT NULL REFERENCES plugins (name) ON DELETE CASCADE,
    capability TEXT NOT NULL,
    tool       TEXT NOT NULL DEFAULT '',
    principal  TEXT NOT NULL DEFAULT '',
    calls      INTEGER CHECK (calls > 0),
    until      TEXT,
    granted_by TEXT NOT NULL,
    granted_at TEXT NOT NULL,
    reason     TEXT,
    UNIQUE (plugin, capability, tool, principal)
) STRICT;
INSERT INTO grants_with_terms (plugin, capability, granted_by, granted_at, reason)
    SELECT plugin, capability, granted_by, granted_at, reason FROM grants;
DROP TABLE grants;
ALTER TABLE grants_with_terms RENAME TO grants;

-- How often a grant, given or by policy, was made use of.
CREATE TABLE grant_uses (
    plugin    TEXT NOT NULL REFERENCES plugins (name) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    used      INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    last_used TEXT,
    PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID;

-- Versions of a plugin beside the one that answers: one that waits for approval, and those before.
CREATE TABLE versions (
    plugin   TEXT NOT NULL REFERENCES plugins (name) ON DELETE CASCADE,
    state    TEXT NOT NULL CHECK (state IN ('held', 'previous')),
    digest   TEXT NOT NULL,
    manifest TEXT NOT NULL,
    source   TEXT NOT NULL,
    since    TEXT NOT NULL,
    -- Orders what happened within a second.
    turn     INTEGER NOT NULL,
    PRIMARY KEY (plugin, state, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE disabled_tools (
    plugin TEXT NOT NULL REFERENCES plugins (name) ON DELETE CASCADE,
    tool   TEXT NOT NULL,
    PRIMARY KEY (plugin, tool)
) STRICT, WITHOUT ROWID;

-- What became of the files in the drop-in folder.
CREATE TABLE drop_in (
    file     TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    plugin   TEXT,
    problem  TEXT
) STRICT, WITHOUT ROWID;

-- Moves when what the registry is made of changes, and stands still when only uses are counted.
CREATE TABLE registry_revision (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    n    INTEGER NOT NULL
) STRICT;
INSERT INTO registry_revision VALUES (1, 1);
CREATE TRIGGER plugins_insert_moves_revision AFTER INSERT ON plugins BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER plugins_update_moves_revision AFTER UPDATE ON plugins BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER plugins_delete_moves_revision AFTER DELETE ON plugins BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER grants_insert_moves_revision AFTER INSERT ON grants BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER grants_update_moves_revision AFTER UPDATE ON grants BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER grants_delete_moves_revision AFTER DELETE ON grants BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER versions_insert_moves_revision AFTER INSERT ON versions BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER versions_update_moves_revision AFTER UPDATE ON versions BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER versions_delete_moves_revision AFTER DELETE ON versions BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER disabled_tools_insert_moves_revision AFTER INSERT ON disabled_tools BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER disabled_tools_update_moves_revision AFTER UPDATE ON disabled_tools BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
CREATE TRIGGER disabled_tools_delete_moves_revision AFTER DELETE ON disabled_tools BEGIN
    UPDATE registry_revision SET n = n + 1;
END;
