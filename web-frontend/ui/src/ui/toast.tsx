// SPDX-License-Identifier: LGPL-2.1-or-later
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Icon } from './icon';
import { kindIcons, type Kind } from './notice';

interface Toast {
        id: number;
        kind: Kind;
        title: string;
        text?: ComponentChildren;
}

const toasts = signal<Toast[]>([]);
let next = 1;

function drop(id: number): void {
        toasts.value = toasts.peek().filter((toast) => toast.id !== id);
}

export function toast(kind: Kind, title: string, text?: ComponentChildren): void {
        const id = next++;
        toasts.value = [...toasts.peek().slice(-3), { id, kind, title, text }];
        if (kind !== 'danger')
                setTimeout(() => drop(id), 8000);
}

// Does it, and says so when it fails.
export function attempt(work: Promise<unknown>, done?: string): void {
        work.then(() => done && toast('success', done),
                (error: unknown) => toast('danger', error instanceof Error ? error.message : String(error)));
}

export function ToastLayer() {
        return (
                <div class="toasts" role="region" aria-label="Messages" aria-live="polite">
                        {toasts.value.map((one) => (
                                <div key={one.id} class={`notice toast ${one.kind}`}>
                                        <Icon name={kindIcons[one.kind]} />
                                        <div class="notice-text"><strong>{one.title}</strong>{one.text}</div>
                                        <button type="button" class="btn plain icon-only" aria-label="Dismiss" onClick={() => drop(one.id)}><Icon name="cross" /></button>
                                </div>
                        ))}
                </div>
        );
}
