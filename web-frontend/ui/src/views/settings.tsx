// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useState } from 'preact/hooks';
import type { Setting, SettingValue } from '../model';
import { query, setQuery } from '../router';
import { isAdmin, theApi } from '../store';
import { Icon } from '../ui/icon';
import { Card, Page, useLoad, Waiting } from '../ui/page';
import { Label } from '../ui/status';
import { toast } from '../ui/toast';
import { Notifiers } from './notifiers';

export function Settings() {
        const loaded = useLoad(() => theApi().settings(), []);
        const q = query.value.get('q') ?? '';
        return (
                <Page title="Settings" actions={
                        <div class="search">
                                <Icon name="search" />
                                <input type="search" aria-label="Search settings" placeholder="Search" value={q} onInput={(event) => setQuery({ q: event.currentTarget.value })} />
                        </div>
                }>
                        <p class="subtle">What is set here takes effect at once and wins over the files. {!isAdmin.value && 'Only administrators change it.'}</p>
                        <Notifiers />
                        <Waiting loaded={loaded}>
                                {(settings) => (
                                        <Card class="flush">
                                                {settings.filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(q.toLowerCase()))
                                                        .map((setting) => <SettingRow key={setting.name} setting={setting} changed={loaded.reload} />)}
                                        </Card>
                                )}
                        </Waiting>
                </Page>
        );
}

function textOf(value: SettingValue): string {
        return Array.isArray(value) ? value.join('\n') : String(value);
}

// The value that a text stands for, null for what it is where nobody sets it, or what is wrong with it.
function valueOf(setting: Setting, text: string): SettingValue | null | Error {
        switch (setting.type) {
        case 'number': {
                const number = Number(text);
                if (text.trim() === '' || !Number.isInteger(number))
                        return new Error('A whole number.');
                if (number < (setting.minimum ?? 0) || number > (setting.maximum ?? Number.MAX_SAFE_INTEGER))
                        return new Error(`${setting.minimum} to ${setting.maximum}.`);
                return number;
        }
        case 'ratio': {
                const number = Number(text);
                return text.trim() === '' || !(number >= 0) ? new Error('A number.') : number;
        }
        case 'words':
        case 'networks':
        case 'addresses': {
                const list = text.split(/[\s,]+/).filter(Boolean);
                if (list.length > 0)
                        return list;
                // An empty list is no value. It is what the default may be, though.
                return textOf(setting.default) === '' && !setting.file ? null : new Error('At least one.');
        }
        case 'boolean':
                return text === 'true';
        case 'text':
                if (text !== '')
                        return text;
                // As with lists.
                return setting.default === '' && !setting.file ? null : new Error('It cannot be empty.');
        case 'path':
                return text;
        }
}

function Origin({ setting }: { setting: Setting }) {
        switch (setting.origin) {
        case 'runtime':
                return <Label tone="info">Set here</Label>;
        case 'file':
                return <Label tone="neutral" title={setting.file}>{`From ${setting.file.replace(/.*\//, '') || 'a file'}`}</Label>;
        case 'default':
                return <Label tone="neutral">Default</Label>;
        }
}

function SettingRow({ setting, changed }: { setting: Setting; changed: () => void }) {
        const [text, setText] = useState(textOf(setting.value));
        const [error, setError] = useState('');
        const [busy, setBusy] = useState(false);
        const present = textOf(setting.value);
        useEffect(() => setText(present), [present]);
        const value = valueOf(setting, text);
        const touched = text !== present;
        const wrong = value instanceof Error ? value.message : '';
        const id = `setting-${setting.name}`;
        const may = isAdmin.value;

        const save = async (next: SettingValue | null): Promise<void> => {
                setBusy(true);
                setError('');
                try {
                        await theApi().setSetting(setting.name, next);
                        toast('success', next === null ? `${setting.name} is what the files say again` : `${setting.name} is set`);
                        changed();
                } catch (failure) {
                        setError((failure as Error).message);
                }
                setBusy(false);
        };

        return (
                <div class="setting">
                        <div>
                                <label class="setting-name" for={id}><span class="mono">{setting.name}</span> <Origin setting={setting} /></label>
                                <p class="subtle">{setting.description}</p>
                                {setting.applies === 'next-stage' && <p class="help">Stages that run keep what they were started with.</p>}
                        </div>
                        <form class="setting-form" onSubmit={(event) => {
                                event.preventDefault();
                                if (touched && !(value instanceof Error))
                                        void save(value);
                        }}>
                                {setting.type === 'boolean'
                                        ? <label class="check"><input id={id} type="checkbox" checked={text === 'true'} disabled={!may} onChange={(event) => setText(String(event.currentTarget.checked))} />{text === 'true' ? 'Yes' : 'No'}</label>
                                        : Array.isArray(setting.value)
                                                ? <textarea id={id} class="mono" rows={2} placeholder="None. Each on a line of its own." value={text} disabled={!may} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
                                                : <input id={id} inputMode={typeof setting.default === 'string' ? 'text' : 'decimal'} class={typeof setting.default === 'string' ? 'mono' : ''} value={text} disabled={!may} spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />}
                                {setting.unit && <span class="subtle">{setting.unit}</span>}
                                {(wrong && touched || error) && <p class="help danger" role="alert">{error || wrong}</p>}
                                {may && (touched || setting.origin === 'runtime') && (
                                        <span class="row">
                                                {touched && <button type="submit" class="btn primary small" disabled={wrong !== '' || busy}>Save</button>}
                                                {touched && <button type="button" class="btn link small" onClick={() => { setText(present); setError(''); }}>Restore</button>}
                                                {!touched && <button type="button" class="btn link small" disabled={busy} onClick={() => void save(null)}>Back to {setting.file ? 'the file' : `the default, ${textOf(setting.default).replaceAll('\n', ' ') || 'none'}`}</button>}
                                        </span>
                                )}
                        </form>
                </div>
        );
}
