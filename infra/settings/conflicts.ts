import { Token } from 'aws-cdk-lib';
import type { BucketAccess, Buckets } from '../parts/bucket-access.ts';
import { SettingError } from './readers.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from './table.ts';

/** Values by the setting that they mean, from the context or from props; undefined where nothing is known. */
export type Given = Partial<Record<SettingName, unknown>>;

/** What the giver calls a setting: its own name, or that of the prop that means the same. */
export type NameOf = (name: SettingName) => string;

/** Refuses settings that have no effect beside, or without, others. @throws SettingError naming all of them */
export function refuseConflicts(given: Given, subjectOf: NameOf, nameOf: NameOf): void {
  for (const name of SETTING_NAMES) {
    const { needs, excludes, default: usual } = SETTINGS[name];
    if (given[name] === undefined || given[name] === usual) continue;
    if (needs !== undefined && !given[needs]) {
      throw new SettingError(
        `${subjectOf(name)} has no effect without ${nameOf(needs)}. Set ${nameOf(needs)} too, or drop ${nameOf(name)}.`,
      );
    }
    if (excludes?.settings.every((other) => given[other] !== undefined)) {
      const others = new Intl.ListFormat('en').format(excludes.settings.map(nameOf));
      throw new SettingError(`${subjectOf(name)} has no effect beside ${others}: ${excludes.because}. Drop it.`);
    }
  }
  const { expectedSeconds, timeoutMinutes } = given;
  if (Number(expectedSeconds) >= Number(timeoutMinutes) * 60) {
    throw new SettingError(
      `${subjectOf('expectedSeconds')} must be shorter than ${nameOf('timeoutMinutes')}, or every job would be given ` +
        'up at its first status check.',
    );
  }
}

/**
 * Refuses one bucket for uploads and results whose prefixes overlap: results that are uploads themselves would be
 * processed again, for ever, at a price. And one bucket with two keys. @throws SettingError
 */
export function refuseSharedBucket({ uploads, results }: Buckets): void {
  const { bucketName } = uploads.bucket;
  if (bucketName !== results.bucket.bucketName) return;
  const bucket = Token.isUnresolved(bucketName) ? uploads.bucket.node.path : bucketName;
  if (overlap(uploads, results)) {
    throw new SettingError(
      `Uploads and results overlap: uploadsBucket and resultsBucket are both "${bucket}", and uploadsPrefix ` +
        `"${uploads.prefix}" and resultsPrefix "${results.prefix}" begin alike, so each result would be taken for a new ` +
        'upload. Choose another bucket, or prefixes of which neither begins with the other, such as "in/" and "out/".',
    );
  }
  if (uploads.keyArn !== results.keyArn) {
    throw new SettingError(
      `Uploads and results are in the same bucket, "${bucket}", which has one KMS key: set uploadsKmsKey and ` +
        "resultsKmsKey (the buckets' encryptionKey) to the same.",
    );
  }
}

const OTHER_PREFIXES = 'Choose another bucket, or prefixes of which neither begins with the other.';

/** A deployment, as far as others may get in its way. */
export interface Neighbour extends Buckets {
  /** Path of its construct. */
  readonly path: string;
  /** Endings of the keys that are uploads. @default - all keys */
  readonly uploadsSuffixes?: readonly string[] | undefined;
}

/**
 * Refuses two deployments of one stack that would both process, and pay for, the same uploads, of which one would take
 * the other's results for uploads, or which would write results to the same keys. Those of other stacks cannot be seen.
 * @throws SettingError naming both
 */
export function refuseNeighbour(own: Neighbour, other: Neighbour): void {
  const both = `${own.path} and ${other.path}`;
  if (overlap(own.uploads, other.uploads) && suffixesOverlap(own, other)) {
    throw new SettingError(
      `${both} would both process, and pay for, the same uploads: of the same bucket, uploadsPrefix ` +
        `"${own.uploads.prefix}" and "${other.uploads.prefix}" begin alike. Choose prefixes of which neither begins with ` +
        'the other, or uploadsSuffixes of which none ends with another.',
    );
  }
  for (const [from, to] of [
    [own, other],
    [other, own],
  ] as const) {
    if (!overlap(from.results, to.uploads)) continue;
    throw new SettingError(
      `${to.path} would take the results of ${from.path} for uploads, and pay for each: in the same bucket, resultsPrefix ` +
        `"${from.results.prefix}" and uploadsPrefix "${to.uploads.prefix}" begin alike. ${OTHER_PREFIXES}`,
    );
  }
  if (overlap(own.results, other.results)) {
    throw new SettingError(
      `${both} would write results to the same keys: in the same bucket, resultsPrefix "${own.results.prefix}" and ` +
        `"${other.results.prefix}" begin alike. ${OTHER_PREFIXES}`,
    );
  }
}

function overlap(one: BucketAccess, other: BucketAccess): boolean {
  const isSameBucket = one.bucket.bucketName === other.bucket.bucketName;
  return isSameBucket && (beginsWith(one, other) || beginsWith(other, one));
}

function suffixesOverlap({ uploadsSuffixes: own = [''] }: Neighbour, { uploadsSuffixes: others = [''] }: Neighbour) {
  return own.some((one) => others.some((other) => one.endsWith(other) || other.endsWith(one)));
}

function beginsWith({ prefix }: BucketAccess, other: BucketAccess): boolean {
  return prefix.startsWith(other.prefix);
}
