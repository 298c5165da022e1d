import type { GatewayOptions } from '../gateway.ts';
import type { BucketOptions } from '../s3.ts';
import type { HistoryListeners } from '../step-functions/history.ts';
import type { Pace } from '../step-functions.ts';
import type { AppOptions } from '../template.ts';

/** The key that the simulated gateway accepts, and that any S3 client of this machine may sign with. */
export const LOCAL_API_KEY = 'local-api-key';
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local-secret' };

/** The key in an app's context that says where S3 answers on this machine. */
export const S3_URL = 'cutout:local-s3';

export interface CloudOptions extends AppOptions, Pick<HistoryListeners, 'onHistory' | 'onWait'>, Pace {
  /** Settings, as `cdk deploy -c …` takes them. `gatewayUrl` and `resultHosts` are the simulator's. */
  settings?: Record<string, unknown>;
  gateway?: Partial<GatewayOptions>;
  /** Existing buckets that the settings name: the stack does not make them. */
  existingBuckets?: Record<string, BucketOptions>;
  /** The API key in the secret; null leaves it empty, as after a first deploy. @default the key the simulator accepts */
  apiKey?: string | null;
  /** In place of the queue's visibility timeout, in milliseconds. @default - the template's */
  visibilityMs?: number;
  /** Environment variables for all functions, in place of the template's. */
  environment?: Record<string, string>;
  /** Called for each object that is stored in a bucket. */
  onStored?: (object: { bucket: string; key: string }) => void;
  onLog?: (functionName: string, line: string) => void;
}
