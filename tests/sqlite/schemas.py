# ruff: noqa: E501
"""Schemas of well-known databases, written out anew and short, with records as odd as those that are found there."""

from __future__ import annotations

SAKILA = '''
CREATE TABLE actor (actor_id numeric NOT NULL, first_name VARCHAR(45) NOT NULL, last_name VARCHAR(45) NOT NULL,
    last_update TIMESTAMP NOT NULL, PRIMARY KEY (actor_id));
CREATE TABLE language (language_id SMALLINT NOT NULL, name CHAR(20) NOT NULL, last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (language_id));
CREATE TABLE film (film_id int NOT NULL, title VARCHAR(255) NOT NULL, description BLOB SUB_TYPE TEXT DEFAULT NULL,
    release_year VARCHAR(4) DEFAULT NULL, language_id SMALLINT NOT NULL, original_language_id SMALLINT,
    rental_rate DECIMAL(4,2) DEFAULT 4.99 NOT NULL, rating VARCHAR(10) DEFAULT 'G', special_features VARCHAR(100),
    last_update TIMESTAMP NOT NULL, PRIMARY KEY (film_id),
    CONSTRAINT special CHECK (special_features is null or special_features like '%Trailers%'),
    CONSTRAINT rated CHECK (rating in ('G','PG','PG-13','R','NC-17')),
    FOREIGN KEY (language_id) REFERENCES language (language_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    FOREIGN KEY (original_language_id) REFERENCES language (language_id) ON UPDATE CASCADE);
CREATE TABLE film_actor (actor_id INT NOT NULL, film_id INT NOT NULL, last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (actor_id, film_id), FOREIGN KEY (actor_id) REFERENCES actor, FOREIGN KEY (film_id) REFERENCES film);
CREATE TRIGGER actor_at AFTER UPDATE ON actor BEGIN
    UPDATE actor SET last_update = '2026-01-01 00:00:00' WHERE rowid = new.rowid; END;
CREATE VIEW film_list AS SELECT film_id AS FID, title, name FROM film JOIN language USING (language_id);
INSERT INTO actor VALUES (1, 'PENELOPE', 'GUINESS', '2020-12-23 07:12:29'), (2.5, 'x' || char(9), '', '0000-00-00');
INSERT INTO language VALUES (1, 'English             ', '2020-12-23 07:12:31'), (2, '', '');
INSERT INTO film VALUES (1, 'ACADEMY', 'An epic', '2006', 1, NULL, 0.99, 'PG', 'Trailers,Scenes', '2020-12-23'),
    (2, 'ACE', NULL, '2006', 2, 1, 4.99, NULL, NULL, '2020-12-23 07:12:31.123');
INSERT INTO film_actor VALUES (1, 1, '2020-12-23 07:13:49');
'''

NORTHWIND = '''
CREATE TABLE Customers (CustomerID nchar(5) NOT NULL PRIMARY KEY, CompanyName nvarchar(40) NOT NULL, Phone nvarchar(24));
CREATE TABLE Employees (EmployeeID INTEGER PRIMARY KEY AUTOINCREMENT, LastName TEXT, Title TEXT, BirthDate DATE,
    Photo BLOB, Notes TEXT, ReportsTo INTEGER REFERENCES Employees (EmployeeID), PhotoPath TEXT);
CREATE TABLE Orders (OrderID INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, CustomerID TEXT, EmployeeID INTEGER,
    OrderDate DATETIME, Freight NUMERIC DEFAULT 0, ShipName TEXT,
    FOREIGN KEY (EmployeeID) REFERENCES Employees (EmployeeID), FOREIGN KEY (CustomerID) REFERENCES Customers);
CREATE TABLE [Order Details] (OrderID INTEGER NOT NULL, ProductID INTEGER NOT NULL, UnitPrice NUMERIC NOT NULL DEFAULT 0,
    Quantity INTEGER NOT NULL DEFAULT 1, Discount REAL NOT NULL DEFAULT 0, PRIMARY KEY (OrderID, ProductID),
    CHECK ([Discount]>=(0) AND [Discount]<=(1)), CHECK ([Quantity]>(0)), CHECK ([UnitPrice]>=(0)),
    FOREIGN KEY (OrderID) REFERENCES Orders (OrderID) ON DELETE CASCADE);
CREATE VIEW [Order Subtotals] AS SELECT OrderID, sum(UnitPrice * Quantity * (1 - Discount) / 100) * 100 AS Subtotal
    FROM [Order Details] GROUP BY OrderID;
INSERT INTO Customers VALUES ('ALFKI', 'Alfreds Futterkiste', '030-0074321'), ('Val2 ', 'IT', NULL);
INSERT INTO Employees VALUES (1, 'Davolio', 'Sales', '1968-12-08', x'151C2F00', 'Education' || char(13, 10) || 'a BA', 2,
    'http://accweb'), (2, 'Fuller', NULL, '1952-02-19 00:00:00', NULL, '', NULL, char(10) || 'x');
INSERT INTO Orders VALUES (10248, 'ALFKI', 1, '2016-07-04', 32.38, 'Vins'), (10249, NULL, NULL, '2016-07-05 16:30', 1e-7, ''),
    (10250, 'Val2 ', 2, 1467849600, '1,5', NULL);
INSERT INTO [Order Details] VALUES (10248, 11, 14, 12, 0.05000000074505806), (10248, 42, 9.8, 10, 0.0);
'''

CHINOOK = '''
CREATE TABLE [Artist] ([ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120), CONSTRAINT [PK_Artist] PRIMARY KEY ([ArtistId]));
CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL, [Title] NVARCHAR(160) NOT NULL, [ArtistId] INTEGER NOT NULL,
    CONSTRAINT [PK_Album] PRIMARY KEY ([AlbumId]), FOREIGN KEY ([ArtistId]) REFERENCES [Artist] ([ArtistId])
    ON DELETE NO ACTION ON UPDATE NO ACTION);
CREATE TABLE [Track] ([TrackId] INTEGER NOT NULL, [Name] NVARCHAR(200) NOT NULL, [AlbumId] INTEGER REFERENCES [Album],
    [Milliseconds] INTEGER NOT NULL, [UnitPrice] NUMERIC(10,2) NOT NULL, PRIMARY KEY ([TrackId]));
CREATE TABLE [PlaylistTrack] ([PlaylistId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL,
    CONSTRAINT [PK_PlaylistTrack] PRIMARY KEY ([PlaylistId], [TrackId]));
CREATE UNIQUE INDEX [IPK_Artist] ON [Artist]([ArtistId]);
INSERT INTO Artist VALUES (1, 'AC/DC'), (2, NULL), (3, 'Motörhead & Girlschool "x"'), (4, ' padded ');
INSERT INTO Album VALUES (1, 'For Those', 1), (2, 'Balls', 2), (3, ' ', 3);
INSERT INTO Track VALUES (1, 'Go' || char(9) || 'Down', 1, 343719, 0.99), (2, 'x', NULL, -1, 0.1 + 0.2), (3, '', 3, 1, 1e20);
INSERT INTO PlaylistTrack VALUES (1, 3402), (1, 3389);
'''

CALIBRE = '''
CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE,
    sort TEXT COLLATE NOCASE, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, pubdate TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    series_index REAL NOT NULL DEFAULT 1.0, author_sort TEXT COLLATE NOCASE, isbn TEXT DEFAULT "" COLLATE NOCASE,
    path TEXT NOT NULL DEFAULT "", flags INTEGER NOT NULL DEFAULT 1, uuid TEXT, has_cover BOOL DEFAULT 0,
    last_modified TIMESTAMP NOT NULL DEFAULT "2000-01-01 00:00:00+00:00");
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, sort TEXT COLLATE NOCASE,
    link TEXT NOT NULL DEFAULT "", UNIQUE(name));
CREATE TABLE books_authors_link (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, author INTEGER NOT NULL,
    UNIQUE(book, author));
CREATE TABLE comments (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, text TEXT NOT NULL COLLATE NOCASE, UNIQUE(book));
CREATE TABLE preferences (id INTEGER PRIMARY KEY, key TEXT NOT NULL, val TEXT NOT NULL, UNIQUE(key));
CREATE TABLE ratings (id INTEGER PRIMARY KEY, rating INTEGER CHECK(rating > -1 AND rating < 11), UNIQUE (rating));
CREATE TRIGGER books_delete AFTER DELETE ON books BEGIN DELETE FROM comments WHERE book = old.id; END;
CREATE TRIGGER books_title AFTER UPDATE OF title ON books BEGIN UPDATE books SET sort = new.title WHERE id = new.id; END;
INSERT INTO books (id, title, timestamp, pubdate, has_cover, isbn) VALUES
    (1, 'Quick Start', '2021-07-01 10:11:12.123456+00:00', '0101-01-01 00:00:00+00:00', 1, NULL),
    (2, 'b' || char(13, 10) || 'c', '2021-07-01', 'undefined', NULL, ''), (3, '', NULL, NULL, 'true', '007');
INSERT INTO authors VALUES (1, 'John Schember', 'Schember, John', ''), (2, 'x', NULL, 'http://x');
INSERT INTO books_authors_link VALUES (1, 1, 1);
INSERT INTO comments VALUES (1, 1, '<div>' || char(10) || '<p>a</p></div>');
INSERT INTO preferences VALUES (1, 'field', '{' || char(10) || '  "a": [1, 2]' || char(10) || '}');
INSERT INTO ratings VALUES (1, 0), (2, 10), (3, NULL);
'''

PLACES = '''
CREATE TABLE moz_origins (id INTEGER PRIMARY KEY, prefix TEXT NOT NULL, host TEXT NOT NULL, frecency INTEGER NOT NULL,
    UNIQUE (prefix, host));
CREATE TABLE moz_places (id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, rev_host LONGVARCHAR,
    visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL, last_visit_date INTEGER, guid TEXT,
    foreign_count INTEGER DEFAULT 0 NOT NULL, url_hash INTEGER DEFAULT 0 NOT NULL,
    origin_id INTEGER REFERENCES moz_origins(id));
CREATE TABLE moz_bookmarks (id INTEGER PRIMARY KEY, type INTEGER, fk INTEGER DEFAULT NULL, parent INTEGER,
    title LONGVARCHAR, dateAdded INTEGER, guid TEXT);
CREATE TABLE moz_keywords (id INTEGER PRIMARY KEY AUTOINCREMENT, keyword TEXT UNIQUE, place_id INTEGER, post_data TEXT);
CREATE TABLE moz_meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE moz_anno_attributes (id INTEGER PRIMARY KEY, name VARCHAR(32) UNIQUE NOT NULL);
CREATE UNIQUE INDEX guid_unique ON moz_places (guid);
INSERT INTO moz_origins VALUES (1, 'https://', 'www.mozilla.org', 2150), (2, 'file://', '', 98);
INSERT INTO moz_places VALUES (1, 'https://www.mozilla.org/', 'a title', 'gro.allizom.www.', 0, 0, 1626699411284000,
    'k-SaVUmvPqYC', 1, 47356411089529, 1), (2, 'file:///', NULL, '.', NULL, 0, NULL, 'x', 0, -9223372036854775808, 2);
INSERT INTO moz_bookmarks VALUES (1, 2, NULL, 0, '', 1626699411000, 'root________');
INSERT INTO moz_keywords VALUES (1, 'é', 1, NULL);
INSERT INTO moz_meta VALUES ('sync/cryptoKeys', '{"a":1}'), ('sync/deletePwdFxA', 1), ('blob', x'00ff'), ('1', '1');
INSERT INTO moz_anno_attributes VALUES (1, 'a name of more than thirty-two characters');
'''

FIXTURES = '''
CREATE TABLE simple_primary_key (id varchar(30) primary key, content text);
CREATE TABLE primary_key_multiple_columns (id varchar(30) primary key, content text, content2 text);
CREATE TABLE compound_primary_key (pk1 varchar(30), pk2 varchar(30), content text, PRIMARY KEY (pk1, pk2));
CREATE TABLE compound_three_primary_keys (pk1 varchar(30), pk2 varchar(30), pk3 varchar(30), content text,
    PRIMARY KEY (pk1, pk2, pk3));
CREATE TABLE foreign_key_references (pk varchar(30) primary key, foreign_key_with_label INTEGER,
    foreign_key_with_blank_label INTEGER, foreign_key_with_no_label VARCHAR(30), compound1 varchar(30), compound2 varchar(30),
    FOREIGN KEY (foreign_key_with_label) REFERENCES facet_cities(id),
    FOREIGN KEY (foreign_key_with_blank_label) REFERENCES facet_cities(id),
    FOREIGN KEY (foreign_key_with_no_label) REFERENCES primary_key_multiple_columns(id),
    FOREIGN KEY (compound1, compound2) REFERENCES compound_primary_key(pk1, pk2));
CREATE TABLE facet_cities (id integer primary key, name text);
CREATE TABLE facetable (pk integer primary key, created text, planet_int integer, on_earth integer, state text,
    _city_id integer, _neighborhood text, tags text, complex_array text, distinct_some_null, n text,
    FOREIGN KEY ("_city_id") REFERENCES facet_cities(id));
CREATE TABLE no_primary_key (content text, a text, b text, c text);
CREATE TABLE "123_starts_with_digits" (content text);
CREATE TABLE units (pk integer primary key, distance int, frequency int);
CREATE TABLE tags (tag TEXT PRIMARY KEY);
CREATE TABLE "table/with/slashes.csv" (pk varchar(30) primary key, content text);
CREATE TABLE "complex_foreign_keys" (pk varchar(30) primary key, f1 INTEGER, FOREIGN KEY (f1) REFERENCES gone(id));
CREATE TABLE "select" ([group] text, [having] text, [and] text, [json] text);
CREATE TABLE binary_data (data BLOB);
CREATE TABLE infinity (value REAL);
CREATE TABLE searchable (pk integer primary key, text1 text, text2 text, [name with . and spaces] text);
CREATE VIRTUAL TABLE searchable_fts USING FTS5 (text1, text2, [name with . and spaces], content="searchable");
CREATE VIEW simple_view AS SELECT content, upper(content) AS upper_content FROM simple_primary_key;
INSERT INTO simple_primary_key VALUES ('1', 'hello'), ('2', 'world'), ('3', ''), ('4', 'RENDER_CELL'), ('a/b', '.c'), (NULL, 'n');
INSERT INTO primary_key_multiple_columns VALUES ('1', 'hey', 'world');
INSERT INTO compound_primary_key VALUES ('a', 'b', 'c'), ('a/b', '.c-d', 'c'), ('', ' ', NULL);
INSERT INTO compound_three_primary_keys VALUES ('a', 'a', 'a', 'a-a-a');
INSERT INTO facet_cities VALUES (1, 'San Francisco'), (2, NULL), (3, ''), (4, CAST(x'44ff45' AS TEXT)), (5, x'00');
INSERT INTO foreign_key_references VALUES ('1', 1, 3, '1', 'a', 'b'), ('2', NULL, 4, NULL, NULL, NULL);
INSERT INTO facetable VALUES (1, '2019-01-14 08:00:00', 1, 1, 'CA', 1, 'Mission', '["tag1", "tag2"]', '[{"foo": "bar"}]', 'one', 'n1'),
    (2, '2019-01-17T08:00:00+01:00', 0, 2, NULL, 2, x'4d', '[]', '', NULL, NULL);
INSERT INTO no_primary_key VALUES ('1', 'a1', 'b1', 'c1'), (NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL);
INSERT INTO units VALUES (1, 1, 100), (2, 5000, 2.5), (3, 'none', x'31');
INSERT INTO tags VALUES ('canine'), ('feline' || char(10)), (CAST(x'61' AS TEXT));
INSERT INTO "table/with/slashes.csv" VALUES ('3', 'hey');
INSERT INTO complex_foreign_keys VALUES ('1', NULL);
INSERT INTO "select" VALUES ('group', 'having', 'and', '{"href": "http://example.com/"}');
INSERT INTO binary_data VALUES (x'15007c'), (NULL);
INSERT INTO infinity VALUES (9e999), (-9e999), (1.5), (0.1), (1e300), (5e-324), (-0.0);
INSERT INTO searchable VALUES (1, 'barry cat', 'terry dog', 'panther'), (2, 'terry dog', NULL, 'puma');
'''

ODD = '''
CREATE TABLE "" ("" INTEGER PRIMARY KEY, "select" TEXT, "a ""b"" c" TEXT, [d e] TEXT, 'it''s' TEXT, "x<y>" TEXT);
CREATE TABLE form ("table" TEXT, "connection" INT, cls TEXT, labels TEXT, only TEXT, elements TEXT, self TEXT, name TEXT,
    submit TEXT, action TEXT, form TEXT);
CREATE TABLE kinds (kinds INTEGER PRIMARY KEY, a LONGTEXT, b JSON, c UUID, d TEXT NON NULL, e TIMESTAMPTZ,
    f DOUBLE PRECISION, g UNSIGNED BIG INT, h CHARINT, i FLOATING POINT, j STRING, k BOOLEAN, l DATETIME, m TIME, n DATE,
    o DECIMAL(10,2), p, q VARCHAR(3), r MONEY, s POINT, t NUMERIC CHECK (t IN (1, 2, 3)), u TEXT COLLATE NOCASE CHECK
    (u IN ('Yes', 'No')), v TEXT CHECK (v IN ('t', 'f')), w INT CHECK (w IN (0, 1)), x TEXT CHECK (x IN ('', 'a')));
CREATE TABLE strictly (id INTEGER PRIMARY KEY, a ANY, i INT, r REAL, t TEXT, b BLOB, n ANY NOT NULL) STRICT;
CREATE TABLE big (id BIGINT PRIMARY KEY, t TEXT);
CREATE TABLE descending (id INTEGER PRIMARY KEY DESC, t TEXT);
CREATE TABLE person (id INTEGER PRIMARY KEY, name);
CREATE TABLE passport (person INTEGER PRIMARY KEY REFERENCES person, number TEXT NOT NULL DEFAULT ('P' || 1));
CREATE TABLE bare (name TEXT);
CREATE TABLE made (made INTEGER PRIMARY KEY, a INT, b TEXT AS (a || '!') STORED, c INT GENERATED ALWAYS AS (a + 1));
CREATE TABLE defaulted (defaulted INTEGER PRIMARY KEY, a TEXT DEFAULT active, b TEXT DEFAULT "", c INT DEFAULT 0x1F,
    d TEXT DEFAULT CURRENT_TIMESTAMP, e DATETIME DEFAULT CURRENT_TIMESTAMP, f INT DEFAULT TRUE, g INT DEFAULT -5,
    h TEXT DEFAULT (1 + 1), i DATE DEFAULT CURRENT_DATE, j TIME DEFAULT CURRENT_TIME, k REAL DEFAULT +1e3,
    l BLOB DEFAULT x'00', m TEXT DEFAULT (unknown_function()), n TEXT DEFAULT 'it''s', o INT DEFAULT '7', p TEXT DEFAULT NULL);
INSERT INTO "" VALUES (1, 'a', 'b' || char(0) || 'c', char(27), ' ', '<b>&amp;');
INSERT INTO form VALUES ('a', 1, 'b', NULL, '', 'x', 'y', 'z', 'w', 'v', 'u'), (NULL, 'x', 2, 3.5, x'00', 4, 5, 6, 7, 8, 9);
INSERT INTO kinds VALUES (1, 'a', '{"a": 1}', '0b-e1', 'x', '2020-01-01T00:00:00+02', 1.5, 7, 1, 1.5, '007x', 1,
    '2020-01-01 10:00:01', '10:00:01', '2020-01-01', 12.5, '007', 'too long', 3, 'POINT(1 2)', 2, 'yes', 't', 1, ''),
    (2, 'a' || char(13) || 'b', '', NULL, NULL, '', '1,5', 9223372036854775807, 'x', 1e-10, 7, 'false', '2020-01-01T10:00Z',
    '10', '1.2.2020', 1e15, x'3030', NULL, 0.1 + 0.2, NULL, '3', 'NO', 'f', NULL, 'a'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL),
    (4, '', 1, 1.5, '1', 1600000000, 9e999, 1e30, 1, 'x', '1e5', 't', 2459000.5, 0.5, 20200101, 'free', 0, '', '3 €', 1, 1, 'Yes',
    't', '1', 'a');
INSERT INTO strictly VALUES (1, '007', 7, 1, 'a', x'00', x'01'), (2, 7, NULL, 1.5, '', NULL, 'x'), (3, 7.5, 0, -0.0, ' ', x'', '');
INSERT INTO big VALUES (1, 'a'), (NULL, 'b'), (9223372036854775807, NULL);
INSERT INTO descending VALUES (1, 'a'), (NULL, 'b');
INSERT INTO person VALUES (1, 'Ada'), (2, NULL), (3, 7);
INSERT INTO passport VALUES (1, 'x'), (2, ' y ');
INSERT INTO bare VALUES (NULL), (''), (CAST(x'ff' AS TEXT)), (x'ff'), (1), ('a' || char(10)), (char(10) || 'a'), (char(13));
INSERT INTO made (a) VALUES (1), (NULL);
INSERT INTO defaulted (m) VALUES ('x');
'''

# Made without foreign keys, and before there were the CHECKs: by Django, with constraints that wait for COMMIT.
STRAYS = '''
CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "last_login" datetime NULL,
    "username" varchar(150) NOT NULL UNIQUE, "is_active" bool NOT NULL);
CREATE TABLE "shop_item" ("id" char(32) NOT NULL PRIMARY KEY, "price" decimal NOT NULL, "data" text NOT NULL
    CHECK ((JSON_VALID("data") OR "data" IS NULL)), "qty" integer unsigned NOT NULL CHECK ("qty" >= 0),
    "owner_id" integer NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
    "buyer_id" integer NULL REFERENCES "auth_user" ("id"), CONSTRAINT "lt" CHECK (("qty" < 10 OR "price" > '5')));
CREATE UNIQUE INDEX "cond" ON "shop_item" ("data") WHERE "qty" > 3;
CREATE TABLE unheard (id INTEGER PRIMARY KEY, a INT REFERENCES shop_item(price), b TEXT);
PRAGMA ignore_check_constraints = ON;
INSERT INTO auth_user VALUES (1, '2022-01-02 03:04:05.600000', 'admin', 0), (2, NULL, ' spaced ', 1);
INSERT INTO shop_item VALUES ('0123', 12.50, '{"a": "b"}', 3, 1, NULL), ('', 0, 'null', 0, 99, 98),
    ('f', 1e22, '{', -1, NULL, 99), ('g', 0.1, '[1]', 12, 99, 1);
INSERT INTO unheard VALUES (1, 5, 'x'), (2, NULL, '');
PRAGMA ignore_check_constraints = OFF;
'''

SCHEMAS = {'sakila': SAKILA, 'northwind': NORTHWIND, 'chinook': CHINOOK, 'calibre': CALIBRE, 'places': PLACES,
           'fixtures': FIXTURES, 'odd': ODD, 'strays': STRAYS}
