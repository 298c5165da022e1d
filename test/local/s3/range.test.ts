import { GetObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { fails, PLAIN, read, startS3 } from './rig.ts';

describe('a range', () => {
  it('is read, and refused of an empty object', async () => {
    const { client, s3 } = await startS3();
    s3.put(PLAIN, 'digits', Buffer.from('0123456789'));
    s3.put(PLAIN, 'empty', Buffer.alloc(0));
    const range = (Key: string, Range: string) => client.send(new GetObjectCommand({ Bucket: PLAIN, Key, Range }));
    const text = async (value: string) => (await range('digits', value)).Body?.transformToString();
    expect(await text('bytes=2-4')).toBe('234');
    expect(await text('bytes=8-')).toBe('89');
    expect(await text('bytes=-3')).toBe('789');
    expect(await text('bytes=-99')).toBe('0123456789');
    expect(await text('bytes=5-99')).toBe('56789');
    const first = await range('digits', 'bytes=0-0');
    expect(first).toMatchObject({ ContentRange: 'bytes 0-0/10', ContentLength: 1, $metadata: { httpStatusCode: 206 } });
    await expect(range('digits', 'bytes=10-')).rejects.toMatchObject(fails(416, 'InvalidRange'));
    for (const any of ['bytes=0-', 'bytes=0-0', 'bytes=0-4095', 'bytes=-1']) {
      await expect(range('empty', any)).rejects.toMatchObject(fails(416, 'InvalidRange'));
    }
    expect(await read(client, { Bucket: PLAIN, Key: 'empty' })).toBe('');
  });
});
