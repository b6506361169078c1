-- The tables of the workshop. What stands here is what the program knows: the words of the pages, the choices of a
-- status, what may not be blank, what belongs to what.

CREATE TABLE customer (
    customer INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    street TEXT NOT NULL DEFAULT '',
    city TEXT NOT NULL DEFAULT '',
    phone TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT ''
);

CREATE TABLE bike (
    bike INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customer,
    make TEXT NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    frame_no TEXT NOT NULL UNIQUE,
    colour TEXT NOT NULL DEFAULT '',
    picture BLOB
);

-- The price list: hours of work, and parts.
CREATE TABLE work (
    work INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    price MONEY NOT NULL CHECK (price >= 0)
);

CREATE TABLE job (
    job INTEGER PRIMARY KEY,
    bike INTEGER NOT NULL REFERENCES bike,
    received DATE NOT NULL DEFAULT CURRENT_DATE,
    promised DATE,
    status TEXT NOT NULL DEFAULT 'new'
        CHECK (status IN ('new', 'in work', 'waiting for parts', 'ready', 'collected')),
    notes TEXT NOT NULL DEFAULT ''
);

CREATE TABLE line (
    line INTEGER PRIMARY KEY,
    job INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    work INTEGER REFERENCES work,
    what TEXT NOT NULL DEFAULT '',
    quantity DECIMAL NOT NULL DEFAULT 1 CHECK (quantity > 0),
    price MONEY NOT NULL
);

CREATE INDEX job_by_bike ON job (bike);
CREATE INDEX job_by_received ON job (received);
CREATE INDEX job_by_status ON job (status, received);
CREATE INDEX line_by_job ON line (job);
CREATE INDEX bike_by_customer ON bike (customer);

-- A view is a page as well.
CREATE VIEW turnover AS
SELECT substr(received, 1, 7) AS month, count(DISTINCT job) AS jobs, sum(quantity * price) AS turnover
FROM job JOIN line USING (job) GROUP BY 1;
