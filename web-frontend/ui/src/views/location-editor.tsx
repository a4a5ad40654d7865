// SPDX-License-Identifier: LGPL-2.1-or-later
// A location is edited where it stands: Enter or leaving it saves, Escape restores. What is half typed outlives the row, which may be
// drawn anew or scroll out of sight meanwhile.
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Drive } from '../model';
import { canOperate, driveChanged, theApi } from '../store';
import { toast } from '../ui/toast';

const draft = signal<{ id: string; text: string } | null>(null);

async function save(drive: Drive): Promise<void> {
        const typed = draft.peek();
        if (typed?.id !== drive.id)
                return;
        draft.value = null;
        const location = typed.text.trim();
        if (location === drive.location)
                return;
        driveChanged(drive.id, { location });
        try {
                await theApi().patchDrive(drive.id, { location });
        } catch (error) {
                driveChanged(drive.id, { location: drive.location });
                toast('danger', `The location of ${drive.host} ${drive.dev_name} was not saved`, (error as Error).message);
        }
}

export function LocationEditor({ drive }: { drive: Drive }) {
        const input = useRef<HTMLInputElement>(null);
        const button = useRef<HTMLButtonElement>(null);
        const editing = draft.value?.id === drive.id;
        const was = useRef(editing);

        // Before anything is painted: what is typed at once is to arrive, and is not to be selected.
        useLayoutEffect(() => {
                if (editing) {
                        input.current?.focus({ preventScroll: true });
                        if (!was.current)
                                input.current?.select();
                }
                was.current = editing;
        }, [editing]);

        const end = (): void => {
                setTimeout(() => button.current?.focus({ preventScroll: true }));
        };

        if (!canOperate.value)
                return drive.location ? <span class="clip">{drive.location}</span> : <span class="subtle">–</span>;
        if (!editing)
                return (
                        <button ref={button} type="button" class={`location ${drive.location ? '' : 'unset'}`} title={drive.location || 'Add a location'}
                                aria-label={drive.location ? `Location ${drive.location}, edit` : 'Add a location'}
                                onClick={() => { draft.value = { id: drive.id, text: drive.location }; }}>
                                <span class="clip">{drive.location || 'Add'}</span>
                        </button>
                );
        return (
                <input ref={input} class="location-input" maxLength={64} aria-label="Location" value={draft.value?.text ?? ''}
                        onInput={(event) => { draft.value = { id: drive.id, text: event.currentTarget.value }; }}
                        onBlur={() => void save(drive)}
                        onKeyDown={(event) => {
                                if (event.key === 'Enter') {
                                        void save(drive);
                                        end();
                                } else if (event.key === 'Escape') {
                                        draft.value = null;
                                        end();
                                } else
                                        return;
                                event.preventDefault();
                                event.stopPropagation();
                        }} />
        );
}
