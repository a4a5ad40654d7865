// SPDX-License-Identifier: LGPL-2.1-or-later
// How many burn-ins ended when, and how, as stacked bars. Failures stand on the ground, where they can be compared.
import { bins, parts, ticks, type Bin, type BinUnit } from '../lib/bins';
import { nowUsec } from '../lib/clock';
import type { Statistics } from '../model';

const WIDTH = 1000;
const HEIGHT = 160;
const BAR_MAX = 40;
const GAP = 1;
const LABELS_MAX = 5;

const formats: Record<BinUnit, Intl.DateTimeFormatOptions> = {
        day: { month: 'short', day: 'numeric' }, week: { month: 'short', day: 'numeric', year: 'numeric' }, month: { month: 'short', year: 'numeric' },
};

function nameOf({ from }: Bin, unit: BinUnit): string {
        return new Date(from).toLocaleDateString('en', { ...formats[unit], timeZone: 'UTC' });
}

const sumOf = (bin: Bin): number => parts.reduce((sum, part) => sum + bin[part], 0);

function BarsOf({ bin, left, step, top }: { bin: Bin; left: number; step: number; top: number }) {
        const width = Math.min(step * 0.8, BAR_MAX);
        const shown = parts.filter((part) => bin[part] > 0);
        let y = HEIGHT;
        return (
                <>
                        {shown.map((part, index) => {
                                const height = bin[part] / top * HEIGHT;
                                y -= height;
                                // A seam tells them apart for whoever sees no red and green.
                                const seam = index < shown.length - 1 && height > 2 * GAP ? GAP : 0;
                                return <rect key={part} class={part} x={left + (step - width) / 2} y={y + seam} width={width} height={height - seam} />;
                        })}
                </>
        );
}

export function DayBars({ statistics }: { statistics: Pick<Statistics, 'days' | 'since_usec'> }) {
        const { unit, list } = bins(statistics.days, statistics.since_usec, nowUsec());
        const lines = ticks(Math.max(...list.map(sumOf)));
        const top = lines.at(-1) ?? 1;
        const step = WIDTH / list.length;
        const labels = Math.min(LABELS_MAX, list.length);
        const labelled = Array.from({ length: labels }, (_, index) => Math.round(index * (list.length - 1) / Math.max(1, labels - 1)));
        return (
                <div class="day-bars">
                        <div class="day-plot" aria-hidden="true">
                                {lines.map((line) => <span key={line} class="day-line" style={{ bottom: `${100 * line / top}%` }}><span>{line.toLocaleString('en')}</span></span>)}
                                <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
                                        {list.map((bin, index) => (
                                                <g key={bin.from}>
                                                        <title>{`${nameOf(bin, unit)}${unit === 'week' ? ' and the six days after' : ''}: ${parts.map((part) => `${bin[part]} ${part}`).join(', ')}`}</title>
                                                        <rect x={index * step} y={0} width={step} height={HEIGHT} class="day-hit" />
                                                        <BarsOf bin={bin} left={index * step} step={step} top={top} />
                                                </g>
                                        ))}
                                </svg>
                        </div>
                        <div class="day-axis" aria-hidden="true">
                                {labelled.map((at, index) => <span key={at} class={index % 2 ? 'wide-only' : ''} style={{ left: `${100 * (at + 0.5) / list.length}%` }}>{list[at] && nameOf(list[at], unit)}</span>)}
                        </div>
                        <div class="day-legend" aria-hidden="true">{parts.map((part) => <span key={part}><i class={part} />{part}</span>)}<span>{`Ended by ${unit}, in UTC`}</span></div>
                        <div class="sr">
                                <table>
                                        <caption>{`How many burn-ins ended by ${unit}, in UTC; those on which none did are left out`}</caption>
                                        <thead><tr><th scope="col">{unit}</th>{parts.map((part) => <th key={part} scope="col">{part}</th>)}</tr></thead>
                                        <tbody>{list.filter((bin) => sumOf(bin) > 0).map((bin) => <tr key={bin.from}><th scope="row">{nameOf(bin, unit)}</th>{parts.map((part) => <td key={part}>{bin[part]}</td>)}</tr>)}</tbody>
                                </table>
                        </div>
                </div>
        );
}
