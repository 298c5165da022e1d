import { createHash, randomBytes } from 'node:crypto';
import { checkWrite, type WriteConditions } from './conditions.ts';
import { noSuchKey, S3Error } from './errors.ts';
import type { KmsPolicy } from './policy.ts';

/** What EventBridge's "Object Created" event tells of an upload. The key is plain, the ETag without quotes. */
export interface ObjectCreated {
  bucket: string;
  key: string;
  size: number;
  etag: string;
  versionId?: string;
  /** Orders the events of one key: a later one compares greater, as text. */
  sequencer: string;
  reason: 'PutObject' | 'CompleteMultipartUpload' | 'CopyObject';
}

/** What is kept of an object besides its bytes. */
export interface Description {
  contentType: string;
  /** User metadata: names without `x-amz-meta-`. */
  metadata: Record<string, string>;
  /** Further headers that S3 keeps and gives back, such as Cache-Control. */
  headers: Record<string, string>;
  /** Name of the header of the checksum that is kept. @default x-amz-checksum-crc64nvme */
  checksum?: string;
}

/** One version of an object, or a delete marker. */
export interface Version extends Description {
  versionId?: string;
  etag: string;
  body: Buffer;
  lastModified: Date;
  deleteMarker: boolean;
}

interface Bucket {
  versioned: boolean;
  /** Whether uploads are told of. */
  eventBridge: boolean;
  kmsPolicy: KmsPolicy | undefined;
  created: Date;
  /** Versions of each key, the current one last; never an empty list. */
  objects: Map<string, Version[]>;
}

export interface BucketOptions {
  versioned: boolean;
  /** Whether the bucket tells EventBridge of uploads. @default true */
  eventBridge?: boolean;
  /** @default - none: whatever is written need not say how it is to be encrypted */
  kmsPolicy?: KmsPolicy;
}

/** Buckets in memory, with versions and conditions as S3 has them. All changes are single synchronous steps. */
export class Store {
  readonly #buckets = new Map<string, Bucket>();
  readonly #onCreated: (event: ObjectCreated) => void;
  readonly #onStored: (object: Pick<ObjectCreated, 'bucket' | 'key'>) => void;
  readonly #sequence = sequencers();

  /**
   * @param onCreated Called for objects in buckets that tell EventBridge.
   * @param onStored Called before that, for objects in all buckets.
   */
  constructor(
    buckets: Record<string, BucketOptions>,
    onCreated: (event: ObjectCreated) => void,
    onStored: (object: Pick<ObjectCreated, 'bucket' | 'key'>) => void = () => undefined,
  ) {
    this.#onCreated = onCreated;
    this.#onStored = onStored;
    for (const [name, options] of Object.entries(buckets)) this.create(name, options);
  }

  /** Makes a bucket, unless there is one of this name. */
  create(name: string, { versioned, eventBridge = true, kmsPolicy }: BucketOptions): void {
    if (this.#buckets.has(name)) return;
    this.#buckets.set(name, { versioned, eventBridge, kmsPolicy, created: new Date(), objects: new Map() });
  }

  buckets(): { name: string; created: Date }[] {
    return [...this.#buckets].map(([name, { created }]) => ({ name, created }));
  }

  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (!bucket) throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  /** Keys that have a current object, in S3's order: by their UTF-8 bytes. */
  keys(bucket: string, prefix = ''): string[] {
    return [...this.bucket(bucket).objects]
      .filter(([key, versions]) => key.startsWith(prefix) && versions.at(-1)?.deleteMarker === false)
      .map(([key]) => ({ key, bytes: Buffer.from(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key }) => key);
  }

  /** Versions and delete markers of a key, the current one last. */
  versions(bucket: string, key: string): readonly Version[] {
    return this.bucket(bucket).objects.get(key) ?? [];
  }

  /** The object of a key, or one version of it; throws what S3 answers if there is none. */
  read(bucket: string, key: string, versionId?: string): Version {
    const { versioned } = this.bucket(bucket);
    const versions = this.versions(bucket, key);
    if (versionId === undefined) {
      const current = versions.at(-1);
      if (!current) throw noSuchKey();
      if (current.deleteMarker) throw noSuchKey(markerHeaders(current));
      return current;
    }
    const found = versions.find((version) => (versioned ? version.versionId === versionId : versionId === 'null'));
    if (!found) throw new S3Error(404, 'NoSuchVersion', 'The specified version does not exist.');
    if (found.deleteMarker) {
      throw new S3Error(405, 'MethodNotAllowed', 'The specified method is not allowed against a delete marker.', {
        ...markerHeaders(found),
        allow: 'DELETE',
        'last-modified': found.lastModified.toUTCString(),
      });
    }
    return found;
  }

  /** Stores an object if the conditions hold, then tells of it. Without an ETag, the body's MD5 is taken. */
  write(
    bucketName: string,
    key: string,
    content: Description & { body: Buffer; etag?: string },
    reason: ObjectCreated['reason'],
    conditions: WriteConditions = {},
  ): Version {
    const bucket = this.bucket(bucketName);
    checkKey(key);
    checkWrite(this.versions(bucketName, key).at(-1), conditions);
    const version: Version = {
      ...content,
      etag: content.etag ?? md5(content.body),
      lastModified: new Date(),
      deleteMarker: false,
      ...newVersionId(bucket),
    };
    add(bucket, key, version);
    this.#onStored({ bucket: bucketName, key });
    const { etag, versionId } = version;
    if (!bucket.eventBridge) return version;
    const sequencer = this.#sequence();
    const size = version.body.length;
    this.#onCreated({
      bucket: bucketName,
      key,
      size,
      etag,
      ...(versionId === undefined ? {} : { versionId }),
      sequencer,
      reason,
    });
    return version;
  }

  /** Deletes an object (with versions: puts a delete marker on top), or for good the version that is named. */
  remove(
    bucketName: string,
    key: string,
    { versionId, ifMatch }: { versionId?: string | undefined; ifMatch?: string | undefined } = {},
  ): { versionId?: string; deleteMarker: boolean } {
    const bucket = this.bucket(bucketName);
    checkKey(key);
    const versions = this.versions(bucketName, key);
    checkWrite(versions.at(-1), { ifMatch });
    if (!bucket.versioned) {
      bucket.objects.delete(key);
      return { deleteMarker: false };
    }
    if (versionId === undefined) {
      const marker: Version = {
        ...newVersionId(bucket),
        etag: '',
        body: Buffer.alloc(0),
        contentType: '',
        metadata: {},
        headers: {},
        lastModified: new Date(),
        deleteMarker: true,
      };
      add(bucket, key, marker);
      return marker;
    }
    const rest = versions.filter((version) => version.versionId !== versionId);
    if (rest.length > 0) bucket.objects.set(key, rest);
    else bucket.objects.delete(key);
    const removed = versions.find((version) => version.versionId === versionId);
    return { versionId, deleteMarker: removed?.deleteMarker ?? false };
  }
}

/** S3's limit on keys: 1,024 bytes of UTF-8. */
export function checkKey(key: string): void {
  if (Buffer.byteLength(key) > 1024) throw new S3Error(400, 'KeyTooLongError', 'Your key is too long');
}

export function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('hex');
}

function add(bucket: Bucket, key: string, version: Version): void {
  const older = bucket.versioned ? (bucket.objects.get(key) ?? []) : [];
  bucket.objects.set(key, [...older, version]);
}

function newVersionId(bucket: Bucket): { versionId?: string } {
  return bucket.versioned ? { versionId: randomBytes(24).toString('base64url') } : {};
}

function markerHeaders({ versionId }: Version): Record<string, string> {
  return { 'x-amz-delete-marker': 'true', ...(versionId === undefined ? {} : { 'x-amz-version-id': versionId }) };
}

/** The time of the start in front, so that sequencers also grow from one run to the next. */
function sequencers(): () => string {
  const start = Date.now().toString(16).padStart(12, '0');
  let count = 0;
  return () => `${start}${(count++).toString(16).padStart(8, '0')}`.toUpperCase();
}
