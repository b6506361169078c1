-- The tables of the invoices, and with them the forms: each column says what its field accepts.
-- `migrate` runs each step once for each file, as one transaction. A step that users have is never changed:
-- what comes later is a step of its own. IF NOT EXISTS is for files from before there were steps.

CREATE TABLE IF NOT EXISTS customer (
    customer INTEGER PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) <= 100),
    email TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT ''
);

CREATE TABLE IF NOT EXISTS invoice (
    invoice INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customer,
    date DATE NOT NULL DEFAULT CURRENT_DATE CHECK (date BETWEEN '2000-01-01' AND '2199-12-31'),
    status TEXT NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'paid')),
    filename TEXT,
    attachment BLOB
);

CREATE TABLE IF NOT EXISTS line (
    line INTEGER PRIMARY KEY,
    invoice INTEGER NOT NULL REFERENCES invoice ON DELETE CASCADE,
    what TEXT NOT NULL CHECK (length(what) <= 200),
    quantity DECIMAL(10, 2) NOT NULL DEFAULT 1 CHECK (quantity > 0 AND quantity <= 1000000),
    price DECIMAL(10, 2) NOT NULL CHECK (price BETWEEN 0 AND 1000000)
);

CREATE INDEX IF NOT EXISTS line_by_invoice ON line (invoice);
