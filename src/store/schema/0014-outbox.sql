-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Who is told of events, and what waits to be told. No secret is here: copies of this file let nobody in anywhere.

CREATE TABLE notifiers (
        name TEXT NOT NULL PRIMARY KEY CHECK (name GLOB '[a-z]*' AND name NOT GLOB '*[^a-z0-9._-]*' AND length(name) <= 32),
        kind TEXT NOT NULL CHECK (kind IN ('mail', 'webhook', 'ntfy', 'slack', 'discord', 'gotify', 'n8n')),
        enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
        -- Of mail: addresses. Of the others an URL, of which what is secret is not here.
        target TEXT NOT NULL CHECK (target <> ''),
        -- Words, with spaces between them; '': all.
        events TEXT NOT NULL,
        hosts TEXT NOT NULL,
        severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
        added_usec INTEGER NOT NULL CHECK (added_usec > 0)
) STRICT, WITHOUT ROWID;

-- What somebody is told, or was: kept as long as its deliveries are.
CREATE TABLE events (
        -- Receivers know by it what they have seen already.
        id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*'),
        kind TEXT NOT NULL CHECK (kind <> ''),
        time_usec INTEGER NOT NULL CHECK (time_usec > 0),
        body TEXT NOT NULL CHECK (body <> '')
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_time ON events (time_usec);

-- One event for one notifier. The built-in notifiers have no row, so their name refers to none.
CREATE TABLE deliveries (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        event TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        notifier TEXT NOT NULL CHECK (notifier <> ''),
        state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
        attempts INTEGER NOT NULL CHECK (attempts >= 0),
        -- Since when it waits: since the event, or since somebody had it tried again.
        queued_usec INTEGER NOT NULL CHECK (queued_usec > 0),
        -- Of one that waits: when it is tried; of the others: when that was decided.
        next_usec INTEGER NOT NULL CHECK (next_usec > 0),
        -- Why the last attempt failed.
        error TEXT,
        UNIQUE (event, notifier)
) STRICT;
CREATE INDEX deliveries_due ON deliveries (notifier, next_usec, id) WHERE state = 'pending';
CREATE INDEX deliveries_of_notifier ON deliveries (notifier, id);
