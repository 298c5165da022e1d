import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { serveBytes } from '../../functions/servers.ts';
import { closeGateways, document, gateway, output, start, startAt, submitted, website } from './rig.ts';

closeGateways();

async function bytesAt(url = ''): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

describe('ways for a job to end', () => {
  it('ends FAILED when told to, with an error and no output', async () => {
    await start();
    gateway.nextOutcomes('FAILED');
    expect(await document(await submitted())).toMatchObject({
      status: 'FAILED',
      error: expect.stringMatching(/./),
      output: null,
      completed_at: expect.any(String),
    });
    expect(gateway.charged).toBe(1);
  });

  it('ends ERROR in the documented form, which is not charged', async () => {
    await start();
    gateway.nextOutcomes('ERROR');
    const id = await submitted();
    expect(await document(id)).toEqual({
      request_id: id,
      status: 'ERROR',
      model_id: 'bria-rmbg-2-0-682',
      error: expect.stringMatching(/./),
      output: null,
    });
    expect([gateway.accepted, gateway.charged]).toEqual([1, 0]);
  });

  it('turns a picture as its EXIF says, or as UNTURNED leaves it as its pixels are stored', async () => {
    await start();
    const photo = await sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { origin } = await serveBytes(photo);
    gateway.nextOutcomes('COMPLETED', 'UNTURNED');
    const sizes = [];
    for (let job = 0; job < 2; job++) {
      const { media_url } = await output(await submitted(JSON.stringify({ image_url: `${origin}/photo.jpg` })));
      const { width, height, orientation } = await sharp(await bytesAt(media_url[0])).metadata();
      sizes.push({ width, height, orientation });
    }
    expect(sizes).toEqual([
      { width: 30, height: 40 },
      { width: 40, height: 30 },
    ]);
  });

  it('stays PROCESSING for ever, until it is finished by hand', async () => {
    const clock = await startAt('2026-03-31T10:00:00.000Z');
    gateway.nextOutcomes('NEVER');
    const id = await submitted();
    clock.time += 86_400_000;
    expect(await document(id)).toMatchObject({ status: 'PROCESSING' });

    await gateway.finish(id);
    expect(await document(id)).toMatchObject({ status: 'COMPLETED', completed_at: '2026-04-01T10:00:00.000Z' });
    await expect(gateway.finish(id)).rejects.toThrow('already ended');
  });

  it('is finished by hand before its time', async () => {
    await startAt('2026-03-31T10:00:00.000Z');
    const id = await submitted();
    await gateway.finish(id, 'ERROR');
    expect(await document(id)).toMatchObject({ status: 'ERROR' });
  });

  it('yields as many media as asked for', async () => {
    await start();
    gateway.nextOutcomes({ mediaCount: 2 }, { mediaCount: 0 });
    const { media_url } = await output(await submitted());

    expect(media_url.map((url) => url.split('/').at(-1))).toEqual(['output.png', 'output-2.png']);
    for (const url of media_url) expect((await fetch(url)).status).toBe(200);
    expect((await output(await submitted())).media_url).toEqual([]);
  });

  it('yields whatever media URLs it is given', async () => {
    await start();
    const mediaUrls = ['http://169.254.169.254/latest/meta-data', 'not a URL'];
    gateway.nextOutcomes({ mediaUrls });
    expect((await output(await submitted())).media_url).toEqual(mediaUrls);
  });

  it.each([
    ['gone.jpg', 'Could not fetch the image: image_url answered 404'],
    ['text.jpg', expect.stringContaining('Could not process the image')],
  ])('ends FAILED when the image is %s', async (name, error) => {
    await start();
    const id = await submitted(JSON.stringify({ image_url: `${website.url}/${name}?X-Signature=s` }));
    const ended = await document(id);
    expect(ended).toMatchObject({ status: 'FAILED', error });
    expect(JSON.stringify(ended)).not.toContain('X-Signature');
  });

  it('ends FAILED when the host of the image does not answer', async () => {
    await start();
    const id = await submitted(JSON.stringify({ image_url: 'http://127.0.0.1:1/cat.jpg' }));
    expect(await document(id)).toMatchObject({ status: 'FAILED' });
  });
});
