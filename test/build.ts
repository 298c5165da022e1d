import { bundleFunctions } from '../infra/parts/bundle.ts';

/** What is tested is what would be deployed: the bundles are made before anything runs. Once, though each project asks. */
export default async function bundle(): Promise<void> {
  if (process.env.BUNDLED_BY === String(process.pid)) return;
  process.env.BUNDLED_BY = String(process.pid);
  await bundleFunctions();
}
