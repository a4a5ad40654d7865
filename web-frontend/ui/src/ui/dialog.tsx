// SPDX-License-Identifier: LGPL-2.1-or-later
// The browser's own modal dialog: it keeps the focus, gives it back, and makes the rest inert.
import { signal } from '@preact/signals';
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { giveFocusBack } from '../lib/focus';
import { Boundary } from './boundary';
import { Icon } from './icon';
import { Notice } from './notice';

const shown = signal<{ dialog: VNode; turn: number } | null>(null);
let turns = 0;

export function showDialog(dialog: VNode): void {
        shown.value = { dialog, turn: ++turns };
}

function closeDialog(): void {
        shown.value = null;
}

// One that fails is not in the way of the next one.
export function DialogLayer() {
        return shown.value && <Boundary key={shown.value.turn} what="The dialog">{shown.value.dialog}</Boundary>;
}

interface Props {
        title: string;
        wide?: boolean;
        action?: string; // none: it only tells
        dismiss?: string;
        danger?: boolean;
        ready?: boolean;
        onAction?: () => Promise<void>; // closes when it is done; what it throws is shown
        children: ComponentChildren;
}

export function Dialog({ title, wide, action, dismiss = 'Cancel', danger, ready = true, onAction, children }: Props) {
        const dialog = useRef<HTMLDialogElement>(null);
        const titleId = useId();
        const [error, setError] = useState('');
        const [busy, setBusy] = useState(false);

        useEffect(() => {
                const element = dialog.current;
                const opener = document.activeElement;
                element?.showModal();
                return () => {
                        element?.close();
                        giveFocusBack(opener);
                };
        }, []);

        const submit = async (event: Event): Promise<void> => {
                event.preventDefault();
                if (!onAction || !ready || busy)
                        return;
                setBusy(true);
                setError('');
                const mine = shown.peek();
                try {
                        await onAction();
                        if (shown.peek() === mine) // it may have opened the next one
                                closeDialog();
                } catch (failure) {
                        setError(failure instanceof Error ? failure.message : String(failure));
                        setBusy(false);
                }
        };

        return (
                <dialog ref={dialog} class={`dialog ${wide ? 'wide' : ''}`} aria-labelledby={titleId}
                        onCancel={(event) => { event.preventDefault(); closeDialog(); }}>
                        <form method="dialog" onSubmit={submit}>
                                <header class="dialog-head">
                                        <h2 id={titleId}>{title}</h2>
                                        <button type="button" class="btn plain icon-only" aria-label="Close" onClick={closeDialog}><Icon name="cross" /></button>
                                </header>
                                <div class="dialog-body">{children}</div>
                                <footer class="dialog-foot">
                                        {error && <Notice kind="danger" title={error} />}
                                        <div class="row">
                                                {action && (
                                                        <button type="submit" class={`btn ${danger ? 'danger' : 'primary'}`} disabled={!ready || busy}>
                                                                {busy ? 'Working…' : action}
                                                        </button>
                                                )}
                                                <button type="button" class="btn link" onClick={closeDialog}>{dismiss}</button>
                                        </div>
                                </footer>
                        </form>
                </dialog>
        );
}
