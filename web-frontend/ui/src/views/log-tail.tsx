// SPDX-License-Identifier: LGPL-2.1-or-later
// The end of a stage's log, as it grows. Who has scrolled up in it stays there.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { theApi } from '../store';

const TAIL_BYTES = 16384;
const KEEP_CHARACTERS = 65536;
const LOOK_MSEC = 2000;

export function LogTail({ job, stage, live }: { job: number; stage: number; live: boolean }) {
        const [text, setText] = useState<string | null>(null);
        const [error, setError] = useState('');
        const box = useRef<HTMLPreElement>(null);
        const atEnd = useRef(true);

        useEffect(() => {
                let ended = false;
                let timer = 0;
                let offset = -TAIL_BYTES;
                const look = async (): Promise<void> => {
                        try {
                                const piece = await theApi().log(job, stage, offset);
                                if (ended)
                                        return;
                                offset = piece.next_offset;
                                setText((before) => ((before ?? '') + piece.text).slice(-KEEP_CHARACTERS));
                                setError('');
                                if (piece.done)
                                        return;
                        } catch (failure) {
                                if (!ended)
                                        setError((failure as Error).message);
                        }
                        if (!ended && live)
                                timer = window.setTimeout(() => void look(), LOOK_MSEC);
                };
                setText(null);
                void look();
                return () => {
                        ended = true;
                        clearTimeout(timer);
                };
        }, [job, stage, live]);

        useLayoutEffect(() => {
                if (atEnd.current && box.current)
                        box.current.scrollTop = box.current.scrollHeight;
        }, [text]);

        return (
                <pre ref={box} class="log" tabIndex={0} role="log" aria-label="Log" aria-live="off" aria-busy={text === null}
                        onScroll={(event) => {
                                const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
                                atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
                        }}>
                        {error && text === null ? error : text === '' ? 'Nothing yet.' : text}
                </pre>
        );
}
