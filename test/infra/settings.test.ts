import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RootConstruct } from 'constructs';
import { afterAll, describe, expect, it } from 'vitest';
import { SettingError } from '../../infra/settings/readers.ts';
import { readSettings, SETTING_NAMES, type Settings } from '../../infra/settings.ts';

function read(context: Record<string, unknown>): Settings {
  const root = new RootConstruct();
  for (const [name, value] of Object.entries(context)) root.node.setContext(name, value);
  return readSettings(root.node);
}

/** The message that refuses these settings. */
function refusal(context: Record<string, unknown>): string {
  try {
    read(context);
  } catch (error) {
    expect(error).toBeInstanceOf(SettingError);
    return (error as Error).message;
  }
  throw new Error(`Accepted: ${JSON.stringify(context)}`);
}

describe('without any setting', () => {
  it('takes the documented defaults', () => {
    expect(read({})).toEqual({
      uploadsPrefix: '',
      resultsPrefix: '',
      gatewayUrl: 'https://gateway.pixazo.ai',
      resultHosts: ['*.r2.dev'],
      expectedSeconds: 5,
      timeoutMinutes: 90,
      webhook: false,
      removal: 'retain',
    });
  });

  it.each(SETTING_NAMES)('takes an empty %s, as in `-c %s=`, for not given', (name) => {
    expect(read({ [name]: '' })).toEqual(read({}));
  });

  it('leaves alone what is in the context for the CDK itself', () => {
    const context = {
      '@aws-cdk/core:newStyleStackSynthesis': true,
      '@aws-cdk/aws-lambda:recognizeLayerVersion': true,
      'aws:cdk:enable-path-metadata': true,
      'aws:cdk:bundling-stacks': ['**'],
      'availability-zones:account=111122223333:region=eu-west-1': ['eu-west-1a'],
      'acknowledged-issue-numbers': [19836],
      'cli-telemetry': false,
    };
    expect(read(context)).toEqual(read({}));
  });
});

interface Cases {
  /** What is given, and what is read. */
  valid: [unknown, unknown][];
  invalid: unknown[];
  /** What a refusal says would do. */
  advice: string;
}

const BUCKET: Cases = {
  valid: [
    ['abc', 'abc'],
    ['my-images.example.com', 'my-images.example.com'],
    ['a'.repeat(63), 'a'.repeat(63)],
  ],
  invalid: ['ab', 'a'.repeat(64), 'My-Images', 's3://my-images', 'my-images/', 'my_images', '-images', 42, ['a'], null],
  advice: 'must be the name of a bucket',
};

const PREFIX: Cases = {
  valid: [
    ['photos/', 'photos/'],
    ['photos/2024 summer/', 'photos/2024 summer/'],
    ['fotos/größe-', 'fotos/größe-'],
    ['a'.repeat(512), 'a'.repeat(512)],
  ],
  invalid: ['/photos', 'photos/*', 'photo?', '{year}/', 'a#b', 'a%2Fb', 42, true, ['a/'], null],
  advice: 'must be a plain key prefix such as "photos/"',
};

const ARN_OF_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const KMS_KEY: Cases = {
  valid: [ARN_OF_KEY, 'arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab'].map(
    (arn) => [arn, arn],
  ),
  invalid: [
    '1234abcd-12ab-34cd-56ef-1234567890ab',
    'alias/images',
    'arn:aws:kms:eu-west-1:111122223333:alias/images',
    'arn:aws:s3:::my-images',
    `${ARN_OF_KEY} `,
    42,
    [ARN_OF_KEY],
    null,
  ],
  advice: 'must be the ARN of a KMS key, such as "arn:aws:kms:',
};

const CASES: Record<keyof Required<Settings>, Cases> = {
  uploadsBucket: BUCKET,
  resultsBucket: BUCKET,
  uploadsKmsKey: KMS_KEY,
  resultsKmsKey: KMS_KEY,
  uploadsPrefix: PREFIX,
  uploadsSuffixes: {
    valid: [
      ['.jpg', ['.jpg']],
      ['.jpg, .JPG,-original.png', ['.jpg', '.JPG', '-original.png']],
      [
        ['.jpg', '.größe'],
        ['.jpg', '.größe'],
      ],
      ['a'.repeat(64), ['a'.repeat(64)]],
    ],
    invalid: ['*.jpg', '.jpg,', ',', '.jp?g', 'a'.repeat(65), [], [''], ['.jpg,.png'], ['.jpg', 42], { a: 1 }, null],
    advice: 'must list endings of keys such as ".jpg,.jpeg,.png"',
  },
  resultsPrefix: PREFIX,
  apiKeySecret: {
    valid: [
      ['pixazo/api-key', 'pixazo/api-key'],
      [
        'arn:aws:secretsmanager:eu-west-1:111122223333:secret:key-AbC123',
        'arn:aws:secretsmanager:eu-west-1:111122223333:secret:key-AbC123',
      ],
    ],
    invalid: ['two words', ' ', 42, { name: 'key' }, null],
    advice: 'must be the name or ARN of a secret',
  },
  apiKeyKmsKey: KMS_KEY,
  inventoryKmsKey: KMS_KEY,
  gatewayUrl: {
    valid: [
      ['https://gateway.example.com', 'https://gateway.example.com'],
      ['https://gateway.example.com/', 'https://gateway.example.com'],
      ['https://gateway.example.com:8443', 'https://gateway.example.com:8443'],
      ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ],
    invalid: [
      'https://gateway.example.com/v1',
      'https://gateway.example.com?key=1',
      'https://gateway.example.com/#top',
      'https://user:password@gateway.example.com',
      'http://gateway.example.com',
      'http://127.0.0.1.example.com',
      'http://localhost:8080',
      'ftp://gateway.example.com',
      'gateway.example.com',
      8080,
      ['https://gateway.example.com'],
      null,
    ],
    advice: 'must be an https origin such as "https://gateway.pixazo.ai", without a path',
  },
  resultHosts: {
    valid: [
      ['cdn.example.com', ['cdn.example.com']],
      ['*.r2.dev,cdn.example.com', ['*.r2.dev', 'cdn.example.com']],
      ['*.r2.dev, http://127.0.0.1:8080', ['*.r2.dev', 'http://127.0.0.1:8080']],
      [
        ['*.r2.dev', 'https://cdn.example.com:8443'],
        ['*.r2.dev', 'https://cdn.example.com:8443'],
      ],
    ],
    invalid: [
      '*',
      '*.dev',
      'localhost',
      'cdn.*.com',
      'cdn.example.com/path',
      'https://cdn.example.com/',
      'https://*.r2.dev/pub',
      'ftp://cdn.example.com',
      'cdn.example.com,',
      'cdn.example.com;r2.dev',
      [],
      ['cdn.example.com', 42],
      ['a.example.com,b.example.com'],
      { host: 'cdn.example.com' },
      42,
      null,
    ],
    advice: 'must list hosts such as "*.r2.dev,cdn.example.com" or origins',
  },
  expectedSeconds: whole(0, 3600),
  timeoutMinutes: whole(1, 360),
  maxConcurrency: whole(2, 1000),
  uploadsPerMinute: whole(6, 18_000),
  webhook: {
    valid: [
      ['true', true],
      [true, true],
      ['false', false],
      [false, false],
    ],
    invalid: ['yes', 'True', 1, [true], null],
    advice: 'must be true or false',
  },
  webhookConcurrency: whole(1, 1000),
  inventoryBucket: BUCKET,
  alarmTopic: {
    valid: [['arn:aws:sns:eu-west-1:111122223333:alarms', 'arn:aws:sns:eu-west-1:111122223333:alarms']],
    invalid: [
      'alarms',
      'arn:aws:sqs:eu-west-1:111122223333:alarms',
      // Alarms cannot go to a FIFO topic, nor to a subscription.
      'arn:aws:sns:eu-west-1:111122223333:alarms.fifo',
      'arn:aws:sns:eu-west-1:111122223333:alarms:1234abcd-12ab-34cd-56ef-1234567890ab',
      'images@example.com',
      42,
      null,
    ],
    advice: 'must be the ARN of an SNS topic, such as "arn:aws:sns:',
  },
  alarmEmail: {
    valid: [['images@example.com', 'images@example.com']],
    invalid: ['images', 'images@', '@example.com', 'Images <images@example.com>', 'a@b@c', 42, ['a@example.com'], null],
    advice: 'must be an e-mail address',
  },
  removal: {
    valid: [
      ['retain', 'retain'],
      ['destroy', 'destroy'],
    ],
    invalid: ['Destroy', 'delete', 'true', true, ['destroy'], null],
    advice: 'must be one of retain, destroy',
  },
};

function whole(min: number, max: number): Cases {
  return {
    valid: [min, min + 1, max].flatMap((value) => [
      [String(value), value],
      [value, value],
    ]),
    invalid: [
      min - 1,
      max + 1,
      String(min - 1),
      String(max + 1),
      2.5,
      '2.5',
      '1e2',
      '0x10',
      'ten',
      ' ',
      [5],
      true,
      null,
    ],
    advice: `must be a whole number from ${min} to ${max}`,
  };
}

/** What must be set beside a setting, which has no effect, and is refused, without it. */
const NEEDED: Partial<Record<keyof Settings, Partial<Settings>>> = {
  uploadsKmsKey: { uploadsBucket: 'images' },
  resultsKmsKey: { resultsBucket: 'cutouts' },
  apiKeyKmsKey: { apiKeySecret: 'pixazo/api-key' },
  inventoryKmsKey: { inventoryBucket: 'reports' },
  webhookConcurrency: { webhook: true },
};

describe.each(SETTING_NAMES)('%s', (name) => {
  const { valid, invalid, advice } = CASES[name];

  it.each(valid)('can be %j', (given, expected) => {
    const others = NEEDED[name] ?? {};
    expect(read({ ...others, [name]: given })).toEqual({ ...read(others), [name]: expected });
  });

  it.each(invalid.map((value) => [value]))('cannot be %j, and a refusal says what can', (value) => {
    const message = refusal({ [name]: value });
    expect(message).toContain(`The setting ${name} ${advice}`);
    expect(message).toContain(`but it is ${JSON.stringify(value)}.`);
    expect(message).not.toContain('\n');
  });
});

describe('settings that conflict are refused, and both are named:', () => {
  const topic = 'arn:aws:sns:eu-west-1:111122223333:alarms';
  const oneBucket = { uploadsBucket: 'images', uploadsPrefix: 'in/', resultsBucket: 'images', resultsPrefix: 'out/' };
  const existing = { uploadsBucket: 'images', resultsBucket: 'cutouts', apiKeySecret: 'pixazo/api-key' };

  it.each<[context: Record<string, unknown>, named: string[]]>([
    [{ uploadsKmsKey: ARN_OF_KEY }, ['uploadsKmsKey', 'uploadsBucket']],
    [{ uploadsKmsKey: ARN_OF_KEY, resultsBucket: 'cutouts' }, ['uploadsKmsKey', 'uploadsBucket']],
    [{ resultsKmsKey: ARN_OF_KEY, uploadsBucket: 'images' }, ['resultsKmsKey', 'resultsBucket']],
    [{ webhookConcurrency: 5 }, ['webhookConcurrency', 'webhook']],
    [{ webhookConcurrency: 5, webhook: false }, ['webhookConcurrency', 'webhook']],
    [{ ...oneBucket, uploadsKmsKey: ARN_OF_KEY }, ['uploadsKmsKey', 'resultsKmsKey', 'uploadsBucket', 'resultsBucket']],
    [{ alarmEmail: 'images@example.com', alarmTopic: topic }, ['alarmEmail', 'alarmTopic']],
    [{ ...existing, removal: 'destroy' }, ['removal', 'uploadsBucket', 'resultsBucket', 'apiKeySecret']],
    [{ maxConcurrency: 5, uploadsPerMinute: 60 }, ['maxConcurrency', 'uploadsPerMinute']],
    [{ expectedSeconds: 60, timeoutMinutes: 1 }, ['expectedSeconds', 'timeoutMinutes']],
    [{ expectedSeconds: '3600', timeoutMinutes: '30' }, ['expectedSeconds', 'timeoutMinutes']],
  ])('%j', (context, named) => {
    const message = refusal(context);
    for (const name of named) expect(message).toMatch(new RegExp(`\\b${name}\\b`));
    expect(message).not.toContain('\n');
  });

  it.each<Record<string, unknown>>([
    { uploadsBucket: 'images', resultsBucket: 'cutouts', removal: 'destroy' },
    { uploadsBucket: 'images', apiKeySecret: 'pixazo/api-key', removal: 'destroy' },
    { ...existing, removal: 'retain' },
    { ...oneBucket, uploadsKmsKey: ARN_OF_KEY, resultsKmsKey: ARN_OF_KEY },
    { expectedSeconds: 59, timeoutMinutes: 1 },
    { alarmTopic: topic, alarmEmail: '' },
  ])('but not %j', (context) => {
    expect(() => read(context)).not.toThrow();
  });
});

describe('prefixes', () => {
  it.each(['uploadsPrefix', 'resultsPrefix'])('%s has at most 512 bytes, however few characters they are', (name) => {
    expect(refusal({ [name]: 'ö'.repeat(257) })).toContain(`The setting ${name} must be at most 512 bytes long`);
  });
});

describe('a name that is no setting', () => {
  it.each(['uploadBucket', 'uploadsprefix', 'UPLOADSBUCKET', 'max_concurrency', 'timeout2', 'constructor', 'toString'])(
    '%s is refused, with the list of all settings',
    (name) => {
      const message = refusal({ [name]: 'x' });
      expect(message).toContain(`There is no setting ${name}.`);
      for (const setting of SETTING_NAMES) expect(message).toContain(setting);
    },
  );
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
    const message = refusal({ ...both, uploadsPrefix, resultsPrefix });
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
    expect(read({ ...both, uploadsPrefix, resultsPrefix })).toMatchObject({ ...both, uploadsPrefix, resultsPrefix });
  });

  it.each([
    { uploadsBucket: 'images', resultsBucket: 'cutouts' },
    { uploadsBucket: 'images' },
    { resultsBucket: 'images' },
    {},
  ])('are none for equal prefixes in two buckets: %j', (buckets) => {
    const prefixes = { uploadsPrefix: 'photos/', resultsPrefix: 'photos/' };
    expect(read({ ...buckets, ...prefixes })).toMatchObject(prefixes);
  });
});

describe.concurrent('the app', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'cutout-'));
  afterAll(() => rmSync(outdir, { recursive: true, force: true }));

  /** Runs it as the CDK does. */
  function run(name: string, context: Record<string, unknown>): Promise<{ code: number; out: string; err: string }> {
    const app = join(import.meta.dirname, '../../infra/app.ts');
    const env = { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context), CDK_OUTDIR: join(outdir, name) };
    return new Promise((resolve) => {
      execFile(process.execPath, [app], { env }, (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : Number(error !== null), out, err });
      });
    });
  }

  it.each([['a setting that cannot be used', { maxConcurrency: '1' }, /^The setting maxConcurrency .*"1"\.\n$/]])(
    'answers %s with one line and no stack',
    async (name, context, line) => {
      const { code, out, err } = await run(name, context);
      expect(err).toMatch(line);
      expect(out).toBe('');
      expect(code).toBe(1);
    },
  );

  it('synthesizes with good settings, and says nothing', async () => {
    const context = { 'aws:cdk:enable-path-metadata': true, uploadsPrefix: 'in/', maxConcurrency: 2 };
    expect(await run('good', context)).toEqual({ code: 0, out: '', err: '' });
  });
});
