import { describe, expect, it } from 'vitest';
import * as readers from '../../../infra/settings/readers.ts';

interface Cases {
  reader: readers.Reader<unknown>;
  /** What is given, and what is read. */
  valid: [unknown, unknown][];
  invalid: unknown[];
  /** What a refusal says would do. */
  advice: string;
}

const BUCKET: Cases = {
  reader: readers.bucketName,
  valid: [
    ['abc', 'abc'],
    ['my-images.example.com', 'my-images.example.com'],
    ['a'.repeat(63), 'a'.repeat(63)],
  ],
  invalid: ['ab', 'a'.repeat(64), 'My-Images', 's3://my-images', 'my-images/', 'my_images', '-images', 42, ['a'], null],
  advice: 'must be the name of a bucket',
};

const PREFIX: Cases = {
  reader: readers.prefix,
  valid: [
    ['photos/', 'photos/'],
    ['photos/2024 summer/', 'photos/2024 summer/'],
    ['fotos/größe-', 'fotos/größe-'],
    ['a'.repeat(512), 'a'.repeat(512)],
  ],
  invalid: ['/photos', 'ö'.repeat(257), 'photos/*', 'photo?', '{year}/', 'a#b', 'a%2Fb', 42, true, ['a/'], null],
  advice: 'must be a plain key prefix such as "photos/"',
};

const ARN_OF_KEY = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const KMS_KEY: Cases = {
  reader: readers.kmsKeyArn,
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

const CASES: Record<string, Cases> = {
  'name of a bucket': BUCKET,
  'KMS key': KMS_KEY,
  prefix: PREFIX,
  'list of suffixes': {
    reader: readers.suffixes,
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
    advice: 'must be a list of endings of keys such as ".jpg,.jpeg,.png"',
  },
  secret: {
    reader: readers.secretNameOrArn,
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
  'origin of the gateway': {
    reader: readers.gatewayOrigin,
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
  'list of hosts': {
    reader: readers.resultHosts,
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
    advice: 'must be a list of hosts such as "*.r2.dev,cdn.example.com", or of origins',
  },
  'whole number': whole(1, 360),
  'whole number, also 0': whole(0, 3600),
  boolean: {
    reader: readers.boolean,
    valid: [
      ['true', true],
      [true, true],
      ['false', false],
      [false, false],
    ],
    invalid: ['yes', 'True', 1, [true], null],
    advice: 'must be true or false',
  },
  'e-mail address': {
    reader: readers.emailAddress,
    valid: [['images@example.com', 'images@example.com']],
    invalid: ['images', 'images@', '@example.com', 'Images <images@example.com>', 'a@b@c', 42, ['a@example.com'], null],
    advice: 'must be an e-mail address',
  },
  'one of some words': {
    reader: readers.oneOf('retain', 'destroy'),
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
    reader: readers.integer(min, max),
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

describe.each(Object.entries(CASES))('a %s', (_, { reader, valid, invalid, advice }) => {
  it.each(valid)('can be %j', (given, expected) => {
    expect(readers.read(reader, 'It', given)).toEqual(expected);
  });

  it.each(invalid.map((value) => [value]))('cannot be %j, and a refusal says what can', (value) => {
    const refused = () => readers.read(reader, 'It', value);
    expect(refused).toThrow(readers.SettingError);
    expect(refused).toThrow(`It ${advice}`);
    expect(refused).toThrow(`, but it is ${JSON.stringify(value)}.`);
  });
});
