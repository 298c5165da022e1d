import { S3Error } from './errors.ts';
import { parameter, type Request } from './request.ts';
import type { Store } from './store.ts';
import { type Markup, xml } from './xml.ts';

/** ListObjectsV2: a page of keys in order, those that share what stands before a delimiter rolled up into one prefix. */
export function listObjects(request: Request, store: Store): Markup {
  const prefix = parameter(request, 'prefix') ?? '';
  const delimiter = parameter(request, 'delimiter') ?? '';
  const startAfter = parameter(request, 'start-after');
  const token = parameter(request, 'continuation-token');
  const encodingType = parameter(request, 'encoding-type');
  const maxKeys = Number(parameter(request, 'max-keys') ?? 1000);
  if (!(Number.isInteger(maxKeys) && maxKeys >= 0)) {
    throw new S3Error(400, 'InvalidArgument', 'max-keys must be a number that is not negative');
  }
  if (parameter(request, 'list-type') !== '2') {
    throw new S3Error(501, 'NotImplemented', 'Only list-type=2 is implemented.');
  }

  const entries = rollUp(store.keys(request.bucket, prefix), prefix, delimiter);
  // A token is the last entry of the page before, which goes on right even if that has been deleted since.
  const after = token === undefined ? startAfter : Buffer.from(token, 'base64url').toString();
  const remaining = entries.filter(({ name }) => after === undefined || compare(name, after) > 0);
  const page = remaining.slice(0, Math.min(maxKeys, 1000));
  const truncated = maxKeys > 0 && remaining.length > page.length;
  const last = page.at(-1)?.name ?? '';
  const encode = (value: string) => (encodingType === 'url' ? encodeURIComponent(value).replaceAll('%2F', '/') : value);

  const objects = page
    .filter(({ isPrefix }) => !isPrefix)
    .map(({ name }) => {
      const { etag, body, lastModified } = store.read(request.bucket, name);
      const modified = lastModified.toISOString();
      return xml`<Contents><Key>${encode(name)}</Key><LastModified>${modified}</LastModified><ETag>${`"${etag}"`}</ETag><Size>${body.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
    });
  const prefixes = page
    .filter(({ isPrefix }) => isPrefix)
    .map(({ name }) => xml`<CommonPrefixes><Prefix>${encode(name)}</Prefix></CommonPrefixes>`);
  const nextToken = Buffer.from(last).toString('base64url');
  return xml`<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${request.bucket}</Name><Prefix>${encode(prefix)}</Prefix>${[
    ...(delimiter ? [xml`<Delimiter>${encode(delimiter)}</Delimiter>`] : []),
    ...(startAfter === undefined ? [] : [xml`<StartAfter>${encode(startAfter)}</StartAfter>`]),
    ...(token === undefined ? [] : [xml`<ContinuationToken>${token}</ContinuationToken>`]),
    ...(encodingType === undefined ? [] : [xml`<EncodingType>${encodingType}</EncodingType>`]),
    ...(truncated ? [xml`<NextContinuationToken>${nextToken}</NextContinuationToken>`] : []),
  ]}<KeyCount>${page.length}</KeyCount><MaxKeys>${maxKeys}</MaxKeys><IsTruncated>${truncated}</IsTruncated>${objects}${prefixes}</ListBucketResult>`;
}

function rollUp(keys: string[], prefix: string, delimiter: string): { name: string; isPrefix: boolean }[] {
  const entries: { name: string; isPrefix: boolean }[] = [];
  for (const key of keys) {
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    const name = end < 0 ? key : key.slice(0, end + delimiter.length);
    // Keys come in order, so all of one prefix follow each other.
    if (end < 0 || entries.at(-1)?.name !== name) entries.push({ name, isPrefix: end >= 0 });
  }
  return entries;
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
