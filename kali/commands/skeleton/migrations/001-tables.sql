-- Each table has a number for each row; what a column may hold is said once, here, and shows in the forms.

CREATE TABLE project (
    project INTEGER PRIMARY KEY,
    title TEXT NOT NULL UNIQUE,
    notes TEXT
);

CREATE TABLE task (
    task INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    project INTEGER REFERENCES project ON DELETE CASCADE,
    due DATE,
    done BOOLEAN NOT NULL DEFAULT 0 CHECK (done IN (0, 1))
);
CREATE INDEX task_by_project ON task (project);
CREATE INDEX task_by_due ON task (due);
