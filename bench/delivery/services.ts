import { LOCAL_CREDENTIALS } from '../../local/cloud.ts';
import { GatewaySimulator } from '../../local/gateway.ts';
import { LocalS3 } from '../../local/s3.ts';

/** What the services tell of themselves once they run. */
export interface Started {
  s3Url: string;
  cdnUrl: string;
}
/** An upload, as an execution names it. */
export interface Uploaded {
  bucket: string;
  key: string;
  versionId?: string;
  etag: string;
}
/** To make an upload and say how long its result is, or to ask how long that has become; it is forgotten then. */
export type Order = { upload: string; nextBytes: number } | { lengthOf: string };

/** The CDN and S3 in a process of their own, since S3 keeps all that it is given in memory. */
const s3 = await LocalS3.start({
  buckets: { uploads: { versioned: true }, results: { versioned: false } },
  credentials: { [LOCAL_CREDENTIALS.accessKeyId]: LOCAL_CREDENTIALS.secretAccessKey },
});
const gateway = await GatewaySimulator.start({ apiKeys: ['key'] });
process.on('message', (order: Order) => {
  if ('nextBytes' in order) {
    gateway.nextDownloads({ bytes: order.nextBytes });
    const key = order.upload;
    return process.send?.({ bucket: 'uploads', key, ...s3.put('uploads', key, Buffer.from('picture')) });
  }
  const length = s3.get('results', order.lengthOf)?.body.length;
  s3.put('results', order.lengthOf, Buffer.alloc(0));
  process.send?.({ length });
});
process.on('disconnect', () => process.exit());
process.send?.({ s3Url: s3.url, cdnUrl: gateway.cdnUrl } satisfies Started);
