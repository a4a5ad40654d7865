// SPDX-License-Identifier: LGPL-2.1-or-later
import { date } from '../lib/format';
import { query, setQuery } from '../router';
import { theApi } from '../store';
import { Icon } from '../ui/icon';
import { Card, Empty, Page, Pager, Scroll, useLoad, Waiting } from '../ui/page';
import { Label } from '../ui/status';

const LIMIT = 100;

export function Audit() {
        const offset = Math.max(0, Number(query.value.get('offset')) || 0);
        const loaded = useLoad(() => theApi().audit(offset, LIMIT), [offset]);
        const csv = theApi().auditCsvHref();
        return (
                <Page title="Audit" actions={<>
                        {csv && <a class="btn secondary" href={csv} download="burnin-audit.csv"><Icon name="download" />CSV</a>}
                        <button type="button" class="btn secondary" onClick={loaded.reload}>Look again</button>
                </>}>
                        <Waiting loaded={loaded}>
                                {({ items, total }) => total === 0 ? <Empty title="Nobody did anything yet" icon="info" /> : (
                                        <>
                                                <Card class="flush">
                                                        <Scroll label="Audit">
                                                                <table class="list stack">
                                                                        <thead><tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">Action</th><th scope="col">What</th><th scope="col">Outcome</th><th scope="col">Detail</th></tr></thead>
                                                                        <tbody>
                                                                                {items.map((entry) => (
                                                                                        <tr key={entry.id}>
                                                                                                <td class="time foot-end">{date(entry.time_usec)}</td>
                                                                                                <td class="nowrap foot" title={`uid ${entry.actor_uid}`}>{entry.actor}</td>
                                                                                                <td class="nowrap lead">{entry.action.replace(/^org\.burnin1\./, '')}</td>
                                                                                                <td class="nowrap">{entry.object}</td>
                                                                                                <td class="side">{entry.outcome === 'ok' ? entry.outcome : <Label tone="warning" icon="warning">{entry.outcome}</Label>}</td>
                                                                                                <td class="subtle">{entry.detail}</td>
                                                                                        </tr>
                                                                                ))}
                                                                        </tbody>
                                                                </table>
                                                        </Scroll>
                                                </Card>
                                                <Pager offset={offset} limit={LIMIT} total={total} go={(to) => setQuery({ offset: to ? String(to) : '' }, false)} />
                                        </>
                                )}
                        </Waiting>
                </Page>
        );
}
