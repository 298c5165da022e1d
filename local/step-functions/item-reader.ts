import type { LocalS3 } from '../s3.ts';
import type { Json } from './definition.ts';
import { named } from './execution.ts';
import type { CallListener } from './tasks.ts';

type Source = { Bucket?: string; Prefix?: string; Key?: string; VersionId?: string };
type ReaderConfig = { InputType?: string; MaxItems?: number };

/** The items that a Distributed Map's ItemReader finds in S3, each as AWS passes it to a child execution. */
export function readItems(
  s3: LocalS3,
  resource: string,
  source: Source,
  config: ReaderConfig,
  onCall: CallListener,
): Json[] {
  try {
    const items = resource.endsWith(':s3:listObjectsV2')
      ? listed(s3, source, onCall)
      : contained(s3, source, config, onCall);
    return config.MaxItems ? items.slice(0, config.MaxItems) : items;
  } catch (error) {
    throw named('States.ItemReaderFailed', (error as Error).message);
  }
}

function listed(s3: LocalS3, { Bucket = '', Prefix = '' }: Source, onCall: CallListener): Json[] {
  onCall('S3.ListObjectsV2', { bucket: Bucket, prefix: Prefix });
  return s3.list(Bucket, Prefix).flatMap((key) => {
    const object = s3.get(Bucket, key);
    if (!object) return [];
    return {
      Etag: `"${object.etag}"`,
      Key: key,
      LastModified: Math.floor(object.lastModified.getTime() / 1000),
      Size: object.body.length,
      StorageClass: 'STANDARD',
    };
  });
}

function contained(
  s3: LocalS3,
  { Bucket: bucket = '', Key: key = '', VersionId: versionId }: Source,
  { InputType }: ReaderConfig,
  onCall: CallListener,
): Json[] {
  if (InputType !== 'JSONL') throw new Error(`The local run does not know the InputType ${InputType}`);
  const body = read(s3, { bucket, key, versionId }, onCall);
  return body
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function read(
  s3: LocalS3,
  object: { bucket: string; key: string; versionId?: string | undefined },
  onCall: CallListener,
): Buffer {
  const { bucket, key, versionId } = object;
  onCall('S3.GetObject', object);
  const found = s3.get(bucket, key, versionId);
  if (!found) throw new Error(`There is no object s3://${bucket}/${key}`);
  return found.body;
}
