// SPDX-License-Identifier: LGPL-2.1-or-later
// One meter for each pattern: its left half written, its right half verified.
import { caption, patterns, type Half } from '../lib/meters';
import { span } from '../lib/format';
import type { Stage } from '../model';
import { Bar } from '../ui/status';
import { Icon } from '../ui/icon';

function HalfMeter({ kind, half, name }: { kind: 'write' | 'verify'; half: Half; name: string }) {
        const word = kind === 'write' ? 'Write' : 'Verify';
        return (
                <div class={`half ${kind} ${half.active ? 'active' : ''}`} role="progressbar" aria-label={`${word} ${name}`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.floor(half.percent)}>
                        <span class="half-letter" aria-hidden="true">{kind === 'write' ? 'W' : 'V'}</span>
                        <span class="half-track"><span class="half-fill" style={{ transform: `scaleX(${half.percent / 100})` }} /></span>
                </div>
        );
}

export function Meters({ stage }: { stage: Stage }) {
        if (stage.phases === 0)
                return <div class="meters"><p class="meters-caption">{caption(stage)}</p><Bar percent={stage.percent} label="Progress" tone={stage.verdict === 'failed' ? 'danger' : stage.verdict === 'inconclusive' ? 'warning' : 'info'} /></div>;
        return (
                <div class={`meters ${stage.verdict}`}>
                        <p class="meters-caption">{caption(stage)}</p>
                        {patterns(stage).map((pattern) => (
                                <div key={pattern.number} class={`pattern ${pattern.active ? 'active' : ''}`}>
                                        <span class="pattern-name mono">{pattern.name || `Pattern ${pattern.number}`}</span>
                                        <HalfMeter kind="write" half={pattern.write} name={pattern.name} />
                                        <HalfMeter kind="verify" half={pattern.verify} name={pattern.name} />
                                        <span class="pattern-time">{pattern.usec > 0 ? <><Icon name="check" size={12} label="done in" /> {span(pattern.usec)}</> : ''}</span>
                                </div>
                        ))}
                </div>
        );
}

// None is good news of a stage that goes on or has passed; of one that has not begun it is none at all.
export function BadBlocks({ stage }: { stage: Stage }) {
        if (stage.started_usec === 0)
                return null;
        const good = stage.bad_blocks === 0 && (stage.state !== 'done' || stage.verdict === 'passed');
        return (
                <span class={`badge ${stage.bad_blocks > 0 ? 'danger' : good ? 'success' : 'neutral'}`}>
                        {(good || stage.bad_blocks > 0) && <Icon name={good ? 'check' : 'fail'} size={12} />}
                        {stage.bad_blocks.toLocaleString('en')} bad {stage.bad_blocks === 1 ? 'block' : 'blocks'}
                </span>
        );
}
