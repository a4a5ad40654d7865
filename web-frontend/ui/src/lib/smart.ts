// SPDX-License-Identifier: LGPL-2.1-or-later
import type { Smart } from '../model';

// What a growth of means harm, and what just counts.
export const counterNames: Record<string, { title: string; bad: boolean } | undefined> = {
        reallocated: { title: 'Reallocated sectors', bad: true },
        pending: { title: 'Pending sectors', bad: true },
        offline_uncorrectable: { title: 'Offline uncorrectable', bad: true },
        reported_uncorrectable: { title: 'Reported uncorrectable', bad: true },
        crc_errors: { title: 'CRC errors', bad: true },
        media_errors: { title: 'Media errors', bad: true },
        critical_warning: { title: 'Critical warning', bad: true },
        percentage_used: { title: 'Wear, percent used', bad: false },
        power_on_hours: { title: 'Power-on hours', bad: false },
};

// The drive's own counters by name, then its raw attributes by number: {"5": 0} in a reading, [{"id": 5, "raw": 0}] of a drive.
export function counters(smart: Smart | null): Map<string, number> {
        const found = new Map<string, number>();
        for (const [name, value] of Object.entries(smart ?? {}))
                if (typeof value === 'number')
                        found.set(name, value);
        const { attributes } = smart ?? {};
        if (Array.isArray(attributes))
                for (const { id, raw } of attributes as { id?: unknown; raw?: unknown }[])
                        add(found, id, raw);
        else if (typeof attributes === 'object' && attributes !== null)
                for (const [id, raw] of Object.entries(attributes))
                        add(found, id, raw);
        return found;
}

function add(found: Map<string, number>, id: unknown, raw: unknown): void {
        if (typeof raw === 'number')
                found.set(`Attribute ${id}`, raw);
}
