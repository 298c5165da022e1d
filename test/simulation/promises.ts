import type { CallbackMade, Post } from '../../local/simulation/gateway.ts';
import { isUnreachable } from '../../local/simulation/gateway-plan.ts';
import { cutoutOf } from '../../local/simulation/pictures.ts';
import type { Execution, HistoryEvent } from '../../local/step-functions.ts';
import { type Life, resultsBucket, type Upload, uploadsBucket, type Written } from './life.ts';

/** Submissions of doubtful outcome that one entry of the state Submit may make: the first, and three more. */
const MAX_POSTS_PER_ENTRY = 4;
/** How long an execution waits at most for a callback that has come, in milliseconds: for its own slow or failing calls. */
const MAX_LATE_MS = 60_000;

/** The time limit of Deliver: between its look and its write. */
const DELIVER_MS = 540_000;

/** All promises that a deployment which has come to rest has broken, in words. */
export function brokenPromises(life: Life): string[] {
  const keys = [...new Set(life.uploads.map(({ key }) => key))];
  return [
    ...life.leaks.map((leak) => `a secret stands in ${leak}`),
    ...life.world.gateway.strayed.map((url) => `a function went to ${url}`),
    ...keys.flatMap((key) => [...outcomeOf(life, key), ...orderOf(life, key), ...startsOf(life, key)]),
    ...life.world.executions.flatMap((execution) => [
      ...endOf(execution),
      ...paymentsOf(life, execution),
      ...waitsOf(life, execution),
    ]),
    ...callbacksOf(life),
  ];
}

/** What the current version of a key has come to. */
export function outcome(life: Life, key: string): { result: boolean; error: Record<string, unknown> | undefined } {
  const last = lastUpload(life, key);
  const result = stored(life, `${key}.png`);
  const file = stored(life, `${key}.error.json`);
  return {
    result: result !== undefined && last !== undefined && isOf(last, result.metadata),
    error: file && JSON.parse(file.body.toString()),
  };
}

/** Whether the last upload of a key has been deleted since. */
export function isDeleted(life: Life, key: string): boolean {
  return !life.world.store.keys(uploadsBucket).includes(key);
}

/**
 * The last upload of a key has exactly one outcome, which is about it. Once the source has been deleted nobody can tell
 * which version was the last: then there is at least one outcome, and never both of them about the last one.
 *
 * Once a version has been deleted for good, an older one may be current again. An error file about the deleted one, or
 * one before it, may stay; and there may be no outcome if the older one's execution had delivered or ended before, or was superseded.
 */
function outcomeOf(life: Life, key: string): string[] {
  const last = lastUpload(life, key);
  const { result, error } = outcome(life, key);
  const isAboutLast = error !== undefined && last !== undefined && isAbout(last, error);
  const isPurged = life.purges.some((purge) => purge.key === key);
  if (isDeleted(life, key)) {
    if (result && isAboutLast) return [`${key}, since deleted, has both a result and an error file`];
    const isAny = isPurged || error !== undefined || stored(life, `${key}.png`) !== undefined;
    return isAny ? [] : [`${key}, since deleted, has neither a result nor an error file`];
  }
  if (isPurged && error !== undefined && !isAboutLast && isAboutPurged(life, error)) {
    return result || wasOver(life, last)
      ? []
      : [`the current version of ${key} has the error file of a deleted one only`];
  }
  if (isPurged && !result && !isAboutLast && wasOver(life, last)) return [];
  if (result && error !== undefined) return [`the current version of ${key} has a result, and there is an error file`];
  if (error !== undefined && !isAboutLast) return [`the error file of ${key} is about an older version`];
  if (!result && error === undefined) return [`the current version of ${key} has neither a result nor an error file`];
  return [];
}

/**
 * Results of a key are whole, and never go back to an older version.
 *
 * Without versioning, and once the source has been deleted, nobody can tell whether the gateway fetched an upload that
 * came, and went, between submission and delivery.
 */
function orderOf(life: Life, key: string): string[] {
  const uploads = life.uploads.filter((each) => each.key === key);
  const results = life.written.filter((each) => each.key === `${key}.png`);
  const deletions = life.removals.filter((removal) => removal.key === key);
  const broken: string[] = [];
  let newest = -1;
  for (const { metadata, body, at } of results) {
    const wasDeleted = deletions.some((deletion) => deletion.at <= at);
    const isSource = (upload: Upload) => upload.at <= at && isOf(upload, metadata);
    const last = uploads.findLastIndex(isSource);
    const own = uploads.findIndex(({ versionId }) => versionId === metadata['source-version-id']);
    const inOrder = uploads.findIndex((upload, index) => index >= Math.max(own, newest) && isSource(upload));
    // Once nothing is current, A, B and A again can come in their order, though the first A had stood for the last.
    const version = deletions.length > 0 && inOrder >= 0 ? inOrder : last;
    const possible =
      wasDeleted && metadata['source-version-id'] === undefined ? uploads : uploads.slice(version, version + 1);
    if (metadata['own-etag'] !== metadata['source-etag'])
      broken.push(`a result of ${key} has the metadata of another upload`);
    if (version < 0) broken.push(`a result of ${key} says that it is of no version there was`);
    else if (!possible.some(({ etag }) => body.equals(cutoutOf(etag)))) {
      broken.push(`a result of ${key} is not the whole cutout of its source`);
    }
    const isNewestThere = uploads.slice(version + 1).every((upload) => upload.at > at || isPurgedAt(life, upload, at));
    // Without versioning, the gateway may have fetched the newest upload for an older one: that is its cutout, too.
    const isOfNewest = body.equals(cutoutOf(uploads[newest]?.etag ?? ''));
    const isLeft = wasDeleted && isStallThatIsLeft(life, results, { metadata, at });
    if (version < newest && !isNewestThere && !isOfNewest && !isLeft) {
      broken.push(`a result of an older version of ${key} replaced a newer one`);
    }
    newest = isLeft ? version : Math.max(newest, version);
    if (version >= 0 && !wasDeleted && isLateCutout(life, uploads, uploads[last], at)) {
      broken.push(`a result of ${key} was stored long after its version had been deleted for good`);
    }
  }
  return broken;
}

/**
 * Whether a result came by the one stall that the guarantees leave: its delivery had begun before the result that it
 * replaced was stored, over another one of the same bytes, which S3 cannot tell from it.
 */
function isStallThatIsLeft(
  life: Life,
  results: Written[],
  { metadata, at }: Pick<Written, 'metadata' | 'at'>,
): boolean {
  const before = results.filter((each) => each.at < at);
  const replaced = before.at(-1);
  const isAgain = before.slice(0, -1).some(({ body }) => replaced?.body.equals(body));
  const began = life.world.executions
    .flatMap(({ history }) => history)
    .find(({ stateEnteredEventDetails: entered }) => {
      return entered?.name === 'Deliver' && JSON.parse(entered.input).requestId === metadata['request-id'];
    })?.timestamp;
  return isAgain && replaced !== undefined && began !== undefined && began < replaced.at;
}

/** One upload is one execution. */
function startsOf(life: Life, key: string): string[] {
  const uploads = life.uploads.filter((each) => each.key === key).length;
  const inputs = life.world.executions.map(({ input }) => JSON.parse(input)).filter((input) => input.key === key);
  const versions = new Set(inputs.map(({ versionId, etag }) => versionId ?? etag));
  const isDouble = inputs.length > uploads || (inputs[0]?.versionId !== undefined && versions.size < inputs.length);
  return isDouble ? [`${uploads} uploads of ${key} started ${inputs.length} executions`] : [];
}

/** An execution ends, and only one that delivered, or whose source was overwritten, succeeds. */
function endOf({ name, status, output = 'null', history }: Execution): string[] {
  if (status === 'FAILED') return [];
  if (status !== 'SUCCEEDED') return [`execution ${name} is ${status}`];
  const result = JSON.parse(output);
  const isDelivered = result?.status === 'DELIVERED' && result.results.length > 0;
  if (isDelivered || result?.status === 'SUPERSEDED') return [];
  return [`execution ${name} succeeded with ${output} after ${history.length} events`];
}

function paymentsOf(life: Life, { name, history }: Execution): string[] {
  const posts = life.world.gateway.posts.filter((post) => executionOf(post) === name);
  const knownSince = new Map(history.flatMap(submittedId));
  const isKnown = ({ requestId }: Post) => requestId !== undefined && knownSince.has(requestId);
  const broken: string[] = [];
  for (const post of posts) {
    const job = life.world.gateway.jobs.find(({ requestId }) => requestId === post.requestId);
    const known = knownSince.get(post.requestId ?? '');
    if (known !== undefined && job?.outcome !== 'ERROR' && posts.some(({ at }) => at > known)) {
      broken.push(`${name} submitted again although its request id was known and not an ERROR`);
    }
    if (post.requestId !== undefined && !isKnown(post) && !isDoubtful(post)) {
      broken.push(`${name} paid for a request without a fault and forgot it`);
    }
    if (isRevealed(life, post)) broken.push(`${name} submitted again although a callback had revealed its request`);
  }
  for (const requestId of knownSince.keys()) {
    if (!posts.some((post) => post.requestId === requestId)) broken.push(`${name} took ${requestId} for its request`);
  }
  const entries = history.filter((event) => event.stateEnteredEventDetails?.name === 'Submit').length;
  const sent = posts.filter((post) => isKnown(post) || isDoubtful(post));
  if (sent.length > entries * MAX_POSTS_PER_ENTRY) {
    broken.push(`${name} submitted ${sent.length} times in ${entries} entries of Submit`);
  }
  return broken;
}

/** The request that Submit put out as its own: none if the source was superseded, or a result of the same bytes stands. */
function submittedId({ stateExitedEventDetails: exited, timestamp }: HistoryEvent): [string, number][] {
  if (exited?.name !== 'Submit') return [];
  const { requestId, standing } = JSON.parse(exited.output);
  return requestId === null || standing !== undefined ? [] : [[requestId, timestamp]];
}

/**
 * Whether a POST was sent although a callback had told of a request of the very same submission, before any other one
 * named anything else, and the gateway did not deny that it knows it.
 */
function isRevealed({ world: { gateway } }: Life, post: Post): boolean {
  const { startedAt } = post.invocation;
  const own = gateway.posts.filter(({ webhookUrl }) => webhookUrl === post.webhookUrl);
  const ids = own.map(({ requestId }) => requestId);
  const named = rightCallbacks(gateway.callbacks, post.webhookUrl).filter(({ names }) => names !== undefined);
  const heard = named.filter(({ names, status }) => status === 204 && ids.includes(names));
  const revealedAt = Math.min(...heard.map(({ answeredAt }) => answeredAt));
  const isConfused = named.some(({ names, at }) => at <= revealedAt && !ids.includes(names));
  return revealedAt <= startedAt && !isConfused && !gateway.misled.has(post.invocation);
}

/** Whether, for all that anybody but the gateway knows, this POST may have been accepted. */
function isDoubtful({ taken, invocation }: Post): boolean {
  if (taken === 'accept') return !invocation.answered;
  if (isUnreachable(taken)) return false;
  return typeof taken === 'string' || taken.status < 300 || taken.status >= 500;
}

/** The execution on whose behalf a POST was sent. */
function executionOf({ invocation }: Post): string {
  return (invocation.event as { execution: string }).execution;
}

/** Nobody waits for a callback that has come. */
function waitsOf({ world: { gateway } }: Life, { name, history }: Execution): string[] {
  return history.flatMap((event, index) => {
    const { name: state, input = '' } = event.stateEnteredEventDetails ?? {};
    if (state !== 'Await callback') return [];
    const { requestId } = JSON.parse(input);
    const webhookUrl = gateway.posts.findLast((post) => post.requestId === requestId)?.webhookUrl;
    const left = history.slice(index).find(({ stateExitedEventDetails: exited }) => exited?.name === state)?.timestamp;
    if (left === undefined) return [`${name} never stopped waiting for a callback`];
    const isLate = rightCallbacks(gateway.callbacks, webhookUrl).some(
      ({ status, answeredAt }) => status === 204 && left > Math.max(answeredAt, event.timestamp) + MAX_LATE_MS,
    );
    return isLate ? [`${name} waited for a callback that had come`] : [];
  });
}

/** A callback with the right path is answered by a 2xx, if only nothing fails; any other one is never. */
function callbacksOf({ world: { gateway }, hasChanged }: Life): string[] {
  return gateway.callbacks.flatMap(({ path, status }) => {
    // A table that was made anew knows of no submission before it.
    const isForgotten = hasChanged && status === 404;
    const isPossible = isForgotten || status === 429 || status >= 500 || status === (path === 'right' ? 204 : 404);
    return isPossible ? [] : [`a callback with the ${path} path was answered by ${status}`];
  });
}

function rightCallbacks(callbacks: CallbackMade[], webhookUrl: string | undefined): CallbackMade[] {
  return callbacks.filter((each) => each.path === 'right' && each.webhookUrl === webhookUrl);
}

/** The upload that is current, or the last one there was. */
function lastUpload(life: Life, key: string): Upload | undefined {
  const { versionId } = isDeleted(life, key) ? {} : life.world.store.read(uploadsBucket, key);
  const current = life.uploads.find((each) => versionId !== undefined && each.versionId === versionId);
  return current ?? life.uploads.findLast((each) => each.key === key);
}

function isPurgedAt({ purges }: Life, { versionId }: Upload, at: number): boolean {
  return purges.some((purge) => purge.versionId === versionId && purge.at <= at);
}

/** Whether an error file is about an upload that has been deleted for good. */
function isAboutPurged(life: Life, error: Record<string, unknown>): boolean {
  return life.uploads.some((upload) => isPurgedAt(life, upload, Number.POSITIVE_INFINITY) && isAbout(upload, error));
}

/** Whether an upload's execution had delivered or ended before a newer version was deleted for good, or was superseded. */
function wasOver({ world, purges, written }: Life, upload: Upload | undefined): boolean {
  const own = world.executions.find(({ input }) => JSON.parse(input).versionId === upload?.versionId);
  const lastPurge = Math.max(...purges.filter(({ key }) => key === upload?.key).map(({ at }) => at));
  const isSuperseded = own?.output?.includes('"status":"SUPERSEDED"') === true;
  const wasDelivered = written.some(
    ({ key, metadata, at }) =>
      upload !== undefined && key === `${upload.key}.png` && isOf(upload, metadata) && at <= lastPurge,
  );
  return own === undefined || isSuperseded || wasDelivered || (own.stopDate ?? 0) <= lastPurge;
}

/** Whether a result was stored by a look at its version long after that was gone, while another version was current. */
function isLateCutout(life: Life, uploads: Upload[], upload: Upload | undefined, at: number): boolean {
  if (upload === undefined || !isPurgedAt(life, upload, at - DELIVER_MS)) return false;
  // The same bytes are the same image, whichever version they are.
  if (uploads.some((each) => each.etag === upload.etag && !isPurgedAt(life, each, at))) return false;
  return uploads.some((each) => each.at <= at - DELIVER_MS && !isPurgedAt(life, each, at));
}

function stored(life: Life, key: string): Written | undefined {
  if (!life.world.store.keys(resultsBucket).includes(key)) return undefined;
  return { key, at: life.world.clock.now, ...life.world.store.read(resultsBucket, key) };
}

// The same bytes are the same image, whichever version they are.

function isOf({ etag }: Upload, metadata: Record<string, string>): boolean {
  return metadata['source-etag'] === etag;
}

function isAbout({ etag }: Upload, error: Record<string, unknown>): boolean {
  return (error.source as { etag?: string }).etag === etag;
}
