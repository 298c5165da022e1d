import { App, CfnParameter, Fn, Lazy, Stack, Stage } from 'aws-cdk-lib';
import { Bucket, CfnBucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { describe, expect, it } from 'vitest';
import { BackgroundRemoval } from '../../../infra/background-removal.ts';
import { BucketAccess } from '../../../infra/parts/bucket-access.ts';
import { type Neighbour, refuseNeighbour, refuseSharedBucket } from '../../../infra/settings/conflicts.ts';
import { SettingError } from '../../../infra/settings/readers.ts';

type Pair = (stack: Stack) => readonly [uploads: IBucket, results: IBucket];

const text = (stack: Stack, id = 'Text') => new CfnParameter(stack, id).valueAsString;

/** Two ways to one bucket. */
const ONE: [string, Pair][] = [
  ['a name and an import by it', (stack) => [named(stack), Bucket.fromBucketName(stack, 'Out', 'my-photos')]],
  [
    'a name and an import by ARN',
    (stack) => [named(stack), Bucket.fromBucketArn(stack, 'Out', 'arn:aws:s3:::my-photos')],
  ],
  [
    'an import by the name of a bucket of this app',
    (stack) => {
      const bucket = new Bucket(stack, 'In');
      return [bucket, Bucket.fromBucketName(stack, 'Out', bucket.bucketName)];
    },
  ],
  [
    'an import by the ARN of a bucket of this app',
    (stack) => {
      const bucket = new Bucket(stack, 'In');
      return [Bucket.fromBucketArn(stack, 'Out', bucket.bucketArn), bucket];
    },
  ],
  [
    'an import by the name of a named bucket of another stack',
    (stack) => [
      Bucket.fromBucketName(stack, 'In', named(new Stack(App.of(stack) as App, 'Other')).bucketName),
      Bucket.fromBucketName(stack, 'Out', 'my-photos'),
    ],
  ],
  [
    'a low-level bucket',
    (stack) => [
      Bucket.fromCfnBucket(new CfnBucket(stack, 'In', { bucketName: 'my-photos' })),
      Bucket.fromBucketName(stack, 'Out', 'my-photos'),
    ],
  ],
  [
    'a name that is a parameter',
    (stack) => {
      const name = text(stack);
      return [Bucket.fromBucketName(stack, 'In', name), Bucket.fromBucketName(stack, 'Out', name)];
    },
  ],
  [
    'a bucket that is named by a parameter',
    (stack) => {
      const bucketName = text(stack);
      return [new Bucket(stack, 'In', { bucketName }), Bucket.fromBucketName(stack, 'Out', bucketName)];
    },
  ],
];

const named = (scope: Construct) => new Bucket(scope, 'Named', { bucketName: 'my-photos' });

/** Two buckets, for all that is known. */
const TWO: [string, Pair][] = [
  ['two buckets of this app', (stack) => [new Bucket(stack, 'In'), new Bucket(stack, 'Out')]],
  ['a named bucket and another name', (stack) => [named(stack), Bucket.fromBucketName(stack, 'Out', 'cutouts')]],
  [
    'a bucket of this app and a name',
    (stack) => [new Bucket(stack, 'In'), Bucket.fromBucketName(stack, 'Out', 'cutouts')],
  ],
  [
    'two parameters',
    (stack) => [
      Bucket.fromBucketName(stack, 'In', text(stack)),
      Bucket.fromBucketName(stack, 'Out', text(stack, 'Text2')),
    ],
  ],
  [
    'an export and a name',
    (stack) => [
      Bucket.fromBucketName(stack, 'In', Fn.importValue('photos')),
      Bucket.fromBucketName(stack, 'Out', 'cutouts'),
    ],
  ],
];

function buckets(pair: Pair, uploadsPrefix = '', resultsPrefix = '') {
  const stack = new Stack(new App(), 'Shop');
  const [uploads, results] = pair(stack);
  return { uploads: new BucketAccess(uploads, uploadsPrefix), results: new BucketAccess(results, resultsPrefix) };
}

describe('one bucket for uploads and results, known by two names', () => {
  it.each(ONE)('is refused without prefixes: %s', (_, pair) => {
    expect(() => refuseSharedBucket(buckets(pair))).toThrow(SettingError);
    expect(() => refuseSharedBucket(buckets(pair))).toThrow('Uploads and results overlap');
    expect(() => refuseSharedBucket(buckets(pair, 'in/', 'out/'))).not.toThrow();
  });

  it.each(TWO)('is none: %s', (_, pair) => {
    expect(() => refuseSharedBucket(buckets(pair))).not.toThrow();
  });

  it.each(['uploadsPrefix', 'resultsPrefix'])('is refused with %s that is known only at deployment', (prop) => {
    const prefix = (name: string, other: string) => (name === prop ? Lazy.string({ produce: () => 'out/' }) : other);
    for (const [, pair] of ONE) {
      const shared = buckets(pair, prefix('uploadsPrefix', 'in/'), prefix('resultsPrefix', 'out/'));
      expect(() => refuseSharedBucket(shared)).toThrow(new RegExp(`^${prop} must be known at synth`));
    }
    for (const [, pair] of TWO) {
      const shared = buckets(pair, prefix('uploadsPrefix', 'in/'), prefix('resultsPrefix', 'out/'));
      expect(() => refuseSharedBucket(shared)).not.toThrow();
    }
  });

  it('is refused by the construct', () => {
    const stack = new Stack(new App(), 'Shop');
    const results = Bucket.fromBucketName(stack, 'Out', 'my-photos');
    expect(() => new BackgroundRemoval(stack, 'Removal', { uploads: named(stack), results })).toThrow(
      'Uploads and results overlap: uploadsBucket and resultsBucket are both "my-photos"',
    );
  });
});

describe('two deployments of one bucket, known by two names', () => {
  /** A deployment that shares no results with the other. */
  const neighbour = (
    scope: Construct,
    path: string,
    uploads: IBucket,
    prefix = '',
    suffixes?: string[],
  ): Neighbour => ({
    path,
    uploads: new BucketAccess(uploads, prefix),
    results: new BucketAccess(new Bucket(scope, `Results of ${path}`), ''),
    uploadsSuffixes: suffixes,
  });
  const both = (pair: Pair, prefixes = ['', ''], suffixes?: [string[], string[]]) => {
    const stack = new Stack(new App(), 'Shop');
    const [one, other] = pair(stack);
    return [
      neighbour(stack, 'One', one, prefixes[0], suffixes?.[0]),
      neighbour(stack, 'Other', other, prefixes[1], suffixes?.[1]),
    ] as const;
  };

  it.each(ONE)('are refused: %s', (_, pair) => {
    expect(() => refuseNeighbour(...both(pair))).toThrow('One and Other would both process, and pay for, the same');
    expect(() => refuseNeighbour(...both(pair, ['a/', 'b/']))).not.toThrow();
  });

  it.each(TWO)('are none: %s', (_, pair) => {
    expect(() => refuseNeighbour(...both(pair))).not.toThrow();
  });

  it('are refused with a prefix that is known only at deployment, unless what is known of it will do', () => {
    const prefix = Fn.importValue('prefix');
    const [[, pair]] = ONE as [(typeof ONE)[number]];
    expect(() => refuseNeighbour(...both(pair, ['a/', prefix]))).toThrow(
      'uploadsPrefix of Other must be known at synth, because uploadsPrefix of One and uploadsPrefix of Other are of',
    );
    expect(() => refuseNeighbour(...both(pair, ['a/', `b/${prefix}`]))).not.toThrow();
    expect(() => refuseNeighbour(...both(pair, ['a/', prefix], [['.jpg'], ['.png']]))).not.toThrow();
  });

  it('are refused in two stacks of an app, but not in two of its stages', () => {
    const deploy = (scope: Construct, id: string) => {
      const stack = new Stack(scope, id);
      new BackgroundRemoval(stack, 'Removal', { uploads: Bucket.fromBucketName(stack, 'In', 'my-photos') });
    };
    const app = new App();
    for (const id of ['Test', 'Production']) deploy(new Stage(app, id), 'Shop');
    deploy(app, 'Shop');
    expect(() => deploy(app, 'Other')).toThrow('Other/Removal and Shop/Removal would both process, and pay for,');
  });
});
