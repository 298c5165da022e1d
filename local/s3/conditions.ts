import { noSuchKey, preconditionFailed, S3Error } from './errors.ts';
import type { Request } from './request.ts';
import type { Version } from './store.ts';

/** Conditions on a write: of If-Match and If-None-Match, what the request gave. */
export interface WriteConditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** Reads the conditions of a write from its headers. */
export function writeConditions(request: Request): WriteConditions {
  return { ifMatch: request.headers['if-match'], ifNoneMatch: request.headers['if-none-match'] };
}

/** Refuses a write or a delete that the current version (a delete marker counts as absence) does not allow. */
export function checkWrite(current: Version | undefined, { ifMatch, ifNoneMatch }: WriteConditions): void {
  const live = current && !current.deleteMarker ? current : undefined;
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error(501, 'NotImplemented', 'If-None-Match on a write accepts only *.');
  }
  if (ifNoneMatch !== undefined && live) throw preconditionFailed();
  if (ifMatch === undefined) return;
  if (!live) throw noSuchKey();
  if (!matches(ifMatch, live.etag)) throw preconditionFailed();
}

/** Applies the conditions of a read, or of a copy's source; `prefix` is what the header names start with. */
export function checkRead(request: Request, version: Version, prefix: '' | 'x-amz-copy-source-' = ''): void {
  const given = (name: string) => request.headers[`${prefix}${name}`];
  const ifMatch = given('if-match');
  const ifNoneMatch = given('if-none-match');
  const modifiedSince = Date.parse(given('if-modified-since') ?? '');
  const unmodifiedSince = Date.parse(given('if-unmodified-since') ?? '');
  // HTTP dates have whole seconds.
  const modified = Math.floor(version.lastModified.getTime() / 1000) * 1000;
  if (ifMatch !== undefined ? !matches(ifMatch, version.etag) : modified > unmodifiedSince) throw preconditionFailed();
  if (ifNoneMatch !== undefined ? matches(ifNoneMatch, version.etag) : modified <= modifiedSince) {
    if (prefix) throw preconditionFailed();
    throw new S3Error(304, 'NotModified', 'Not Modified', { etag: `"${version.etag}"` });
  }
}

function matches(condition: string, etag: string): boolean {
  return condition.split(',').some((item) => {
    const candidate = item.trim().replace(/^W\//, '').replaceAll('"', '');
    return candidate === '*' || candidate === etag;
  });
}
