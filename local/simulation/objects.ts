import {
  type DeleteObjectCommandInput,
  type GetObjectCommandInput,
  type HeadObjectCommandInput,
  type ListObjectsV2CommandInput,
  type PutObjectCommandInput,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { S3Error } from '../s3/errors.ts';
import type { Store } from '../s3/store.ts';

/** S3's answers to the calls that the functions make, from a store in memory. */
export class Objects {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws S3ServiceException as the SDK does */
  answer(operation: string, input: object): object {
    try {
      switch (operation) {
        case 'GetObject':
          return this.#get(input as GetObjectCommandInput);
        case 'HeadObject':
          return this.#head(input as HeadObjectCommandInput);
        case 'PutObject':
          return this.#put(input as PutObjectCommandInput);
        case 'DeleteObject':
          return this.#delete(input as DeleteObjectCommandInput);
        case 'ListObjectsV2':
          return this.#list(input as ListObjectsV2CommandInput);
        default:
          throw new Error(`The simulation does not know ${operation}`);
      }
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      // A HEAD has no body that could name the error.
      throw s3Exception(error.status, operation === 'HeadObject' ? 'NotFound' : error.code);
    }
  }

  #get({ Bucket = '', Key = '', VersionId, Range = 'bytes=0-' }: GetObjectCommandInput): object {
    const version = this.#store.read(Bucket, Key, VersionId);
    const { length } = version.body;
    if (length === 0) throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable');
    const to = Math.min(length, Number(Range.split('-')[1] || Number.POSITIVE_INFINITY) + 1);
    const bytes = new Uint8Array(version.body.subarray(0, to));
    return {
      ...described(version),
      Body: { transformToByteArray: async () => bytes },
      ContentLength: to,
      ContentRange: `bytes 0-${to - 1}/${length}`,
    };
  }

  #head({ Bucket = '', Key = '', VersionId }: HeadObjectCommandInput): object {
    return described(this.#store.read(Bucket, Key, VersionId));
  }

  #put({
    Bucket = '',
    Key = '',
    Body,
    ContentType = '',
    Metadata = {},
    IfMatch,
    IfNoneMatch,
  }: PutObjectCommandInput): object {
    const body = Buffer.from(Body as Uint8Array | string);
    const content = { body, contentType: ContentType, metadata: Metadata, headers: {} };
    const conditions = { ifMatch: IfMatch, ifNoneMatch: IfNoneMatch };
    const { etag, versionId } = this.#store.write(Bucket, Key, content, 'PutObject', conditions);
    return { ETag: `"${etag}"`, VersionId: versionId };
  }

  #delete({ Bucket = '', Key = '', IfMatch }: DeleteObjectCommandInput): object {
    return this.#store.remove(Bucket, Key, { ifMatch: IfMatch });
  }

  #list({ Bucket = '', Prefix = '', Delimiter }: ListObjectsV2CommandInput): object {
    const keys = this.#store.keys(Bucket, Prefix);
    const plain = keys.filter((key) => Delimiter === undefined || !key.slice(Prefix.length).includes(Delimiter));
    return { Contents: plain.map((Key) => ({ Key })), IsTruncated: false };
  }
}

function described({ etag, versionId, metadata, lastModified, body }: ReturnType<Store['read']>): object {
  const known = { ETag: `"${etag}"`, Metadata: metadata, LastModified: lastModified, ContentLength: body.length };
  return { ...known, VersionId: versionId };
}

export function s3Exception(httpStatusCode: number, name: string): S3ServiceException {
  const $fault = httpStatusCode < 500 ? 'client' : 'server';
  return new S3ServiceException({ name, message: name, $fault, $metadata: { httpStatusCode } });
}
