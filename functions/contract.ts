/** An object in the uploads bucket as an execution names it, with what pins its version. */
export interface ObjectSource {
  bucket: string;
  /** At most 1,024 bytes long, and not ending in `/`. */
  key: string;
  /** @default - the current version */
  versionId?: string | undefined;
  /** For buckets without versioning: the execution is superseded if the object has another ETag by then. */
  etag?: string | undefined;
}

/** An image anywhere on the web. */
export interface UrlSource {
  imageUrl: string;
}

/** An image in the uploads bucket, or anywhere on the web. */
export type Source = ObjectSource | UrlSource;

/** Input of an execution of the state machine. */
export type ExecutionInput = (ObjectSource | (UrlSource & { resultKey: string })) & {
  /** The execution that started this one; the Step Functions console links to it. */
  AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID?: string | undefined;
};

/** One stored result. */
export interface StoredResult {
  bucket: string;
  key: string;
  /** Absent if the results bucket has no versioning. */
  versionId?: string | undefined;
  /** Told from the result's own bytes, such as `image/png`. */
  contentType: string;
  bytes: number;
}

/** Output of a successful execution. */
export interface ExecutionOutput {
  /** SUPERSEDED: the source was overwritten meanwhile, and nothing was written; its newer version has its own execution. */
  status: 'DELIVERED' | 'SUPERSEDED';
  /** Null if nothing was submitted, because the source had been overwritten even before. */
  requestId: string | null;
  /** An image URL without its query, which may be a signature. */
  source: Source;
  /** The first is the cutout; empty if SUPERSEDED. */
  results: StoredResult[];
}
