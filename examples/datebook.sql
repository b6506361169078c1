-- The tables of the datebook. It is run at each start, and changes nothing where they are there already.

BEGIN IMMEDIATE;  -- all of it or nothing: a table without its index would be a slow mystery

-- Each table's key has the name of the table. So a column that points to a contact is called contact, too, and
-- "JOIN contact USING (contact)" says what it means.

CREATE TABLE IF NOT EXISTS contact (
    contact INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE,
    phone TEXT NOT NULL,
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    memo TEXT NOT NULL,
    words TEXT NOT NULL  -- all of the above in small letters, for the search
);

-- An appointment outlives the contact that it was made with.
CREATE TABLE IF NOT EXISTS appointment (
    appointment INTEGER PRIMARY KEY,
    date TEXT NOT NULL,
    note TEXT NOT NULL,
    contact INTEGER REFERENCES contact ON DELETE SET NULL
);

CREATE TABLE IF NOT EXISTS task (
    task INTEGER PRIMARY KEY,
    title TEXT NOT NULL COLLATE NOCASE,
    priority INTEGER NOT NULL CHECK (priority IN (1, 2, 3)),
    due TEXT,
    done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
    memo TEXT NOT NULL
);

-- What was typed into the form of an appointment before somebody went to look for a contact. It is kept as it
-- was typed, right or wrong. AUTOINCREMENT: a number in an old tab never comes to mean another draft.
CREATE TABLE IF NOT EXISTS draft (
    draft INTEGER PRIMARY KEY AUTOINCREMENT,
    made TEXT NOT NULL DEFAULT CURRENT_DATE,
    appointment INTEGER,  -- NULL: one that is yet to be made
    date TEXT NOT NULL,
    note TEXT NOT NULL,
    contact TEXT NOT NULL
);

-- One for each order that a page shows, and one for each question that it asks.
CREATE INDEX IF NOT EXISTS contact_by_name ON contact (name);
CREATE INDEX IF NOT EXISTS appointment_by_date ON appointment (date);
CREATE INDEX IF NOT EXISTS appointment_by_contact ON appointment (contact, date);
CREATE INDEX IF NOT EXISTS task_by_priority ON task (done, priority, due);

COMMIT;
