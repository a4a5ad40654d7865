-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- The people of the web page. No password is here, and no token: what is here lets nobody in.

CREATE TABLE accounts (
        name TEXT NOT NULL PRIMARY KEY CHECK (name GLOB '[a-z]*' AND name NOT GLOB '*[^a-z0-9._-]*' AND length(name) <= 32),
        role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
        password_hash TEXT NOT NULL CHECK (password_hash GLOB '$*'),
        created_usec INTEGER NOT NULL CHECK (created_usec > 0),
        password_usec INTEGER NOT NULL CHECK (password_usec > 0),
        login_usec INTEGER NOT NULL CHECK (login_usec >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        token_sha256 TEXT NOT NULL UNIQUE CHECK (length(token_sha256) = 64 AND token_sha256 NOT GLOB '*[^0-9a-f]*'),
        account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        -- Of the login; '' where it is not known.
        address TEXT NOT NULL,
        created_usec INTEGER NOT NULL CHECK (created_usec > 0),
        seen_usec INTEGER NOT NULL CHECK (seen_usec > 0)
) STRICT;
CREATE INDEX sessions_of_account ON sessions (account);

-- Failed logins in a row, by what they are counted for: 'account NAME' or 'address ADDRESS'.
CREATE TABLE lockouts (
        subject TEXT NOT NULL PRIMARY KEY CHECK (subject <> ''),
        failures INTEGER NOT NULL CHECK (failures > 0),
        last_usec INTEGER NOT NULL CHECK (last_usec > 0),
        until_usec INTEGER NOT NULL CHECK (until_usec >= 0)
) STRICT, WITHOUT ROWID;
