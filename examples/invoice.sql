-- The tables of the invoices, and with them the forms: each column says what its field accepts.

BEGIN IMMEDIATE;

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

-- Totals are computed when they are looked at, each line in whole cents, so that none is ever out of date.
CREATE VIEW IF NOT EXISTS overview AS
    SELECT invoice.*, name, printf('%.2f', coalesce((
        SELECT sum(CAST(round(quantity * 100) * round(price * 100) + 50 AS INTEGER) / 100) FROM line
        WHERE line.invoice = invoice.invoice), 0) / 100.0) AS total
    FROM invoice JOIN customer USING (customer) ORDER BY date DESC, invoice DESC;

COMMIT;
