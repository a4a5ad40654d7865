// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren } from 'preact';
import { go, href } from '../router';

interface Props {
        to: string;
        class?: string;
        current?: boolean;
        title?: string;
        onFollow?: () => void;
        children: ComponentChildren;
}

export function Link({ to, class: className, current, title, onFollow, children }: Props) {
        const follow = (event: MouseEvent): void => {
                if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
                        return;
                event.preventDefault();
                go(to);
                onFollow?.();
        };
        return <a href={href(to)} class={className} title={title} aria-current={current ? 'page' : undefined} onClick={follow}>{children}</a>;
}
