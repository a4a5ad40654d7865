// SPDX-License-Identifier: LGPL-2.1-or-later
// What the bus says, as the page has it: the same as ../../common/web-json.c, and held to the same samples.

// Units are one word, however they are written.
const units: [string, string][] = [['USec', 'Usec'], ['MDegC', 'Mdegc']];
const MDEGC_UNKNOWN = -2147483648;

// "ETAUSec" as "eta_usec".
export function keyOf(name: string): string {
        let word = name;
        for (const [from, to] of units)
                if (word.endsWith(from))
                        word = word.slice(0, -from.length) + to;
        // A word begins where a capital follows a small letter, or ends a row of capitals.
        return word.replace(/([^A-Z_])([A-Z])/g, '$1_$2').replace(/([A-Z])([A-Z][a-z])/g, '$1_$2').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

// Keys whose values are not simply those of the bus.
export type Form =
        | 'paths' // a path, or several, that other keys tell as well: left out
        | 'path' // the last part of a path
        | 'text' // JSON as text
        | string[]; // an array of arrays, and what their members are

export const forms: Record<string, Form> = {
        object: 'paths',
        drive: 'paths',
        stages: 'paths',
        active_job: 'path',
        current_stage: 'path',
        job: 'path',
        smart: 'text',
        phase_history: ['number', 'name', 'started_usec'],
        evidence: ['rule', 'expected', 'observed', 'source', 'verdict'],
};

function formOf(key: string): Form | undefined {
        return Object.hasOwn(forms, key) ? forms[key] : undefined;
}

function isPath(value: unknown): boolean {
        if (Array.isArray(value))
                return value.length === 0 || isPath(value[0]);
        return typeof value === 'string' && (value === '/' || value.startsWith('/org/burnin1/'));
}

export function lastOf(path: string): string | number {
        const last = path.slice(path.lastIndexOf('/') + 1);
        return /^\d+$/.test(last) ? Number(last) : last;
}

function parsed(text: string): unknown {
        try {
                return JSON.parse(text) as unknown;
        } catch {
                return null; // text that is none is as good as none
        }
}

function valueOf(key: string, value: unknown): unknown {
        const form = formOf(key);
        if (form === 'path' && typeof value === 'string' && isPath(value))
                return value === '/' ? null : lastOf(value);
        if (form === 'text' && typeof value === 'string')
                return parsed(value);
        if (Array.isArray(form) && Array.isArray(value))
                return value.map((tuple: unknown) => {
                        if (!Array.isArray(tuple))
                                throw new TypeError(`"${key}" has a member that is no tuple.`);
                        return Object.fromEntries(form.map((member, index) => [member, (tuple as unknown[])[index] ?? null]));
                });
        if (key.endsWith('mdegc') && value === MDEGC_UNKNOWN)
                return null;
        return fromBus(value);
}

// A value of any depth, its variants gone (see plain()).
export function fromBus(value: unknown): unknown {
        if (Array.isArray(value))
                return value.map(fromBus);
        if (typeof value !== 'object' || value === null)
                return value;
        return Object.fromEntries(Object.entries(value).flatMap(([name, member]) => {
                const key = keyOf(name);
                return formOf(key) === 'paths' && isPath(member) ? [] : [[key, valueOf(key, member)]];
        }));
}

interface Variant {
        t: string;
        v: unknown;
}

export function variant(t: string, v: unknown): Variant {
        return { t, v };
}

// What Cockpit's bridge makes of a message, without its variants.
export function plain(value: unknown): unknown {
        if (Array.isArray(value))
                return value.map(plain);
        if (typeof value !== 'object' || value === null)
                return value;
        const { t, v, ...rest } = value as Partial<Variant>;
        if (typeof t === 'string' && v !== undefined && Object.keys(rest).length === 0)
                return plain(v);
        return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}
