// SPDX-License-Identifier: LGPL-2.1-or-later
// A browser before the real service, for tests/bench/web.py.
//   browser.mjs load COUNT     what the page weighs, and when it can be used; a browser without a cache each time
//   browser.mjs pixels SERIAL  says when the location of this drive is drawn, each time that it changes
//   browser.mjs scroll COUNT   a dashboard of so many drives: when its rows are there, and what scrolling costs
// URL, TOKEN and CHROMIUM are in the environment. Each line of the output is a JSON object.
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../../web-frontend/ui/package.json', import.meta.url))('playwright-core');
const { URL: url, TOKEN: token, CHROMIUM: executablePath } = process.env;
const [what, argument] = process.argv.slice(2);
const ROW = 'table.drives tbody tr:not(.space)';
const QUIET_MSEC = 2000;
const say = (values) => console.log(JSON.stringify(values));
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--enable-precise-memory-info'] });

// Before anything of the page runs: its long tasks, and the first frame in which a row of the table was drawn.
function watch(row) {
        globalThis.longTasks = [];
        new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration])))
                .observe({ type: 'longtask', buffered: true });
        const look = () => {
                if (document.querySelector(row))
                        requestAnimationFrame(() => setTimeout(() => { globalThis.drawn = performance.now(); }));
                else
                        requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
}

async function visit(prepare = async () => {}) {
        const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
        context.setDefaultTimeout(60000);
        await context.addCookies([{ name: 'burnin_session', value: token, url, httpOnly: true, sameSite: 'Strict', secure: url.startsWith('https') }]);
        const page = await context.newPage();
        await page.addInitScript(watch, ROW);
        await prepare(page);
        await page.goto(url);
        await page.waitForFunction(() => globalThis.drawn);
        return page;
}

// Interactive: rows are drawn, and the last task that would have held up a click has ended.
const timing = (page) => page.evaluate(() => ({
        painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
        drawn: globalThis.drawn,
        interactive: Math.max(globalThis.drawn, ...globalThis.longTasks.map(([start, duration]) => start + duration)),
        longest: Math.max(0, ...globalThis.longTasks.map(([, duration]) => duration)),
}));

async function load(count) {
        const loads = [];
        const files = new Map();
        for (let i = 0; i < count; i++) {
                const page = await visit(async (opened) => {
                        const session = await opened.context().newCDPSession(opened);
                        const paths = new Map();
                        await session.send('Network.enable');
                        session.on('Network.responseReceived', ({ requestId, response }) => paths.set(requestId, new URL(response.url).pathname));
                        session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => files.set(paths.get(requestId), encodedDataLength));
                });
                await page.waitForTimeout(QUIET_MSEC);
                loads.push(await timing(page));
                await page.context().close();
        }
        const total = (fits) => [...files].filter(([path]) => path && fits(path)).reduce((sum, [, size]) => sum + size, 0);
        say({
                files: total((path) => !path.startsWith('/api/')), scripts: total((path) => path.endsWith('.js')), api: total((path) => path.startsWith('/api/')),
                count: [...files.keys()].filter((path) => path && !path.startsWith('/api/')).length,
                painted: median(loads.map((one) => one.painted)), drawn: median(loads.map((one) => one.drawn)),
                interactive: median(loads.map((one) => one.interactive)), worst: Math.max(...loads.map((one) => one.interactive)),
        });
}

async function pixels(serial) {
        const page = await visit();
        await page.exposeFunction('seen', (location, usec) => say({ location, usec }));
        await page.getByText(serial, { exact: true }).waitFor();
        await page.evaluate((text) => {
                const row = [...document.querySelectorAll('table.drives tbody tr')].find((one) => one.textContent.includes(text));
                const cell = row.querySelector('.col-location');
                let last = cell.textContent;
                new MutationObserver(() => {
                        const location = cell.textContent;
                        if (location === last)
                                return;
                        last = location;
                        // The frame that has it is made after this, and is there when the next task runs.
                        requestAnimationFrame(() => setTimeout(() => void globalThis.seen(location, (performance.timeOrigin + performance.now()) * 1000)));
                }).observe(cell, { subtree: true, childList: true, characterData: true });
        }, serial);
        say({ ready: true });
        await new Promise((done) => { process.stdin.resume().on('end', done); });
}

async function scroll(count) {
        const page = await visit();
        const rows = await timing(page);
        await page.waitForFunction((wanted) => document.querySelector('table.drives').getAttribute('aria-rowcount') === String(wanted + 1), count);
        const all = await page.evaluate(() => performance.now());
        await page.waitForTimeout(QUIET_MSEC);
        const { interactive, longest } = await timing(page);
        // Of the process that runs the page, whatever else the computer does.
        const session = await browser.newBrowserCDPSession();
        const spent = async () => (await session.send('SystemInfo.getProcessInfo')).processInfo
                .filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime * 1e3, 0);
        const before = await spent();
        const scrolled = await page.locator('.dash-scroll').evaluate(async (element) => {
                globalThis.longTasks.length = 0;
                const frames = [];
                let before = performance.now();
                for (let top = 0; top < 120000; top += 400) {
                        element.scrollTop = top;
                        await new Promise(requestAnimationFrame);
                        frames.push(performance.now() - before);
                        before = performance.now();
                }
                await new Promise((done) => setTimeout(done, 200));
                return { frames, tasks: globalThis.longTasks.map(([, duration]) => duration), heap: performance.memory.usedJSHeapSize };
        });
        say({
                painted: rows.painted, drawn: rows.drawn, all, interactive, longest, heap: scrolled.heap, frames: scrolled.frames.length, cpu: (await spent() - before) / scrolled.frames.length,
                frame: median(scrolled.frames), slowest: Math.max(...scrolled.frames), longTasks: scrolled.tasks.length, longestTask: Math.max(0, ...scrolled.tasks),
        });
        await new Promise((done) => { process.stdin.resume().on('end', done); });
}

try {
        await { load, pixels, scroll }[what](/^\d+$/.test(argument) ? Number(argument) : argument);
} finally {
        await browser.close();
}
