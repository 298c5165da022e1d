import type { WebhookProps } from '../pipeline/webhook.ts';
import type { BackgroundRemovalProps } from '../props.ts';
import { type Naming, refuseUnknownNames } from './names.ts';
import { SettingError } from './readers.ts';
import { SETTINGS } from './table.ts';

/** What a prop must be before anything else is asked of it. */
interface Kind {
  /** In words, after "must be". */
  readonly accepts: string;
  readonly is: (value: unknown) => boolean;
}

const list: Kind = { accepts: 'an array', is: Array.isArray };
const duration: Kind = { accepts: 'a Duration, such as Duration.minutes(1)', is: has('toSeconds') };
const object: Kind = { accepts: 'an object, such as {}', is: has() };
const bucket: Kind = { accepts: 'a bucket, such as Bucket.fromBucketName(…)', is: has('bucketArn') };
const secret: Kind = { accepts: 'a secret, such as Secret.fromSecretNameV2(…)', is: has('secretArn') };
const topic: Kind = { accepts: 'a topic, such as Topic.fromTopicArn(…)', is: has('topicArn') };
/** Its reader says what it must be. */
const value: Kind = { accepts: '', is: () => true };

/** All props there are, which only TypeScript knows. */
const PROPS: Readonly<Record<keyof BackgroundRemovalProps, Kind>> = {
  uploads: bucket,
  results: bucket,
  uploadsPrefix: value,
  uploadsSuffixes: list,
  resultsPrefix: value,
  apiKeySecret: secret,
  gatewayUrl: value,
  resultHosts: list,
  expectedTime: duration,
  timeout: duration,
  imageFormats: list,
  maxMegapixels: value,
  maxConcurrency: value,
  uploadsPerMinute: value,
  webhook: object,
  imagesPerDay: value,
  pause: value,
  alarmDollarsPerDay: value,
  alarmTopic: topic,
  removalPolicy: value,
};
const WEBHOOK: Readonly<Record<keyof WebhookProps, Kind>> = { reservedConcurrency: value };

/** Those who give a setting's name mean the prop of the same meaning. */
const PROP_OF = Object.fromEntries(
  Object.entries(SETTINGS).flatMap(([name, { prop }]) => (prop ? [[name, `Did you mean ${prop}?`]] : [])),
);

/** Refuses what TypeScript would refuse: unknown props, and those of another type. @throws SettingError */
export function checkShape(path: string, props: BackgroundRemovalProps): void {
  const naming: Naming = { kind: 'prop', owner: path, instead: PROP_OF };
  refuseUnknownNames(props, Object.keys(PROPS), naming);
  for (const [name, { accepts, is }] of Object.entries(PROPS)) {
    const given = props[name as keyof BackgroundRemovalProps];
    if (given === undefined || is(given)) continue;
    throw new SettingError(`${name} of ${path} must be ${accepts}, but it is ${described(given)}.`);
  }
  const within = (names: object) =>
    Object.fromEntries(Object.entries(names).map(([name, each]) => [`webhook.${name}`, each]));
  refuseUnknownNames(within(props.webhook ?? {}), Object.keys(within(WEBHOOK)), naming);
}

function has(...members: string[]): Kind['is'] {
  return (given) => {
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
    return isObject && members.every((member) => member in given);
  };
}

/** A value that may be a construct, which JSON cannot hold. */
function described(given: unknown): string {
  return typeof given === 'object' && given !== null ? `a ${given.constructor.name}` : JSON.stringify(given);
}
