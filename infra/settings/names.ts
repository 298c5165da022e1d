import { SettingError } from './readers.ts';

/** How to speak of names. */
export interface Naming {
  /** What they name, in one word: `prop`. */
  readonly kind: string;
  /** Whose they are, after "of". @default - nobody's in particular */
  readonly owner?: string;
  /** What to do instead, by name, as a sentence. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** Refuses a name that is not known, with the nearest that is. @throws SettingError */
export function refuseUnknown(name: string, known: readonly string[], { kind, owner, instead = {} }: Naming): void {
  if (known.includes(name)) return;
  const subject = owner === undefined ? name : `${name} of ${owner}`;
  const near = nearest(name, known);
  const own = Object.hasOwn(instead, name) ? instead[name] : undefined;
  const advice = own ?? (near && `Did you mean ${near}?`);
  const all = `The ${kind}s are: ${known.join(', ')}.`;
  throw new SettingError([`There is no ${kind} ${subject}.`, advice, all].filter(Boolean).join(' '));
}

/** Refuses what is given by a name that is not known. @throws SettingError */
export function refuseUnknownNames(given: object, known: readonly string[], naming: Naming): void {
  for (const [name, value] of Object.entries(given)) if (value !== undefined) refuseUnknown(name, known, naming);
}

/** The known name that is most like another one, if any is; case and punctuation do not count. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const wanted = plain(name);
  const near = known
    .map((each) => ({ each, isBegun: plain(each).startsWith(wanted), distance: distance(wanted, plain(each)) }))
    .filter((each) => each.isBegun || each.distance <= Math.max(1, Math.floor(wanted.length / 5)))
    .sort((one, other) => one.distance - other.distance);
  return near[0]?.each;
}

/** How many characters have to be put in, taken out or replaced to make one text of the other. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, character] of [...one].entries()) {
    const next = [index + 1];
    for (let at = 0; at < other.length; at++) {
      const [above = 0, diagonal = 0, left = 0] = [row[at + 1], row[at], next[at]];
      next.push(Math.min(above + 1, left + 1, diagonal + (character === other[at] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
