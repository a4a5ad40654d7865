// SPDX-License-Identifier: LGPL-2.1-or-later
import type { Smart } from '../model';

// What a growth of means harm, and what just counts.
export const counterNames: Record<string, { title: string; bad: boolean } | undefined> = {
        reallocated: { title: 'Reallocated sectors', bad: true },
        pending: { title: 'Pending sectors', bad: true },
        uncorrectable: { title: 'Uncorrectable errors', bad: true },
        crc: { title: 'CRC errors', bad: true },
        crc_errors: { title: 'CRC errors', bad: true },
        media_errors: { title: 'Media errors', bad: true },
        grown_defects: { title: 'Grown defects', bad: true },
        percentage_used: { title: 'Wear, percent used', bad: false },
        power_on_hours: { title: 'Power-on hours', bad: false },
        power_cycles: { title: 'Power cycles', bad: false },
        temperature: { title: 'Temperature', bad: false },
};

// The drive's own counters by name, then its raw attributes by number.
export function counters(smart: Smart | null): Map<string, number> {
        const found = new Map<string, number>();
        for (const [name, value] of Object.entries(smart ?? {}))
                if (typeof value === 'number')
                        found.set(name, value);
        for (const [number, value] of Object.entries(smart?.attributes ?? {}))
                found.set(`Attribute ${number}`, value);
        return found;
}
