import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import { checksumHeaders } from './s3/checksum.ts';
import { S3Error } from './s3/errors.ts';
import { MultipartUploads } from './s3/multipart.ts';
import { type Answer, errorAnswer, perform } from './s3/operations.ts';
import { decodePayload } from './s3/payload.ts';
import { checkWriteOf } from './s3/policy.ts';
import { parameter, parseRequest, type Request } from './s3/request.ts';
import { authenticate, readClaim } from './s3/signature.ts';
import { type BucketOptions, type ObjectCreated, Store } from './s3/store.ts';

export type { BucketOptions, ObjectCreated };

/** A request as it arrives, before its signature is checked: refused ones are seen as well. */
export interface S3Request {
  /** S3's name of the operation, such as `PutObject` or `CompleteMultipartUpload`. */
  operation: string;
  bucket: string;
  key: string;
  versionId?: string;
  /** What the keys that are listed begin with. */
  prefix?: string;
  /** The condition of the request, as in its header If-Match. */
  ifMatch?: string;
  /** Whether the checksum is asked for. */
  checksum?: boolean;
  /** Whose signature the request says it carries. */
  accessKeyId?: string;
  presigned: boolean;
}

/**
 * What to answer instead: an S3 error; `reset` to cut the connection before anything is read; or `lost-answer` to do what
 * is asked and cut the connection then.
 */
export type S3Fault =
  | { status: number; code: string; message?: string; headers?: Record<string, string> }
  | 'reset'
  | 'lost-answer';

/** Sees each request, and may make it fail, or wait. */
export type S3RequestListener = (request: S3Request) => S3Fault | undefined | Promise<S3Fault | undefined>;

export interface S3Options {
  buckets: Record<string, BucketOptions>;
  /** Access keys that requests may be signed with: id to secret. */
  credentials: Record<string, string>;
  /** Called once the object is visible, before the upload is answered, if the bucket tells EventBridge. */
  onObjectCreated?: (event: ObjectCreated) => void;
  /** Called for each object that is stored, whatever its bucket tells. */
  onStored?: ((object: { bucket: string; key: string }) => void) | undefined;
  onRequest?: S3RequestListener;
  /** Sees each request whose signature is right, before it is carried out. */
  onCall?: (request: S3Request) => void;
}

/** An object as the direct access below gives it. */
export interface S3Object {
  body: Buffer;
  /** Without quotes. */
  etag: string;
  versionId?: string;
  contentType: string;
  metadata: Record<string, string>;
  lastModified: Date;
}

/** A version of an object, or a delete marker. */
export interface S3Version {
  versionId?: string;
  etag: string;
  size: number;
  lastModified: Date;
  deleteMarker: boolean;
  isLatest: boolean;
}

/**
 * A small S3 in memory, on a port of its own of this machine. Versions, conditions and signatures are those of S3, for
 * Cutout's promises rest on them; what S3 offers beyond a file in, a file out and a listing answers NotImplemented.
 */
export class LocalS3 {
  /** The endpoint, for clients that address buckets by path. */
  readonly url: string;
  /** May be set at any time: a test may watch, or make requests fail, for a while. */
  onRequest: S3RequestListener | undefined;
  readonly #server: Server;
  readonly #store: Store;
  readonly #uploads = new MultipartUploads();
  readonly #credentials: Record<string, string>;
  readonly #onCall: S3Options['onCall'];

  /** Starts a server with these buckets, empty. */
  static async start(options: S3Options): Promise<LocalS3> {
    const server = createServer();
    // Clients keep connections for reuse: closing one under their hands would look like a failure of S3.
    server.keepAliveTimeout = 120_000;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LocalS3(server, options);
  }

  private constructor(server: Server, options: S3Options) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.onRequest = options.onRequest;
    this.#credentials = options.credentials;
    this.#onCall = options.onCall;
    this.#store = new Store(
      options.buckets,
      (event) => options.onObjectCreated?.(event),
      (object) => options.onStored?.(object),
    );
    server.on('request', (message, response) => void this.serve(message, response));
  }

  /** Stops serving and cuts all connections. */
  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Adds buckets, unless they are there already, and access keys that requests may be signed with. */
  add(buckets: Record<string, BucketOptions>, credentials: Record<string, string>): void {
    for (const [name, options] of Object.entries(buckets)) this.#store.create(name, options);
    Object.assign(this.#credentials, credentials);
  }

  /** Stores an object as an upload that names no KMS key would, event and all. */
  put(
    bucket: string,
    key: string,
    body: Buffer,
    contentType = 'binary/octet-stream',
    metadata: Record<string, string> = {},
  ): { etag: string; versionId?: string } {
    checkWriteOf(key, undefined, this.#store.bucket(bucket).kmsPolicy);
    const content = { body: Buffer.from(body), contentType, metadata, headers: {} };
    const { etag, versionId } = this.#store.write(bucket, key, content, 'PutObject');
    return { etag, ...(versionId === undefined ? {} : { versionId }) };
  }

  /** The current object of a key, or one version of it; undefined if there is none, or a delete marker. */
  get(bucket: string, key: string, versionId?: string): S3Object | undefined {
    const versions = this.#store.versions(bucket, key);
    const version = versionId === undefined ? versions.at(-1) : versions.find((one) => one.versionId === versionId);
    if (!version || version.deleteMarker) return undefined;
    const { deleteMarker: _, headers: __, ...object } = version;
    return object;
  }

  /** How many multipart uploads are neither completed nor aborted: what they hold is stored, and paid for. */
  get uploadsUnderWay(): number {
    return this.#uploads.underWay;
  }

  /** Keys of current objects, in S3's order. */
  list(bucket: string, prefix = ''): string[] {
    return this.#store.keys(bucket, prefix);
  }

  /** Deletes an object, or for good the version that is named. */
  delete(bucket: string, key: string, versionId?: string): void {
    this.#store.remove(bucket, key, { versionId });
  }

  /** Makes a current object as old as if it had been uploaded so many milliseconds ago. */
  backdate(bucket: string, key: string, ageMs: number): void {
    this.#store.read(bucket, key).lastModified = new Date(Date.now() - ageMs);
  }

  /** All versions and delete markers of a key, the latest first. */
  versions(bucket: string, key: string): S3Version[] {
    return this.#store
      .versions(bucket, key)
      .toReversed()
      .map(({ versionId, etag, body, lastModified, deleteMarker }, index) => ({
        ...(versionId === undefined ? {} : { versionId }),
        etag,
        size: body.length,
        lastModified,
        deleteMarker,
        isLatest: index === 0,
      }));
  }

  /** Answers a request, also one that came to another server. */
  async serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer | 'reset';
    try {
      answer = await this.#answer(message);
    } catch (error) {
      // A client that went away half way gets no answer, and nothing of what it sent is kept.
      if (message.destroyed && !message.complete) return;
      answer = errorAnswer(asS3Error(error), message.method, message.url ?? '/');
      // Answering while the client still sends would reach it as a broken connection.
      await finished(message.resume()).catch(() => undefined);
    }
    if (answer === 'reset') {
      message.socket.resetAndDestroy();
      return;
    }
    const { status, headers, body } = answer;
    const length: Record<string, string> = body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` };
    response.writeHead(status, { ...headers, ...length, 'x-amz-request-id': randomUUID() });
    response.end(message.method === 'HEAD' ? undefined : body);
  }

  async #answer(message: IncomingMessage): Promise<Answer | 'reset'> {
    const request = parseRequest(message);
    const described = describeRequest(request);
    const fault = await this.onRequest?.(described);
    if (fault === 'reset') return fault;
    if (typeof fault === 'object')
      throw new S3Error(fault.status, fault.code, fault.message ?? fault.code, fault.headers);
    authenticate(request, this.#credentials);
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    this.#onCall?.(described);
    const answer = perform(request, decodePayload(request, Buffer.concat(chunks)), this.#store, this.#uploads);
    if (request.operation === 'HeadObject' || request.operation === 'GetObject') {
      const version = this.#store.read(request.bucket, request.key, parameter(request, 'versionId'));
      Object.assign(answer.headers, await checksumHeaders(request, version));
    }
    return fault === 'lost-answer' ? 'reset' : answer;
  }
}

function describeRequest(request: Request): S3Request {
  const claim = readClaim(request);
  const versionId = parameter(request, 'versionId');
  const prefix = parameter(request, 'prefix');
  const ifMatch = request.headers['if-match'];
  return {
    operation: request.operation,
    bucket: request.bucket,
    key: request.key,
    ...(versionId === undefined ? {} : { versionId }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(request.headers['x-amz-checksum-mode'] === 'ENABLED' ? { checksum: true } : {}),
    ...(claim === undefined ? {} : { accessKeyId: claim.accessKeyId }),
    presigned: claim?.presigned ?? false,
  };
}

function asS3Error(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  // Not S3's doing but a fault of this code or of a listener: it must not go by unseen.
  console.error(error);
  return new S3Error(500, 'InternalError', `The local S3 failed: ${error instanceof Error ? error.message : error}`);
}
