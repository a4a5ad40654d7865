// SPDX-License-Identifier: LGPL-2.1-or-later
import { count, date, stageNames } from '../lib/format';
import type { Statistics } from '../model';
import { query, setQuery } from '../router';
import { theApi } from '../store';
import { Icon, type IconName } from '../ui/icon';
import { Card, Empty, Page, Scroll, useLoad, Waiting } from '../ui/page';
import { Bar } from '../ui/status';
import { DayBars } from './day-bars';

const spans: [string, number][] = [['30 days', 30], ['90 days', 90], ['1 year', 365], ['10 years', 3650]];

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

const kinds: { key: 'passed' | 'failed' | 'inconclusive' | 'cancelled'; title: string; icon: IconName; tone: string }[] = [
        { key: 'passed', title: 'Passed', icon: 'pass', tone: 'success' },
        { key: 'failed', title: 'Failed', icon: 'fail', tone: 'danger' },
        { key: 'inconclusive', title: 'Inconclusive', icon: 'warning', tone: 'warning' },
        { key: 'cancelled', title: 'Cancelled', icon: 'missing', tone: '' },
];

function Numbers({ statistics }: { statistics: Statistics }) {
        const { verdicts, models, days, failures_by_stage: stages } = statistics;
        const judged = verdicts.passed + verdicts.failed;
        return (
                <>
                        <dl class="big-numbers">
                                <div class="big-number"><dt>Burn-ins</dt><dd>{statistics.jobs.toLocaleString('en')}</dd></div>
                                {kinds.map(({ key, title, icon, tone }) => <div key={key} class={`big-number ${tone}`}><dt><Icon name={icon} size={12} />{title}</dt><dd>{verdicts[key].toLocaleString('en')}</dd></div>)}
                                <div class="big-number"><dt>Pass rate</dt><dd>{judged > 0 ? `${(100 * verdicts.passed / judged).toFixed(1)} %` : '–'}</dd></div>
                        </dl>
                        <Card title="By day"><DayBars days={days} /></Card>
                        <div class="columns wide-left">
                                <Card class="flush" title="By model">
                                        <Scroll label="By model">
                                                <table class="list stack">
                                                        <thead><tr><th scope="col">Model</th><th scope="col" class="number">Passed</th><th scope="col" class="number">Failed</th><th scope="col">Pass rate</th><th scope="col" class="number">Hours per TB</th></tr></thead>
                                                        <tbody>
                                                                {models.map((model) => (
                                                                        <tr key={model.model}>
                                                                                <td class="lead">{model.model || 'Unknown'}</td><td class="number" data-label="Passed">{model.passed}</td><td data-label="Failed" class={`number ${model.failed > 0 ? 'danger-text' : ''}`}>{model.failed}</td>
                                                                                <td class="side">{model.pass_rate === null ? '–' : <span class="rate"><Bar percent={100 * model.pass_rate} tone={model.pass_rate < 0.9 ? 'warning' : 'success'} label={`Pass rate of ${model.model}`} /><span>{(100 * model.pass_rate).toFixed(0)} %</span></span>}</td>
                                                                                <td class="number" data-label="Hours per TB">{model.hours_per_tb?.toFixed(1) ?? '–'}</td>
                                                                        </tr>
                                                                ))}
                                                        </tbody>
                                                </table>
                                        </Scroll>
                                </Card>
                                <Card class="flush" title="Where they fail">
                                        <table class="list">
                                                <thead><tr><th scope="col">Stage</th><th scope="col" class="number">Failed</th><th scope="col" class="number">Inconclusive</th></tr></thead>
                                                <tbody>{stages.map((stage) => <tr key={stage.stage}><td>{stageNames[stage.stage] ?? stage.stage}</td><td class="number">{stage.failed}</td><td class="number">{stage.inconclusive}</td></tr>)}</tbody>
                                        </table>
                                        {stages.length === 0 && <p class="card-empty subtle">None did.</p>}
                                </Card>
                        </div>
                        <p class="help">{count(statistics.jobs, 'burn-in')} queued since {date(statistics.since_usec)}.</p>
                </>
        );
}
