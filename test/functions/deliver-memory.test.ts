import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUNDLES } from '../../infra/parts/paths.ts';
import { LOCAL_CREDENTIALS } from '../../local/cloud.ts';
import { GatewaySimulator } from '../../local/gateway.ts';
import { LocalS3 } from '../../local/s3.ts';
import { synthesize } from '../../local/template.ts';

const MIB = 1024 * 1024;
const BYTES = 100 * MIB;

/** A delivery by the built bundle, in a process of its own, whose memory can be measured. */
let s3: LocalS3;
let gateway: GatewaySimulator;
beforeAll(async () => {
  s3 = await LocalS3.start({
    buckets: { uploads: { versioned: true }, results: { versioned: true } },
    credentials: { [LOCAL_CREDENTIALS.accessKeyId]: LOCAL_CREDENTIALS.secretAccessKey },
  });
  gateway = await GatewaySimulator.start({ apiKeys: ['key'] });
});
afterAll(() => Promise.all([s3?.close(), gateway?.close()]));

describe('a result of 100 MiB', () => {
  it('is delivered whole by a function of its configured memory', async () => {
    const deliver = synthesize()
      .resources('AWS::Lambda::Function')
      .find(({ properties }) => properties.Handler === 'deliver.handler');
    const { versionId, etag } = s3.put('uploads', 'large.tif', Buffer.from('picture'));
    gateway.nextDownloads({ bytes: BYTES });
    const { output, peakBytes } = await invoke({
      execution: 'large',
      source: { bucket: 'uploads', key: 'large.tif', versionId, etag },
      submission: 1,
      submissionId: 'large#1',
      requestId: 'bria-1',
      submittedAt: new Date().toISOString(),
      status: 'COMPLETED',
      waitSeconds: 5,
      mediaUrls: [`${gateway.cdnUrl}/v1/bria-1/output.png`],
    });
    expect(output).toMatchObject({ status: 'DELIVERED', results: [{ key: 'large.tif.png', bytes: BYTES }] });
    expect(s3.get('results', 'large.tif.png')?.body.length).toBe(BYTES);
    expect(peakBytes / MIB).toBeLessThan(deliver?.properties.MemorySize);
    console.log(`Delivering ${BYTES / MIB} MiB took ${Math.round(peakBytes / MIB)} MiB of memory at its peak.`);
  });
});

async function invoke(event: unknown): Promise<{ output: unknown; peakBytes: number }> {
  const script = `
    const { existsSync, readFileSync } = await import('node:fs');
    const { handler } = await import(${JSON.stringify(join(BUNDLES, 'deliver/deliver.mjs'))});
    const output = await handler(${JSON.stringify(event)}, {});
    // Where /proc tells: the other number begins with what the parent had when this process was made.
    const [, kilobytes = process.resourceUsage().maxRSS] = existsSync('/proc/self/status')
      ? /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
      : [];
    process.send({ output, peakBytes: kilobytes * 1024 });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      UPLOADS_BUCKET: 'uploads',
      UPLOADS_PREFIX: '',
      RESULTS_BUCKET: 'results',
      RESULTS_PREFIX: '',
      GATEWAY_URL: gateway.url,
      RESULT_HOSTS: gateway.cdnUrl,
      POWERTOOLS_METRICS_NAMESPACE: 'Cutout',
      POWERTOOLS_SERVICE_NAME: 'Cutout',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: LOCAL_CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: LOCAL_CREDENTIALS.secretAccessKey,
      AWS_ENDPOINT_URL_S3: s3.url,
    },
  });
  return new Promise((resolve, reject) => {
    child.on('message', (message) => resolve(message as { output: unknown; peakBytes: number }));
    child.on('close', (code) => reject(new Error(`deliver ended with ${code}, and without a result`)));
  });
}
