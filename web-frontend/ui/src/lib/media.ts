// SPDX-License-Identifier: LGPL-2.1-or-later
import { useEffect, useState } from 'preact/hooks';

export function useMedia(text: string): boolean {
        const [is, set] = useState(() => matchMedia(text).matches);
        useEffect(() => {
                const media = matchMedia(text);
                const changed = (): void => set(media.matches);
                changed();
                media.addEventListener('change', changed);
                return () => media.removeEventListener('change', changed);
        }, [text]);
        return is;
}
