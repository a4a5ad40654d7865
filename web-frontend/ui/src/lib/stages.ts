// SPDX-License-Identifier: LGPL-2.1-or-later
// Which stages a burn-in has, in which order. Precheck and final check are always there, and not shown.
import type { ChosenStage } from '../model';

export interface Choice {
        kind: ChosenStage;
        chosen: boolean;
}

export const profiles: { name: string; title: string; stages: ChosenStage[] }[] = [
        { name: 'full', title: 'Full', stages: ['short_smart', 'long_smart', 'surface_validate'] },
        { name: 'surface', title: 'Surface', stages: ['surface_validate'] },
        { name: 'surface_short', title: 'Short and surface', stages: ['short_smart', 'surface_validate'] },
        { name: 'surface_long', title: 'Long and surface', stages: ['long_smart', 'surface_validate'] },
        { name: 'fast', title: 'Fast (one random pattern)', stages: ['short_smart', 'surface_validate'] },
        { name: 'short_long', title: 'Short and long', stages: ['short_smart', 'long_smart'] },
        { name: 'short', title: 'Short', stages: ['short_smart'] },
        { name: 'long', title: 'Long', stages: ['long_smart'] },
];

const every: ChosenStage[] = ['short_smart', 'long_smart', 'surface_validate'];
const erasing: ChosenStage[] = ['nvme_format', 'nvme_sanitize'];
const destroying: ChosenStage[] = ['surface_validate', ...erasing];

// nvme: what NVMe drives can besides.
export function ofProfile(name: string, nvme = false): Choice[] {
        const stages = profiles.find((profile) => profile.name === name)?.stages ?? [];
        return [
                ...stages.map((kind) => ({ kind, chosen: true })),
                ...[...every, ...(nvme ? erasing : [])].filter((kind) => !stages.includes(kind)).map((kind) => ({ kind, chosen: false })),
        ];
}

export function chosen(choices: Choice[]): ChosenStage[] {
        return choices.filter((choice) => choice.chosen).map((choice) => choice.kind);
}

// The profile that these are, keeping the one at hand where it fits; "custom" for none.
export function profileOf(choices: Choice[], current: string): string {
        const stages = chosen(choices).join();
        const fits = profiles.filter((profile) => profile.stages.join() === stages);
        return (fits.find((profile) => profile.name === current) ?? fits[0])?.name ?? 'custom';
}

export function move(choices: Choice[], from: number, to: number): Choice[] {
        const target = Math.max(0, Math.min(choices.length - 1, to));
        const moved = choices[from];
        if (!moved || target === from)
                return choices;
        const rest = choices.filter((_, index) => index !== from);
        return [...rest.slice(0, target), moved, ...rest.slice(target)];
}

export function toggle(choices: Choice[], kind: ChosenStage): Choice[] {
        return choices.map((choice) => choice.kind === kind ? { ...choice, chosen: !choice.chosen } : choice);
}

export function destroys(choices: Choice[]): boolean {
        return choices.some((choice) => choice.chosen && destroying.includes(choice.kind));
}
