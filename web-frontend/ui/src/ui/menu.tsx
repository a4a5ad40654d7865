// SPDX-License-Identifier: LGPL-2.1-or-later
// One menu at a time, in a layer of its own: rows that are drawn anew or scroll away beneath do not take it along.
import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icon';

export interface MenuItem {
        label: string;
        icon?: IconName;
        danger?: boolean;
        run: () => void;
}

interface Open {
        anchor: HTMLElement;
        label: string;
        items: MenuItem[];
}

const open = signal<Open | null>(null);

export function showMenu(anchor: HTMLElement, label: string, items: MenuItem[]): void {
        open.value = open.peek()?.anchor === anchor ? null : { anchor, label, items };
}

export function MenuLayer() {
        const menu = open.value;
        return menu && <MenuBox key={menu.label} menu={menu} />;
}

function MenuBox({ menu }: { menu: Open }) {
        const box = useRef<HTMLDivElement>(null);

        const close = (focus: boolean): void => {
                open.value = null;
                if (focus)
                        menu.anchor.focus();
        };

        useLayoutEffect(() => {
                const element = box.current;
                if (!element)
                        return;
                const at = menu.anchor.getBoundingClientRect();
                const { offsetWidth: width, offsetHeight: height } = element;
                const below = at.bottom + 4 + height < innerHeight;
                element.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
                element.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - height)}px`;
                element.querySelector('button')?.focus();
        }, []);

        useEffect(() => {
                const outside = (event: Event): void => {
                        const target = event.target as Node;
                        if (!box.current?.contains(target) && !menu.anchor.contains(target))
                                close(false);
                };
                const away = (event: Event): void => {
                        // A log that grows elsewhere scrolls too.
                        if (event.type === 'resize' || (event.target as Node).contains(menu.anchor))
                                close(false);
                };
                document.addEventListener('pointerdown', outside, true);
                document.addEventListener('scroll', away, true);
                window.addEventListener('resize', away);
                return () => {
                        document.removeEventListener('pointerdown', outside, true);
                        document.removeEventListener('scroll', away, true);
                        window.removeEventListener('resize', away);
                };
        }, []);

        const key = (event: KeyboardEvent): void => {
                const buttons = [...box.current?.querySelectorAll('button') ?? []];
                const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
                const to = { ArrowDown: at + 1, ArrowUp: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[event.key];
                if (to !== undefined)
                        buttons[to % buttons.length]?.focus();
                else if (event.key === 'Escape' || event.key === 'Tab')
                        close(true);
                else
                        return;
                event.preventDefault();
                event.stopPropagation();
        };

        return (
                <div ref={box} class="menu" role="menu" aria-label={menu.label} onKeyDown={key}>
                        {menu.items.map((item) => (
                                <button key={item.label} type="button" role="menuitem" tabIndex={-1} class={item.danger ? 'danger' : ''}
                                        onClick={() => { close(true); item.run(); }}>
                                        {item.icon && <Icon name={item.icon} />}
                                        {item.label}
                                </button>
                        ))}
                </div>
        );
}
