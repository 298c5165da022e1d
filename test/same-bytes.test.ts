import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_CREDENTIALS, type LocalCloud } from '../local/cloud.ts';
import { statesOf } from './executions.ts';
import { CAT, picture } from './pictures.ts';
import { errorFile, execute, startCloud, upload } from './pipeline-rig.ts';

/** What is uploaded again, and what is started again, where the result of the same bytes stands. */
let cloud: LocalCloud;
let number = 0;
const newKey = () => `same-${++number}/cat.jpg`;

beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.close());

/** Uploads the same bytes so that S3 gives them another ETag, as an encryption with another key does. */
async function uploadWithOtherETag(key: string, body: Buffer): Promise<void> {
  const client = new S3Client({
    endpoint: cloud.s3.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: LOCAL_CREDENTIALS,
  });
  const object = { Bucket: cloud.uploadsBucket, Key: key };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: body }));
  const MultipartUpload = { Parts: [{ ETag, PartNumber: 1 }] };
  await client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }));
  client.destroy();
}

describe('the same bytes, uploaded again', () => {
  it('are not paid for again: the execution delivers the result that stands, once nothing else can replace it', async () => {
    const key = newKey();
    const first = await upload(cloud, key);
    const result = cloud.s3.versions(cloud.resultsBucket, `${key}.png`);
    const paid = cloud.gateway.accepted;
    cloud.s3.put(cloud.resultsBucket, `${key}.error.json`, Buffer.from('{}'));

    const again = await upload(cloud, key);
    expect(again.status).toBe('SUCCEEDED');
    const { requestId, results } = JSON.parse(first.output ?? '');
    expect(JSON.parse(again.output ?? '')).toEqual({
      status: 'DELIVERED',
      requestId,
      source: {
        ...JSON.parse(first.output ?? '').source,
        versionId: cloud.s3.get(cloud.uploadsBucket, key)?.versionId,
      },
      results,
    });
    expect(cloud.gateway.accepted).toBe(paid);
    expect(cloud.s3.versions(cloud.resultsBucket, `${key}.png`), 'the result is not touched').toEqual(result);
    expect(errorFile(cloud, key)).toBeUndefined();
    const loop = ['Submit', 'Wait', 'Check status', 'Finished?'];
    expect(statesOf(again)).toEqual([...loop, ...loop.slice(1), ...loop, 'Deliver']);
  });

  it('are known by their checksum where their ETag differs', async () => {
    const key = newKey();
    await upload(cloud, key);
    const paid = cloud.gateway.accepted;

    await uploadWithOtherETag(key, CAT);
    await cloud.settled();
    expect(cloud.stepFunctions.executions.at(-1)).toMatchObject({ status: 'SUCCEEDED' });
    expect(JSON.parse(cloud.stepFunctions.executions.at(-1)?.output ?? '')).toMatchObject({ status: 'DELIVERED' });
    expect(cloud.gateway.accepted).toBe(paid);
  });

  it('are paid for again if other bytes have come in between, or if the result has been deleted', async () => {
    const key = newKey();
    await upload(cloud, key);
    await upload(cloud, key, await picture(40));
    const paid = cloud.gateway.accepted;

    await upload(cloud, key);
    expect(cloud.gateway.accepted).toBe(paid + 1);

    cloud.s3.delete(cloud.resultsBucket, `${key}.png`);
    expect(JSON.parse((await upload(cloud, key)).output ?? '')).toMatchObject({ status: 'DELIVERED' });
    expect(cloud.gateway.accepted).toBe(paid + 2);
    expect(cloud.s3.get(cloud.resultsBucket, `${key}.png`)).toBeDefined();
  });
});

describe('an execution that another workflow starts', () => {
  it('gets the result that stands for the object', async () => {
    const key = newKey();
    await upload(cloud, key);
    const paid = cloud.gateway.accepted;
    const { output = '' } = await execute(cloud, `again-${number}`, { bucket: cloud.uploadsBucket, key });
    expect(JSON.parse(output)).toMatchObject({ status: 'DELIVERED', results: [{ key: `${key}.png` }] });
    expect(cloud.gateway.accepted).toBe(paid);
  });

  it('always submits an image URL: what lies behind it may have changed', async () => {
    const input = { imageUrl: `${cloud.gateway.cdnUrl}/picture.jpg`, resultKey: newKey() };
    const paid = cloud.gateway.accepted;
    for (const name of ['url-1', 'url-2']) {
      // Submit looks at it, and the simulator fetches it.
      cloud.gateway.nextDownloads({ status: 200, body: CAT }, { status: 200, body: CAT });
      expect(await execute(cloud, `${name}-${number}`, input)).toMatchObject({ status: 'SUCCEEDED' });
    }
    expect(cloud.gateway.accepted).toBe(paid + 2);
  });
});
