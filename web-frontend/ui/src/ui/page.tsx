// SPDX-License-Identifier: LGPL-2.1-or-later
// What pages are made of.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon';
import { Notice } from './notice';

export function Page({ title, actions, children }: { title: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren }) {
        return (
                <div class="page">
                        <header class="page-head">
                                <h1>{title}</h1>
                                {actions && <div class="row">{actions}</div>}
                        </header>
                        {children}
                </div>
        );
}

export function Card({ title, actions, children, class: className = '' }: { title?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren; class?: string }) {
        return (
                <section class={`card ${className}`}>
                        {(title || actions) && <header class="card-head">{title && <h2>{title}</h2>}{actions && <div class="row">{actions}</div>}</header>}
                        {children}
                </section>
        );
}

export interface Loaded<T> {
        data: T | undefined;
        error: string;
        reload: () => void;
}

// Fetches when one of what it depends on changes. What is there stays until the new is.
export function useLoad<T>(load: () => Promise<T>, depends: unknown[]): Loaded<T> {
        const [state, setState] = useState<{ data: T | undefined; error: string }>({ data: undefined, error: '' });
        const [turn, setTurn] = useState(0);
        useEffect(() => {
                let current = true;
                load().then(
                        (data) => current && setState({ data, error: '' }),
                        (error: unknown) => current && setState((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) })),
                );
                return () => { current = false; };
        }, [...depends, turn]);
        return { ...state, reload: () => setTurn((before) => before + 1) };
}

export function Waiting<T>({ loaded, children }: { loaded: Loaded<T>; children: (data: T) => ComponentChildren }) {
        return (
                <>
                        {loaded.error && (
                                <Notice kind="danger" title={loaded.error} action={<button type="button" class="btn secondary small" onClick={loaded.reload}>Try again</button>} />
                        )}
                        {loaded.data === undefined ? !loaded.error && <Skeleton /> : children(loaded.data)}
                </>
        );
}

function Skeleton() {
        return <div class="skeleton" role="status"><span class="sr">Loading</span><div /><div /><div /></div>;
}

export function Empty({ title, children, icon = 'search' }: { title: string; children?: ComponentChildren; icon?: 'search' | 'info' }) {
        return <div class="empty"><Icon name={icon} size={32} /><h2>{title}</h2>{children}</div>;
}

export function Pager({ offset, limit, total, go }: { offset: number; limit: number; total: number; go: (offset: number) => void }) {
        const box = useRef<HTMLElement>(null);
        const shown = useRef(offset);
        // Another page is read from its top.
        useEffect(() => {
                if (shown.current !== offset)
                        box.current?.closest('main')?.scrollTo(0, 0);
                shown.current = offset;
        }, [offset]);
        if (total === 0)
                return null;
        const last = Math.min(total, offset + limit);
        return (
                <nav ref={box} class="pager" aria-label="Pages">
                        <span>{`${(offset + 1).toLocaleString('en')}–${last.toLocaleString('en')} of ${total.toLocaleString('en')}`}</span>
                        <button type="button" class="btn secondary small" disabled={offset === 0} onClick={() => go(Math.max(0, offset - limit))}>Newer</button>
                        <button type="button" class="btn secondary small" disabled={last >= total} onClick={() => go(offset + limit)}>Older</button>
                </nav>
        );
}

interface FieldProps {
        label: string;
        help?: ComponentChildren;
        error?: string;
        children: (ids: { id: string; 'aria-describedby': string | undefined }) => ComponentChildren;
        id: string;
}

export function Field({ label, help, error, children, id }: FieldProps) {
        const helpId = help || error ? `${id}-help` : undefined;
        return (
                <div class="field">
                        <label for={id}>{label}</label>
                        {children({ id, 'aria-describedby': helpId })}
                        {error ? <p id={helpId} class="help danger">{error}</p> : help && <p id={helpId} class="help">{help}</p>}
                </div>
        );
}

export function Facts({ list }: { list: [string, ComponentChildren][] }) {
        return <dl class="facts">{list.map(([term, value]) => <div key={term}><dt>{term}</dt><dd>{value}</dd></div>)}</dl>;
}

// A table that may be wider than its place; by keys it scrolls too.
export function Scroll({ label, class: className = '', children }: { label: string; class?: string; children: ComponentChildren }) {
        return <div class={`table-scroll ${className}`} role="region" aria-label={label} tabIndex={0}>{children}</div>;
}
