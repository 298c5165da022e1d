import { createHash, randomBytes } from 'node:crypto';
import { S3Error } from './errors.ts';
import { type Description, md5 } from './store.ts';
import { contents, text } from './xml.ts';

/** Every part but the last must have at least 5 MiB. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

interface Upload {
  bucket: string;
  key: string;
  description: Description;
  parts: Map<number, { body: Buffer; etag: string }>;
}

/** Multipart uploads under way. Nothing of them is visible as an object until they are completed. */
export class MultipartUploads {
  readonly #uploads = new Map<string, Upload>();

  get underWay(): number {
    return this.#uploads.size;
  }

  create(bucket: string, key: string, description: Description): string {
    const uploadId = randomBytes(24).toString('base64url');
    this.#uploads.set(uploadId, { bucket, key, description, parts: new Map() });
    return uploadId;
  }

  /** Keeps a part, in place of an earlier one of the same number, and gives its ETag. */
  addPart(uploadId: string, bucket: string, key: string, number: number, body: Buffer): string {
    const upload = this.#find(uploadId, bucket, key);
    if (!(Number.isInteger(number) && number >= 1 && number <= 10_000)) {
      throw new S3Error(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    const etag = md5(body);
    upload.parts.set(number, { body, etag });
    return etag;
  }

  /** The object that the listed parts make. The upload stays until `end`, since a condition may yet refuse it. */
  assemble(uploadId: string, bucket: string, key: string, list: string): Description & { body: Buffer; etag: string } {
    const upload = this.#find(uploadId, bucket, key);
    const wanted = contents(list, 'Part').map((part) => ({
      number: Number(text(part, 'PartNumber')),
      etag: (text(part, 'ETag') ?? '').replaceAll('"', ''),
    }));
    if (wanted.length === 0) {
      throw new S3Error(400, 'MalformedXML', 'The XML you provided was not well-formed or lists no parts.');
    }
    if (wanted.some(({ number }, index) => number <= (wanted[index - 1]?.number ?? 0))) {
      throw new S3Error(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
    }
    const parts = wanted.map(({ number, etag }) => {
      const part = upload.parts.get(number);
      if (part?.etag !== etag) {
        throw new S3Error(400, 'InvalidPart', `Part ${number} was not found, or its ETag is another.`);
      }
      return part;
    });
    if (parts.slice(0, -1).some(({ body }) => body.length < MIN_PART_BYTES)) {
      throw new S3Error(400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
    }
    const digests = createHash('md5');
    for (const { etag } of parts) digests.update(etag, 'hex');
    const body = Buffer.concat(parts.map((part) => part.body));
    return { ...upload.description, body, etag: `${digests.digest('hex')}-${parts.length}` };
  }

  /** Forgets an upload, completed or aborted. */
  end(uploadId: string, bucket: string, key: string): void {
    this.#find(uploadId, bucket, key);
    this.#uploads.delete(uploadId);
  }

  #find(uploadId: string, bucket: string, key: string): Upload {
    const upload = this.#uploads.get(uploadId);
    if (upload?.bucket !== bucket || upload.key !== key) {
      throw new S3Error(
        404,
        'NoSuchUpload',
        'The specified upload does not exist. It may have been aborted or completed.',
      );
    }
    return upload;
  }
}
