import { md5 } from '../../local/s3/store.ts';
import { deploy } from '../../local/simulation/deployment.ts';
import { picture } from '../../local/simulation/pictures.ts';
import { World, type Upload as WorldUpload } from '../../local/simulation/world.ts';
import { watchForSecrets } from './leaks.ts';
import { type Content, PACES, type Schedule, type Step } from './schedule.ts';

/** The API key that the secret holds and the gateway accepts, and the one after it. */
const API_KEY = 'key-that-nobody-may-see-1';
const NEXT_API_KEY = 'key-that-nobody-may-see-2';

/** The deployment with the default settings, and the one that is called back. Buckets have the same names in both. */
const polling = await deploy();
const webhook = await deploy({ webhook: true });
const patient = await deploy({ expectedSeconds: 45, timeoutMinutes: 30 });
const deployments = { polling, webhook, patient };
export const { uploadsBucket, resultsBucket } = polling;

export interface Upload extends WorldUpload {
  content: Content;
}

/** An object that stood in the results bucket. */
export interface Written {
  key: string;
  body: Buffer;
  metadata: Record<string, string>;
  at: number;
}

/** What has become of a deployment to which a schedule happened. */
export interface Life {
  world: World;
  uploads: Upload[];
  removals: { key: string; at: number }[];
  /** Versions that were deleted for good. */
  purges: { key: string; versionId: string; at: number }[];
  /** Whether the settings have changed. */
  hasChanged: boolean;
  written: Written[];
  /** Where a secret was seen. */
  leaks: string[];
}

/**
 * Has a schedule happen to a deployment, until nothing is left to happen.
 *
 * @param watch Is given the world before anything happens in it.
 */
export async function live(schedule: Schedule, watch: (world: World) => void = () => undefined): Promise<Life> {
  const { versioned, pace, luck: seed, steps, webhook: callbacks } = schedule;
  const world = new World(callbacks ? webhook : polling, {
    ...{ versioned, seed, pace: PACES[pace], faults: schedule, apiKey: API_KEY },
    gateway: { ...schedule, ...(callbacks && { callbacks }) },
  });
  watch(world);
  const life: Life = { world, uploads: [], removals: [], purges: [], hasChanged: false, written: [], leaks: [] };
  const secrets = watchForSecrets(world, [API_KEY, NEXT_API_KEY], life.leaks);
  world.on('result', (key) => {
    const { body, metadata } = world.store.read(resultsBucket, key);
    life.written.push({ key, body, metadata, at: world.clock.now });
    if (key.endsWith('.json')) secrets.look(key, body.toString());
  });
  for (const step of steps) world.at(step.at, () => take(step, life, versioned));
  await world.run();
  return life;
}

function take(step: Step, life: Life, versioned: boolean): void {
  const { world, uploads, removals, purges } = life;
  if ('upload' in step) {
    const { upload: key, content } = step;
    // Without versions, an ETag is all that tells uploads apart: the same bytes again are the same image.
    const shows = versioned ? content : `${content} ${uploads.length}`;
    const body = bytesOf(content, shows);
    uploads.push({ ...world.upload(key, body, metadataOf(body)), content });
  } else if ('remove' in step) {
    world.remove(step.remove);
    removals.push({ key: step.remove, at: world.clock.now });
  } else if ('rewrite' in step) {
    const [current] = world.store.keys(uploadsBucket, step.rewrite);
    if (current !== step.rewrite) return;
    const { body } = world.store.read(uploadsBucket, step.rewrite);
    const upload = world.upload(step.rewrite, body, metadataOf(body));
    uploads.push({ ...upload, content: contentOf(uploads, step.rewrite) });
  } else if ('purge' in step) {
    const versionId = versioned ? world.purge(step.purge, step.nth) : undefined;
    if (versionId !== undefined) purges.push({ key: step.purge, versionId, at: world.clock.now });
  } else if ('settings' in step) {
    life.hasChanged = true;
    world.deploy(deployments[step.settings]);
  } else if ('rotate' in step) world.rotateKey(NEXT_API_KEY);
  else world.redriveFailed();
}

/** What an upload says of itself: its own, and what only Cutout may say of a result. */
function metadataOf(body: Buffer): Record<string, string> {
  const forged = [
    'request-id',
    'source-etag',
    'source-version-id',
    'source-size',
    'source-checksum',
    'source-url-sha256',
  ];
  return {
    ...Object.fromEntries(forged.map((name) => [name, 'forged'])),
    'source-uploaded-at': '2999-01-01T00:00:00.000Z',
    'own-etag': md5(body),
  };
}

function contentOf(uploads: Upload[], key: string): Content {
  return uploads.findLast((each) => each.key === key)?.content ?? 'nothing';
}

function bytesOf(content: Content, shows: string): Buffer {
  if (content === 'nothing') return Buffer.alloc(0);
  return content === 'text' ? Buffer.from(shows) : picture(shows);
}
