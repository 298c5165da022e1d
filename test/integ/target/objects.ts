import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

/** A version of an object that was stored. */
export interface Stored {
  bucket: string;
  key: string;
  versionId: string | undefined;
  /** Without quotes. */
  etag: string;
}

/** Objects in S3, as a person sees them. */
export class Objects {
  readonly #s3: S3Client;

  constructor(s3: S3Client) {
    this.#s3 = s3;
  }

  async put(
    bucket: string,
    key: string,
    body: Uint8Array | string,
    options: Partial<PutObjectCommandInput> = {},
  ): Promise<Stored> {
    const put = new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...options });
    const { VersionId, ETag = '' } = await this.#s3.send(put);
    return { bucket, key, versionId: VersionId, etag: ETag.replaceAll('"', '') };
  }

  async get(bucket: string, key: string): Promise<Buffer | undefined> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch (error) {
      return orMissing(error);
    }
  }

  async head(bucket: string, key: string): Promise<HeadObjectCommandOutput | undefined> {
    try {
      return await this.#s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    } catch (error) {
      return orMissing(error);
    }
  }

  /** Deletes an object, or for good one version of it. */
  async delete(bucket: string, key: string, versionId?: string): Promise<void> {
    await this.#s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
  }

  /** Keys that begin so, at most 1,000. */
  async list(bucket: string, prefix: string): Promise<string[]> {
    const { Contents = [] } = await this.#s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return Contents.flatMap(({ Key }) => Key ?? []);
  }

  /** A URL by which anybody can read an object for an hour. */
  url(bucket: string, key: string): Promise<string> {
    return getSignedUrl(this.#s3, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: 3600 });
  }
}

function orMissing(error: unknown): undefined {
  if (error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)) return undefined;
  throw error;
}
