import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onWhite } from '../../examples/white-background.handler.ts';
import { type WhiteBackgroundProps, WhiteBackgroundStack } from '../../examples/white-background.ts';
import type { BackgroundRemovalProps } from '../../infra/index.ts';
import type { LocalCloud } from '../../local/cloud.ts';
import type { Synthesized } from '../../local/template.ts';
import { bucketName, startExample, synthesizeExample } from './example-rig.ts';

const ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8];
/** Pixels that are stored so show upright when they are turned so; a rotation is undone by the other one. */
const UNDONE_BY: Record<number, number> = { 6: 8, 8: 6 };

/** Three fields of another colour each, and one that is empty: 40 by 24, on 80 by 60, and no way to turn it is another one. */
const SUBJECT = `
  <rect x="10" y="20" width="20" height="12" fill="#d02020"/>
  <rect x="30" y="20" width="20" height="12" fill="#20a020"/>
  <rect x="10" y="32" width="20" height="12" fill="#2020d0"/>`;
const FIELDS = ['red', 'green', 'blue', 'white'];

function drawing(background = ''): Buffer {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60">${background}${SUBJECT}</svg>`);
}

/** The picture as a camera stores it that was held so. */
async function lying(upright: Buffer, orientation: number): Promise<Buffer> {
  const undone = UNDONE_BY[orientation] ?? orientation;
  const tagged = await sharp(upright).png().withMetadata({ orientation: undone }).toBuffer();
  return sharp(tagged).autoOrient().png().toBuffer();
}

/** What the four fields of a picture show, row by row, if it has the subject's size, give or take what JPEG blurs. */
async function fieldsOf(picture: Buffer): Promise<string[]> {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const isTrimmed = Math.abs(info.width - 40) <= 3 && Math.abs(info.height - 24) <= 3;
  if (!isTrimmed) return [`${info.width} x ${info.height}`];
  const centres = [6, 18].flatMap((y) => [10, 30].map((x) => (y * info.width + x) * info.channels));
  return centres.map((at) => colourOf([...data.subarray(at, at + 3)]));
}

function colourOf(rgb: number[]): string {
  const [red, green, blue] = rgb.map((channel) => channel > 120);
  if (red && green && blue) return 'white';
  return ['red', 'green', 'blue'].filter((_, channel) => [red, green, blue][channel]).join(' and ') || 'black';
}

describe('a cutout on white', () => {
  it.each(ORIENTATIONS)('is upright and trimmed, whose photo has the EXIF orientation %i', async (orientation) => {
    const picture = await onWhite(await lying(drawing(), orientation), orientation);
    expect(await fieldsOf(await picture.png().toBuffer())).toEqual(FIELDS);
  });

  it('is turned as the result says of itself, if it does', async () => {
    const own = await sharp(await lying(drawing(), 6))
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    expect(await fieldsOf(await (await onWhite(own, 3)).png().toBuffer())).toEqual(FIELDS);
  });

  it('is trimmed by its opacity, whatever colours are left beneath what is transparent', async () => {
    const { data, info } = await sharp(drawing()).raw().toBuffer({ resolveWithObject: true });
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 0) data[at] = (at >> 2) % 251;
    const cutout = await sharp(data, { raw: info }).png().toBuffer();
    expect(await fieldsOf(await (await onWhite(cutout, 1)).png().toBuffer())).toEqual(FIELDS);
  });

  it('is left as large as it is where nothing is transparent, or all of it', async () => {
    for (const background of ['#d02020', '#00000000']) {
      const cutout = await sharp({ create: { width: 20, height: 10, channels: 4, background } })
        .png()
        .toBuffer();
      const picture = await (await onWhite(cutout, 6)).png().toBuffer();
      expect(await sharp(picture).metadata()).toMatchObject({ width: 10, height: 20, channels: 3 });
    }
  });
});

/** The example, with the platform of this machine. */
function here(modelTurns = false) {
  const architecture = process.arch === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64;
  return class extends WhiteBackgroundStack {
    constructor(scope: Construct, id: string, props: BackgroundRemovalProps) {
      super(scope, id, { ...props, architecture, modelTurns } satisfies WhiteBackgroundProps);
    }
  };
}

// sharp is installed for Lambda, which is Linux.
describe.skipIf(process.platform !== 'linux')('white-background.ts, which runs on Linux only,', () => {
  let cloud: LocalCloud;
  beforeAll(async () => {
    cloud = await startExample(here());
  });
  afterAll(() => cloud?.close());

  /** Has a photo of a camera that was held so cut out. @returns what is in the bucket of pictures then */
  async function photograph(orientation: number, at = cloud): Promise<string[]> {
    const photo = await lying(drawing('<rect width="80" height="60" fill="#f0e0a0"/>'), orientation);
    const jpeg = await sharp(photo).withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
    at.s3.put(bucketName(at, 'CutoutsUploads'), `photos/${orientation}.jpg`, jpeg);
    await at.settled();
    return at.s3.list(bucketName(at, 'Pictures'));
  }

  it.each(ORIENTATIONS)(
    'puts the cutout of a photo of EXIF orientation %i on white, as JPEG and WebP, where the model ignores that',
    async (orientation) => {
      cloud.gateway.nextOutcomes('UNTURNED');
      const names = [`photos/${orientation}.jpg.jpg`, `photos/${orientation}.jpg.webp`];
      expect(await photograph(orientation)).toEqual(expect.arrayContaining(names));
      const [jpeg, webp] = names.map((name) => cloud.s3.get(bucketName(cloud, 'Pictures'), name));
      expect([jpeg?.contentType, webp?.contentType]).toEqual(['image/jpeg', 'image/webp']);
      for (const file of [jpeg, webp]) {
        const { format, hasAlpha } = await sharp(file?.body).metadata();
        expect([`image/${format}`, hasAlpha]).toEqual([file?.contentType, false]);
        expect(await fieldsOf(file?.body ?? Buffer.of())).toEqual(FIELDS);
      }
    },
  );

  it('leaves error files alone', async () => {
    const before = cloud.s3.list(bucketName(cloud, 'Pictures'));
    cloud.s3.put(bucketName(cloud, 'CutoutsUploads'), 'photos/cat.txt', Buffer.from('no picture'));
    await cloud.settled();
    expect(cloud.s3.list(bucketName(cloud, 'CutoutsResults'))).toContain('photos/cat.txt.error.json');
    expect(cloud.s3.list(bucketName(cloud, 'Pictures'))).toEqual(before);
  });

  it('turns nothing twice where the model turns photos itself', async () => {
    const turning = await startExample(here(true));
    try {
      expect(await photograph(6, turning)).toHaveLength(2);
      const picture = turning.s3.get(bucketName(turning, 'Pictures'), 'photos/6.jpg.webp');
      expect(await fieldsOf(picture?.body ?? Buffer.of())).toEqual(FIELDS);
    } finally {
      await turning.close();
    }
  });
});

describe('the function of white-background.ts', () => {
  let synthesized: Synthesized;
  beforeAll(() => {
    synthesized = synthesizeExample(WhiteBackgroundStack);
  });
  afterAll(() => rmSync(synthesized.outdir, { recursive: true }));

  const find = (type: string, id: string) => {
    const found = synthesized.template.resources(type).find(({ logicalId }) => logicalId.startsWith(id));
    if (found === undefined) throw new Error(`There is no ${type} ${id}`);
    return found;
  };
  const arnOf = (bucket: string) => synthesized.template.arn(find('AWS::S3::Bucket', bucket).logicalId);

  it('has sharp beside it for Lambda on arm64, whatever this machine is', () => {
    const { properties, assetPath = '' } = find('AWS::Lambda::Function', 'OnWhite');
    expect(properties.Architectures).toEqual(['arm64']);
    const packages = join(synthesized.outdir, assetPath, 'node_modules/@img');
    expect(readdirSync(packages).sort()).toEqual(['colour', 'sharp-libvips-linux-arm64', 'sharp-linux-arm64']);
    const files = readdirSync(join(packages, 'sharp-linux-arm64/lib')).filter((name) => name.endsWith('.node'));
    expect(files).toHaveLength(1);
    // An ELF file for AArch64.
    const elf = readFileSync(join(packages, 'sharp-linux-arm64/lib', files[0] ?? ''));
    expect([elf.toString('latin1', 1, 4), elf.readUInt16LE(18)]).toEqual(['ELF', 0xb7]);
  });

  it('may read results and write pictures, and nothing else', () => {
    const { PolicyDocument } = find('AWS::IAM::Policy', 'OnWhite').properties;
    const [reads, writes, ...others] = PolicyDocument.Statement;
    expect(reads).toMatchObject({ Resource: [arnOf('CutoutsResults'), `${arnOf('CutoutsResults')}/*`] });
    expect(reads.Action).toEqual(['s3:GetObject*', 's3:GetBucket*', 's3:List*']);
    expect(writes).toMatchObject({ Resource: `${arnOf('Pictures')}/*` });
    expect(writes.Action.filter((action: string) => !/^s3:(Put|Abort)/.test(action))).toEqual([]);
    expect(others).toEqual([]);
  });
});
