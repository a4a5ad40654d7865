-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Hosts of which it was told that they do not answer: that they do again is told then, whoever tells it.

ALTER TABLE hosts ADD COLUMN lost INTEGER NOT NULL DEFAULT 0 CHECK (lost IN (0, 1));
