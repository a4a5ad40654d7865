// SPDX-License-Identifier: LGPL-2.1-or-later
// One command, one folder: node build.mjs [OUTPUT-FOLDER]
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? join(here, 'dist');

rmSync(join(output, 'parts'), { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const common = {
        absWorkingDir: here,
        outdir: output,
        bundle: true,
        target: ['chrome110', 'firefox115', 'safari16'],
        minify: true,
        legalComments: 'none',
        logLevel: 'warning',
};
await build({
        ...common,
        entryPoints: { burnin: 'src/main.tsx', style: 'src/styles/style.css' },
        chunkNames: 'parts/[name]-[hash]', // what few pages need comes when they do
        splitting: true,
        format: 'esm',
        jsx: 'automatic',
        jsxImportSource: 'preact',
});
// Before the first stroke, so by itself, and not as a module.
await build({ ...common, entryPoints: { theme: 'src/theme-early.ts' }, format: 'iife' });
for (const file of ['index.html', 'icon.svg'])
        copyFileSync(join(here, 'src', file), join(output, file));
