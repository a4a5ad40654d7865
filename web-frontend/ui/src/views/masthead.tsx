// SPDX-License-Identifier: LGPL-2.1-or-later
import { useState } from 'preact/hooks';
import { applyTheme, savedTheme, saveTheme } from '../lib/theme';
import { notifying, possible, toggleNotifications } from '../lib/notify';
import { go, path } from '../router';
import { isAdmin, leave, session, theApi, thePeople } from '../store';
import { Icon } from '../ui/icon';
import { Link } from '../ui/link';
import { showMenu, type MenuItem } from '../ui/menu';
import { attempt, toast } from '../ui/toast';
import { showDialog } from '../ui/dialog';
import { Brand } from './brand';
import { PasswordDialog } from './password';

const pages: [string, string][] = [
        ['/', 'Drives'], ['/history', 'History'], ['/stats', 'Statistics'], ['/hosts', 'Hosts'], ['/audit', 'Audit'], ['/settings', 'Settings'],
];

export function Masthead() {
        const [open, setOpen] = useState(false);
        const [dark, setDark] = useState(document.documentElement.classList.contains('dark'));
        const here = path.value;
        const who = session.value;
        const alone = theApi().people !== null;
        const isHere = (to: string): boolean => to === '/' ? here === '/' || here.startsWith('/drives') : here.startsWith(to);

        const flip = (): void => {
                // Back to what the system says is where it would have gone anyway.
                const next = dark ? 'light' : 'dark';
                saveTheme(next);
                const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
                if (next === system)
                        saveTheme('system');
                applyTheme(savedTheme());
                setDark(!dark);
        };

        const notify = (): void => attempt(toggleNotifications().then((result) => {
                if (result === 'refused')
                        toast('warning', 'The browser does not allow notifications here', 'Allow them in its settings for this page, and use HTTPS.');
                else if (result === 'impossible')
                        toast('warning', 'This browser shows no notifications of pages', 'Those of phones mostly do not.');
                else
                        toast('info', result === 'on' ? 'The browser tells when a burn-in passes or fails' : 'No more notifications');
        }));

        const account = (): MenuItem[] => [
                { label: 'Change password', icon: 'pen', run: () => showDialog(<PasswordDialog />) },
                ...(isAdmin.value ? [{ label: 'Accounts and sessions', icon: 'user' as const, run: () => go('/accounts') }] : []),
                { label: 'Log out', icon: 'external', run: () => attempt(thePeople().logout().then(async () => {
                        const nobody = await theApi().session();
                        leave();
                        session.value = nobody;
                })) },
        ];

        return (
                <header class="masthead">
                        <button type="button" class="btn plain icon-only only-narrow" aria-label="Pages" aria-expanded={open} onClick={() => setOpen(!open)}><Icon name="menu" /></button>
                        {alone
                                ? <Link to="/" class="brand"><Brand size={24} />burnin</Link>
                                : <span class="only-narrow" aria-hidden="true">{pages.find(([to]) => isHere(to))?.[1]}</span>}
                        <nav class={`pages ${open ? 'open' : ''}`} aria-label="Pages">
                                {pages.map(([to, title]) => (
                                        <Link key={to} to={to} current={isHere(to)} onFollow={() => setOpen(false)}>{title}</Link>
                                ))}
                        </nav>
                        <div class="masthead-tools">
                                {possible && (
                                        <button type="button" class={`btn plain icon-only ${notifying.value ? 'on' : ''}`} aria-pressed={notifying.value}
                                                title="Notify me when a burn-in passes or fails" aria-label="Notifications" onClick={notify}><Icon name="bell" /></button>
                                )}
                                {alone && (
                                        <>
                                                <button type="button" class="btn plain icon-only" aria-label={dark ? 'Light theme' : 'Dark theme'} title={dark ? 'Light theme' : 'Dark theme'} onClick={flip}>
                                                        <Icon name={dark ? 'sun' : 'moon'} />
                                                </button>
                                                <button type="button" class="btn plain account" aria-haspopup="menu" aria-label={`Account ${who?.account ?? ''}`}
                                                        onClick={(event) => showMenu(event.currentTarget, 'Account', account())}>
                                                        <Icon name="user" /><span class="account-name">{who?.account}</span><Icon name="down" size={12} />
                                                </button>
                                        </>
                                )}
                        </div>
                </header>
        );
}
