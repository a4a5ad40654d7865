// SPDX-License-Identifier: LGPL-2.1-or-later
// A drive over the years: its readings as lines, its jobs, and what people wrote of it.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { nowUsec } from '../lib/clock';
import { bytes, date } from '../lib/format';
import { allReadings } from '../lib/readings';
import { counterNames, counters } from '../lib/smart';
import type { Drive, Job, Reading } from '../model';
import { canOperate, driveChanged, now, theApi, useActive, useDrive, useLast } from '../store';
import { LIST_MAX } from '../transport/api';
import { Link } from '../ui/link';
import { Card, Facts, Page, useLoad, Waiting } from '../ui/page';
import { Temperature } from '../ui/status';
import { attempt } from '../ui/toast';
import { Chart, type Mark } from './chart';
import { DriveActions } from './drive-actions';
import { HealthCell, LockCell } from './drive-cells';
import { JobTable } from './history';
import { LocationEditor } from './location-editor';
import { selfTestFacts } from './self-tests';

const spans: [string, number][] = [['Month', 30], ['Quarter', 90], ['Year', 365], ['All', 0]];
const DAY_USEC = 86400e6;
const JOBS_LISTED = 20;
const NO_JOBS: Job[] = [];

export function DrivePage({ id }: { id: string }) {
        const known = useDrive(id);
        // Events leave out what SMART says, all of it.
        const fetched = useLoad(() => theApi().drive(id), [id, known?.smart_usec, known?.present]);
        return <Waiting loaded={fetched}>{(drive) => <Details drive={{ ...drive, ...known, last_seen_usec: drive.last_seen_usec, smart: drive.smart ?? null }} />}</Waiting>;
}

function Details({ drive }: { drive: Drive }) {
        const active = useActive(drive.id);
        const last = useLast(drive.id);
        const [days, setDays] = useState(90);
        const readings = useLoad(() => allReadings(theApi(), drive.id, days ? nowUsec() - days * DAY_USEC : 0), [drive.id, days, drive.smart_usec]);
        const jobs = useLoad(() => theApi().jobs({ drive: drive.id, offset: 0, limit: LIST_MAX }), [drive.id, active?.state, last?.id]);
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
                                <Waiting loaded={readings}>{(list) => <Trends readings={list} jobs={jobs.data?.items ?? NO_JOBS} />}</Waiting>
                        </Card>
                        <Notes drive={drive} />
                        <Card class="flush" title="Jobs" actions={<Link to={`/history?drive=${encodeURIComponent(drive.id)}`}>All</Link>}>
                                <Waiting loaded={jobs}>{({ items }) => items.length > 0 ? <JobTable jobs={items.slice(0, JOBS_LISTED)} ofOneDrive /> : <p class="card-empty subtle">It had none yet.</p>}</Waiting>
                        </Card>
                </Page>
        );
}

interface Line {
        title: string;
        steps: boolean; // hours run on between readings, and of raw values nobody knows
        values: (number | null)[];
}

function valueLines(list: Reading[]): Map<string, Line> {
        const each = list.map(({ smart }) => counters(smart));
        const names = new Set(each.flatMap((one) => [...one.keys()]));
        return new Map([...names].map((name) => [name, { title: counterNames[name]?.title ?? name, steps: name in counterNames && name !== 'power_on_hours', values: each.map((one) => one.get(name) ?? null) }]));
}

function hasMoved({ values }: Line): boolean {
        return new Set(values.filter((value) => value !== null)).size > 1;
}

// A graph for each that moved, and the rest in a line.
function Lines({ lines, times, marks }: { lines: Line[]; times: number[]; marks: Mark[] }) {
        const still = lines.filter((line) => !hasMoved(line));
        const moved = useMemo(() => lines.filter(hasMoved), [lines]);
        return (
                <>
                        {moved.map((one) => <Chart key={one.title} title={one.title} unit="" steps={one.steps} times={times} values={one.values} marks={marks} />)}
                        {still.length > 0 && <p class="subtle chart-note">Unchanged: {still.map(({ title, values }) => `${title} ${values.find((value) => value !== null)?.toLocaleString('en')}`).join(', ')}.</p>}
                </>
        );
}

function Trends({ readings, jobs }: { readings: Reading[]; jobs: Job[] }) {
        const [open, setOpen] = useState(false);
        const { times, temperature, named, raw } = useMemo(() => {
                const list = [...readings].reverse();
                const lines = [...valueLines(list)];
                return {
                        times: list.map(({ time_usec }) => time_usec / 1e6),
                        temperature: list.map(({ temperature_mdegc }) => temperature_mdegc === null ? null : temperature_mdegc / 1000),
                        named: lines.flatMap(([name, line]) => counterNames[name] ? [line] : []),
                        raw: lines.flatMap(([name, line]) => counterNames[name] ? [] : [line]),
                };
        }, [readings]);
        const first = times[0] ?? 0;
        const marks = useMemo(() => jobs.filter(({ kind, started_usec }) => kind === 'burn-in' && started_usec > 0)
                .map(({ id, started_usec, finished_usec }) => ({ id, title: `Job ${id}`, from: started_usec / 1e6, to: (finished_usec || now.peek()) / 1e6 }))
                .filter(({ to }) => to >= first), [jobs, first]);
        if (readings.length < 2)
                return <p class="subtle">There is no second reading yet that differs.</p>;
        return (
                <>
                        {marks.length > 0 && <p class="chart-marks chart-note"><span class="chart-mark" /> Burn-ins: {marks.map(({ id, title }) => <Link key={id} to={`/history/${id}`}>{title}</Link>)}</p>}
                        {temperature.some((value) => value !== null) && <Chart title="Temperature" unit=" °C" times={times} values={temperature} marks={marks} />}
                        <Lines lines={named} times={times} marks={marks} />
                        {raw.length > 0 && <button type="button" class="btn link inline" aria-expanded={open} onClick={() => setOpen(!open)}>Raw attributes</button>}
                        {open && <Lines lines={raw} times={times} marks={marks} />}
                        <p class="subtle chart-note">Each reading that differs is kept, and one a day: all of 30 days, then the first of a day and what had changed, for five years. Some 0.2 MB a year.</p>
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
