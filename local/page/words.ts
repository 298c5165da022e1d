import type { PauseNote, Row, StateRow, WaitNote } from './content.ts';

/*
 * What the page says in words. Read by the browser's code, too: no imports but types.
 */

/** A time such as `0.21 s`, `12.4 s`, `3 min 12 s` or `1 h`. */
export function duration(ms: number): string {
  if (ms < 9_995) return `${(ms / 1000).toFixed(2).replace(/\.?0+$/, '')} s`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')} s`;
  const seconds = Math.round(ms / 1000);
  const parts = { h: Math.floor(seconds / 3600), min: Math.floor(seconds / 60) % 60, s: seconds % 60 };
  return Object.entries(parts)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) => `${count} ${unit}`)
    .join(' ');
}

/** The same for columns: as many digits wherever it stands. */
export function clock(ms: number): string {
  return ms < 59_995 ? `${(ms / 1000).toFixed(2)} s` : duration(ms);
}

export function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function dollars(images: number, pricePerImage: number): string {
  return images === 0 ? '$0' : `$${(images * pricePerImage).toFixed(3)}`;
}

/** What is waited for, and how long. */
export function waitWords({ kind, ms, askedMs }: WaitNote, input: StateRow['input']): string {
  const long = ms < askedMs ? `${duration(askedMs)}, shortened to ${duration(ms)}` : duration(ms);
  if (kind === 'attempt') return `Tries again after ${long}`;
  if (kind === 'callback') return `Waits for the gateway to call back: at most ${long}`;
  return isSettling(input)
    ? `A result of the same bytes stands. Looks again after ${long}, when nothing can replace it any more`
    : `Waits ${long} before the next poll`;
}

/** Whether a Wait state with this input waits for a result of the same bytes, and not for the gateway. */
export function isSettling(input: unknown): boolean {
  const { status } = (input ?? {}) as { status?: unknown };
  return status === 'STANDING' || status === 'SETTLING';
}

/** Why uploads are held back, what to do, and when they go on. */
export function pauseWords({ reason, remedy, waiting, pauses }: PauseNote): string {
  const end = pauses === 'until 00:00 UTC' ? 'at 00:00 UTC' : 'once a submission is accepted';
  return `Uploads are held back after ${reason}; ${waiting} waiting. ${remedy} Uploads go on ${end}.`;
}

/** By how much waits were shortened, in milliseconds. A wait for a callback counts if none came. */
export function shortenedBy({ states }: Pick<Row, 'states'>): number {
  const waits = states.flatMap(({ ms = 0, notes }) =>
    notes.flatMap((note) => (note.type === 'wait' && (note.kind !== 'callback' || ms >= note.ms) ? note : [])),
  );
  return waits.reduce((sum, { ms, askedMs }) => sum + Math.max(0, askedMs - ms), 0);
}

/** How an image stands, in a few words. */
export function statusWords({ status, isSuperseded, ms = 0, error, states }: Row): string {
  if (status === 'RUNNING') return states.at(-1)?.name ?? 'Starting';
  if (isSuperseded) return 'Superseded';
  if (status === 'SUCCEEDED') return `Delivered in ${duration(ms)}`;
  return error?.name ?? 'Failed';
}

/** What there is to say of an image besides: undefined if nothing. */
export function remark({ status, isSuperseded, submissions, note }: Row): string | undefined {
  if (isSuperseded) return 'A newer upload took its place: nothing was stored.';
  if (status === 'SUCCEEDED' && submissions.length === 0)
    return 'Nothing was submitted: a result of the same bytes stands.';
  return note;
}
