-- SPDX-License-Identifier: LGPL-2.1-or-later
-- What was set while burnind ran: it wins over what is in files.
CREATE TABLE settings (
        name TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
        value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
