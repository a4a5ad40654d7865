// SPDX-License-Identifier: LGPL-2.1-or-later
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon';

export type Kind = 'danger' | 'warning' | 'success' | 'info';

export const kindIcons: Record<Kind, IconName> = { danger: 'fail', warning: 'warning', success: 'pass', info: 'info' };

interface Props {
        kind: Kind;
        title: ComponentChildren;
        role?: 'alert' | 'status';
        action?: ComponentChildren;
        children?: ComponentChildren;
}

export function Notice({ kind, title, role = 'alert', action, children }: Props) {
        return (
                <div class={`notice ${kind}`} role={role}>
                        <Icon name={kindIcons[kind]} />
                        <div class="notice-text">
                                <strong>{title}</strong>
                                {children}
                        </div>
                        {action}
                </div>
        );
}
