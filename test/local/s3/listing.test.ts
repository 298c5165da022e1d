import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { PLAIN, startS3, VERSIONED } from './rig.ts';

describe('listings', () => {
  it('roll keys up at a delimiter', async () => {
    const { client, s3 } = await startS3();
    for (const key of ['top.jpg', 'in/a.jpg', 'in/b.jpg', 'in/deep/c.jpg', 'out/d.jpg', 'in']) {
      s3.put(VERSIONED, key, Buffer.from('x'));
    }
    s3.put(VERSIONED, 'gone/e.jpg', Buffer.from('x'));
    s3.delete(VERSIONED, 'gone/e.jpg');
    const list = async (more: object) => {
      const page = await client.send(new ListObjectsV2Command({ Bucket: VERSIONED, Delimiter: '/', ...more }));
      return {
        keys: page.Contents?.map(({ Key }) => Key) ?? [],
        prefixes: page.CommonPrefixes?.map(({ Prefix }) => Prefix) ?? [],
      };
    };
    expect(await list({})).toEqual({ keys: ['in', 'top.jpg'], prefixes: ['in/', 'out/'] });
    expect(await list({ Prefix: 'in/' })).toEqual({ keys: ['in/a.jpg', 'in/b.jpg'], prefixes: ['in/deep/'] });
    expect(await list({ StartAfter: 'in/b.jpg', Delimiter: undefined })).toEqual({
      keys: ['in/deep/c.jpg', 'out/d.jpg', 'top.jpg'],
      prefixes: [],
    });
  });

  it('come in pages, in the order of UTF-8', async () => {
    const { client, s3 } = await startS3();
    const keys = ['a b', 'a+b', 'dir/1', 'dir/2', 'dir/3', 'z', 'é<&>', '\uffee', '🐈'];
    for (const key of keys.toReversed()) s3.put(PLAIN, key, Buffer.from('x'));
    const pages = async (more: object) => {
      const names: (string | undefined)[] = [];
      let ContinuationToken: string | undefined;
      do {
        const input = { Bucket: PLAIN, MaxKeys: 2, ContinuationToken, ...more };
        const page = await client.send(new ListObjectsV2Command(input));
        expect(page.KeyCount).toBeLessThanOrEqual(2);
        names.push(...(page.Contents ?? []).map(({ Key }) => Key), ...(page.CommonPrefixes ?? []).map((p) => p.Prefix));
        ContinuationToken = page.NextContinuationToken;
        expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
      } while (ContinuationToken);
      return names;
    };
    expect(await pages({})).toEqual(keys);
    // Two entries to a page; a page gives its keys first and its prefixes second.
    expect(await pages({ Delimiter: '/' })).toEqual(['a b', 'a+b', 'z', 'dir/', ...keys.slice(6)]);
    const encoded = await pages({ EncodingType: 'url' });
    expect(encoded.map((name) => decodeURIComponent(name ?? ''))).toEqual(keys);
    expect(encoded[0]).toBe('a%20b');
  });
});
