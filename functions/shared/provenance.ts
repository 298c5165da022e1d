import { paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { type Job, type ObjectSource, publicSource } from './job.ts';
import { sha256 } from './names.ts';
import { headObject, isSuperseded } from './objects.ts';

/** Where a result came from, in ASCII and well under the 2 KB that S3 allows. */
export function resultMetadata({ source, requestId }: Job): Record<string, string> {
  const id: Record<string, string> = requestId === undefined ? {} : { 'request-id': requestId };
  if ('imageUrl' in source) {
    const { imageUrl } = publicSource(source) as { imageUrl: string };
    return { ...id, 'source-url-sha256': sha256(imageUrl) };
  }
  return {
    ...id,
    ...(source.versionId !== undefined && { 'source-version-id': source.versionId }),
    ...(source.etag !== undefined && { 'source-etag': source.etag }),
    'source-key-sha256': sha256(source.key),
  };
}

/** Whether the result of exactly this version of the source is stored. */
export async function hasResult(
  s3: S3Client,
  bucket: string,
  resultKey: string,
  source: ObjectSource,
): Promise<boolean> {
  // Results of other keys that merely begin alike have a further dot: the delimiter folds them away.
  const query = { Bucket: bucket, Prefix: `${resultKey}.`, Delimiter: '.' };
  for await (const { Contents } of paginateListObjectsV2({ client: s3 }, query)) {
    for (const { Key } of Contents ?? []) {
      const metadata = Key === undefined ? undefined : (await headObject(s3, bucket, Key))?.metadata;
      if (metadata?.['source-key-sha256'] !== sha256(source.key)) continue;
      const { 'source-etag': etag, 'source-version-id': versionId } = metadata;
      if (!isSuperseded(source, { etag: etag ?? '', versionId })) return true;
    }
  }
  return false;
}
