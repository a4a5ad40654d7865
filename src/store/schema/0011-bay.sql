-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- Where the host's hardware says that a drive is.

ALTER TABLE drives ADD COLUMN bay TEXT;
