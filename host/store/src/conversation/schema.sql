-- What was asked and answered, by whom. A principal's conversations are found by that principal only.
CREATE TABLE conversations (
    principal TEXT NOT NULL,
    id        TEXT NOT NULL,
    -- Milliseconds since 1970.
    begun_at  INTEGER NOT NULL,
    used_at   INTEGER NOT NULL,
    -- All turns that there ever were; those that are kept as they were are in the other table.
    turns     INTEGER NOT NULL,
    summary   TEXT NOT NULL,
    PRIMARY KEY (principal, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_by_use ON conversations (used_at);
CREATE TABLE conversation_turns (
    principal    TEXT NOT NULL,
    conversation TEXT NOT NULL,
    -- From 1.
    number       INTEGER NOT NULL,
    asked_at     INTEGER NOT NULL,
    question     TEXT NOT NULL,
    answer       TEXT NOT NULL,
    -- JSON.
    details      TEXT NOT NULL,
    PRIMARY KEY (principal, conversation, number),
    FOREIGN KEY (principal, conversation) REFERENCES conversations (principal, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
