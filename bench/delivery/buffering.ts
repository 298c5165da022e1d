import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

/** The plain way to copy a result: all of it into memory, then one PutObject. */
const s3 = new S3Client({ forcePathStyle: true });

export async function handler({ mediaUrls: [url = ''], key }: { mediaUrls: string[]; key: string }): Promise<void> {
  const body = new Uint8Array(await (await fetch(url)).arrayBuffer());
  await s3.send(new PutObjectCommand({ Bucket: 'results', Key: key, Body: body }));
}
