// SPDX-License-Identifier: LGPL-2.1-or-later
import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { visibleWindow, type Window } from './window';

// The part of a list in an element of its own that is in sight of its scroller.
export function useWindow(total: number, height: number, scroller: RefObject<HTMLElement | null>, list: RefObject<HTMLElement | null>): Window {
        const [range, setRange] = useState<Window>(() => visibleWindow(total, height, 0, innerHeight));

        useEffect(() => {
                const view = scroller.current;
                if (!view)
                        return;
                let frame = 0;
                const look = (): void => {
                        frame = 0;
                        const body = list.current;
                        if (!body || view.clientHeight === 0)
                                return;
                        const top = view.getBoundingClientRect().top - body.getBoundingClientRect().top;
                        const next = visibleWindow(total, height, top, view.clientHeight);
                        setRange((before) => before.first === next.first && before.last === next.last && before.after === next.after ? before : next);
                };
                const soon = (): void => {
                        frame ||= requestAnimationFrame(look);
                };
                const sizes = new ResizeObserver(soon);
                sizes.observe(view);
                view.addEventListener('scroll', soon, { passive: true });
                look();
                return () => {
                        cancelAnimationFrame(frame);
                        sizes.disconnect();
                        view.removeEventListener('scroll', soon);
                };
        }, [total, height]);

        // Fewer rows than a moment ago: what is drawn now must not reach behind them.
        return range.last <= total && range.before + range.after <= total * height ? range : visibleWindow(total, height, range.before, innerHeight);
}
