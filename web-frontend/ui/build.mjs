// SPDX-License-Identifier: LGPL-2.1-or-later
// One command, one folder: node build.mjs [OUTPUT-FOLDER [DEPFILE]]
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [output = join(here, 'dist'), depfile] = process.argv.slice(2);

rmSync(join(output, 'assets'), { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const common = {
        absWorkingDir: here,
        outdir: resolve(output),
        bundle: true,
        target: ['chrome110', 'firefox115', 'safari16'],
        minify: true,
        legalComments: 'none',
        logLevel: 'warning',
        metafile: true,
};
const page = await build({
        ...common,
        entryPoints: { burnin: 'src/main.tsx', style: 'src/styles/style.css' },
        chunkNames: 'assets/[name]-[hash]', // what few pages need comes when they do
        splitting: true,
        format: 'esm',
        jsx: 'automatic',
        jsxImportSource: 'preact',
});
// Before the first stroke, so by itself, and not as a module.
const theme = await build({ ...common, entryPoints: { theme: 'src/theme-early.ts' }, format: 'iife' });
const copied = ['index.html', 'icon.svg'];
for (const file of copied)
        copyFileSync(join(here, 'src', file), join(output, file));

// A folder is as old as its last new entry, unless it is told.
utimesSync(output, new Date(), new Date());
if (depfile) {
        const inputs = [...Object.keys(page.metafile.inputs), ...Object.keys(theme.metafile.inputs), ...copied.map((file) => join('src', file))];
        writeFileSync(depfile, `${output}: ${[...new Set(inputs)].map((file) => relative('.', join(here, file))).join(' ')}\n`);
}
