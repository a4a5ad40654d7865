/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/store-internal.h"

static const Column columns[] = {
        COLUMN(TEXT, SettingRecord, "name", name),
        COLUMN(TEXT, SettingRecord, "value", value),
};

static const RecordType setting_type = {
        .table = "settings",
        .size = sizeof(SettingRecord),
        .columns = columns,
        .n_columns = ELEMENTSOF(columns),
        .n_key = 1,
};

void setting_record_done(SettingRecord *r)
{
        record_done(&setting_type, r);
}

int store_setting_put(Store *s, const SettingRecord *r)
{
        return record_put(s, &setting_type, r);
}

int store_setting_del(Store *s, const char *name)
{
        return record_del(s, &setting_type, name);
}

int store_setting_list(Store *s, int (*callback)(SettingRecord *r, void *userdata), void *userdata)
{
        _cleanup_(rows_done) Rows rows = { .type = &setting_type };
        int r;

        r = rows_read(s, "ORDER BY name", NULL, 0, &rows);
        if (r < 0)
                return r;

        return ROWS_CALL(&rows, callback, userdata);
}
