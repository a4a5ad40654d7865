// SPDX-License-Identifier: LGPL-2.1-or-later
// The self-tests in a drive: what runs, and how the last of each type ended.
import type { ComponentChildren } from 'preact';
import { ago, date, span } from '../lib/format';
import type { Drive, SelfTest } from '../model';
import { now } from '../store';
import { Bar, Label, VerdictLabel } from '../ui/status';

const titles: Record<keyof Drive['self_tests'], string> = { short: 'Short self-test', long: 'Long self-test', unknown: 'Self-test of a type that it does not tell' };

function Running({ title, test }: { title: string; test: SelfTest }) {
        return (
                <div class="self-test">
                        <p class="progress-words"><span>Runs{test.estimated ? ', by the time it takes' : ''}</span><strong>{test.percent >= 0 ? `${test.percent} %` : ''}</strong></p>
                        <Bar percent={test.percent} label={title} />
                        {test.eta_usec > now.value && <p class="under">{span(test.eta_usec - now.value)} left</p>}
                </div>
        );
}

function Ended({ test }: { test: SelfTest }) {
        return (
                <div class="self-test">
                        <p class="progress-words">
                                {test.state === 'passed' || test.state === 'failed' ? <VerdictLabel verdict={test.state} /> : <Label tone="neutral">{test.state === 'aborted' ? 'Aborted' : 'Unknown'}</Label>}
                                {test.ended_usec > 0 && <span class="subtle" title={date(test.ended_usec)}>{ago(test.ended_usec, now.value)}</span>}
                        </p>
                        {test.words && <p>{test.words}</p>}
                        {test.lba >= 0 && <p class="under">First failed at LBA <span class="mono">{test.lba.toLocaleString('en')}</span></p>}
                </div>
        );
}

export function selfTestFacts(drive: Drive): [string, ComponentChildren][] {
        return (Object.keys(titles) as (keyof Drive['self_tests'])[]).flatMap((type): [string, ComponentChildren][] => {
                const test = drive.self_tests[type];
                if (!test || test.state === 'idle')
                        return type === 'unknown' ? [] : [[titles[type], <span class="subtle">None is known of</span>]];
                return [[titles[type], test.state === 'running' ? <Running title={titles[type]} test={test} /> : <Ended test={test} />]];
        });
}

// For where there is no room for more.
export function FailedTests({ drive: { self_tests: { short, long } } }: { drive: Drive }) {
        const failed = [short?.state === 'failed' && 'short', long?.state === 'failed' && 'long'].filter(Boolean).join(' and ');
        const words = `${failed.charAt(0).toUpperCase()}${failed.slice(1)} test failed`;
        return failed ? <span class="failed-tests danger-text" title={words}>{words}</span> : null;
}
