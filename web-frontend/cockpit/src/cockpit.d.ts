// SPDX-License-Identifier: LGPL-2.1-or-later
// What is used of base1/cockpit.js, which has no types of its own.

interface CockpitMatch {
        path?: string;
        path_namespace?: string;
        interface?: string;
        member?: string;
}

// Variants are { t: SIGNATURE, v: VALUE }, arrays of bytes base64.
interface CockpitDBus {
        call(path: string, interface: string, method: string, args: unknown[], options: { type?: string; timeout?: number }): Promise<unknown[]>;
        subscribe(match: CockpitMatch, handle: (path: string, interface: string, signal: string, args: unknown[]) => void): void;
        addEventListener(event: 'owner', handle: (event: unknown, owner: string | null) => void): void;
        addEventListener(event: 'close', handle: (event: unknown, options: { problem?: string }) => void): void;
}

interface CockpitLocation {
        path: string[];
        options: Record<string, string | string[]>;
        go(path: string[], options: Record<string, string | string[]>): void;
        replace(path: string[], options: Record<string, string | string[]>): void;
        encode(path: string[], options?: Record<string, string | string[]>): string;
}

interface CockpitProxy {
        valid: boolean;
        Current?: string;
        addEventListener(event: 'changed', handle: () => void): void;
}

declare const cockpit: {
        readonly hidden: boolean;
        readonly location: CockpitLocation;
        dbus(name: string, options: { bus: 'system'; superuser: 'try' }): CockpitDBus;
        dbus(name: null, options: { bus: 'internal' }): { proxy(interface: string, path: string): CockpitProxy };
        spawn(words: string[], options: { superuser: 'try'; err: 'message' }): Promise<string> & { input(data: string): Promise<string> };
        user(): Promise<{ name: string }>;
        addEventListener(event: 'locationchanged', handle: () => void): void;
};
