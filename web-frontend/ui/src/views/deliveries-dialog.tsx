// SPDX-License-Identifier: LGPL-2.1-or-later
// What a notifier has not got.
import { useState } from 'preact/hooks';
import { ago, date, span } from '../lib/format';
import type { Delivery, Notifier } from '../model';
import { isAdmin, now, theApi } from '../store';
import { Dialog } from '../ui/dialog';
import { Pager, Scroll, useLoad, Waiting } from '../ui/page';
import { toast } from '../ui/toast';
import { eventWords } from './notifier-dialog';

const LIMIT = 50;

export function DeliveriesDialog({ one, done }: { one: Notifier; done: () => void }) {
        const again = isAdmin.value && one.dead > 0;
        return (
                <Dialog wide title={`Not sent to ${one.name}`} action={again ? 'Send again' : undefined} dismiss="Close"
                        onAction={async () => {
                                await theApi().retryDeliveries(one.name);
                                toast('success', 'It is sent again');
                                done();
                        }}>
                        {again && <p>What was given up is tried for another day.</p>}
                        {one.dead > 0 && <Deliveries notifier={one.name} state="dead" title="Given up" />}
                        {one.pending > 0 && <Deliveries notifier={one.name} state="pending" title="Waiting" />}
                </Dialog>
        );
}

function Deliveries({ notifier, state, title }: { notifier: string; state: Delivery['state']; title: string }) {
        const [offset, setOffset] = useState(0);
        const loaded = useLoad(() => theApi().deliveries(notifier, state, offset, LIMIT), [offset]);
        const when = state === 'dead' ? 'Given up' : 'Next try';
        return (
                <>
                        <h3>{title}</h3>
                        <Waiting loaded={loaded}>
                                {({ items, total }) => (
                                        <>
                                                <Scroll label={title}>
                                                        <table class="list stack">
                                                                <thead><tr><th scope="col">Event</th><th scope="col" class="number">Tries</th><th scope="col">{when}</th><th scope="col">Last error</th></tr></thead>
                                                                <tbody>
                                                                        {items.map((one) => (
                                                                                <tr key={one.id}>
                                                                                        <td>{one.title}<p class="help">{eventWords(one.event)} · {date(one.time_usec)}</p></td>
                                                                                        <td class="number" data-label="Tries">{one.attempts}</td>
                                                                                        <td class="time" data-label={when}>{state === 'dead' ? ago(one.next_usec, now.value) : one.next_usec > now.value ? `in ${span(one.next_usec - now.value)}` : 'now'}</td>
                                                                                        <td class="subtle">{one.error}</td>
                                                                                </tr>
                                                                        ))}
                                                                </tbody>
                                                        </table>
                                                </Scroll>
                                                {total > LIMIT && <Pager offset={offset} limit={LIMIT} total={total} go={setOffset} />}
                                        </>
                                )}
                        </Waiting>
                </>
        );
}
