// SPDX-License-Identifier: LGPL-2.1-or-later
import { Link } from '../ui/link';
import { Empty, Page } from '../ui/page';

export function NotFound() {
        return <Page title="Not found"><Empty title="There is no such page"><Link to="/">All drives</Link></Empty></Page>;
}
