import { bundleFunctions } from '../infra/bundle.ts';

/** What is tested is what would be deployed: the bundles are made before anything runs. */
export default bundleFunctions;
