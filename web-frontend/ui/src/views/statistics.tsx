// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { count, date, stageNames } from '../lib/format';
import type { Statistics } from '../model';
import { query, setQuery } from '../router';
import { theApi } from '../store';
import { Icon, type IconName } from '../ui/icon';
import { Card, Empty, Page, Scroll, useLoad, Waiting } from '../ui/page';
import { DayBars } from './day-bars';

const spans: [string, number][] = [['14 days', 14], ['90 days', 90], ['1 year', 365], ['10 years', 3650]];

export function StatisticsPage() {
        const days = Number(query.value.get('days')) || 90;
        const loaded = useLoad(() => theApi().statistics(days), [days]);
        return (
                <Page title="Statistics" actions={
                        <div class="row" role="group" aria-label="Time">
                                {spans.map(([title, value]) => <button key={value} type="button" class={`btn small ${days === value ? 'primary' : 'secondary'}`} aria-pressed={days === value} onClick={() => setQuery({ days: value === 90 ? '' : String(value) })}>{title}</button>)}
                        </div>
                }>
                        <Waiting loaded={loaded}>{(statistics) => statistics.jobs === 0 ? <Empty title="No burn-in was queued in this time" icon="info" /> : <Numbers statistics={statistics} />}</Waiting>
                </Page>
        );
}

const MODELS_SHOWN = 12;

// Nothing that failed is rounded away.
function rateOf(rate: number): string {
        return `${rate < 1 ? Math.min(99.9, 100 * rate).toFixed(1) : 100} %`;
}

const kinds: { key: 'passed' | 'failed' | 'inconclusive' | 'cancelled'; title: string; icon: IconName; tone: string }[] = [
        { key: 'passed', title: 'Passed', icon: 'pass', tone: 'success' },
        { key: 'failed', title: 'Failed', icon: 'fail', tone: 'danger' },
        { key: 'inconclusive', title: 'Inconclusive', icon: 'warning', tone: 'warning' },
        { key: 'cancelled', title: 'Cancelled', icon: 'missing', tone: '' },
];

function Numbers({ statistics }: { statistics: Statistics }) {
        const { verdicts, models, failures_by_stage: stages } = statistics;
        const judged = verdicts.passed + verdicts.failed;
        return (
                <>
                        <dl class="big-numbers">
                                <div class="big-number"><dt>Burn-ins</dt><dd>{statistics.jobs.toLocaleString('en')}</dd></div>
                                {kinds.map(({ key, title, icon, tone }) => <div key={key} class={`big-number ${tone}`}><dt><Icon name={icon} size={12} />{title}</dt><dd>{verdicts[key].toLocaleString('en')}</dd></div>)}
                                <div class="big-number"><dt>Pass rate</dt><dd>{judged > 0 ? rateOf(verdicts.passed / judged) : '–'}</dd></div>
                        </dl>
                        <Card title="Activity"><DayBars statistics={statistics} /></Card>
                        <div class="columns wide-left">
                                <Card class="flush" title="By model"><Models models={models} /></Card>
                                <Card class="flush" title="Where they fail"><Stages stages={stages} /></Card>
                        </div>
                        <p class="help">{count(statistics.jobs, 'burn-in')} queued since {date(statistics.since_usec)}.</p>
                </>
        );
}

// A part of a whole, or a length among others of its kind: from 0, and the number stands beside it.
function Plot({ of, parts }: { of: number; parts: [tone: string, value: number][] }) {
        return <span class="plot" aria-hidden="true">{parts.map(([tone, value]) => value > 0 && <i key={tone} class={tone} style={{ width: `${100 * value / of}%` }} />)}</span>;
}

function Models({ models }: { models: Statistics['models'] }) {
        const [all, setAll] = useState(false);
        const slowest = Math.max(0, ...models.map((model) => model.hours_per_tb ?? 0));
        const shown = all ? models : models.slice(0, MODELS_SHOWN);
        return (
                <>
                        <Scroll label="By model">
                                <table class="list stack plots">
                                        <thead><tr><th scope="col">Model</th><th scope="col" class="number">Passed</th><th scope="col" class="number">Failed</th><th scope="col" class="number">Inconclusive</th><th scope="col" class="number">Cancelled</th><th scope="col">Pass rate</th><th scope="col">Hours per TB</th></tr></thead>
                                        <tbody>
                                                {shown.map((model) => (
                                                        <tr key={model.model}>
                                                                <td class="lead">{model.model || 'Unknown'}</td><td class="number" data-label="Passed">{model.passed}</td><td data-label="Failed" class={`number ${model.failed > 0 ? 'danger-text' : ''}`}>{model.failed}</td>
                                                                <td class="number" data-label="Inconclusive">{model.inconclusive}</td><td class="number" data-label="Cancelled">{model.cancelled}</td>
                                                                <td data-label="Pass rate">{model.pass_rate === null ? '–' : <span class="rate"><Plot of={model.passed + model.failed} parts={[['passed', model.passed], ['failed', model.failed]]} /><span>{rateOf(model.pass_rate)}</span></span>}</td>
                                                                <td data-label="Hours per TB">{model.hours_per_tb === null ? '–' : <span class="rate"><Plot of={slowest} parts={[['time', model.hours_per_tb]]} /><span>{model.hours_per_tb.toFixed(1)}</span></span>}</td>
                                                        </tr>
                                                ))}
                                        </tbody>
                                </table>
                        </Scroll>
                        {models.length > MODELS_SHOWN && <p class="card-more"><button type="button" class="btn link inline" aria-expanded={all} onClick={() => setAll(!all)}>{all ? 'The most tested alone' : `All ${models.length} models`}</button></p>}
                </>
        );
}

function Stages({ stages }: { stages: Statistics['failures_by_stage'] }) {
        const most = Math.max(0, ...stages.map((stage) => stage.failed + stage.inconclusive));
        if (stages.length === 0)
                return <p class="card-empty subtle">None did.</p>;
        return (
                <table class="list plots">
                        <thead><tr><th scope="col">Stage</th><th scope="col" class="number">Failed</th><th scope="col" class="number">Inconclusive</th></tr></thead>
                        <tbody>{stages.map((stage) => (
                                <tr key={stage.stage}>
                                        <td>{stageNames[stage.stage] ?? stage.stage}<Plot of={most} parts={[['failed', stage.failed], ['inconclusive', stage.inconclusive]]} /></td>
                                        <td class="number">{stage.failed}</td><td class="number">{stage.inconclusive}</td>
                                </tr>
                        ))}</tbody>
                </table>
        );
}
