/** S3's limit for the user-defined metadata of an object: bytes of all names and values together. */
export const MAX_METADATA_BYTES = 2048;
/** What names begin with in HTTP. S3 does not say whether it counts: a result that is paid for must not fail by it. */
const HEADER_PREFIX = 'x-amz-meta-';
/** What HTTP takes as a header's name, and S3's signatures as its value. S3 gives other values encoded, by RFC 2047. */
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const VALUE = /^[\x20-\x7e]*$/;

/** An object's metadata: names without `x-amz-meta-`. */
export type Metadata = Record<string, string>;

/** The metadata of a result, and the names of those of its upload that it does not carry. */
export interface PassedOn {
  metadata: Metadata;
  leftOut: string[];
}

/**
 * Passes an upload's own metadata on to its result, as S3 gave them, until S3's limit is reached: later names in
 * alphabetical order are left out.
 *
 * @param own Cutout's. None of these names is taken from the upload, in whatever letter case; also where the value is
 *   undefined, which is not set.
 */
export function passOn(own: Record<string, string | undefined>, upload: [name: string, value: string][]): PassedOn {
  const set = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const others = upload
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !Object.hasOwn(own, name))
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const sendable = others.filter(([name, value]) => NAME.test(name) && VALUE.test(value));
  const passed = [...set];
  let bytes = bytesOf(set);
  for (const entry of sendable) {
    bytes += bytesOf([entry]);
    if (bytes > MAX_METADATA_BYTES) break;
    passed.push(entry);
  }
  const names = new Set(passed.map(([name]) => name));
  return {
    metadata: Object.fromEntries(passed),
    leftOut: others.map(([name]) => name).filter((name) => !names.has(name)),
  };
}

function bytesOf(entries: [string, string][]): number {
  return entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(HEADER_PREFIX + name + value), 0);
}
