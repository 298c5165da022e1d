import { LOCAL_CREDENTIALS } from '../../local/cloud.ts';
import { GatewaySimulator } from '../../local/gateway.ts';
import { LocalS3 } from '../../local/s3.ts';

/** What the services tell of themselves once they run. */
export interface Started {
  s3Url: string;
  cdnUrl: string;
  source: { versionId: string | undefined; etag: string };
}
/** To say how long the next download is, or to ask how long the result is, which is forgotten then. */
export type Order = { nextBytes: number } | { lengthOf: string };

/** The CDN and S3 in a process of their own, since S3 keeps all that it is given in memory. */
const s3 = await LocalS3.start({
  buckets: { uploads: { versioned: true }, results: { versioned: false } },
  credentials: { [LOCAL_CREDENTIALS.accessKeyId]: LOCAL_CREDENTIALS.secretAccessKey },
});
const gateway = await GatewaySimulator.start({ apiKeys: ['key'] });
const { versionId, etag } = s3.put('uploads', 'large.tif', Buffer.from('picture'));
process.on('message', (order: Order) => {
  if ('nextBytes' in order) {
    gateway.nextDownloads({ bytes: order.nextBytes });
    return process.send?.({});
  }
  const length = s3.get('results', order.lengthOf)?.body.length;
  s3.put('results', order.lengthOf, Buffer.alloc(0));
  process.send?.({ length });
});
process.on('disconnect', () => process.exit());
process.send?.({ s3Url: s3.url, cdnUrl: gateway.cdnUrl, source: { versionId, etag } } satisfies Started);
