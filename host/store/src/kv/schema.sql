CREATE TABLE buckets (
    n     INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    keys  INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Keys are kept as bytes, so that their order is that of their bytes, and a NUL in one is a byte like any other.
CREATE TABLE entries (
    n       INTEGER PRIMARY KEY,
    bucket  INTEGER NOT NULL REFERENCES buckets (n),
    key     BLOB NOT NULL,
    value   BLOB NOT NULL,
    version TEXT NOT NULL,
    size    INTEGER NOT NULL,
    UNIQUE (bucket, key)
) STRICT;

CREATE TRIGGER entry_in AFTER INSERT ON entries BEGIN
    UPDATE buckets SET keys = keys + 1, bytes = bytes + NEW.size WHERE n = NEW.bucket;
END;
CREATE TRIGGER entry_out AFTER DELETE ON entries BEGIN
    UPDATE buckets SET keys = keys - 1, bytes = bytes - OLD.size WHERE n = OLD.bucket;
END;
CREATE TRIGGER entry_size AFTER UPDATE OF size ON entries BEGIN
    UPDATE buckets SET bytes = bytes + NEW.size - OLD.size WHERE n = NEW.bucket;
END;
