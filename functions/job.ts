import * as v from 'valibot';
import type { ExecutionInput, Source, StoredResult } from './contract.ts';
import { CutoutError } from './errors.ts';
import { REQUEST_ID } from './gateway/request-id.ts';
import { normalized, whyNoImageUrl } from './images/url.ts';
import { redact, withoutQuery } from './runtime/redact.ts';

/** S3's limit for a key, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024;

/** Step Functions adds this field when a state machine starts another one; it says who started us. */
export const STARTED_BY = { AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID: v.optional(v.string()) };

const Text = v.pipe(v.string(), v.nonEmpty('must not be empty'));
const Key = v.pipe(
  Text,
  v.check((key) => Buffer.byteLength(key) <= MAX_KEY_BYTES, `must be at most ${MAX_KEY_BYTES} bytes long`),
  v.check((key) => !key.endsWith('/'), 'must not end in "/", which marks a folder'),
);
/** S3 quotes an ETag in its headers and not in its events; both are accepted. */
const ETag = v.pipe(
  v.string(),
  v.transform((etag) => etag.replaceAll('"', '')),
  Text,
);

const ObjectInput = v.strictObject({
  bucket: Text,
  key: Key,
  versionId: v.optional(Text),
  etag: v.optional(ETag),
  ...STARTED_BY,
});
const ImageUrl = v.pipe(
  v.string(),
  v.check(
    (url) => whyNoImageUrl(url) === undefined,
    ({ input }) => whyNoImageUrl(input) ?? '',
  ),
  v.transform(normalized),
);
const UrlInput = v.strictObject({
  imageUrl: ImageUrl,
  resultKey: Key,
  ...STARTED_BY,
});

/**
 * What the states hand to each other, and all that is known of an image under way. Only pointers, and the upload's own
 * metadata: no image bytes, no presigned URL, no API key. An execution keeps its definition and its job while newer functions are deployed: from
 * version 0.2.0 on, only add fields, and put out every field that a definition reads, in every mode.
 */
export interface Job {
  /** Name of the execution. */
  execution: string;
  source: Source;
  /**
   * The key that the input gives the result of an image URL. Where a result goes is not in here, because the settings may
   * change while the job is under way: see {@link import('./input.ts').resultKeyOf}.
   */
  givenKey?: string | undefined;
  /** The submission number within this execution, from 1. */
  submission: number;
  /** Key of the submission's record in the table of callbacks, which only webhook mode has. */
  submissionId: string;
  /** Null if nothing was submitted. */
  requestId: string | null;
  /** When the gateway accepted the submission, ISO 8601. */
  submittedAt: string;
  /** When the image was uploaded, ISO 8601; unknown of an image URL. */
  uploadedAt?: string | undefined;
  /** Size of the upload in bytes, and its full-object checksum: what tells whether two uploads are the same bytes. */
  sourceSize?: number | undefined;
  sourceChecksum?: string | undefined;
  /** EXIF orientation of the source, 1 to 8, if its first bytes tell it. */
  sourceOrientation?: number | undefined;
  /** The upload's own metadata. In pairs, because validated objects lose names such as `constructor`. */
  sourceMetadata?: [name: string, value: string][] | undefined;
  /**
   * What `Finished?` decides by: COMPLETED and ERROR as the gateway says, SUPERSEDED if the source was overwritten before
   * it was submitted; with everything else the job is still working. STANDING, then SETTLING:
   * nothing was submitted, because a result of the same bytes stands, and Submit is to look at it once more.
   */
  status: string;
  /** How long the state `Wait` waits before the next poll: whole seconds from 1 to 3,600. */
  waitSeconds: number;
  /** Where the results lay when the job was found to be COMPLETED. */
  mediaUrls?: string[] | undefined;
  /** The results that stand already, if nothing was submitted because they are of the same bytes. */
  standing?: StoredResult[] | undefined;
  /** When the job was completed, or at the latest, ISO 8601; once COMPLETED. */
  completedAt?: string | undefined;
}

const JobSchema = v.pipe(
  v.object({
    execution: Text,
    source: v.union([
      v.object({ bucket: Text, key: Text, versionId: v.optional(Text), etag: v.optional(Text) }),
      v.object({ imageUrl: ImageUrl }),
    ]),
    givenKey: v.optional(Key),
    submission: v.pipe(v.number(), v.integer(), v.minValue(1)),
    submissionId: Text,
    requestId: v.nullable(
      v.pipe(
        v.string(),
        v.check((id) => REQUEST_ID.test(id), 'is no request id'),
      ),
    ),
    submittedAt: v.pipe(v.string(), v.isoTimestamp()),
    uploadedAt: v.optional(v.pipe(v.string(), v.isoTimestamp())),
    status: Text,
    waitSeconds: v.number(),
    mediaUrls: v.optional(v.array(v.string())),
    sourceSize: v.optional(v.number()),
    sourceChecksum: v.optional(v.string()),
    sourceOrientation: v.optional(v.number()),
    sourceMetadata: v.optional(v.array(v.tuple([v.string(), v.string()]))),
    standing: v.optional(
      v.array(
        v.object({
          bucket: v.string(),
          key: v.string(),
          versionId: v.optional(v.string()),
          contentType: v.string(),
          bytes: v.number(),
        }),
      ),
    ),
    completedAt: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  }),
  v.forward(
    v.check((job) => 'bucket' in job.source || job.givenKey !== undefined, 'is missing'),
    ['givenKey'],
  ),
);

/** The input of an execution. @throws InvalidInput naming each field that is wrong. */
export function parseExecutionInput(input: unknown): ExecutionInput {
  const asksForUrl = isRecord(input) && ('imageUrl' in input || 'resultKey' in input);
  return parse(asksForUrl ? UrlInput : ObjectInput, input, 'The execution input');
}

/** The state of an execution that has submitted. @throws InvalidInput */
export function parseJob(state: unknown): Job {
  return parse(JobSchema, state, "The execution's state");
}

/** Whether the state is a {@link Job} of this execution, and not its input. */
export function isJobOf(execution: string, state: unknown): boolean {
  return isRecord(state) && state.execution === execution && 'submission' in state;
}

/** Kinds of problems whose messages are ours; of the others, expected and received type say it. */
const OWN_WORDS = new Set(['check', 'non_empty', 'integer', 'min_value', 'max_value']);

/** A value that `schema` accepts. @throws InvalidInput saying which field of `what` is wrong. */
export function parse<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const path = v.getDotPath(issue);
    if (path === null) return 'it must be a JSON object';
    if (issue.expected === 'never') return `"${path}" is not a known field`;
    if (issue.received === 'undefined') return `"${path}" is missing`;
    return `"${path}" ${OWN_WORDS.has(issue.type) ? issue.message : `must be ${issue.expected}, not ${issue.received}`}`;
  });
  // Names of fields and what stands in them are the caller's, and may be a presigned URL in the wrong place.
  throw new CutoutError('InvalidInput', `${what} is wrong: ${problems.map(redact).join('; ')}`);
}

/** A source as it may be published: in outputs, error files and logs. The query of an image URL may be a signature. */
export function publicSource(source: Source): Source {
  return 'imageUrl' in source ? { imageUrl: withoutQuery(source.imageUrl) } : source;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
