// SPDX-License-Identifier: LGPL-2.1-or-later
import { mount } from '../../ui/src/mount';
import { cockpitApi } from './api';
import { cockpitBus } from './bus';
import { cockpitPlace } from './place';

// Whoever turns administrative access on or off has other rights from then on: as elsewhere in Cockpit, the page begins anew.
const superuser = cockpit.dbus(null, { bus: 'internal' }).proxy('cockpit.Superuser', '/superuser');
let current: string | undefined;
superuser.addEventListener('changed', () => {
        if (!superuser.valid || superuser.Current === 'init')
                return;
        if (current !== undefined && superuser.Current !== current)
                location.reload();
        current = superuser.Current;
});

mount(cockpitPlace(), cockpitApi(cockpitBus()));
