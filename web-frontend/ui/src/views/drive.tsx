// SPDX-License-Identifier: LGPL-2.1-or-later
// A drive over the years: its readings as lines, its jobs, and what people wrote of it.
import { useEffect, useState } from 'preact/hooks';
import { nowUsec } from '../lib/clock';
import { bytes, date } from '../lib/format';
import { allReadings } from '../lib/readings';
import { counterNames, counters } from '../lib/smart';
import type { Drive, Reading } from '../model';
import { canOperate, driveChanged, theApi, useActive, useDrive, useLast } from '../store';
import { Link } from '../ui/link';
import { Card, Facts, Page, useLoad, Waiting } from '../ui/page';
import { Temperature } from '../ui/status';
import { attempt } from '../ui/toast';
import { Chart } from './chart';
import { DriveActions } from './drive-actions';
import { HealthCell, LockCell } from './drive-cells';
import { JobTable } from './history';
import { LocationEditor } from './location-editor';
import { selfTestFacts } from './self-tests';

const spans: [string, number][] = [['Month', 30], ['Quarter', 90], ['Year', 365], ['All', 0]];
const DAY_USEC = 86400e6;

export function DrivePage({ id }: { id: string }) {
        const known = useDrive(id);
        // Events leave out what SMART says, all of it.
        const fetched = useLoad(() => theApi().drive(id), [id, known?.smart_usec, known?.present]);
        return <Waiting loaded={fetched}>{(drive) => <Details drive={{ ...drive, ...known, smart: drive.smart ?? null }} />}</Waiting>;
}

function Details({ drive }: { drive: Drive }) {
        const active = useActive(drive.id);
        const last = useLast(drive.id);
        const [days, setDays] = useState(90);
        const readings = useLoad(() => allReadings(theApi(), drive.id, days ? nowUsec() - days * DAY_USEC : 0), [drive.id, days, drive.smart_usec]);
        const jobs = useLoad(() => theApi().jobs({ drive: drive.id, offset: 0, limit: 20 }), [drive.id, active?.state, last?.id]);
        return (
                <Page title={drive.model || 'Drive'} actions={<DriveActions drive={drive} active={active} last={last} />}>
                        <div class="columns">
                                <Card title="Drive">
                                        <Facts list={[
                                                ['Serial', <code>{drive.serial || '–'}</code>], ['Identity', <code>{drive.id}</code>],
                                                ['Where', drive.present ? `${drive.host}, ${drive.dev_name}` : `Missing; last on ${drive.host}, ${date(drive.last_seen_usec)}`],
                                                ['Location', <LocationEditor drive={drive} />], ['Bay', drive.bay || '–'], ['Size', `${bytes(drive.size_bytes)}, ${drive.size_bytes.toLocaleString('en')} bytes`],
                                                ['Kind', `${drive.transport.toUpperCase()} ${drive.rotational ? 'hard disk' : 'flash'}`],
                                        ]} />
                                </Card>
                                <Card title="State">
                                        <Facts list={[
                                                ['Health', <HealthCell drive={drive} />], ['Temperature', <Temperature mdegc={drive.temperature_mdegc} />], ['Lock', drive.lock_state === 'none' ? 'Not locked' : <LockCell drive={drive} />],
                                                ...selfTestFacts(drive),
                                                ['SMART read', date(drive.smart_usec)],
                                                ...[...counters(drive.smart ?? null)].filter(([name]) => counterNames[name]).map(([name, value]): [string, string] => [counterNames[name]?.title ?? name, value.toLocaleString('en')]),
                                        ]} />
                                </Card>
                        </div>
                        <Card title="Readings" actions={
                                <div class="row" role="group" aria-label="Time">
                                        {spans.map(([title, value]) => <button key={title} type="button" class={`btn small ${days === value ? 'primary' : 'secondary'}`} aria-pressed={days === value} onClick={() => setDays(value)}>{title}</button>)}
                                </div>
                        }>
                                <Waiting loaded={readings}>{(list) => <Trends readings={list} />}</Waiting>
                        </Card>
                        <Notes drive={drive} />
                        <Card class="flush" title="Jobs" actions={<Link to={`/history?drive=${encodeURIComponent(drive.id)}`}>All</Link>}>
                                <Waiting loaded={jobs}>{({ items }) => items.length > 0 ? <JobTable jobs={items} ofOneDrive /> : <p class="card-empty subtle">It had none yet.</p>}</Waiting>
                        </Card>
                </Page>
        );
}

function Trends({ readings }: { readings: Reading[] }) {
        if (readings.length < 2)
                return <p class="subtle">There is no second reading yet that differs.</p>;
        const list = [...readings].reverse();
        const times = list.map(({ time_usec }) => time_usec / 1e6);
        const moved = [...new Set(list.flatMap(({ smart }) => [...counters(smart).keys()]))].filter((name) => counterNames[name]?.bad)
                .map((name) => ({ title: counterNames[name]?.title ?? name, values: list.map(({ smart }) => counters(smart).get(name) ?? null) }))
                .filter(({ values }) => new Set(values).size > 1);
        return (
                <>
                        <Chart title="Temperature" unit=" °C" times={times} lines={[{ title: 'Temperature', values: list.map(({ temperature_mdegc }) => temperature_mdegc === null ? null : temperature_mdegc / 1000) }]} />
                        {moved.length > 0
                                ? <Chart title="Counters" unit="" times={times} lines={moved} />
                                : <p class="subtle chart-note">No counter of damage changed in this time.</p>}
                </>
        );
}

function Notes({ drive }: { drive: Drive }) {
        const [text, setText] = useState(drive.notes);
        const [touched, setTouched] = useState(false);
        useEffect(() => {
                if (!touched)
                        setText(drive.notes);
        }, [drive.notes]);
        const tooLong = new TextEncoder().encode(text).length > 4096;
        if (!canOperate.value)
                return drive.notes ? <Card title="Notes"><p class="drive-notes">{drive.notes}</p></Card> : null;
        const save = (): void => {
                setTouched(false);
                attempt(theApi().patchDrive(drive.id, { notes: text }).then(() => driveChanged(drive.id, { notes: text })), 'The notes are saved');
        };
        return (
                <Card title="Notes" actions={touched && <button type="button" class="btn primary small" disabled={tooLong} onClick={save}>Save</button>}>
                        <textarea class="wide" rows={3} aria-label="Notes" value={text} onInput={(event) => { setText(event.currentTarget.value); setTouched(true); }} />
                        {tooLong && <p class="help danger">At most 4096 bytes.</p>}
                </Card>
        );
}
