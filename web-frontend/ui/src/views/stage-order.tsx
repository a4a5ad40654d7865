// SPDX-License-Identifier: LGPL-2.1-or-later
// Stages that are ticked, and dragged into order: by mouse or finger on the grip, by arrow keys on it.
import { useRef, useState } from 'preact/hooks';
import { fastHint, stageHints, stageNames } from '../lib/format';
import { move, toggle, type Choice } from '../lib/stages';
import { Icon } from '../ui/icon';

interface Props {
        choices: Choice[];
        fast: boolean; // the surface with one pattern
        change: (choices: Choice[]) => void;
}

export function StageOrder({ choices, fast, change }: Props) {
        const list = useRef<HTMLOListElement>(null);
        const [dragged, setDragged] = useState('');
        const [said, setSaid] = useState('');

        const moveTo = (from: number, to: number): void => {
                const next = move(choices, from, to);
                const moved = choices[from];
                if (next === choices || !moved)
                        return;
                change(next);
                setSaid(`${stageNames[moved.kind]}: now ${next.findIndex(({ kind }) => kind === moved.kind) + 1} of ${next.length}`);
        };

        const drag = (event: PointerEvent, from: number): void => {
                if (!dragged || !list.current)
                        return;
                const rows = [...list.current.children];
                const to = rows.findIndex((row) => {
                        const box = row.getBoundingClientRect();
                        return event.clientY >= box.top && event.clientY < box.bottom;
                });
                if (to >= 0 && to !== from)
                        moveTo(from, to);
        };

        return (
                <>
                        <ol class="stage-order" ref={list} aria-label="Stages, in their order">
                                {choices.map(({ kind, chosen }, index) => (
                                        <li key={kind} class={`${chosen ? 'chosen' : ''} ${dragged === kind ? 'dragged' : ''}`}>
                                                <button type="button" class="grip" aria-label={`Move ${stageNames[kind]}: arrow keys up and down`}
                                                        onPointerDown={(event) => {
                                                                event.currentTarget.setPointerCapture(event.pointerId);
                                                                setDragged(kind);
                                                        }}
                                                        onPointerMove={(event) => drag(event, index)}
                                                        onPointerUp={() => setDragged('')} onPointerCancel={() => setDragged('')}
                                                        onKeyDown={(event) => {
                                                                const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
                                                                if (by === undefined)
                                                                        return;
                                                                event.preventDefault();
                                                                const grip = event.currentTarget;
                                                                moveTo(index, index + by);
                                                                requestAnimationFrame(() => grip.focus()); // moved in the page, it lost it
                                                        }}>
                                                        <Icon name="grip" />
                                                </button>
                                                <label>
                                                        <input type="checkbox" checked={chosen} onChange={() => change(toggle(choices, kind))} />
                                                        <span><strong>{stageNames[kind]}</strong><span class="help">{fast && kind === 'surface_validate' ? fastHint : stageHints[kind]}</span></span>
                                                </label>
                                        </li>
                                ))}
                        </ol>
                        <span class="sr" role="status">{said}</span>
                </>
        );
}
