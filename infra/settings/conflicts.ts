import { Token } from 'aws-cdk-lib';
import type { BucketAccess, Buckets } from '../parts/bucket-access.ts';
import { displayNameOf, identityOf } from '../parts/bucket-identity.ts';
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
  if (!isSameBucket(uploads, results)) return;
  const bucket = displayNameOf(uploads.bucket);
  if (overlap({ ...uploads, subject: 'uploadsPrefix' }, { ...results, subject: 'resultsPrefix' })) {
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
 * Refuses two deployments of one app that would both process, and pay for, the same uploads, of which one would take the
 * other's results for uploads, or which would write results to the same keys. Those of other apps cannot be seen.
 * @throws SettingError naming both
 */
export function refuseNeighbour(own: Neighbour, other: Neighbour): void {
  const both = `${own.path} and ${other.path}`;
  const uploads = (of: Neighbour) => ({ ...of.uploads, subject: `uploadsPrefix of ${of.path}` });
  const results = (of: Neighbour) => ({ ...of.results, subject: `resultsPrefix of ${of.path}` });
  if (suffixesOverlap(own, other) && overlap(uploads(own), uploads(other))) {
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
    if (!overlap(results(from), uploads(to))) continue;
    throw new SettingError(
      `${to.path} would take the results of ${from.path} for uploads, and pay for each: in the same bucket, resultsPrefix ` +
        `"${from.results.prefix}" and uploadsPrefix "${to.uploads.prefix}" begin alike. ${OTHER_PREFIXES}`,
    );
  }
  if (overlap(results(own), results(other))) {
    throw new SettingError(
      `${both} would write results to the same keys: in the same bucket, resultsPrefix "${own.results.prefix}" and ` +
        `"${other.results.prefix}" begin alike. ${OTHER_PREFIXES}`,
    );
  }
}

/** Keys of a bucket, and what their prefix is called. */
type Keys = Pick<BucketAccess, 'bucket' | 'prefix'> & { readonly subject: string };

/** Whether a key can be among both. @throws SettingError if that cannot be told at synth */
function overlap(one: Keys, other: Keys): boolean {
  if (!isSameBucket(one, other)) return false;
  // What a prefix begins with may be known, though it ends in a parameter.
  const [head, otherHead] = [one, other].map(({ prefix }) => prefix.split('${Token[')[0] ?? '') as [string, string];
  if (!head.startsWith(otherHead) && !otherHead.startsWith(head)) return false;
  const unknown = [one, other].find(({ prefix }) => Token.isUnresolved(prefix));
  if (unknown === undefined) return true;
  throw new SettingError(
    `${unknown.subject} must be known at synth, because ${one.subject} and ${other.subject} are of the same bucket, ` +
      `"${displayNameOf(one.bucket)}", and must not begin alike: a result that is taken for an upload is paid for, again ` +
      'and again. Give it as a text, or choose another bucket.',
  );
}

function isSameBucket({ bucket }: Pick<Keys, 'bucket'>, other: Pick<Keys, 'bucket'>): boolean {
  return identityOf(bucket) === identityOf(other.bucket);
}

function suffixesOverlap({ uploadsSuffixes: own = [''] }: Neighbour, { uploadsSuffixes: others = [''] }: Neighbour) {
  return own.some((one) => others.some((other) => one.endsWith(other) || other.endsWith(one)));
}
