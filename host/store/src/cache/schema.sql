CREATE TABLE entries (
    n         INTEGER PRIMARY KEY,
    id        BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    key_id    INTEGER NOT NULL,
    expires   INTEGER,
    last_used INTEGER NOT NULL,
    hits      INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    sealed    BLOB NOT NULL
) STRICT;
CREATE INDEX entries_by_use ON entries (last_used);
CREATE INDEX entries_by_end ON entries (expires) WHERE expires IS NOT NULL;
CREATE INDEX entries_by_key ON entries (key_id);

CREATE TABLE calls (
    n       INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    key_id  INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    sealed  BLOB NOT NULL
) STRICT;
CREATE INDEX calls_by_count ON calls (count, last);

CREATE TABLE totals (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    entries INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    calls   INTEGER NOT NULL,
    cleared INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0, 0);

CREATE TRIGGER entry_in AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER entry_out AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1, bytes = bytes - OLD.size;
END;
CREATE TRIGGER entry_size AFTER UPDATE OF size ON entries BEGIN
    UPDATE totals SET bytes = bytes + NEW.size - OLD.size;
END;
CREATE TRIGGER call_in AFTER INSERT ON calls BEGIN
    UPDATE totals SET calls = calls + 1;
END;
CREATE TRIGGER call_out AFTER DELETE ON calls BEGIN
    UPDATE totals SET calls = calls - 1;
END;
