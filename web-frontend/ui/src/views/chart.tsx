// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

interface Props {
        title: string;
        unit: string;
        times: number[];
        lines: { title: string; values: (number | null)[] }[];
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
const MARK_WIDTH_MIN = 2; // the shortest is to be seen in a year

const HEIGHT = 220;
const colours = ['--write', '--verify', '--danger', '--warning', '--success'];

const DAY = 86400; // seconds

function days(time: number, step: number): string {
        return new Date(time * 1000).toLocaleString('en', step < DAY ? { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false }
                : step < 28 * DAY ? { month: 'short', day: 'numeric' } : { month: 'short', year: 'numeric' });
}

export function Chart({ title, unit, times, lines, marks = NO_MARKS }: Props) {
        const box = useRef<HTMLDivElement>(null);
        useEffect(() => {
                const element = box.current;
                if (!element)
                        return;
                const style = getComputedStyle(element);
                const colour = (name: string): string => style.getPropertyValue(name).trim();
                // Asked for at each stroke: the theme may be another one by then.
                const axis = { stroke: () => colour('--subtle'), grid: { stroke: () => colour('--border-faint'), width: 1 }, ticks: { show: false }, font: `12px ${colour('--font')}` };
                const plot = new uPlot({
                        title,
                        width: element.clientWidth,
                        height: HEIGHT,
                        cursor: { drag: { x: true, y: false } },
                        legend: { live: true },
                        hooks: {
                                drawClear: [(plot) => {
                                        const { ctx, bbox } = plot;
                                        ctx.save();
                                        ctx.beginPath();
                                        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
                                        ctx.clip();
                                        ctx.globalAlpha = MARK_ALPHA;
                                        ctx.fillStyle = colour('--warning');
                                        for (const { from, to } of marks) {
                                                const left = plot.valToPos(from, 'x', true);
                                                ctx.fillRect(left, bbox.top, Math.max(MARK_WIDTH_MIN, plot.valToPos(to, 'x', true) - left), bbox.height);
                                        }
                                        ctx.restore();
                                }],
                        },
                        axes: [{ ...axis, size: 32, gap: 8, space: 80, values: (_, ticks, __, ___, step) => ticks.map((tick) => days(tick, step)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => Number.isInteger(tick) ? `${tick}${unit}` : '') }],
                        series: [{ value: '{MMM} {DD}, {YYYY}, {HH}:{mm}' }, ...lines.map((line, index) => ({
                                label: line.title, stroke: () => colour(colours[index % colours.length] ?? '--write'), width: 2, spanGaps: true, points: { show: times.length < 60, size: 5 },
                                value: (_: uPlot, value: number | null) => value === null ? '–' : `${value}${unit}`,
                        }))],
                }, [times, ...lines.map(({ values }) => values)], element);
                const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
                sizes.observe(element);
                const themes = new MutationObserver(() => plot.redraw());
                themes.observe(document.documentElement, { attributeFilter: ['class'] });
                return () => {
                        sizes.disconnect();
                        themes.disconnect();
                        plot.destroy();
                };
        }, [times, lines, marks]);
        const numbers = lines.flatMap(({ values }) => values.filter((value) => value !== null));
        const [low, high] = [Math.min(...numbers), Math.max(...numbers)].map((number) => number.toLocaleString('en'));
        const marked = marks.length > 0 ? `; burn-ins: ${marks.map((mark) => mark.title.toLowerCase()).join(', ')}` : '';
        return <div ref={box} class="chart" role="img" aria-label={`${title}: between ${low} and ${high}${unit} in ${times.length} readings${marked}`} />;
}
