// SPDX-License-Identifier: LGPL-2.1-or-later
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

// What comes or goes above a list moves nothing under a hand: the list is scrolled by as much. Where there is nothing to scroll, room
// is made (--over, --under) until the list is left.
export function useStill(scroller: RefObject<HTMLElement | null>, shown: boolean): void {
        useLayoutEffect(() => {
                const view = scroller.current;
                if (!view || !shown)
                        return;
                let touched = false;
                let before = view.getBoundingClientRect().top;
                let over = 0;
                let under = 0;
                let scrolled = view.scrollTop; // as it was seen: a list that is given room again is scrolled back before it is told
                const make = (above: number, below: number): void => {
                        [over, under] = [above, below];
                        view.style.setProperty('--over', `${above}px`);
                        view.style.setProperty('--under', `${below}px`);
                };
                // How long it is without the room that was made. What sticks to the bottom ends where the list does only while all of it is in sight.
                const length = (top: number): number => view.scrollHeight > view.clientHeight ? view.scrollHeight - over - under
                        : (view.lastElementChild?.getBoundingClientRect().bottom ?? top) - top - over;
                const touch = (): void => { touched = true; };
                const scroll = (): void => { scrolled = view.scrollTop; };
                const inHand = (): boolean => scrolled > 0 || (touched && (view.matches(':hover') || view.contains(document.activeElement)));

                const sizes = new ResizeObserver(() => {
                        const { top } = view.getBoundingClientRect();
                        const by = top - before;
                        before = top;
                        if (by === 0 || !inHand())
                                return scroll();
                        const at = scrolled - over + by;
                        make(Math.max(0, -at), Math.max(0, at + view.clientHeight - length(top)));
                        view.scrollTop = Math.max(0, at);
                        scroll();
                });
                sizes.observe(view);
                view.addEventListener('scroll', scroll, { passive: true });
                view.addEventListener('pointermove', touch, { passive: true });
                view.addEventListener('keydown', touch);
                return () => {
                        sizes.disconnect();
                        view.removeEventListener('scroll', scroll);
                        view.removeEventListener('pointermove', touch);
                        view.removeEventListener('keydown', touch);
                        make(0, 0);
                };
        }, [shown]);
}
