// SPDX-License-Identifier: LGPL-2.1-or-later
// A status is an icon, a word and a colour, never the colour alone.
import type { Verdict } from '../model';
import { heat, temperature } from '../lib/format';
import { Icon, type IconName } from './icon';

export type Tone = 'success' | 'danger' | 'warning' | 'info' | 'neutral';

export function Label({ tone, icon, children, title }: { tone: Tone; icon?: IconName; children: string; title?: string }) {
        return <span class={`label ${tone}`} title={title}>{icon && <Icon name={icon} size={12} />}<span>{children}</span></span>;
}

const verdicts: Record<Verdict, { tone: Tone; icon: IconName; word: string }> = {
        '': { tone: 'info', icon: 'clock', word: 'Not ended' },
        passed: { tone: 'success', icon: 'pass', word: 'Passed' },
        failed: { tone: 'danger', icon: 'fail', word: 'Failed' },
        inconclusive: { tone: 'warning', icon: 'warning', word: 'Inconclusive' },
        cancelled: { tone: 'neutral', icon: 'missing', word: 'Cancelled' },
        skipped: { tone: 'neutral', icon: 'missing', word: 'Skipped' },
};

export function VerdictLabel({ verdict, title }: { verdict: Verdict; title?: string }) {
        const { tone, icon, word } = verdicts[verdict] ?? verdicts[''];
        return <Label tone={tone} icon={icon} title={title}>{word}</Label>;
}

const states: Record<string, { tone: Tone; icon: IconName; word: string }> = {
        queued: { tone: 'neutral', icon: 'clock', word: 'Queued' },
        pending: { tone: 'neutral', icon: 'clock', word: 'Pending' },
        starting: { tone: 'info', icon: 'play', word: 'Starting' },
        running: { tone: 'info', icon: 'play', word: 'Running' },
        paused: { tone: 'warning', icon: 'pause', word: 'Paused' },
        stopping: { tone: 'warning', icon: 'clock', word: 'Stopping' },
};

export function StateLabel({ state, verdict }: { state: string; verdict: Verdict }) {
        const known = states[state];
        return known && !verdict ? <Label tone={known.tone} icon={known.icon}>{known.word}</Label> : <VerdictLabel verdict={verdict} />;
}

const heatWords = { unknown: '', cool: 'cool', warm: 'warm', hot: 'hot' };

export function Temperature({ mdegc }: { mdegc: number | null }) {
        const how = heat(mdegc);
        return (
                <span class={`temperature ${how}`} title={heatWords[how]}>
                        {how === 'hot' && <Icon name="flame" size={12} />}
                        {temperature(mdegc)}
                        {(how === 'warm' || how === 'hot') && <span class="sr"> ({how})</span>}
                </span>
        );
}

export function Bar({ percent, tone = 'info', label }: { percent: number; tone?: Tone; label: string }) {
        const value = Math.max(0, Math.min(100, percent));
        return (
                <div class={`bar ${tone}`} role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(value)}>
                        <div style={{ transform: `scaleX(${value / 100})` }} />
                </div>
        );
}
