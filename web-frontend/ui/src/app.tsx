// SPDX-License-Identifier: LGPL-2.1-or-later
import { signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Session, Verdict } from './model';
import { path } from './router';
import { ended, expired, session, start, theApi } from './store';
import { Boundary } from './ui/boundary';
import { DialogLayer } from './ui/dialog';
import { MenuLayer } from './ui/menu';
import { Notice, type Kind } from './ui/notice';
import { Link } from './ui/link';
import { toast, ToastLayer } from './ui/toast';
import { Masthead } from './views/masthead';
import { ConnectionBanner } from './views/connection';
import { Dashboard } from './views/dashboard';
import { LoginPage } from './views/login';
import { NotFound } from './views/not-found';

type View = FunctionComponent<{ id: string }>;

function decoded(text: string): string {
        try {
                return decodeURIComponent(text);
        } catch {
                return text;
        }
}

// The dashboard is there at once; each other page comes when it is asked for first.
const pages: [RegExp, string, () => Promise<View>][] = [
        [/^\/history$/, 'History', async () => (await import('./views/history')).History],
        [/^\/history\/(\d+)$/, 'Job', async () => (await import('./views/job')).JobPage],
        [/^\/history\/(\d+)\/print$/, 'Report', async () => (await import('./views/print')).Print],
        [/^\/drives\/([^/]+)$/, 'Drive', async () => (await import('./views/drive')).DrivePage],
        [/^\/hosts$/, 'Hosts', async () => (await import('./views/hosts')).Hosts],
        [/^\/stats$/, 'Statistics', async () => (await import('./views/statistics')).StatisticsPage],
        [/^\/audit$/, 'Audit', async () => (await import('./views/audit')).Audit],
        [/^\/settings$/, 'Settings', async () => (await import('./views/settings')).Settings],
        [/^\/accounts$/, 'Accounts', async () => theApi().people ? (await import('./views/accounts')).Accounts : NotFound],
];

const failure = signal('');
const RETRY_SECONDS_MAX = 15;

function Route() {
        const here = path.value;
        const [shown, setShown] = useState<{ view: View; id: string; key: string } | null>(null);
        useEffect(() => {
                let current = true;
                document.title = 'burnin';
                for (const [pattern, title, load] of pages) {
                        const match = pattern.exec(here);
                        if (!match)
                                continue;
                        document.title = `${title}${match[1] && title === 'Job' ? ` ${match[1]}` : ''} · burnin`;
                        load().then((view) => {
                                        failure.value = '';
                                        if (current)
                                                setShown({ view, id: decoded(match[1] ?? ''), key: here });
                                },
                                () => { failure.value = 'A part of the page did not come. Reload it.'; });
                        return () => { current = false; };
                }
                setShown({ view: NotFound, id: '', key: here });
                return () => { current = false; };
        }, [here]);
        if (here === '/')
                return null;
        const View = shown?.key === here ? shown.view : undefined;
        return View && shown ? <Boundary key={here} what="This page"><View id={shown.id} /></Boundary> : null;
}

const endings: Partial<Record<Verdict, [Kind, string]>> = { passed: ['success', 'passed'], failed: ['danger', 'failed'], inconclusive: ['warning', 'is inconclusive'] };

export function App() {
        useEffect(() => {
                let timer = 0;
                const ask = (wait: number): void => void theApi().session().then(
                        (answer) => {
                                failure.value = '';
                                session.value = answer;
                        },
                        (error: Error) => {
                                failure.value = error.message;
                                timer = window.setTimeout(() => ask(Math.min(2 * wait, RETRY_SECONDS_MAX)), 1000 * wait);
                        },
                );
                ask(1);
                return () => clearTimeout(timer);
        }, []);
        // Each of them: an effect of the component would see the last one of those that end at once.
        useEffect(() => ended.subscribe((job) => {
                if (job?.kind === 'burn-in' && job.verdict !== 'cancelled')
                        toast(endings[job.verdict]?.[0] ?? 'info', `${job.host} ${job.serial} ${endings[job.verdict]?.[1] ?? 'ended'}`, <>{job.reason} <Link to={`/history/${job.id}`}>Job {job.id}</Link></>);
        }), []);
        const who = session.value;
        const loggedIn = who !== null && who.account !== null;
        useEffect(() => {
                if (loggedIn)
                        start();
        }, [loggedIn]);

        if (!who)
                return failure.value ? <main class="alone"><Notice kind="danger" title={failure.value} action={<button type="button" class="btn secondary small" onClick={() => location.reload()}>Try again</button>}>It is asked again and again: the page comes by itself.</Notice></main> : null;
        if (!loggedIn)
                return <><LoginPage who={who} done={loggedInNow} /><ToastLayer /></>;
        const here = path.value;
        return (
                <>
                        <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to content</a>
                        <Masthead />
                        <ConnectionBanner />
                        {failure.value && <Notice kind="danger" title={failure.value} />}
                        <main id="main" tabIndex={-1} class={here === '/' ? 'with-table' : ''}>
                                {/* It stays, hidden, while another page is shown: nothing of it is lost meanwhile. */}
                                <Boundary what="The list of drives" hidden={here !== '/'}><Dashboard hidden={here !== '/'} /></Boundary>
                                <Route />
                        </main>
                        <DialogLayer />
                        <MenuLayer />
                        <ToastLayer />
                        {expired.value && <LoginPage who={who} again done={loggedInNow} />}
                </>
        );
}

function loggedInNow(answer: Session): void {
        const again = expired.peek();
        expired.value = false;
        session.value = answer;
        if (again)
                start();
}
