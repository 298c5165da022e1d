import { App, Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../../infra/background-removal.ts';
import type { BackgroundRemovalProps } from '../../../infra/props.ts';
import { SettingError } from '../../../infra/settings/readers.ts';
import { refusalOf } from '../refusal-of.ts';
import { type Make, make } from '../shop.ts';
import { makeStack, refusal } from './reading.ts';

describe('settings that conflict are refused, and both are named:', () => {
  const ARN_OF_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const oneBucket = { uploadsBucket: 'images', uploadsPrefix: 'in/', resultsBucket: 'images', resultsPrefix: 'out/' };
  const existing = { uploadsBucket: 'images', resultsBucket: 'cutouts', apiKeySecret: 'pixazo/api-key' };

  it.each<[context: Record<string, unknown>, named: string[]]>([
    [{ uploadsKmsKey: ARN_OF_KEY }, ['uploadsKmsKey', 'uploadsBucket']],
    [{ uploadsKmsKey: ARN_OF_KEY, resultsBucket: 'cutouts' }, ['uploadsKmsKey', 'uploadsBucket']],
    [{ resultsKmsKey: ARN_OF_KEY, uploadsBucket: 'images' }, ['resultsKmsKey', 'resultsBucket']],
    [{ ...oneBucket, uploadsKmsKey: ARN_OF_KEY }, ['uploadsKmsKey', 'resultsKmsKey']],
    [{ ...existing, removal: 'destroy' }, ['removal', 'uploadsBucket', 'resultsBucket', 'apiKeySecret']],
    [{ expectedSeconds: 60, timeoutMinutes: 1 }, ['expectedSeconds', 'timeoutMinutes']],
    [{ expectedSeconds: '3600', timeoutMinutes: '30' }, ['expectedSeconds', 'timeoutMinutes']],
  ])('%j', (context, named) => {
    const message = refusal(context, makeStack);
    for (const name of named) expect(message).toMatch(new RegExp(`\\b${name}\\b`));
    expect(message).not.toContain('\n');
  });

  it.each<Record<string, unknown>>([
    { uploadsBucket: 'images', resultsBucket: 'cutouts', removal: 'destroy' },
    { uploadsBucket: 'images', apiKeySecret: 'pixazo/api-key', removal: 'destroy' },
    { ...existing, removal: 'retain' },
    { ...oneBucket, uploadsKmsKey: ARN_OF_KEY, resultsKmsKey: ARN_OF_KEY },
    { expectedSeconds: 59, timeoutMinutes: 1 },
  ])('but not %j', (context) => {
    expect(() => makeStack(context)).not.toThrow();
  });
});

describe('uploads and results that overlap', () => {
  const both = { uploadsBucket: 'images', resultsBucket: 'images' };

  it.each([
    ['', ''],
    ['in/', ''],
    ['', 'out/'],
    ['images/', 'images/'],
    ['images/', 'images/out/'],
    ['images/in/', 'images/'],
    ['cat', 'cats/'],
  ])('are refused for the prefixes "%s" and "%s" in one bucket', (uploadsPrefix, resultsPrefix) => {
    const message = refusal({ ...both, uploadsPrefix, resultsPrefix }, makeStack);
    for (const name of ['uploadsBucket', 'resultsBucket', 'uploadsPrefix', 'resultsPrefix']) {
      expect(message).toContain(name);
    }
    expect(message).toContain('"images"');
    expect(message).toContain('such as "in/" and "out/"');
  });

  it.each([
    ['in/', 'out/'],
    ['images/in/', 'images/out/'],
    ['cats/', 'cat-'],
  ])('are none for the prefixes "%s" and "%s" in one bucket', (uploadsPrefix, resultsPrefix) => {
    expect(() => makeStack({ ...both, uploadsPrefix, resultsPrefix })).not.toThrow();
  });

  it.each([
    { uploadsBucket: 'images', resultsBucket: 'cutouts' },
    { uploadsBucket: 'images' },
    { resultsBucket: 'images' },
    {},
  ])('are none for equal prefixes in two buckets: %j', (buckets) => {
    const prefixes = { uploadsPrefix: 'photos/', resultsPrefix: 'photos/' };
    expect(() => makeStack({ ...buckets, ...prefixes })).not.toThrow();
  });
});

describe('one bucket for uploads and results', () => {
  it('is refused without prefixes, because each result would be taken for an upload', () => {
    const message = refusalOf(() =>
      make((stack) => {
        const bucket = new Bucket(stack, 'Images');
        return { uploads: bucket, results: bucket };
      }),
    );
    expect(message).toContain('Uploads and results overlap');
  });

  it('is refused also under two constructs for it', () => {
    const message = refusalOf(() =>
      make((stack) => ({
        uploads: Bucket.fromBucketName(stack, 'In', 'images'),
        results: Bucket.fromBucketName(stack, 'Out', 'images'),
        resultsPrefix: 'out/',
      })),
    );
    expect(message).toContain('Uploads and results overlap');
  });

  it('is refused under two KMS keys, because it has one', () => {
    const keyArn = 'arn:aws:kms:eu-west-1:111122223333:key/images';
    const message = refusalOf(() =>
      make((stack) => {
        const encryptionKey = Key.fromKeyArn(stack, 'Key', keyArn);
        return {
          uploads: Bucket.fromBucketAttributes(stack, 'In', { bucketName: 'images', encryptionKey }),
          results: Bucket.fromBucketName(stack, 'Out', 'images'),
          ...{ uploadsPrefix: 'in/', resultsPrefix: 'out/' },
        };
      }),
    );
    expect(message).toContain('"images", which has one KMS key');
  });

  it('will do with prefixes of which neither begins with the other', () => {
    const props: Make = (stack) => {
      const bucket = new Bucket(stack, 'Images');
      return { uploads: bucket, results: bucket, uploadsPrefix: 'in/', resultsPrefix: 'out/' };
    };
    expect(() => make(props)).not.toThrow();
  });
});

describe('two constructs of one stack', () => {
  const two = (one: Partial<BackgroundRemovalProps>, other: Partial<BackgroundRemovalProps>) => {
    const stack = new Stack(new App(), 'Shop');
    const bucket = (name: string) => Bucket.fromBucketName(stack, name, name);
    const buckets = { photos: bucket('photos'), cutouts: bucket('cutouts') };
    for (const [id, props] of [
      ['One', one],
      ['Other', other],
    ] as const) {
      new BackgroundRemoval(new Construct(stack, id), 'Removal', {
        ...{ uploads: buckets.photos, results: buckets.cutouts, resultsPrefix: `${id}/` },
        ...props,
      });
    }
  };

  it.each<[string, Partial<BackgroundRemovalProps>, Partial<BackgroundRemovalProps>]>([
    ['the same uploads', {}, {}],
    ['the same uploads', { uploadsPrefix: 'in/' }, { uploadsPrefix: 'in/new/' }],
    ['the same uploads', { uploadsSuffixes: ['.jpg'] }, { uploadsSuffixes: ['x.jpg', '.png'] }],
    ['results to the same keys', { uploadsPrefix: 'a/' }, { uploadsPrefix: 'b/', resultsPrefix: 'One/b/' }],
  ])('are refused where both would process, or write, %s', (what, one, other) => {
    expect(() => two(one, other)).toThrow(SettingError);
    expect(() => two(one, other)).toThrow(what);
    expect(() => two(one, other)).toThrow('Shop/Other/Removal and Shop/One/Removal');
  });

  it('are refused where one would take the results of the other for uploads', () => {
    const stack = new Stack(new App(), 'Shop');
    const [a, b, c] = ['bucket-a', 'bucket-b', 'bucket-c'].map((name) => Bucket.fromBucketName(stack, name, name)) as [
      IBucket,
      IBucket,
      IBucket,
    ];
    new BackgroundRemoval(stack, 'One', { uploads: a, results: b });
    expect(() => new BackgroundRemoval(stack, 'Other', { uploads: b, results: c })).toThrow(
      'Shop/Other would take the results of Shop/One for uploads, and pay for each',
    );
  });

  it.each<[Partial<BackgroundRemovalProps>, Partial<BackgroundRemovalProps>]>([
    [{ uploadsPrefix: 'a/' }, { uploadsPrefix: 'b/' }],
    [{ uploadsSuffixes: ['.jpg'] }, { uploadsSuffixes: ['.png'] }],
  ])('may share buckets with other prefixes or endings: %j and %j', (one, other) => {
    expect(() => two(one, other)).not.toThrow();
  });
});
