import { createHash } from 'node:crypto';
import { MAX_KEY_BYTES } from '../job.ts';

/** Step Functions' limit for the name of an execution, in characters. */
const MAX_EXECUTION_NAME = 80;
/** 128 bits in hexadecimal: enough that two different things never share a hash by chance. */
const HASH_LENGTH = 32;
/** The longest thing that is appended to a result's key: `.<ext>.parts/<n>.<ext>`. */
const MAX_SUFFIX_BYTES = 40;

/** The version of an object that an event announces; same upload, same values, however often the event comes. */
export interface ObjectVersion {
  bucket: string;
  key: string;
  versionId?: string | undefined;
  etag?: string | undefined;
  /** Tells uploads of the same bytes apart where there are no versions. */
  sequencer?: string | undefined;
}

/**
 * The one name an execution for this object version may have: readable first, unique second. Because Step Functions
 * refuses a second execution of the same name for 90 days, a duplicate event can neither start nor pay for another. A
 * version says it all, so that whoever knows it (a backfill, say) finds the same name.
 */
export function executionName({ bucket, key, versionId, etag, sequencer }: ObjectVersion): string {
  // Where versioning is suspended, every upload is the version "null".
  const isVersioned = versionId !== undefined && versionId !== 'null';
  const upload = isVersioned ? [versionId] : [etag ?? null, sequencer ?? null];
  const hash = sha256(JSON.stringify([bucket, key, ...upload]));
  const slug = key
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, MAX_EXECUTION_NAME - HASH_LENGTH - 1);
  return `${slug.replace(/-+$/, '') || 'image'}-${hash}`;
}

/** Where results go, and where the source's key begins to matter. */
export interface Prefixes {
  uploadsPrefix: string;
  resultsPrefix: string;
}

/**
 * The key of a source's result, without the extension: results prefix + the source's key less the uploads prefix.
 *
 * A hash takes the tail's place where S3's 1,024 bytes would not do, and where the plain key could also be another
 * source's result: those that look like a further medium (`….parts/2`) or like a hash of this function's own.
 * So two sources never share a result.
 */
export function resultKey(sourceKey: string, { uploadsPrefix, resultsPrefix }: Prefixes): string {
  const plain = resultsPrefix + sourceKey.slice(uploadsPrefix.length);
  const room = MAX_KEY_BYTES - MAX_SUFFIX_BYTES;
  if (Buffer.byteLength(plain) <= room && !/(\.parts\/\d+|~[0-9a-f]{32})$/.test(plain)) return plain;
  return `${truncate(plain, room - HASH_LENGTH - 1)}~${sha256(sourceKey)}`;
}

/**
 * The key of the result of an object that is no upload (any more), without the extension: the settings have changed since
 * it was submitted. Its hash keeps it apart from all that are uploads now.
 */
export function foreignResultKey(
  { bucket, key }: Pick<ObjectVersion, 'bucket' | 'key'>,
  { resultsPrefix }: Prefixes,
): string {
  const room = MAX_KEY_BYTES - MAX_SUFFIX_BYTES - HASH_LENGTH - 1;
  return `${truncate(resultsPrefix + key, room)}~${sha256(JSON.stringify([bucket, key]))}`;
}

/** The key of the `n`th medium (from 1) of a job whose first medium has the extension `firstExtension`. */
export function mediumKey(resultKey: string, firstExtension: string, n: number, extension: string): string {
  const first = `${resultKey}.${firstExtension}`;
  return n === 1 ? first : `${furtherPrefix(first)}${n}.${extension}`;
}

/** What the keys of further media begin with. */
export function furtherPrefix(firstKey: string): string {
  return `${firstKey}.parts/`;
}

/** The key of the file that says why there is no result. */
export function errorKey(resultKey: string): string {
  return `${resultKey}.error.json`;
}

/** A hash of a key, for metadata, which holds neither unicode nor long keys. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_LENGTH);
}

/** At most `bytes` bytes of UTF-8, never ending within a character. */
function truncate(text: string, bytes: number): string {
  let end = bytes;
  const utf8 = Buffer.from(text);
  if (utf8.length <= bytes) return text;
  while (end > 0 && ((utf8[end] ?? 0) & 0xc0) === 0x80) end--;
  return utf8.subarray(0, end).toString();
}
