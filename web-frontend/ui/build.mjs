// SPDX-License-Identifier: LGPL-2.1-or-later
// One command, one folder: node build.mjs [OUTPUT-FOLDER [DEPFILE [cockpit]]]
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [output = join(here, 'dist'), depfile, which = 'web'] = process.argv.slice(2);
// The same views, for the web's server and within Cockpit.
const { main, early, style, copied, external } = {
        web: { main: 'src/main.ts', early: 'src/theme-early.ts', style: 'src/styles/style.css', copied: ['src/index.html', 'src/icon.svg'] },
        cockpit: {
                main: '../cockpit/src/main.ts', early: '../cockpit/src/theme.ts', style: '../cockpit/src/style.css',
                copied: ['../cockpit/index.html', '../cockpit/manifest.json'], external: ['../../static/*'],
        },
}[which];

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
        external,
};
const page = await build({
        ...common,
        entryPoints: { burnin: main, style },
        chunkNames: 'assets/[name]-[hash]', // what few pages need comes when they do
        splitting: true,
        format: 'esm',
        jsx: 'automatic',
        jsxImportSource: 'preact',
});
// Before the first stroke, so by itself, and not as a module.
const theme = await build({ ...common, entryPoints: { theme: early }, format: 'iife' });
for (const file of copied)
        copyFileSync(join(here, file), join(output, basename(file)));

// A folder is as old as its last new entry, unless it is told.
utimesSync(output, new Date(), new Date());
if (depfile) {
        const inputs = [...Object.keys(page.metafile.inputs), ...Object.keys(theme.metafile.inputs), ...copied];
        writeFileSync(depfile, `${output}: ${[...new Set(inputs)].map((file) => relative('.', join(here, file))).join(' ')}\n`);
}
