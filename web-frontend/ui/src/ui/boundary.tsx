// SPDX-License-Identifier: LGPL-2.1-or-later
// A part of the page that fails takes nothing else along, and says that it did.
import { Component, type ComponentChildren } from 'preact';
import { Link } from './link';
import { Notice } from './notice';

interface Props {
        what: string;
        hidden?: boolean; // what it holds is not to be seen now, nor that it failed
        children: ComponentChildren;
}

export class Boundary extends Component<Props, { failure: string }> {
        override state = { failure: '' };

        override componentDidCatch(error: unknown): void {
                console.error('Shown in its place is that it failed:', error);
                this.setState({ failure: error instanceof Error ? error.message : String(error) });
        }

        override render({ what, hidden, children }: Props, { failure }: { failure: string }) {
                if (!failure)
                        return children;
                return !hidden && (
                        <Notice kind="danger" title={`${what} cannot be shown`}
                                action={<button type="button" class="btn secondary small" onClick={() => this.setState({ failure: '' })}>Try again</button>}>
                                The page made a mistake: {failure}. What runs on the drives goes on. Try again or reload, or go to <Link to="/">all drives</Link>.
                        </Notice>
                );
        }
}
