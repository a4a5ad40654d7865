// SPDX-License-Identifier: LGPL-2.1-or-later
// One value over time, with what it was last, or where the pointer is.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { date } from '../lib/format';

interface Props {
        title: string;
        unit: string;
        times: number[];
        values: (number | null)[];
        steps?: boolean; // it stays what it is until another one is read
        marks?: Mark[];
}

// A span of time, shaded.
export interface Mark {
        title: string;
        from: number;
        to: number;
}

const NO_MARKS: Mark[] = [];
const MARK_ALPHA = 0.2;
const MARK_WIDTH_MIN = 4; // the shortest is to be seen in five years
const MARK_HEAD = 4;

const HEIGHT = 180;
const POINTS_MAX = 60; // more would be a thicker line
const THIN_FROM = 300;

const DAY = 86400; // seconds

function days(time: number, step: number): string {
        return new Date(time * 1000).toLocaleString('en', step < DAY ? { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false }
                : step < 28 * DAY ? { month: 'short', day: 'numeric' } : { month: 'short', year: 'numeric' });
}

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });
const MILLION = 1e6;

function scaleOf(value: number, unit: string): string {
        return Math.abs(value) < MILLION ? `${value.toLocaleString('en')}${unit}` : `${short.format(value)}${unit}`;
}

const wholeSteps = [1, 2, 5].flatMap((step) => Array.from({ length: 16 }, (_, power) => step * 10 ** power)).sort((a, b) => a - b);

export function Chart({ title, unit, times, values, steps = false, marks = NO_MARKS }: Props) {
        const box = useRef<HTMLDivElement>(null);
        const readout = useRef<HTMLSpanElement>(null);
        const lastAt = values.reduce<number>((at, value, index) => value === null ? at : index, 0);
        useEffect(() => {
                const element = box.current;
                if (!element)
                        return;
                const style = getComputedStyle(element);
                const colour = (name: string): string => style.getPropertyValue(name).trim();
                const tell = (at: number): void => {
                        const value = values[at];
                        if (readout.current)
                                readout.current.textContent = `${value === null || value === undefined ? '–' : `${value.toLocaleString('en')}${unit}`} · ${date((times[at] ?? 0) * 1e6)}`;
                };
                // Asked for at each stroke: the theme may be another one by then.
                const axis = { stroke: () => colour('--subtle'), grid: { stroke: () => colour('--border-faint'), width: 1 }, ticks: { show: false }, font: `12px ${colour('--font')}` };
                const plot = new uPlot({
                        width: element.clientWidth,
                        height: HEIGHT,
                        cursor: { y: false, drag: { x: true, y: false } },
                        legend: { show: false },
                        hooks: {
                                setCursor: [({ cursor }) => tell(cursor.idx ?? lastAt)],
                                drawClear: [(plot) => {
                                        const { ctx, bbox } = plot;
                                        const pixels = devicePixelRatio;
                                        ctx.save();
                                        ctx.beginPath();
                                        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
                                        ctx.clip();
                                        ctx.fillStyle = colour('--warning');
                                        for (const { from, to } of marks) {
                                                const left = plot.valToPos(from, 'x', true);
                                                const width = Math.max(MARK_WIDTH_MIN * pixels, plot.valToPos(to, 'x', true) - left);
                                                ctx.globalAlpha = MARK_ALPHA;
                                                ctx.fillRect(left, bbox.top, width, bbox.height);
                                                ctx.globalAlpha = 1;
                                                ctx.fillRect(left, bbox.top, width, MARK_HEAD * pixels);
                                        }
                                        ctx.restore();
                                }],
                        },
                        axes: [{ ...axis, size: 28, gap: 8, space: 80, values: (_, ticks, __, ___, step) => ticks.map((tick) => days(tick, step)) },
                                { ...axis, size: 56, space: 36, incrs: wholeSteps, values: (_, ticks) => ticks.map((tick) => scaleOf(tick, unit)) }],
                        series: [{}, {
                                stroke: () => colour('--write'), width: times.length > THIN_FROM && !steps ? 1.25 : 2, spanGaps: true, points: { show: times.length < POINTS_MAX, size: 5 },
                                ...steps && uPlot.paths.stepped && { paths: uPlot.paths.stepped({ align: 1 }) },
                        }],
                }, [times, values], element);
                tell(lastAt);
                const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
                sizes.observe(element);
                const themes = new MutationObserver(() => plot.redraw());
                themes.observe(document.documentElement, { attributeFilter: ['class'] });
                return () => {
                        sizes.disconnect();
                        themes.disconnect();
                        plot.destroy();
                };
        }, [times, values, marks]);
        const numbers = values.filter((value) => value !== null);
        const [low, high, last] = [Math.min(...numbers), Math.max(...numbers), values[lastAt] ?? 0].map((number) => number.toLocaleString('en'));
        const marked = marks.length > 0 ? `; burn-ins: ${marks.map((mark) => mark.title.toLowerCase()).join(', ')}` : '';
        return (
                <div class="chart">
                        <div class="chart-head"><h3>{title}</h3><span ref={readout} class="subtle" aria-hidden="true" /></div>
                        <div ref={box} class="chart-box" role="img" aria-label={`${title}: between ${low} and ${high}${unit} in ${times.length} readings, ${last}${unit} in the last one${marked}`} />
                </div>
        );
}
