// SPDX-License-Identifier: LGPL-2.1-or-later
// A stage's log in pieces of the bus, which does not tell how long it is.
import type { LogPiece, Stage } from '../../ui/src/model';
import { STAGE, type Bus } from './bus';

const PIECE = 65536; // of ReadLog

// No control character gets through.
function textOf(bytes: Uint8Array): string {
        return new TextDecoder().decode(bytes).replace(/[\0-\x08\x0b-\x1f\x7f]/g, '?');
}

// As the bridge gives an array of bytes.
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
        return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

// offset: negative, so many bytes before the end.
export async function readLog(bus: Bus, path: string, offset: number): Promise<LogPiece> {
        // Its state is read before its log: when it says done, the log is whole.
        const stage = await bus.get<Stage>(path, STAGE);
        const read = async (from: number): Promise<Uint8Array> => {
                const [data] = await bus.call(path, STAGE, 'ReadLog', 't', from);
                return bytesOf(String(data));
        };

        let from = offset;
        let data: Uint8Array;
        if (offset >= 0)
                data = await read(offset);
        else {
                // The end lies in the last piece that holds anything.
                let low = 0;
                let high = 1;
                data = await read(0);
                while (data.length === PIECE) {
                        const piece = await read(high * PIECE);
                        if (piece.length === 0)
                                break;
                        low = high;
                        data = piece;
                        high *= 2;
                }
                while (data.length === PIECE && high - low > 1) {
                        const middle = Math.floor((low + high) / 2);
                        const piece = await read(middle * PIECE);
                        if (piece.length === 0)
                                high = middle;
                        else {
                                low = middle;
                                data = piece;
                        }
                }
                from = Math.max(0, low * PIECE + data.length + offset);
                data = from < low * PIECE ? await read(from) : data.slice(from - low * PIECE);
        }
        const next = from + data.length;
        return {
                stage: stage.kind, index: stage.index, offset: from, next_offset: next, size: next,
                done: stage.state === 'done' && data.length < PIECE, text: textOf(data),
        };
}
