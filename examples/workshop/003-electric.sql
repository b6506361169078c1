-- What came up later: electric bikes are charged for by another price list, and have a key to be kept with the job.
-- A step that has been released is never changed; a new one is added.

ALTER TABLE bike ADD COLUMN electric BOOLEAN NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN key_no TEXT;

UPDATE bike SET electric = 1 WHERE make IN ('Kalkhoff', 'Urban Arrow') OR model = 'Kathmandu';
