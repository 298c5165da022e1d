import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { CdnBehaviour } from '../../local/gateway.ts';
import { lastInput, statesOf } from '../executions.ts';
import { CAT, picture } from '../pictures.ts';
import { errorFile, upload } from '../pipeline-rig.ts';
import { checkWhatIsSaid, cloud, newKey, shareCloud, submissions } from '../shared-cloud.ts';
import { until } from '../until.ts';

shareCloud();

describe('when the result', () => {
  it.each<[string, CdnBehaviour]>([
    ['the CDN answers 429', { status: 429 }],
    ['the connection is cut half-way', 'cut'],
    ['the connection is lost', 'reset'],
    ['it is not there yet', { status: 404 }],
  ])('cannot be fetched at first (%s), it is fetched again', async (_, behaviour) => {
    cloud.gateway.nextDownloads(behaviour, behaviour);
    const key = newKey();
    const paid = submissions();
    expect((await upload(cloud, key)).status).toBe('SUCCEEDED');
    expect(submissions()).toBe(paid + 1);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });

  it('is no PNG, it is stored as what it is, and the next upload takes its place', async () => {
    const key = newKey();
    const webp = await sharp(CAT).webp().toBuffer();
    for (const body of [CAT, await picture(1)]) {
      cloud.gateway.nextDownloads({ status: 200, body: webp });
      expect((await upload(cloud, key, body)).status).toBe('SUCCEEDED');
      expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.webp`]);
      const source = cloud.s3.get(cloud.uploadsBucket, key);
      expect(cloud.s3.get(cloud.resultsBucket, `${key}.webp`)).toMatchObject({
        contentType: 'image/webp',
        metadata: { 'source-version-id': source?.versionId },
      });
    }
  });

  it.each([
    ['is HTML', { download: 'html' }, 'InvalidResult'],
    ['is on another host', { outcome: { mediaUrls: ['https://example.com/x.png'] } }, 'UntrustedResultUrl'],
    ['redirects to a loopback address', { download: { redirect: 'http://127.0.0.1:9/x.png' } }, 'UntrustedResultUrl'],
    ['is never there', { download: { status: 404 } }, 'DownloadFailed'],
  ] as const)('%s, the execution fails and nothing but an error file is written', async (_, behaviour, error) => {
    cloud.gateway.always(behaviour as Parameters<typeof cloud.gateway.always>[0]);
    const key = newKey();
    expect(await upload(cloud, key)).toMatchObject({ status: 'FAILED', error });
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.error.json`]);
    expect(errorFile(cloud, key)).toMatchObject({ error, requestId: expect.stringMatching(/^bria-/) });
  });
});

describe('a newer upload', () => {
  it('is not undone by an older one that ends after the source has been deleted', async () => {
    const key = newKey('gone.png');
    cloud.gateway.nextOutcomes('NEVER');
    cloud.s3.put(cloud.uploadsBucket, key, await picture(10));
    const older = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => statesOf(older).includes('Check status') || undefined);
    cloud.s3.put(cloud.uploadsBucket, key, await picture(240));
    const newer = await until(() => cloud.s3.get(cloud.resultsBucket, `${key}.png`));
    cloud.s3.delete(cloud.uploadsBucket, key);
    await cloud.gateway.finish(JSON.parse(lastInput(older)).requestId);
    await cloud.settled();
    expect(JSON.parse(older.output ?? '')).toMatchObject({ status: 'SUPERSEDED' });
    expect(cloud.s3.get(cloud.resultsBucket, `${key}.png`)?.etag).toBe(newer.etag);
  });

  it('that fails while the older one is being delivered keeps its error file', async () => {
    const key = newKey('broken.png');
    let overwritten = false;
    cloud.s3.onRequest = ({ operation, key: written }) => {
      // The older result is about to be written: its source has been looked at for the last time.
      if (operation === 'PutObject' && written === `${key}.png` && !overwritten) {
        overwritten = true;
        cloud.s3.put(cloud.uploadsBucket, key, Buffer.from('no picture'));
        return { status: 503, code: 'SlowDown', headers: { 'retry-after': '1' } };
      }
      return undefined;
    };
    try {
      cloud.s3.put(cloud.uploadsBucket, key, await picture(10));
      await until(() => errorFile(cloud, key));
      await cloud.settled();
    } finally {
      cloud.s3.onRequest = undefined;
    }
    expect(overwritten).toBe(true);
    expect(errorFile(cloud, key)).toMatchObject({ error: 'NotAnImage' });
  });
});

describe('a photo that its EXIF says to turn', () => {
  it.each([
    ['COMPLETED', { width: 30, height: 40 }],
    ['UNTURNED', { width: 40, height: 30 }],
  ] as const)(
    'has its orientation in the metadata of its result, as the model may ignore it (%s)',
    async (outcome, size) => {
      const photo = sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } });
      const key = newKey('photo.jpg');
      cloud.gateway.nextOutcomes(outcome);
      await upload(cloud, key, await photo.withMetadata({ orientation: 6 }).jpeg().toBuffer());
      const result = cloud.s3.get(cloud.resultsBucket, `${key}.png`);
      expect(result?.metadata).toMatchObject({ 'source-orientation': '6' });
      expect(await sharp(result?.body).metadata()).toMatchObject(size);
    },
  );
});

describe('metadata of an upload', () => {
  const put = async (key: string, metadata: Record<string, string>) => {
    const before = cloud.stepFunctions.executions.length;
    cloud.s3.put(cloud.uploadsBucket, key, await picture(3), 'image/png', metadata);
    await until(() => cloud.stepFunctions.executions[before]);
    await cloud.settled();
    return cloud.s3.list(cloud.resultsBucket, key).map((each) => cloud.s3.get(cloud.resultsBucket, each)?.metadata);
  };

  it('go on to each of its results, and never replace Cutout’s own', async () => {
    const key = newKey('cup.png');
    cloud.gateway.nextOutcomes({ mediaCount: 2 });
    const own = { sku: 'cup', constructor: 'kept', title: '=?UTF-8?B?54yr?=' };
    const results = await put(key, { ...own, 'source-etag': 'forged', 'source-uploaded-at': '2999-01-01T00:00:00Z' });
    const source = cloud.s3.get(cloud.uploadsBucket, key);
    const expected = {
      ...own,
      'source-etag': source?.etag,
      'source-version-id': source?.versionId,
      'source-uploaded-at': expect.stringMatching(/^20[2-8]/),
    };
    expect(results).toEqual([expect.objectContaining(expected), expect.objectContaining(expected)]);
  });

  it('for which there is no room are left out, and the log says which, by name', async () => {
    const [metadata] = await put(newKey('cup.png'), { a: 'first', m: 'secret of the upload '.repeat(90), z: 'last' });
    expect(metadata).toMatchObject({ a: 'first' });
    expect(Object.keys(metadata ?? {})).not.toEqual(expect.arrayContaining(['m']));
    const [line = ''] = cloud.logs.filter((each) => each.includes('leftOut'));
    expect(JSON.parse(line)).toMatchObject({ level: 'WARN', leftOut: ['m', 'z'] });
    expect(cloud.logs.join()).not.toContain('secret of the upload');
  });

  it('stand in no log, input or output, message or error file, also where the execution fails', async () => {
    const key = newKey('cup.png');
    await put(key, { sku: 'planted-in-metadata' });
    cloud.gateway.nextOutcomes('FAILED');
    await put(`${key}.failed`, { sku: 'planted-in-metadata' });
    const said = [
      ...cloud.logs,
      ...cloud.stepFunctions.executions.map(({ history: _, ...execution }) => JSON.stringify(execution)),
      ...[...cloud.queues.values()].flatMap(({ bodies }) => bodies),
      JSON.stringify(errorFile(cloud, `${key}.failed`)),
    ].join();
    expect(said).toContain('RemovalFailed');
    expect(said).not.toContain('planted-in-metadata');
  });
});

checkWhatIsSaid();
