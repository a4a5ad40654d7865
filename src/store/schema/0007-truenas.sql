-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Hosts that are reached by an API. Their keys are not here: what is in the database gets copied.

ALTER TABLE hosts ADD COLUMN api_url TEXT;
ALTER TABLE hosts ADD COLUMN api_pin TEXT;
ALTER TABLE hosts ADD COLUMN api_verify INTEGER NOT NULL DEFAULT 1 CHECK (api_verify IN (0, 1));
