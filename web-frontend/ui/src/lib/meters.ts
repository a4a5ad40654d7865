// SPDX-License-Identifier: LGPL-2.1-or-later
// A surface stage as people see it: one meter for each pattern, its left half written, its right half verified.
import type { Stage } from '../model';

export interface Half {
        percent: number;
        active: boolean;
}

export interface Pattern {
        number: number;
        name: string;
        write: Half;
        verify: Half;
        active: boolean;
        usec: number; // how long it took; 0 until it is done
}

const usual = ['0xaa', '0x55', '0xff', '0x00'];

// "Write 0xaa", "Verify random (seed 17)": what stands behind the verb.
function patternOf(phase: string): string {
        return phase.replace(/^\S+\s*/, '');
}

export function patterns(stage: Stage): Pattern[] {
        const names = new Map<number, string>();
        const starts = new Map<number, number>();
        for (const { number, name, started_usec } of stage.phase_history) {
                names.set(number, name);
                starts.set(number, started_usec);
        }
        if (stage.phase > 0)
                names.set(stage.phase, stage.phase_name);

        const total = Math.ceil(stage.phases / 2);
        const ended = stage.state === 'done';
        const complete = ended && stage.verdict === 'passed';
        const current = Math.max(stage.phase, 1); // empty, the first one is marked

        const half = (number: number): Half => {
                if (complete || number < stage.phase)
                        return { percent: 100, active: false };
                if (number === stage.phase)
                        return { percent: Math.max(0, Math.min(100, stage.phase_percent)), active: !ended };
                return { percent: 0, active: !ended && number === current };
        };

        return Array.from({ length: total }, (_, index) => {
                const first = 2 * index + 1;
                const named = names.get(first) ?? names.get(first + 1);
                const write = half(first);
                const verify = half(first + 1);
                const started = starts.get(first) ?? 0;
                const next = starts.get(first + 2) ?? (verify.percent === 100 && ended ? stage.finished_usec : 0);
                return {
                        number: index + 1,
                        name: named ? patternOf(named) : (total === usual.length ? usual[index] ?? '' : ''),
                        write,
                        verify,
                        active: write.active || verify.active,
                        usec: started > 0 && next > started ? next - started : 0,
                };
        });
}

export function caption(stage: Stage): string {
        if (stage.phases === 0)
                return `${Math.floor(stage.percent)} %`;
        const total = Math.ceil(stage.phases / 2);
        if (stage.state === 'done')
                return stage.verdict === 'passed' ? `${total} of ${total} patterns` : `Ended in ${stage.phase_name || 'the first phase'}`;
        if (stage.phase === 0)
                return `Pattern 1 of ${total} · Starting`;
        return `Pattern ${Math.ceil(stage.phase / 2)} of ${total} · ${stage.phase_name} · ${Math.floor(stage.phase_percent)} % within phase`;
}
