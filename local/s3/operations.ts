import { checksumOf } from './checksum.ts';
import { checkRead, writeConditions } from './conditions.ts';
import { S3Error } from './errors.ts';
import { listObjects } from './listing.ts';
import type { MultipartUploads } from './multipart.ts';
import { keptEncoding } from './payload.ts';
import { checkPolicy } from './policy.ts';
import { parseRange } from './range.ts';
import { parameter, type Request } from './request.ts';
import { checkKey, type Description, type Store, type Version } from './store.ts';
import { contents, document, type Markup, text, xml } from './xml.ts';

/** What goes back over HTTP. An answer to HEAD is that to GET, whose body the server leaves out. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body?: Buffer | string;
}

type Operation = (request: Request, body: Buffer, store: Store, uploads: MultipartUploads) => Answer;

const KEPT_HEADERS = ['cache-control', 'content-disposition', 'content-language', 'expires'];
const MAX_METADATA_BYTES = 2048;

const operations: Record<string, Operation> = {
  ListBuckets: (_request, _body, store) => {
    const buckets = store
      .buckets()
      .map(
        ({ name, created }) =>
          xml`<Bucket><Name>${name}</Name><CreationDate>${created.toISOString()}</CreationDate></Bucket>`,
      );
    return xmlAnswer(
      xml`<ListAllMyBucketsResult><Owner><ID>local</ID></Owner><Buckets>${buckets}</Buckets></ListAllMyBucketsResult>`,
    );
  },

  HeadBucket: () => ({ status: 200, headers: { 'x-amz-bucket-region': 'us-east-1' } }),

  // An empty location is how S3 says us-east-1.
  GetBucketLocation: () =>
    xmlAnswer(xml`<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`),

  // A bucket that never had versions has no status.
  GetBucketVersioning: (request, _body, store) => {
    const status = store.bucket(request.bucket).versioned ? [xml`<Status>Enabled</Status>`] : [];
    return xmlAnswer(
      xml`<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${status}</VersioningConfiguration>`,
    );
  },

  GetBucketNotificationConfiguration: (request, _body, store) => {
    const { eventBridge } = store.bucket(request.bucket);
    const configuration = eventBridge ? [xml`<EventBridgeConfiguration></EventBridgeConfiguration>`] : [];
    return xmlAnswer(xml`<NotificationConfiguration>${configuration}</NotificationConfiguration>`);
  },

  PutBucketNotificationConfiguration: (request, body, store) => {
    const [configuration = ''] = contents(body.toString(), 'NotificationConfiguration');
    const [other] = /<(Queue|Topic|CloudFunction)Configuration\b/.exec(configuration) ?? [];
    if (other) throw new S3Error(501, 'NotImplemented', 'This local S3 announces uploads to EventBridge only.');
    store.bucket(request.bucket).eventBridge = configuration.includes('<EventBridgeConfiguration');
    return { status: 200, headers: {} };
  },

  ListObjectsV2: (request, _body, store) => xmlAnswer(listObjects(request, store)),

  GetObject: getObject,
  HeadObject: getObject,

  PutObject: (request, body, store) => {
    const content = { ...describe(request), body };
    const version = store.write(request.bucket, request.key, content, 'PutObject', writeConditions(request));
    return { status: 200, headers: { etag: quote(version.etag), ...versionHeader(version) } };
  },

  CopyObject: (request, _body, store) => {
    const from = copySource(request);
    const source = store.read(from.bucket, from.key, from.versionId);
    checkRead(request, source, 'x-amz-copy-source-');
    const description = request.headers['x-amz-metadata-directive'] === 'REPLACE' ? describe(request) : kept(source);
    const content = { ...description, body: source.body };
    const copy = store.write(request.bucket, request.key, content, 'CopyObject', writeConditions(request));
    const modified = copy.lastModified.toISOString();
    return xmlAnswer(
      xml`<CopyObjectResult><LastModified>${modified}</LastModified><ETag>${quote(copy.etag)}</ETag></CopyObjectResult>`,
      { ...versionHeader(copy), ...versionHeader(source, 'x-amz-copy-source-version-id') },
    );
  },

  DeleteObject: (request, _body, store) => {
    const removed = store.remove(request.bucket, request.key, {
      versionId: parameter(request, 'versionId'),
      ifMatch: request.headers['if-match'],
    });
    const headers = versionHeader(removed);
    if (removed.deleteMarker) headers['x-amz-delete-marker'] = 'true';
    return { status: 204, headers };
  },

  DeleteObjects: (request, body, store) => {
    const source = body.toString();
    const quiet = text(source, 'Quiet') === 'true';
    const results = contents(source, 'Object').map((object) => {
      const key = text(object, 'Key') ?? '';
      const versionId = text(object, 'VersionId');
      try {
        const removed = store.remove(request.bucket, key, { versionId, ifMatch: text(object, 'ETag') });
        return quiet ? xml`` : deletedResult(key, versionId, removed);
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
        return xml`<Error><Key>${key}</Key><Code>${error.code}</Code><Message>${error.message}</Message></Error>`;
      }
    });
    return xmlAnswer(xml`<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${results}</DeleteResult>`);
  },

  CreateMultipartUpload: (request, _body, _store, uploads) => {
    const uploadId = uploads.create(request.bucket, request.key, describe(request));
    return xmlAnswer(
      xml`<InitiateMultipartUploadResult><Bucket>${request.bucket}</Bucket><Key>${request.key}</Key><UploadId>${uploadId}</UploadId></InitiateMultipartUploadResult>`,
    );
  },

  UploadPart: (request, body, _store, uploads) => {
    const number = Number(parameter(request, 'partNumber'));
    const etag = uploads.addPart(uploadIdOf(request), request.bucket, request.key, number, body);
    return { status: 200, headers: { etag: quote(etag) } };
  },

  CompleteMultipartUpload: (request, body, store, uploads) => {
    const { bucket, key } = request;
    const uploadId = uploadIdOf(request);
    const content = uploads.assemble(uploadId, bucket, key, body.toString());
    const version = store.write(bucket, key, content, 'CompleteMultipartUpload', writeConditions(request));
    uploads.end(uploadId, bucket, key);
    return xmlAnswer(
      xml`<CompleteMultipartUploadResult><Location>${`http://${request.headers.host}/${bucket}/${encodeURIComponent(key)}`}</Location><Bucket>${bucket}</Bucket><Key>${key}</Key><ETag>${quote(version.etag)}</ETag></CompleteMultipartUploadResult>`,
      versionHeader(version),
    );
  },

  AbortMultipartUpload: (request, _body, _store, uploads) => {
    uploads.end(uploadIdOf(request), request.bucket, request.key);
    return { status: 204, headers: {} };
  },
};

/** Does what a request asks; throws S3Error where S3 would refuse. */
export function perform(request: Request, body: Buffer, store: Store, uploads: MultipartUploads): Answer {
  const operation = Object.hasOwn(operations, request.operation) ? operations[request.operation] : undefined;
  if (!operation) {
    const offered = Object.keys(operations).sort().join(', ');
    throw new S3Error(
      501,
      'NotImplemented',
      `The local run does not offer ${request.operation} of S3. Of S3 there is: ${offered}.`,
    );
  }
  if (request.bucket) checkPolicy(request, store.bucket(request.bucket).kmsPolicy);
  checkKey(request.key);
  return operation(request, body, store, uploads);
}

/** An error as S3 writes it; NotModified and answers to HEAD have no body. */
export function errorAnswer(error: S3Error, method: string | undefined, resource: string): Answer {
  if (method === 'HEAD' || error.status === 304) return { status: error.status, headers: error.headers };
  const root = xml`<Error><Code>${error.code}</Code><Message>${error.message}</Message><Resource>${resource}</Resource></Error>`;
  return { ...xmlAnswer(root, error.headers), status: error.status };
}

function getObject(request: Request, _body: Buffer, store: Store): Answer {
  const version = store.read(request.bucket, request.key, parameter(request, 'versionId'));
  checkRead(request, version);
  const { body } = version;
  const headers: Record<string, string> = {
    ...version.headers,
    ...Object.fromEntries(Object.entries(version.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
    ...versionHeader(version),
    'accept-ranges': 'bytes',
    'content-type': version.contentType,
    etag: quote(version.etag),
    'last-modified': version.lastModified.toUTCString(),
  };
  const range = parseRange(request.headers.range, body.length);
  if (!range) return { status: 200, headers, body };
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end}/${body.length}` },
    body: body.subarray(range.start, range.end + 1),
  };
}

function describe(request: Request): Description {
  const { headers } = request;
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = value;
  }
  const bytes = Object.entries(metadata).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0);
  if (bytes > MAX_METADATA_BYTES) {
    throw new S3Error(400, 'MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size');
  }
  const encoding = keptEncoding(headers['content-encoding']);
  const keptHeaders: Record<string, string> = encoding === undefined ? {} : { 'content-encoding': encoding };
  for (const name of KEPT_HEADERS) {
    if (headers[name] !== undefined) keptHeaders[name] = headers[name];
  }
  return {
    contentType: headers['content-type'] ?? 'binary/octet-stream',
    metadata,
    headers: keptHeaders,
    checksum: checksumOf(request),
  };
}

function kept({ contentType, metadata, headers, checksum }: Version): Description {
  return { contentType, metadata, headers, ...(checksum !== undefined && { checksum }) };
}

function copySource({ headers }: Request): { bucket: string; key: string; versionId?: string } {
  const [path = '', versionId] = (headers['x-amz-copy-source'] ?? '').replace(/^\//, '').split('?versionId=');
  const slash = path.indexOf('/');
  if (slash < 1) {
    throw new S3Error(400, 'InvalidArgument', 'Copy Source must mention the source bucket and key: bucket/key');
  }
  try {
    const key = decodeURIComponent(path.slice(slash + 1));
    return { bucket: path.slice(0, slash), key, ...(versionId === undefined ? {} : { versionId }) };
  } catch {
    throw new S3Error(400, 'InvalidArgument', 'Copy Source is not properly URL-encoded.');
  }
}

function uploadIdOf(request: Request): string {
  return parameter(request, 'uploadId') ?? '';
}

function deletedResult(
  key: string,
  versionId: string | undefined,
  removed: { versionId?: string; deleteMarker: boolean },
): Markup {
  return xml`<Deleted><Key>${key}</Key>${[
    ...(versionId === undefined ? [] : [xml`<VersionId>${versionId}</VersionId>`]),
    ...(removed.deleteMarker
      ? [xml`<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>${removed.versionId}</DeleteMarkerVersionId>`]
      : []),
  ]}</Deleted>`;
}

function versionHeader({ versionId }: { versionId?: string }, name = 'x-amz-version-id'): Record<string, string> {
  return versionId === undefined ? {} : { [name]: versionId };
}

function xmlAnswer(root: Markup, headers: Record<string, string> = {}): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: document(root) };
}

function quote(etag: string): string {
  return `"${etag}"`;
}
