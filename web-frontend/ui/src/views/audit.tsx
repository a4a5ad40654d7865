// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useState } from 'preact/hooks';
import { date } from '../lib/format';
import { query, setQuery } from '../router';
import { theApi } from '../store';
import { Icon } from '../ui/icon';
import { Card, Empty, Page, Pager, Scroll, useLoad, Waiting } from '../ui/page';
import { Label } from '../ui/status';

const LIMIT = 200;
const PAUSE = 250; // ms
const TEXT_MAX = 100; // characters, of at most 200 bytes in most alphabets

export function Audit() {
        const offset = Math.max(0, Number(query.value.get('offset')) || 0);
        const text = query.value.get('text') ?? '';
        const loaded = useLoad(() => theApi().audit(text, offset, LIMIT), [text, offset]);
        const csv = theApi().auditCsvHref(text);
        return (
                <Page title="Audit" actions={<>
                        {csv && <a class="btn secondary" href={csv} download="burnin-audit.csv"><Icon name="download" />CSV</a>}
                        <button type="button" class="btn secondary" onClick={loaded.reload}>Look again</button>
                </>}>
                        <Search text={text} />
                        <Waiting loaded={loaded}>
                                {({ items, total }) => total === 0 ? text ? <Empty title="None of the newest 50,000 entries fits" /> : <Empty title="Nobody did anything yet" icon="info" /> : (
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

// Much is searched there, so not at each letter.
function Search({ text }: { text: string }) {
        const [typed, setTyped] = useState(text);
        useEffect(() => setTyped(text), [text]);
        useEffect(() => {
                if (typed === text)
                        return;
                const timer = setTimeout(() => setQuery({ text: typed, offset: '' }), PAUSE);
                return () => clearTimeout(timer);
        }, [typed]);
        return (
                <div class="filters" role="search" aria-label="Audit">
                        <div class="search">
                                <Icon name="search" />
                                <input type="search" value={typed} maxLength={TEXT_MAX} placeholder="Search person, action, drive, outcome" aria-label="Search the audit"
                                        onInput={(event) => setTyped(event.currentTarget.value)} onKeyDown={(event) => { if (event.key === 'Escape') setTyped(''); }} />
                        </div>
                </div>
        );
}
