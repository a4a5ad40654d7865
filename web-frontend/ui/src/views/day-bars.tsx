// SPDX-License-Identifier: LGPL-2.1-or-later
// How the burn-ins of each day ended, as stacked bars.
import { day } from '../lib/format';
import type { Statistics } from '../model';

const parts = ['passed', 'inconclusive', 'failed', 'cancelled'] as const;
const WIDTH = 1000;
const HEIGHT = 160;
const BAR_MAX = 40;

export function DayBars({ days }: { days: Statistics['days'] }) {
        const most = Math.max(1, ...days.map((one) => parts.reduce((sum, part) => sum + one[part], 0)));
        const step = WIDTH / Math.max(1, days.length);
        const bar = Math.min(step * 0.8, BAR_MAX);
        const sums = parts.map((part) => `${days.reduce((sum, one) => sum + one[part], 0)} ${part}`).join(', ');
        return (
                <div class="day-bars">
                        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`By day: ${sums}; at most ${most} a day`}>
                                {days.map((one, index) => {
                                        let y = HEIGHT;
                                        return (
                                                <g key={one.date}>
                                                        <title>{`${one.date}: ${parts.map((part) => `${one[part]} ${part}`).join(', ')}`}</title>
                                                        <rect x={index * step} y={0} width={step} height={HEIGHT} class="day-hit" />
                                                        {parts.map((part) => {
                                                                const height = one[part] / most * HEIGHT;
                                                                y -= height;
                                                                return height > 0 && <rect key={part} class={part} x={index * step + (step - bar) / 2} y={y} width={bar} height={height} />;
                                                        })}
                                                </g>
                                        );
                                })}
                        </svg>
                        <div class="day-axis" aria-hidden="true">
                                <span>{days[0] ? day(Date.parse(days[0].date) * 1000) : ''}</span>
                                <span class="day-legend">{parts.map((part) => <span key={part}><i class={part} />{part}</span>)}</span>
                                <span>{days.length > 0 ? day(Date.parse(days[days.length - 1]?.date ?? '') * 1000) : ''}</span>
                        </div>
                </div>
        );
}
